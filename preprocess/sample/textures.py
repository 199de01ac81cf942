"""Surfaces of rendered things: how much of a second colour there is at each px."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 256
"""Rendered photos are this many px wide and high."""
TEXTURES = ("plain", "leather", "leather", "stripes", "dots", "quilt", "weave", "spots", "checks")
"""Names that `pattern` knows; the more common ones twice."""
Picture = NDArray[np.floating[Any]]
ROWS: Picture
COLUMNS: Picture
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE].astype(np.float32)
"""The place of each px."""
_NOISE = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(np.float32)


def noise(rng: np.random.Generator) -> Picture:
    """Independent normal numbers, float32 `[side, side]`: one field, turned to another place each time."""
    return np.roll(_NOISE, rng.integers(SIDE, size=2), (0, 1))


def grain(numbers: Picture) -> Picture:
    """Fine unevenness of brightness, float32 `[side, side, 1]` near 1."""
    fine: Picture = 1 + 0.025 * cv2.GaussianBlur(numbers, (0, 0), 1.0)[..., None]
    return fine


def pattern(kind: str, pitch: float, numbers: Picture) -> Picture:
    """How much of the second colour there is, float32 `[side, side]` in 0..1; `pitch` in px."""
    if kind == "stripes":
        return 0.8 * np.clip(2 * np.sin(2 * np.pi * (COLUMNS + 0.3 * ROWS) / pitch), 0, 1)
    if kind == "dots":
        odd = (ROWS // pitch % 2) * pitch / 2
        distance = np.hypot(ROWS % pitch - pitch / 2, (COLUMNS + odd) % pitch - pitch / 2)
        return np.clip(pitch * 0.24 + 0.5 - distance, 0, 1)
    if kind == "quilt":
        one, other = (np.abs(lines % (2 * pitch) - pitch) for lines in (ROWS + COLUMNS, ROWS - COLUMNS))
        return 0.45 * np.exp(-((np.minimum(one, other) / 1.3) ** 2))
    if kind == "weave":
        return 0.3 * ((ROWS // 3 + COLUMNS // 3) % 2)
    if kind == "checks":
        return 0.35 * ((ROWS // pitch % 2) + (COLUMNS // pitch % 2))
    if kind == "plain":
        return np.zeros((SIDE, SIDE), np.float32)
    blur = cv2.GaussianBlur(numbers, (0, 0), 1.6 if kind == "leather" else pitch / 3)
    blur /= blur.std()
    return np.clip(1.5 * blur - 0.8, 0, 1) if kind == "spots" else np.clip(0.06 * blur, 0, 1)
