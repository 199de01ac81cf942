"""What a trained VRNN draws."""
