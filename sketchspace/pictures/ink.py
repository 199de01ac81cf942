"""Where the ink of a bitmap is, and how wide its lines are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sketchspace.pictures.clutter import EDGE, LEAST_SIDE, without_clutter, without_dark_edges

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

FAINTEST = 24
"""Least difference between ink and paper, of 255; below it a picture counts as blank."""
LINE_INK = 0.3
"""Share of full ink from which a pixel belongs to a line."""
INVERTED = "white on black inverted"


@dataclass(frozen=True)
class Ink:
    """Ink found in a picture, each uint8 `[height, width]`, 0 paper, 255 full ink.

    `amount` is stretched so that the usual line has full ink; in `tone` only the darkest spot has it.
    """

    amount: Pixels
    tone: Pixels
    notes: tuple[str, ...]


def find_ink(pixels: Pixels, clean: bool = False) -> Ink | None:
    """Separate ink from paper in a grey `[height, width]` or RGB `[height, width, 3]` picture.

    The border tells what the paper is: where it belongs to the darker half (Otsu 1979) and that half is the
    larger one, the picture is light on dark. Paper that is lit unevenly is evened out; with `clean`, what is
    not the drawing is left out (`without_clutter`); then the levels are stretched from paper to ink. Coloured
    ink counts by its strongest channel. Returns None for a blank picture.
    """
    light = pixels if pixels.ndim == 2 else of_channels(pixels, cv2.min)
    notes = []
    grey = light if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    if _is_light_on_dark(grey):
        light = 255 - (pixels if pixels.ndim == 2 else of_channels(pixels, cv2.max))
        notes.append(INVERTED)
    clean = clean and max(light.shape) >= LEAST_SIDE
    if clean and (inner := without_dark_edges(light)) is not None:
        light = inner
        notes.append(EDGE)
    low, high = np.percentile(_border(light), (10, 90))
    if high - low > FAINTEST:
        light = _evened(light)
        notes.append("uneven light on the paper evened out")
    paper = max(float(np.median(_border(light))), float(np.median(light)))
    if clean:
        darkness, more = without_clutter(np.asarray(cv2.subtract(round(paper), light), np.uint8))
        if more:
            light, notes = np.asarray(cv2.subtract(round(paper), darkness), np.uint8), [*notes, *more]
    depth = paper - float(light.min())
    if depth < FAINTEST:
        return None
    threshold, _ = cv2.threshold(light, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    dark = light[light <= max(float(light.min()), min(threshold, paper - depth / 2))]
    usual = max(depth / 2, paper - float(np.median(dark)))
    return Ink(_stretched(light, paper, usual), _stretched(light, paper, depth), tuple(notes))


def of_channels(pixels: Pixels, choose: Callable[..., Any]) -> Pixels:
    """The least or largest channel (`cv2.min`, `cv2.max`) of RGB `[h, w, 3]`, faster than NumPy's."""
    first, second, third = cv2.split(pixels)
    return np.asarray(choose(choose(first, second), third), np.uint8)


def _border(grey: Pixels) -> Pixels:
    """The outermost two percent of the picture on each side, as one row."""
    height, width = grey.shape
    rows, columns = 1 + height // 50, 1 + width // 50
    sides = (grey[:rows], grey[-rows:], grey[:, :columns], grey[:, -columns:])
    return np.concatenate([side.ravel() for side in sides])


def _is_light_on_dark(grey: Pixels) -> bool:
    if np.median(grey) >= 0.8 * grey.max():
        return False
    low, high = np.percentile(_border(grey), (10, 90))
    if high - low > FAINTEST:  # a shadow is no ink: only what differs from its surroundings counts
        small = resized(grey, 256)
        marks = small.astype(np.float64) - cv2.medianBlur(small, 21)
        return bool(np.mean(marks**3) > 0)
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return bool(np.median(_border(grey)) <= threshold and np.mean(grey <= threshold) > 0.5)


def _evened(light: Pixels) -> Pixels:
    """Divide by the brightness of the paper: the picture without its lines, with the edges of shadows.

    Small pictures are no photos of paper: their paper is smooth.
    """
    height, width = light.shape
    shrink = max(1, max(height, width) // 400)
    small = cv2.resize(
        light, (max(1, width // shrink), max(1, height // shrink)), interpolation=cv2.INTER_AREA
    )
    reach = max(3, max(small.shape) // 16) | 1
    closed = cv2.morphologyEx(
        small, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    )
    small_picture = max(light.shape) < LEAST_SIDE
    paper = cv2.resize(cv2.GaussianBlur(closed, (0, 0), reach / 2 if small_picture else 1), (width, height))
    if not small_picture:  # beside an edge, the darker side counts
        paper = cv2.erode(paper, np.ones((2 * shrink + 3,) * 2, np.uint8))
    evened: Pixels = cv2.divide(light, paper, scale=255)
    return evened


def _stretched(light: Pixels, paper: float, depth: float) -> Pixels:
    """Ink 0..255 for brightness from `paper` down to `depth` below it."""
    table = np.rint(np.clip((paper - np.arange(256)) / depth, 0, 1) * 255)
    amount: Pixels = cv2.LUT(light, table.astype(np.uint8))
    return amount


def bounding_box(amount: Pixels) -> tuple[slice, slice]:
    """Rows and columns that hold lines; the whole picture where no pixel reaches a line's share of ink."""
    mask = amount >= LINE_INK * 255
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, amount.shape[0]), slice(0, amount.shape[1])
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def is_line_drawing(tone: Pixels) -> bool:
    """Whether cropped ink `[height, width]` looks like strokes on paper, not like a photo.

    Photos have smooth half-tones: a median of 10 % of their area against at most 3 % in scanned and
    photographed drawings. Looked at in 128 px at most, so that the blur of an enlarged drawing does not
    count.
    """
    small = resized(tone, min(128, max(tone.shape)), keep_lines=True)
    near = np.ones((3, 3), np.uint8)
    smooth = cv2.dilate(small, near) - cv2.erode(small, near) < 0.25 * 255
    halftone = (small > 0.15 * 255) & (small < 0.7 * 255) & smooth
    return bool(np.mean(halftone) < 0.035)


def line_width(amount: Pixels) -> float:
    """The usual width of the lines in px, at least 1.

    Along the middle of a line the distance to the paper is half its width; the median over all middles
    is taken.
    """
    mask = (amount >= LINE_INK * 255).astype(np.uint8)
    inside = depth_inside(mask)
    middles = inside[ridges(inside)]
    return max(1.0, 2 * float(np.median(middles)) - 0.5) if len(middles) else 1.0


def depth_inside(mask: Pixels) -> NDArray[np.float32]:
    """Distance in px from each pixel of the mask to the nearest outside; the edge counts as outside."""
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]


def ridges(inside: NDArray[np.float32]) -> Mask:
    """Where the distance to the outside is largest among the neighbours: the middles of lines."""
    middles: Mask = (inside > 0) & (inside >= cv2.dilate(inside, np.ones((3, 3), np.uint8)))
    return middles


def resized(amount: Pixels, side: int, keep_lines: bool = False) -> Pixels:
    """Resize so that the longer side has `side` px; with `keep_lines` thin lines get wider, not fainter.

    `amount` is uint8 `[h, w]` or `[h, w, 3]`.
    """
    factor = side / max(amount.shape[:2])
    if keep_lines and factor <= 0.5:
        amount = cv2.dilate(amount, np.ones((int(1 / factor),) * 2, np.uint8))
    height, width = (max(1, round(length * factor)) for length in amount.shape[:2])
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    small: Pixels = cv2.resize(amount, (width, height), interpolation=method)
    return small
