"""A trained encoder: what it says of itself, what goes in, what comes out."""
