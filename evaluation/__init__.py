"""Numbers and pictures about a trained encoder."""
