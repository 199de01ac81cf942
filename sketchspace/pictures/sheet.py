"""A sheet of paper on a table: found, and straightened."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Corners = NDArray[np.float32]

STRAIGHTENED = "the sheet was found and straightened"

_LOOKED_AT = 320  # px of the longer side in which the sheet is looked for
_LONGEST = 1200  # px of the straightened sheet
_LEAST_AREA = 0.12  # of the picture
_STEP = 8  # levels between a sheet and its table at least
_LEVELS = 14
_WITHIN = 0.02  # of the sheet's side: its edge and what the corners miss


def straightened(pixels: Pixels) -> Pixels | None:
    """The sheet in a picture uint8 `[h, w]` or `[h, w, 3]`, seen from above; None where there is none.

    A sheet is a lighter or less coloured quadrilateral whose sides are steps to another tone, that of the
    picture's border; one side may lie outside of the picture. Lines, as of a drawn frame, are no steps.
    """
    scale = min(1.0, _LOOKED_AT / max(pixels.shape[:2]))
    height, width = (max(8, round(length * scale)) for length in pixels.shape[:2])
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    tones = [_without_lines(channel) for channel in _channels(np.asarray(small, np.uint8))]
    found = [quad for tone in tones if np.ptp(tone) >= _STEP for quad in _quads(tone, tones)]
    if not found:
        return None
    _, corners = max(found, key=lambda one: one[0])
    corners = (corners + 0.5) * [pixels.shape[1] / width, pixels.shape[0] / height] - 0.5
    return _seen_from_above(pixels, corners.astype(np.float32))


def _channels(small: Pixels) -> list[Pixels]:
    """What a sheet may differ in from a table, light for a sheet: brightness, and lack of colour."""
    if small.ndim == 2:
        return [small]
    return [np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8), 255 - np.ptp(small, axis=2)]


def _without_lines(tone: Pixels) -> Pixels:
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13))
    closed = cv2.morphologyEx(tone, cv2.MORPH_CLOSE, around)
    return np.asarray(cv2.medianBlur(cv2.morphologyEx(closed, cv2.MORPH_OPEN, around), 7), np.uint8)


def _quads(tone: Pixels, tones: list[Pixels]) -> list[tuple[float, Corners]]:
    """Quadrilaterals lighter than what is around them, with how well each fits its region and stands out."""
    low, high = np.percentile(tone, (1, 99))
    otsu, _ = cv2.threshold(tone, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    found = []
    for level in (float(otsu) + 1, *np.linspace(low, high, _LEVELS + 2)[1:-1]):
        _, regions, stats, _ = cv2.connectedComponentsWithStats((tone >= level).astype(np.uint8))
        if len(stats) < 2:
            continue
        largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        if stats[largest, cv2.CC_STAT_AREA] < _LEAST_AREA * tone.size:
            continue
        corners = _corners((regions == largest).astype(np.uint8))
        if corners is not None and (step := _stands_out(corners, tones)):
            found.append((step, corners))
    return found


def _corners(region: Pixels) -> Corners | None:
    """Four corners of a region that is nearly a quadrilateral, from the upper left on, clockwise."""
    outlines, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(max(outlines, key=cv2.contourArea))
    around = cv2.arcLength(hull, True)
    for share in (0.01, 0.02, 0.03, 0.04, 0.06):
        polygon = cv2.approxPolyDP(hull, share * around, True)
        if len(polygon) <= 4:
            break
    area = cv2.contourArea(hull)
    if len(polygon) != 4 or area <= 0:
        return None
    filled = cv2.fillConvexPoly(np.zeros_like(region), polygon, 1)
    common, either = (filled & region).sum(), (filled | region).sum()
    if common < 0.93 * either:
        return None
    points = polygon[:, 0].astype(np.float32)
    middle = points.mean(axis=0)
    angles = np.arctan2(points[:, 1] - middle[1], points[:, 0] - middle[0])
    return np.asarray(points[np.argsort(angles)], np.float32)


def _stands_out(corners: Corners, tones: list[Pixels]) -> float:
    """The least step over the sides within the picture, in levels; 0 where there is no sheet.

    Of four sides three must lie within the picture.
    """
    height, width = tones[0].shape
    middle = corners.mean(axis=0)
    steps = []
    border = np.zeros((height, width), bool)
    border[[0, 1, -2, -1]] = border[:, [0, 1, -2, -1]] = True
    sheet = cv2.fillConvexPoly(np.zeros((height, width), np.uint8), np.rint(corners).astype(np.int32), 1) > 0
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = a + (b - a) * np.linspace(0.08, 0.92, 24)[:, None]
        away = np.array([b[1] - a[1], a[0] - b[0]])
        away *= np.sign((((a + b) / 2 - middle) * away).sum()) / max(float(np.hypot(*away)), 1e-6)
        outer, inner = np.rint(along + 6 * away).astype(int), np.rint(along - 7 * away).astype(int)
        inside = (outer >= 0).all(1) & (outer[:, 0] < width) & (outer[:, 1] < height)
        inside &= (inner >= 0).all(1) & (inner[:, 0] < width) & (inner[:, 1] < height)
        if inside.mean() < 0.5:
            continue
        differences = [
            float(
                np.median(np.int16(tone[tuple(inner[inside].T[::-1])]) - tone[tuple(outer[inside].T[::-1])])
            )
            for tone in tones
        ]
        steps.append(max(differences))
    if len(steps) < 3 or min(steps) < _STEP:
        return 0.0
    apart = [float(np.median(tone[sheet]) - np.median(tone[border & ~sheet])) for tone in tones]
    return min(steps) if (border & ~sheet).sum() > 0.5 * border.sum() and max(apart) >= _STEP else 0.0


def _seen_from_above(pixels: Pixels, corners: Corners) -> Pixels:
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    wide, high = max(sides[0], sides[2]), max(sides[1], sides[3])
    scale = min(1.0, _LONGEST / max(wide, high))
    if scale < 0.7:  # made smaller first, since a warp looks at few pixels
        pixels = np.asarray(
            cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
        corners, scale = corners * np.float32(scale), 1.0
        sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
        wide, high = max(sides[0], sides[2]), max(sides[1], sides[3])
    width, height = max(8, round(wide * scale)), max(8, round(high * scale))
    square = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    warp = cv2.getPerspectiveTransform(corners, square)
    flat = cv2.warpPerspective(
        pixels, warp, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    edge = max(3, round(_WITHIN * max(width, height)))
    return np.asarray(flat[edge:-edge, edge:-edge], np.uint8)
