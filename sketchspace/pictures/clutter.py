"""What lies on a sheet and is not the drawing: ruling, dark edges, fingers, frames, specks, signatures."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from sketchspace.pictures.ruling import RULING, without_ruling

EDGE = "a dark edge left out"
Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

LEAST_SIDE = 200
"""px: smaller pictures are drawn on a screen, and have no clutter."""
MARK = 0.3
"""Share of the pen's darkness from which a pixel belongs to a mark."""

_LOOKED_AT = 300  # px in which groups of marks are looked at
_MARGIN = 0.06  # of a side: as far from the border a scanner's edge reaches
_LEAN = 0.015  # of a side: as much a band may be wider at one end
_FRAME = 0.12  # of a side: as far from the border a frame's lines are
_THICK = 0.02  # of the longer side: half the width of what is no line
_CORNER = 0.1  # of the longer side: as far from both borders a name in a corner is
_SPECK = 0.012  # of the longer side
_APART = 0.06  # of the longer side: a mark as far from all others is lonely
_SPECK_APART = 0.03
_SMALL_EXTENT, _SMALL_INK = 0.35, 0.4  # of the drawing's: what is larger is part of it
_GAIN = 0.9  # of the extent: what is left out must make the drawing smaller


def without_clutter(darkness: Pixels) -> tuple[Pixels, tuple[str, ...]]:
    """Darkness uint8 `[h, w]` (0 paper) with the drawing alone, and what was left out.

    A drawing on clean paper comes back as it is. What would leave nothing is not left out.
    """
    notes = []
    bare = without_ruling(darkness)
    if bare is not None:
        darkness = bare
        notes.append(RULING)
    pen = _pen(darkness)
    steps: tuple[tuple[Callable[[Mask], Mask], str], ...] = (
        (_reaching_in, "something at the edge, as a finger or a table, left out"),
        (_frame, "a frame along the border left out"),
        (_far_marks, "small marks far from the drawing left out"),
    )
    for find, note in steps:
        marks = darkness >= max(8.0, MARK * pen)
        found = find(marks)
        if found.any() and (marks & ~found).sum() > 0.02 * marks.sum():
            darkness = np.where(_near(found, 3), 0, darkness).astype(np.uint8)
            notes.append(note)
            pen = _pen(darkness)
    return darkness, tuple(notes)


def _pen(darkness: Pixels) -> float:
    """The darkness of the usual mark."""
    threshold, _ = cv2.threshold(darkness, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    dark = darkness[darkness > threshold]
    return float(np.median(dark)) if dark.size else 1.0


def _near(marks: Mask, pixels: int) -> Mask:
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1,) * 2)
    return np.asarray(cv2.dilate(marks.astype(np.uint8), around) > 0)


def without_dark_edges(light: Pixels) -> Pixels | None:
    """Brightness uint8 `[h, w]` without dark bands along whole sides; None where there are none.

    Such bands come from scanners whose lid did not close. A line of a tightly cropped drawing may run along a
    side as well, so a band must be wider than the drawing's lines.
    """
    threshold, _ = cv2.threshold(light, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    dark, rest = light <= threshold, (light <= threshold).copy()
    depths = []
    for turn in range(4):
        side = np.rot90(dark, turn)
        most = max(3, round(_MARGIN * len(side)))
        full = side[: most + 1].mean(axis=1) > 0.5
        depth = int(np.argmin(full)) if side[:2].mean() > 0.9 and not full.all() else 0
        np.rot90(rest, turn)[: depth + round(_LEAN * len(side)) if depth else 0] = False
        depths.append(depth)
    if not any(depths) or not rest.any():
        return None
    inside = cv2.distanceTransform(rest.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    pen = 2 * float(np.percentile(inside[rest], 90))
    found = light.copy()
    for turn, depth in enumerate(depths):
        if depth > 1.6 * pen:
            side = np.rot90(found, turn)
            reach = depth + round(_LEAN * len(side))
            side[:reach] = side[reach : reach + 3].max(axis=0)
    return found if (found != light).any() else None


def _reaching_in(marks: Mask) -> Mask:
    """Thick things that reach over the border."""
    longer = max(marks.shape)
    padded = cv2.copyMakeBorder(marks.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    inside = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    cores = inside > _THICK * longer
    if not cores.any():
        return np.zeros_like(marks)
    reach = round(_THICK * longer) + 3
    thick = _near(np.asarray(cores), reach) & marks
    _, regions = cv2.connectedComponents(thick.astype(np.uint8))
    at = np.unique(np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]]))
    found = np.isin(regions, at[at > 0])
    return np.asarray(_near(found, 4) & marks if found.any() else found)


