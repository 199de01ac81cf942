"""The embedded sample sets: things by formula, a hand that draws them, rendered photos."""
