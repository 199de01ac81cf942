"""Bitmaps of drawings and photos, brought to the square picture that the rasteriser would have made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import UserError
from sketchspace.pictures.clutter import LEAST_SIDE
from sketchspace.pictures.decode import decode
from sketchspace.pictures.ink import (
    INVERTED,
    LINE_INK,
    Ink,
    Pixels,
    bounding_box,
    depth_inside,
    find_ink,
    is_line_drawing,
    line_width,
    resized,
)
from sketchspace.pictures.opened import Decoded
from sketchspace.pictures.sheet import STRAIGHTENED, straightened
from sketchspace.sketch.raster import drawing_room, line_width_of, rasterize
from sketchspace.sketch.strokes import Sketch

_SMALL = 200  # px: of an SVG, a smaller drawing on its page is looked at from closer
_LONGEST = 1200  # px of a picture in which lines are looked for
_ZOOM = 4  # work is done on a canvas this many times larger than the result
_DOT = 0.03  # of the picture's side: ink within less is a dot, whatever its form
_WIDEST = 0.2  # of the side: what is wider is no line but a solid shape


@dataclass(frozen=True)
class LoadedImage:
    """`pixels` uint8 `[size, size]`, 255 paper, 0 ink, and in `notes` what was decided on the way."""

    pixels: Pixels
    notes: tuple[str, ...]


def load_drawing(source: Path | bytes | Pixels | Decoded, size: int, whole: bool = False) -> LoadedImage:
    """A picture of a line drawing as the rasteriser would draw it: uint8 `[size, size]`, 255 paper, 0 ink.

    The ink is found (light on dark is inverted), cropped, fitted into the same box, and its lines are brought
    to the rasteriser's pen, whatever they were drawn with. A photo keeps its grey levels, as in `load_photo`.
    With `whole` the canvas is kept as it is and only resized, thin lines kept.
    Raises `UserError` for files that are no images (see `decode`) and where nothing is drawn.
    """
    given = source if isinstance(source, Decoded) else decode(source)
    decoded = given if whole else _flattened(given)
    ink = _ink_of(decoded, clean=not whole)
    if whole:
        return LoadedImage(_whole(decoded.pixels, size, INVERTED in ink.notes), (*decoded.notes, *ink.notes))
    box = bounding_box(ink.amount)
    if decoded.closer and max(ink.amount[box].shape) < _SMALL:
        decoded = replace(decoded.closer(*box), notes=(*decoded.notes, "small on its page: drawn larger"))
        ink = _ink_of(decoded, clean=True)
        box = bounding_box(ink.amount)
    if not is_line_drawing(ink.tone[box]):
        kept = "looks like a photo, not like a drawing: grey levels kept"
        return LoadedImage(_photo(given.pixels, size), (*given.notes, kept))
    notes = [*decoded.notes, *ink.notes]
    crop = ink.amount[box]
    if crop.size < ink.amount.size:
        notes.append("cropped to the ink")
    if max(crop.shape) < _DOT * max(ink.amount.shape):
        return LoadedImage(rasterize(Sketch.of([[[0, 0]]]), size), (*notes, "only a dot"))
    canvas, note = redrawn(crop, size)
    return LoadedImage(255 - resized(canvas, size), (*notes, *note))


def _flattened(decoded: Decoded) -> Decoded:
    """A photo of a sheet on a table as the sheet alone; large pictures no larger than lines need."""
    pixels, notes = decoded.pixels, decoded.notes
    if not decoded.drawn and max(pixels.shape) >= LEAST_SIDE:
        sheet = straightened(pixels)
        if sheet is not None:
            pixels, notes = sheet, (*notes, STRAIGHTENED)
    if max(pixels.shape) > _LONGEST:
        pixels = resized(pixels, _LONGEST)
    return replace(decoded, pixels=pixels, notes=notes)


def _ink_of(decoded: Decoded, clean: bool) -> Ink:
    ink = find_ink(decoded.pixels, clean)
    if ink is None:
        more = f" ({', '.join(decoded.notes)})" if decoded.notes else ""
        raise UserError(f"nothing is drawn {decoded.name}: the picture has a single tone{more}")
    return ink


def load_photo(source: Path | bytes, size: int) -> Pixels:
    """A picture in grey, fitted whole into a white square: uint8 `[size, size]`, proportions kept.

    Raises `UserError` as `decode` does.
    """
    return _photo(decode(source).pixels, size)


def _photo(pixels: Pixels, size: int) -> Pixels:
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return 255 - _centred(resized(255 - grey, size), size)


def _whole(pixels: Pixels, size: int, inverted: bool) -> Pixels:
    """The whole canvas as it is, dark on light; coloured ink counts by its strongest channel."""
    ink = pixels if inverted else 255 - pixels
    strongest = ink if ink.ndim == 2 else ink.max(axis=2)
    if strongest.shape != (size, size):
        strongest = _centred(resized(strongest, size, keep_lines=True), size)
    return np.asarray(255 - strongest, np.uint8)


def _centred(amount: Pixels, size: int) -> Pixels:
    """Ink in the middle of an empty square; what is larger is cut off on both sides alike."""
    canvas = np.zeros((size, size), np.uint8)
    cut_top, cut_left = (max(0, length - size) // 2 for length in amount.shape)
    amount = amount[cut_top : cut_top + size, cut_left : cut_left + size]
    top, left = ((size - length) // 2 for length in amount.shape)
    canvas[top : top + amount.shape[0], left : left + amount.shape[1]] = amount
    return canvas


def redrawn(crop: Pixels, size: int) -> tuple[Pixels, tuple[str, ...]]:
    """Fit the middles of the lines into the rasteriser's box and give them its pen, on a large canvas.

    `crop` is ink uint8 `[h, w]`, 0 paper, cropped to the lines; returns ink uint8 `[4 size, 4 size]`, and
    notes on what became of the lines.
    """
    side, room, wanted = (_ZOOM * length for length in (size, drawing_room(size), line_width_of(size)))
    crop = np.pad(crop, 1)  # so that the soft edge of a small picture is enlarged with it
    first = resized(crop, round(side), keep_lines=True)
    extent, width = max(first[bounding_box(first)].shape), line_width(first)
    if width > _WIDEST * extent:
        return _enlarged(crop, round(side * (room + wanted) / extent), size), ("solid shapes kept",)
    scale = room / (extent - width)
    lines = _enlarged(crop, round(side * scale), size)
    return _with_pen(lines, width * scale, wanted)


def _enlarged(crop: Pixels, longer_side: int, size: int) -> Pixels:
    """The ink of a crop in the middle of the large canvas, uint8 `[zoom * size, zoom * size]`."""
    lines = resized(crop, longer_side, keep_lines=True)
    return _centred(lines[bounding_box(lines)], _ZOOM * size)


def _with_pen(lines: Pixels, width: float, wanted: float) -> tuple[Pixels, tuple[str, ...]]:
    """Change lines of `width` px into lines of `wanted` px, if they differ by more than 15 %."""
    mask = (lines >= LINE_INK * 255).astype(np.uint8)
    if not mask.any():
        return lines, ()
    # Enlarged soft lines cover more pixels than their ink would fill.
    filled = width * float(lines.sum()) / (255 * float(mask.sum()))
    if 0.85 < filled / wanted < 1.15:
        return lines, ()
    if width < wanted:
        return _thickened(mask, (wanted - width) / 2), ("thin lines thickened",)
    return _thinned(mask, (width - wanted) / 2, wanted), ("thick lines thinned",)


def _thickened(mask: Pixels, added: float) -> Pixels:
    """Add `added` px on both sides of all lines."""
    return _coverage(added - cv2.distanceTransform(1 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def _thinned(mask: Pixels, taken: float, wanted: float) -> Pixels:
    """Take `taken` px from both sides of all lines; those that would vanish keep a middle of `wanted` px."""
    inside = depth_inside(mask)
    reach = 2 * int(wanted / 2 + 1) + 1
    below_middle = cv2.dilate(inside, np.ones((reach, reach), np.uint8)) - inside
    return _coverage(np.where(inside > 0, np.maximum(inside - taken, wanted / 2 - below_middle) - 1, -1))


def _coverage(depth: NDArray[np.float32]) -> Pixels:
    """Ink of pixels from the depth of their far side below the surface, one px deep when full."""
    return np.rint(np.clip(depth + 1, 0, 1) * 255).astype(np.uint8)
