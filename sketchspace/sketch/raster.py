"""A sketch becomes pixels: the only place in the project where ink is drawn."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sketchspace.sketch.strokes import Floats, Sketch

Pixels = NDArray[np.uint8]

PEN_WIDTH = 1 / 48
"""Width of the pen as a fraction of the image's side: 1.33 px at 64 px, 2.67 px at 128 px."""
MARGIN = 1 / 64
"""Paper kept free on every side as a fraction of the image's side: 1 px at 64 px."""
MAX_SIZE = 8192

_BITS = 8  # sub-pixel bits of a coordinate: 1/256 px
_ONE = 1 << _BITS
_HAIR = 4 / 3  # width in px of OpenCV's thinnest antialiased line; an even thickness t is t + 4/3 wide
_SOFT_EDGE = 1.5  # px by which the faintest trace of an antialiased line goes past half its width, at most


class _Pen(NamedTuple):
    """How OpenCV has to be asked for a line of a certain width."""

    zoom: int  # the canvas is drawn this many times larger, then averaged down
    thickness: int
    reach: float  # px (on the large canvas) from the middle of a line to its last trace of ink


def rasterize(sketch: Sketch, size: int, *, pen_width: float = PEN_WIDTH, margin: float = MARGIN) -> Pixels:
    """Draw a sketch in black on white paper, fitted to the image: uint8 `[size, size]`, 255 paper, 0 ink.

    The drawing is scaled to fill the square less `margin` (a fraction of `size` that stays free of ink on
    every side), keeping its proportions, and centred; moving or enlarging a sketch does not change its
    picture. `pen_width` is a fraction of `size` too, and never thinner than 4/3 px. A stroke without
    extent is a dot. Coordinates are rounded once to 1/256 px and the rest is integer work, so that the same
    sketch gives the same bytes on every machine.

    Raises ValueError if nothing is drawn, or if `size`, `pen_width` and `margin` leave no room.
    """
    if not sketch.strokes:
        raise ValueError("nothing is drawn here: the sketch has no points")
    if not 1 <= size <= MAX_SIZE:
        raise ValueError(f"an image size of {size} px is outside 1 to {MAX_SIZE}")
    if not (0 <= margin < 0.5 and 0 < pen_width < 0.5):
        raise ValueError(f"margin {margin} and pen width {pen_width} must be fractions below one half")
    pen = _pen(size * pen_width)
    polylines, dots = _placed(sketch.strokes, size, margin, pen)
    canvas = np.full((size * pen.zoom, size * pen.zoom), 255, np.uint8)
    cv2.polylines(canvas, polylines, False, 0, pen.thickness, cv2.LINE_AA, _BITS)
    for x, y in dots:
        cv2.circle(canvas, (int(x), int(y)), _dot_radius(pen), 0, cv2.FILLED, cv2.LINE_AA, _BITS)
    if pen.zoom == 1:
        return canvas
    small: Pixels = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return small


def line_width_of(size: int) -> float:
    """Width in px of the default pen's lines in an image of `size` px."""
    pen = _pen(size * PEN_WIDTH)
    return 2 * (pen.reach - _SOFT_EDGE) / pen.zoom


def drawing_room(size: int) -> float:
    """Side in px of the box that the middles of the lines are fitted into, with default pen and margin."""
    pen = _pen(size * PEN_WIDTH)
    return _room(size, MARGIN, pen) / (_ONE * pen.zoom)


def _room(size: int, margin: float, pen: _Pen) -> int:
    """Side of that box in 1/256 px of the canvas."""
    room = round((size * pen.zoom * (1 - 2 * margin) - 2 * pen.reach) * _ONE)
    if room < 0:
        raise ValueError(f"margin {margin} and this pen leave no room in an image of {size} px")
    return room


@lru_cache(maxsize=256)
def _pen(width: float) -> _Pen:
    """The pen whose line is nearest to `width` px; a canvas of double size halves the steps of OpenCV."""
    steps = max(0, round((width - _HAIR) / 2))
    if abs(width - _HAIR - 2 * steps) <= 0.25 or width <= _HAIR:
        zoom = 1
    else:
        zoom, steps = 2, max(0, round((2 * width - _HAIR) / 2))
    return _Pen(zoom, max(1, 2 * steps), steps + _HAIR / 2 + _SOFT_EDGE)


def _dot_radius(pen: _Pen) -> int:
    """Radius in 1/256 px with which OpenCV fills a disc as wide as the line; the least can be seen."""
    half = pen.reach - _SOFT_EDGE
    return int((half if half < 1 else half - 0.7) * _ONE)


def _placed(
    strokes: tuple[Floats, ...], size: int, margin: float, pen: _Pen
) -> tuple[list[NDArray[np.int32]], NDArray[np.int32]]:
    """Polylines in 1/256 px of the canvas, each int32 `[points, 2]`, and the places of dots, `[dots, 2]`.

    The numerator is a product of integers wherever the source's coordinates are integers, hence exact, and
    there is one rounded division: a moved or enlarged sketch falls on the same 1/256 px.
    """
    room = _room(size, margin, pen)
    points = np.concatenate(strokes, dtype=np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float(max(high - low)) or 1.0
    points *= 2
    points -= low + high
    points *= room
    points /= 2 * extent
    points += (size * pen.zoom - 1) * (_ONE / 2)
    placed = np.rint(points).astype(np.int32)

    ends = np.cumsum([len(stroke) for stroke in strokes]).tolist()
    starts = [0, *ends[:-1]]
    spread = np.maximum.reduceat(placed, starts) - np.minimum.reduceat(placed, starts)
    polylines = [placed[start:end] for start, end in zip(starts, ends, strict=True)]
    dots = placed[starts][spread.max(axis=1) < _ONE]
    return polylines, (dots + _ONE // 2) // _ONE * _ONE  # on a pixel a small disc is round and dark
