"""Drawings and photos as pixels: decoding, finding the ink, edge maps."""
