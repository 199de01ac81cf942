"""SVG files as decoded pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import UserError
from sketchspace.pictures.ink import FAINTEST
from sketchspace.pictures.opened import Decoded, flattened, opened
from sketchspace.pictures.svg_picture import png_of, shown_part
from sketchspace.sketch.errors import BadDrawing
from sketchspace.sketch.svg_source import Box, SvgSource, read_svg


def decode_svg(data: bytes, name: str, where: str) -> Decoded:
    """The bytes of an SVG file, packed or not, as `decode` gives pictures; `UserError` for what is none."""
    try:
        return drawn_svg(read_svg(data), name, where)
    except BadDrawing as bad:
        raise UserError(f"{name} holds no drawing that can be read ({bad.detail})") from None


def drawn_svg(source: SvgSource, name: str, where: str = "here") -> Decoded:
    """An SVG as a browser shows it. Raises `BadDrawing` as `png_of` does."""
    pixels, notes = _page(source, None, name)
    drawn = "data:image/" not in source.body

    def closer(rows: slice, columns: slice) -> Decoded:
        part = shown_part(source, pixels.shape, rows, columns)
        return Decoded(*_page(source, part, name), name=where, drawn=drawn)

    nearer = closer if source.in_proportion else None
    return Decoded(pixels, (*source.notes, *notes), where, nearer, drawn)


def _page(source: SvgSource, page: Box | None, name: str) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """An SVG on white paper; one that leaves no mark there is looked at as a picture on transparent paper."""
    pixels, notes = flattened(opened(png_of(source, page), name))
    if np.ptp(pixels) < FAINTEST:
        pixels, notes = flattened(opened(png_of(source, page, None), name))
    return pixels, notes
