"""Drawings and photos as pixels: decoding, finding the ink, edge maps."""

PHOTO_AS = ("grey", "rgb", "edges")
"""What a photo may be turned into."""
FITS = ("box", "keep")
"""How a picture is brought to the square: its drawing fitted into a box, or the whole canvas kept."""
