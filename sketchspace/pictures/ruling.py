"""Ruled and squared paper: its lines are found by their regularity, and taken away under the pen."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

RULING = "ruling removed"

_LEAST_LINES = 5
_LEAST_SIDE = 60  # px
_LEAST_SHARE = 0.75  # of the blocks along a line that must show it
_BLOCKS = 12
_ANGLES = np.arange(-6, 6.01, 0.5)
_PEN = 99.2  # percentile of darkness that is the pen's: strokes cover two percent of a sheet or more
_FAINTEST = 5.0  # levels above its surroundings from which a row may be a line


def without_ruling(darkness: Pixels) -> Pixels | None:
    """Darkness uint8 `[h, w]` without lines that run across the whole sheet; None where there are none.

    At least five lines at regular distances, horizontal within 6 degrees, reach both edges; squared paper has
    such columns as well. The picture is turned so that they are level.
    """
    if min(darkness.shape) < _LEAST_SIDE or not _at_both_edges(darkness):
        return None
    pen = float(np.percentile(darkness, _PEN))
    capped = np.minimum(darkness, round(0.7 * pen))
    angle = _tilt(capped)
    level = _turned(darkness, angle) if angle else darkness
    rows = _lines(np.minimum(level, round(0.7 * pen)), _LEAST_LINES)
    if len(rows) < _LEAST_LINES or not _regular(rows):
        return None
    tone = float(np.median([np.median(level[row - 1 : row + 2].max(axis=0)) for row in rows[1:-1]]))
    clean = _erased(level, rows, pen, tone)
    columns = _lines(np.minimum(clean.T, round(0.7 * pen)), 1)
    if len(columns):
        clean = np.ascontiguousarray(_erased(np.ascontiguousarray(clean.T), columns, pen, tone).T)
    return _with_a_pen(clean, 0.3 * pen, max(0.3 * pen, tone + 0.4 * (pen - tone)))


def _with_a_pen(darkness: Pixels, low: float, high: float) -> Pixels:
    """Marks from `low` on that lie near one of `high`, and what is next to them: no remains of lines."""
    near = cv2.dilate((darkness >= high).astype(np.uint8), np.ones((13, 13), np.uint8))
    kept = ((darkness >= low) & (near > 0)).astype(np.uint8)
    return np.where(cv2.dilate(kept, np.ones((7, 7), np.uint8)) > 0, darkness, 0).astype(np.uint8)


def _at_both_edges(darkness: Pixels) -> bool:
    """Whether several marks lie along the left and right edges: a quick look that most drawings end with."""
    strip = max(4, darkness.shape[1] // 25)
    first = slice(strip // 2, strip // 2 + strip)
    parts = (darkness[:, first], darkness[:, ::-1][:, first])
    return all(len(_peaks(part.mean(axis=1))) >= _LEAST_LINES for part in parts)


def _peaks(profile: Floats) -> NDArray[np.int64]:
    """Rows that stand out of their surroundings, one for each run of them."""
    over, reach = _over(profile)
    is_peak = (over >= _FAINTEST) & (over >= np.roll(over, 1)) & (over > np.roll(over, -1))
    is_peak &= over >= _highest(over, reach) - 1e-3
    return np.flatnonzero(is_peak)


def _over(profile: Floats) -> tuple[Floats, int]:
    """How far each row stands out of the profile's lower envelope, and how far around that looks."""
    reach = max(5, len(profile) // 60) | 1
    column = profile.astype(np.float32)[:, None]
    opened = cv2.morphologyEx(column, cv2.MORPH_OPEN, np.ones((reach, 1), np.uint8))
    return np.asarray((column - cv2.blur(opened, (1, reach)))[:, 0], np.float64), reach


def _highest(values: Floats, reach: int) -> Floats:
    return np.asarray(
        cv2.dilate(values.astype(np.float32)[:, None], np.ones((reach, 1), np.uint8))[:, 0], np.float64
    )


def _tilt(capped: Pixels) -> float:
    """The angle in degrees by which the picture is to be turned for its rows to differ most."""
    scale = min(1.0, 500 / max(capped.shape))
    small = cv2.resize(capped, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    part = slice(small.shape[0] // 12, -(small.shape[0] // 12) or None)

    def contrast(angle: float) -> float:
        profile = _turned(small, angle)[part].mean(axis=1, dtype=np.float64)
        return float(np.abs(np.diff(profile, 2)).sum())

    best = max(_ANGLES, key=contrast)
    fine = max(np.arange(best - 0.4, best + 0.41, 0.1), key=contrast)
    return float(fine) if abs(fine) >= 0.1 else 0.0


def _turned(picture: Pixels, angle: float) -> Pixels:
    height, width = picture.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    return np.asarray(
        cv2.warpAffine(
            picture, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def _lines(capped: Pixels, least: int) -> NDArray[np.int64]:
    """Rows that are a line in most blocks of columns."""
    blocks = [block.mean(axis=1, dtype=np.float64) for block in np.array_split(capped, _BLOCKS, axis=1)]
    found = _peaks(np.median(np.stack(blocks), axis=0))
    if len(found) < least:
        return np.zeros(0, np.int64)
    shown = sum((_highest(_over(profile)[0], 9)[found] >= _FAINTEST).astype(int) for profile in blocks)
    return found[np.asarray(shown) >= _LEAST_SHARE * _BLOCKS]


def _regular(rows: NDArray[np.int64]) -> bool:
    gaps = np.diff(rows)
    usual = float(np.median(gaps))
    times = gaps / usual
    return bool(np.mean(np.abs(times - np.rint(times)) < 0.2) >= 0.7)


def _erased(darkness: Pixels, rows: NDArray[np.int64], pen: float, usual: float) -> Pixels:
    """The picture with these rows, usually of a tone, taken away where nothing darker crosses them."""
    clean = darkness.copy()
    height = len(darkness)
    for columns in np.array_split(np.arange(darkness.shape[1]), _BLOCKS):
        block = slice(int(columns[0]), int(columns[-1]) + 1)
        profile = np.minimum(np.median(darkness[:, block], axis=1), 1.3 * usual)
        for row in rows:
            near = np.arange(max(0, row - 4), min(height, row + 5))
            centre = int(near[np.argmax(profile[near])])
            tone = float(profile[centre])
            above = below = centre
            while above > 0 and above > centre - 6 and profile[above - 1] > 0.15 * tone + 1:
                above -= 1
            while below < height - 1 and below < centre + 6 and profile[below + 1] > 0.15 * tone + 1:
                below += 1
            above, below = max(0, above - 1), min(height - 1, below + 1)
            sides = np.maximum(
                darkness[max(0, above - 1), block], darkness[min(height - 1, below + 1), block]
            )
            band = clean[above : below + 1, block]
            crossed = band > max(1.35 * tone, tone + 0.25 * (pen - tone))
            band[:] = np.where(crossed, band, np.minimum(band, sides[None]))
    return clean
