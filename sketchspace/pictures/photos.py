"""Photos, brought to the square pictures that a network compares with drawings; the one way for all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import UserError, unknown_name
from sketchspace.pictures import FITS, PHOTO_AS
from sketchspace.pictures.bitmaps import load_drawing, redrawn
from sketchspace.pictures.decode import decode
from sketchspace.pictures.edges import edge_map
from sketchspace.pictures.ink import FAINTEST, bounding_box, resized
from sketchspace.sketch.raster import drawing_room, line_width_of

Pixels = NDArray[np.uint8]
Box = tuple[slice, slice]

_FRAME = 4  # px at each side of a photo that say nothing of its background


@dataclass(frozen=True)
class Photo:
    """`pixels` uint8 `[size, size]`, or `[size, size, 3]` for RGB; `shown` is RGB, for people's eyes.

    `notes` say what was decided on the way.
    """

    pixels: Pixels
    shown: Pixels
    notes: tuple[str, ...] = ()


def load_as(source: Path | bytes | Pixels, size: int, photo_as: str = "grey", fit: str = "keep") -> Photo:
    """A photo as `grey` levels, `rgb` or a map of `edges` (255 paper), in a square of `size` px.

    `fit="keep"` brings the whole picture to the square, proportions kept, white beside it; a square picture
    of that size stays as it is. `fit="box"` takes a uniform background off, and fits the object (of edges:
    the lines) into the box that `rasterize` fits drawings into, edges with its pen. `source` is a file, its
    bytes, or decoded pixels uint8 `[h, w]` or `[h, w, 3]` (RGB).
    Raises `UserError` as `decode` does, for a picture in which nothing can be seen, and for unknown names.
    """
    _check(photo_as, PHOTO_AS, "kind of photo")
    _check(fit, FITS, "fit")
    decoded = None if isinstance(source, np.ndarray) else decode(source)
    pixels, notes = (decoded.pixels, decoded.notes) if decoded else (np.asarray(source, np.uint8), ())
    name = f"in {source}" if isinstance(source, Path) else "here"
    if int(pixels.max()) - int(pixels.min()) < FAINTEST:
        raise UserError(f"nothing can be seen {name}: the picture has a single tone")
    colour = pixels if pixels.ndim == 3 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), np.uint8)
    box: Box | None = None
    if fit == "box":
        colour, box = _object(colour)
        notes = (*notes, "background taken off") if box else notes
    shown = _squared(colour[box] if box else colour, size, fit)
    if photo_as == "edges":
        edges = fit_edges(edge_map(colour), size, fit, frame=0)
        return Photo(edges, shown, notes if edges.min() < 255 else (*notes, "no edges were found"))
    return Photo(shown if photo_as == "rgb" else _grey(shown), shown, notes)


def fit_edges(edges: Pixels, size: int, fit: str = "keep", frame: int = _FRAME) -> Pixels:
    """An edge map uint8 `[h, w]` (255 paper) in a square of `size` px, thin lines kept.

    Under `fit="box"` the outermost `frame` px are taken as paper (published maps have a grey frame there),
    then the lines are fitted into the rasteriser's box and get its pen. An empty map stays empty.
    """
    ink = 255 - edges
    if fit == "keep":
        return 255 - _on_paper(resized(ink, size, keep_lines=True), size, 0)
    height, width = ink.shape
    inner = np.zeros_like(ink)
    inside = slice(frame, height - frame), slice(frame, width - frame)
    inner[inside] = ink[inside]
    if inner.max() < FAINTEST:
        return np.full((size, size), 255, np.uint8)
    canvas, _ = redrawn(inner[bounding_box(inner)], size)
    return 255 - resized(canvas, size)


def load_sketch(source: Path | bytes, size: int, fit: str = "box") -> Pixels:
    """A bitmap of a drawing uint8 `[size, size]`, 255 paper: the counterpart of `load_as`.

    `fit="box"` is `load_drawing`. `fit="keep"` brings the whole canvas to the square, thin lines kept; a
    drawing of that size stays as it is. Raises `UserError` as `load_drawing` does.
    """
    _check(fit, FITS, "fit")
    return load_drawing(source, size, whole=fit == "keep").pixels


def _check(name: str, known: tuple[str, ...], kind: str) -> None:
    if name not in known:
        raise unknown_name(kind, name, known)


def _grey(colour: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY), np.uint8)


def _object(colour: Pixels) -> tuple[Pixels, Box | None]:
    """A photo `[h, w, 3]` with its uniform background made white, and the box of what is left.

    The background is what is connected with the border and has nearly its tone; a border of many tones is
    none, and the photo stays as it is. The outermost 4 px are background, if there is one.
    """
    height, width = colour.shape[:2]
    if min(height, width) <= 4 * _FRAME:
        return colour, None
    inner = colour[_FRAME:-_FRAME, _FRAME:-_FRAME]
    border = np.concatenate([inner[0], inner[-1], inner[:, 0], inner[:, -1]])
    tone = np.median(border, axis=0)
    apart = np.abs(inner - tone).max(axis=2)
    ring = np.abs(border - tone).max(axis=1)
    if np.percentile(ring, 75) > FAINTEST:
        return colour, None
    _, regions = cv2.connectedComponents((apart <= FAINTEST).astype(np.uint8), connectivity=4)
    outer = np.unique(np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]]))
    shown = ~np.isin(regions, outer[outer > 0])
    if not shown.any():
        return colour, None
    white = np.full_like(colour, 255)
    white[_FRAME:-_FRAME, _FRAME:-_FRAME][shown] = inner[shown]
    return white, bounding_box(np.pad(shown, _FRAME).astype(np.uint8) * 255)


def _squared(pixels: Pixels, size: int, fit: str) -> Pixels:
    """A picture in a white square: as large as it fits, or as large as a drawing is."""
    room = size if fit == "keep" else max(1, round(drawing_room(size) + line_width_of(size)))
    return _on_paper(resized(pixels, room), size, 255)


def _on_paper(pixels: Pixels, size: int, paper: int) -> Pixels:
    """A picture of at most `size` px in the middle of a square."""
    height, width = pixels.shape[:2]
    if height == width == size:
        return pixels
    canvas = np.full((size, size, *pixels.shape[2:]), paper, np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    canvas[top : top + height, left : left + width] = pixels
    return canvas
