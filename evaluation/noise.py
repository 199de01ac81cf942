"""Drawings that hold too little or too much: the entropy of their picture.

Entropy is Shannon's, in bits, of the histogram of grey levels of the antialiased picture at 256 px. A nearly
blank sheet has almost none, a sheet scribbled over has much. Each class keeps its middle 90 % (SketchMate, Xu
et al. 2018, removes noisy drawings by such limits).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch

Doubles = NDArray[np.float64]

SIZE = 256
MIDDLE = (5.0, 95.0)
"""The percentiles of a class between which a drawing is usual."""


def entropy(image: NDArray[np.uint8]) -> float:
    """Shannon entropy of a picture's grey levels in bits, 0 (one level) .. 8; uint8 `[h, w]`.

    >>> entropy(np.array([[0, 255], [255, 255]], np.uint8))
    0.8112781244591328
    """
    if image.dtype != np.uint8 or not image.size:
        raise ValueError(f"an image is {image.dtype} {image.shape}, expected uint8 with one pixel or more")
    counts = np.bincount(image.ravel(), minlength=256)
    shares = counts[counts > 0] / image.size
    return float(abs(-(shares * np.log2(shares)).sum()))


def entropies(drawings: Sequence[NDArray[np.float32]]) -> Doubles:
    """Entropy of the pictures of drawings, each float32 `[points, 3]` absolute: float64 `[n]`, bits."""
    return np.array([entropy(rasterize(Sketch.from_points(points), SIZE)) for points in drawings])


def class_limits(values: ArrayLike, labels: ArrayLike, num_classes: int) -> Doubles:
    """The 5th and 95th percentile of every class, float64 `[classes, 2]`, linear between values.

    A class without drawings has no limits: -inf and inf. Raises ValueError where the arrays do not fit.
    """
    numbers, classes = np.asarray(values, np.float64), np.asarray(labels)
    if numbers.shape != classes.shape or numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise ValueError(f"values {numbers.shape} and labels {classes.shape}, expected finite [n] and [n]")
    limits = np.tile([-np.inf, np.inf], (num_classes, 1))
    for label in np.unique(classes):
        limits[label] = np.percentile(numbers[classes == label], MIDDLE)
    return limits
