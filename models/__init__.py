"""Architectures only: no losses, no data, no files."""
