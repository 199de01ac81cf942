"""Files of single drawings, bitmaps or SVG, through the doors that a query passes."""

from __future__ import annotations

from sketchspace.errors import UserError
from sketchspace.pictures.decode import BITMAPS
from sketchspace.pictures.photos import Pixels, load_sketch
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.readers import BadDrawing, parse_svg

SUFFIXES = (*BITMAPS, ".svg")


def load_drawn(data: bytes, name: str, size: int, fit: str = "box") -> Pixels:
    """A drawing from the bytes of a file as uint8 `[size, size]`, 255 paper; the name says if it is SVG.

    The strokes of an SVG always fill the box. Raises `UserError` as a query does.
    """
    if not name.lower().endswith(".svg"):
        return load_sketch(data, size, fit)
    try:
        return rasterize(parse_svg(data), size)
    except BadDrawing as bad:
        if bad.reason == "empty_drawing":
            raise UserError(f"nothing is drawn here: it has {bad.detail}") from None
        raise UserError(f"the SVG holds no drawing that can be read ({bad.detail})") from None


def reason_of(message: str, photo: bool = False) -> str:
    """The reason to count a picture under, from the message of the `UserError` that refused it."""
    if "is HEIC, which takes" in message:
        return "needs_pillow_heif"
    if message.startswith("nothing"):
        return "nothing_to_see" if photo else "nothing_drawn"
    return "bad_image"
