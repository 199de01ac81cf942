"""Strokes of an SVG file, where drawing them gives what a browser shows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import UserError
from sketchspace.pictures.bitmaps import load_drawing
from sketchspace.pictures.decode import read_bytes
from sketchspace.pictures.ink import LINE_INK, find_ink
from sketchspace.pictures.svg_decode import drawn_svg
from sketchspace.pictures.svg_picture import picture_size
from sketchspace.sketch.errors import BadDrawing
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch
from sketchspace.sketch.svg import strokes_of
from sketchspace.sketch.svg_source import read_svg

MOST_APART = 0.06
"""Share of the ink, of the picture or of the strokes, that may be more than 2 of 128 px from the other's.

The same drawings as strokes and as pictures stay below 0.02 (pens and corners differ); a missing stroke, a
filled shape or another place gives more than 0.1.
"""

_SIDE, _NEAR = 128, 5
_STEP = 2.0  # px between the places of a stroke at which the picture is looked at
_LEAST = 3  # places: a shorter run is where strokes cross

Pixels = NDArray[np.uint8]


def read_svg_strokes(path: Path) -> tuple[Sketch, tuple[str, ...]]:
    """The strokes of an SVG file as a browser shows them, and what was left out.

    Strokes that the picture does not show (hidden, covered, clipped, erased, beside the page, the page
    itself) are left out. Raises `UserError` where the rest still draws another picture than the one that a
    browser shows (more than `MOST_APART`), since then the strokes do not say what was drawn.
    """
    try:
        source = read_svg(read_bytes(path))
        size = picture_size(source)
        sketch = strokes_of(source, size)
        decoded = drawn_svg(source, str(path), f"in {path}")
    except BadDrawing as bad:
        if bad.reason == "empty_drawing":
            raise UserError(_refusal(path, "it has no lines")) from None
        raise UserError(f"{path} holds no drawing that can be read ({bad.detail})") from None
    picture = load_drawing(decoded, _SIDE).pixels
    apart = _apart(picture, sketch)
    if apart <= MOST_APART:
        return sketch, source.notes
    if size:
        shown = _shown(sketch, decoded.pixels)
        if shown.strokes and _apart(picture, shown) <= MOST_APART:
            left_out = "what the picture does not show of its strokes is left out"
            return shown, (*source.notes, left_out)
    raise UserError(_refusal(path, f"{apart:.0%} of what they draw and a browser shows differ"))


def _refusal(path: Path, why: str) -> str:
    return (
        f"the strokes of {path} are not what it shows ({why}: filled shapes, pictures or lettering);"
        " give strokes as .ndjson or .json, or ask a gallery of a model of pictures"
    )


def _apart(picture: Pixels, sketch: Sketch) -> float:
    """The larger share of ink of a picture or of strokes that is not near the other's."""
    near = np.ones((_NEAR, _NEAR), np.uint8)
    inks = [(pixels < 128).astype(np.uint8) for pixels in (picture, rasterize(sketch, _SIDE))]
    shares = [
        float((own > cv2.dilate(other, near)).sum()) / max(1, int(own.sum()))
        for own, other in (inks, inks[::-1])
    ]
    return max(shares)


def _shown(sketch: Sketch, pixels: Pixels) -> Sketch:
    """Those parts of strokes, in px of the picture, at which it has ink."""
    ink = find_ink(pixels)
    if ink is None:
        return Sketch.of([])
    lines = cv2.dilate((ink.amount >= LINE_INK * 255).astype(np.uint8), np.ones((3, 3), np.uint8))
    height, width = lines.shape
    runs = []
    for stroke in sketch.strokes:
        places = _along(np.asarray(stroke, np.float64))
        columns, rows = np.rint(places - 0.5).astype(np.int64).T
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        seen = np.zeros(len(places), bool)
        seen[inside] = lines[rows[inside], columns[inside]] > 0
        starts = np.flatnonzero(np.diff(seen.astype(np.int8), prepend=0) == 1)
        ends = np.flatnonzero(np.diff(seen.astype(np.int8), append=0) == -1) + 1
        whole = min(_LEAST, len(places))
        runs += [places[a:b] for a, b in zip(starts, ends, strict=True) if b - a >= whole]
    return Sketch.of(runs)


def _along(stroke: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points `[n, 2]` of a stroke with more between them, at most `_STEP` px apart."""
    lengths = np.hypot(*np.diff(stroke, axis=0).T)
    parts = np.maximum(1, np.ceil(np.minimum(lengths, 1e5) / _STEP)).astype(int)
    pieces = [
        a + (b - a) * (np.arange(n)[:, None] / n)
        for a, b, n in zip(stroke[:-1], stroke[1:], parts, strict=True)
    ]
    return np.concatenate([*pieces, stroke[-1:]])
