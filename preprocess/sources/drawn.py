"""Which files are drawings, and why one of them was refused."""

from __future__ import annotations

from sketchspace.pictures.decode import BITMAPS, VECTORS

SUFFIXES = (*BITMAPS, *VECTORS)


def reason_of(message: str, photo: bool = False) -> str:
    """The reason to count a picture under, from the message of the `UserError` that refused it."""
    if "is HEIC, which takes" in message:
        return "needs_pillow_heif"
    if message.startswith("nothing"):
        return "nothing_to_see" if photo else "nothing_drawn"
    return "bad_image"