def _frame(marks: Mask) -> Mask:
    """A printed frame: straight lines parallel to the border on all four sides, with the drawing within."""
    height, width = marks.shape
    _, regions, stats, _ = cv2.connectedComponentsWithStats(marks.astype(np.uint8))
    for number in range(1, len(stats)):
        left, top, wide, high, _ = (int(value) for value in stats[number])
        margins = (left, width - left - wide, top, height - top - high)
        if wide < 0.76 * width or high < 0.76 * height or max(margins) > _FRAME * max(marks.shape):
            continue
        if max(margins) - min(margins) > 0.03 * max(marks.shape):
            continue
        own = regions[top : top + high, left : left + wide] == number
        band = max(3, round(0.012 * max(marks.shape)))
        inner = own[band:-band, band:-band]
        straight = [
            side.any(axis=axis).mean()
            for side, axis in ((own[:band], 0), (own[-band:], 0), (own[:, :band], 1), (own[:, -band:], 1))
        ]
        rest = marks[top + band : top + high - band, left + band : left + wide - band] & ~inner
        if min(straight) > 0.97 and inner.sum() < 0.03 * own.sum() and rest.any():
            return np.asarray(regions == number)
    return np.zeros_like(marks)


def _far_marks(marks: Mask) -> Mask:
    """Small groups of marks at the outskirts: specks, and signatures in a corner."""
    scale = _LOOKED_AT / max(marks.shape)
    if scale >= 1:
        return _far_groups(marks)
    width, height = max(1, round(marks.shape[1] * scale)), max(1, round(marks.shape[0] * scale))
    small = cv2.resize(marks.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) > 0
    found = _far_groups(np.asarray(small))
    if not found.any():
        return np.zeros_like(marks)
    return cv2.resize(found.astype(np.uint8), marks.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0


def _far_groups(marks: Mask) -> Mask:
    longer = max(marks.shape)
    apart = max(3, round(_APART * longer))
    groups, regions = _groups(marks, apart)
    if len(groups) < 2:
        return _specks(marks)
    found = np.zeros_like(marks)
    main = max(groups, key=lambda group: group[1])
    for number, ink, box in groups:
        extent, whole = max(box[2:]), max(main[2][2:])
        small = extent <= _SMALL_EXTENT * whole and ink <= _SMALL_INK * main[1]
        if number != main[0] and small and _in_a_corner(box, marks.shape):
            found |= (regions == number) & marks
    found |= _specks(marks & ~found)
    kept = marks & ~found
    return found if kept.any() and _extent(kept) < _GAIN * _extent(marks) else np.zeros_like(marks)


def _groups(
    marks: Mask, apart: int
) -> tuple[list[tuple[int, int, tuple[int, int, int, int]]], NDArray[np.int32]]:
    """Marks nearer than `apart` together: number, ink and box (left, top, width, height) of each group."""
    _, regions = cv2.connectedComponents(_near(marks, apart // 2).astype(np.uint8))
    groups = []
    for number in range(1, int(regions.max()) + 1):
        own = (regions == number) & marks
        rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
        if len(rows):
            box = (columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)
            groups.append((number, int(own.sum()), tuple(int(value) for value in box)))
    return groups, regions  # type: ignore[return-value]


def _in_a_corner(box: tuple[int, int, int, int], shape: tuple[int, ...]) -> bool:
    """Whether a group lies near a corner of the picture, where names are written."""
    left, top, wide, high = box
    aside, above = min(left, shape[1] - left - wide), min(top, shape[0] - top - high)
    return max(aside, above) < _CORNER * max(shape) and min(aside, above) < _CORNER * max(shape) / 2


def _specks(marks: Mask) -> Mask:
    """Tiny marks with nothing near them, outside of the drawing's box."""
    longer = max(marks.shape)
    groups, regions = _groups(marks, max(3, round(_SPECK_APART * longer)))
    tiny = [number for number, _, box in groups if max(box[2:]) <= _SPECK * longer]
    found = np.isin(regions, tiny) & marks
    kept = marks & ~found
    if not found.any() or not kept.any():
        return np.zeros_like(marks)
    rows, columns = np.flatnonzero(kept.any(1)), np.flatnonzero(kept.any(0))
    found[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = False
    return np.asarray(found)


def _extent(marks: Mask) -> int:
    rows, columns = np.flatnonzero(marks.any(1)), np.flatnonzero(marks.any(0))
    return int(max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1)
