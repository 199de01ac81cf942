"""The published simplification of Quick, Draw!: raw strokes in, the points of the simplified files out.

The four steps are those of the data set's description (Google Creative Lab, "The Quick, Draw! Dataset",
section "Simplified Drawing files"): align to 0, scale to 255, resample at 1 px, Ramer-Douglas-Peucker with
epsilon 2. It leaves open what many drawings hang on, because samples of a straight line lie equally far from
a chord and the last bit of a float decides which of them is kept. Here every expression is written in the
order of operations that reproduces Google's points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sketchspace.sketch.strokes import Sketch, concatenate

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

SIDE = 255.0
EPSILON = 2.0
MAX_SAMPLES = 50_000
"""Drawings with more px of line than this are sampled more coarsely; the longest real one seen has 36,000."""


def simplify_quickdraw(sketch: Sketch) -> Sketch:
    """Raw strokes in any unit to simplified ones: integers 0..255 as float32, at least two points a stroke.

    A stroke without extent becomes one point written twice, as in Google's files. Raises ValueError if
    nothing is drawn. Coordinates that a file gives in more digits than a float32 holds should come by way of
    `simplify_points`: rounding them to float32 first changes one drawing in two hundred.
    """
    if not sketch.strokes:
        raise ValueError("the sketch has no points")
    points, starts = concatenate(sketch.strokes)
    return simplify_points(np.array(points.T, dtype=np.float64, order="C"), starts)


def simplify_points(points: Doubles, starts: Indices) -> Sketch:
    """`simplify_quickdraw` for coordinates in double precision.

    `points` is float64 `[2, points]`, all strokes one after the other and finite; `starts` int64 `[strokes]`
    says where each begins (the first at 0, none empty).
    """
    samples, firsts = _resample(_scale(points), starts)
    kept = _ramer_douglas_peucker(samples, firsts)
    rounded = np.rint(samples[:, kept].T).astype(np.float32, order="C")
    rounded.setflags(write=False)
    cuts = np.searchsorted(kept, firsts).tolist()
    pairs = zip(cuts, [*cuts[1:], len(kept)], strict=True)
    return Sketch(tuple([rounded[start:end] for start, end in pairs]))


def _scale(points: Doubles) -> Doubles:
    """Align to (0, 0) and scale the larger side to 255."""
    aligned = points - points.min(axis=1, keepdims=True)
    # Multiplied before divided: another order changes one drawing in twenty.
    return aligned * SIDE / (aligned.max() or 1.0)


def _resample(points: Doubles, starts: Indices) -> tuple[Doubles, Indices]:
    """Points at every px of way along each stroke, with both ends of the stroke.

    Takes float64 `[2, points]` and where strokes start; returns the same for the samples.
    """
    ends = np.append(starts[1:], points.shape[1])
    way, lengths = _way(points, starts, ends)
    full = np.floor(way).astype(np.int64)
    counts = np.maximum(np.diff(full), 0)  # negative only from one stroke to the next
    segment = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(1, len(segment) + 1) - np.repeat(np.cumsum(counts) - counts - full[:-1], counts)
    part = (number - way[segment]) / lengths[segment]

    sizes = full[ends - 1] + 2
    firsts = np.cumsum(sizes) - sizes
    samples = np.empty((2, int(sizes.sum())))
    inner = np.ones(samples.shape[1], dtype=bool)
    inner[firsts] = inner[firsts + sizes - 1] = False
    samples[:, firsts], samples[:, firsts + sizes - 1] = points[:, starts], points[:, ends - 1]
    # Not "start + part * step": this form decides the same ties as Google's points.
    samples[:, inner] = points[:, segment] * (1 - part) + points[:, segment + 1] * part
    return samples, firsts


def _way(points: Doubles, starts: Indices, ends: Indices) -> tuple[Doubles, Doubles]:
    """Way of the pen from the start of its stroke to each point, in samples, and the length of each step."""
    steps = np.diff(points, axis=1)
    lengths = np.sqrt(steps[0] * steps[0] + steps[1] * steps[1])
    lengths[starts[1:] - 1] = 0  # through the air
    lengths /= max(1.0, lengths.sum() / MAX_SAMPLES)
    way = np.zeros(points.shape[1])
    # A sum of its own for every stroke: the rounding errors of one long sum would decide ties otherwise.
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        np.cumsum(lengths[start : end - 1], out=way[start + 1 : end])
    return way, lengths


def _ramer_douglas_peucker(points: Doubles, firsts: Indices) -> Indices:
    """Indices of the points to keep, of all strokes together (Douglas & Peucker 1973).

    Works level by level: every open chord of every stroke is examined in one vectorised step, which gives
    the same points as the usual recursion. Of equally far points the first is kept.
    """
    kept = np.zeros(points.shape[1], dtype=bool)
    lasts = np.append(firsts[1:], points.shape[1]) - 1
    kept[firsts] = kept[lasts] = True
    left, right = firsts, lasts
    while True:
        open_chords = right - left > 1
        left, right = left[open_chords], right[open_chords]
        if not len(left):
            return np.flatnonzero(kept)
        middle = _farthest(points, left, right)
        found = middle >= 0
        left, middle, right = left[found], middle[found], right[found]
        kept[middle] = True
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])


def _farthest(points: Doubles, left: Indices, right: Indices) -> Indices:
    """For each chord from `left` to `right` the point between that is farthest off, -1 if within epsilon."""
    sizes = right - left - 1
    begins = sizes.cumsum() - sizes
    inside = np.arange(int(sizes.sum())) + (left + 1 - begins).repeat(sizes)
    start = points.take(left, axis=1)
    step = points.take(right, axis=1) - start
    length = np.sqrt(_fused_square(step[0], step[1] * step[1]))
    # One repeat of a table is several times faster than one for each of its rows.
    left_x, left_y, step_x, step_y, chord = np.vstack([start, step, length]).repeat(sizes, axis=1)
    x, y = points.take(inside, axis=1)
    x -= left_x
    y -= left_y
    if length.all():
        distance = np.abs(x * step_y - y * step_x) / chord
    else:  # a chord from a point to itself has no direction
        around = np.abs(x * step_y - y * step_x) / np.where(chord == 0, 1, chord)
        distance = np.where(chord == 0, np.sqrt(x * x + y * y), around)
    largest = np.maximum.reduceat(distance, begins)
    hits = (distance == largest.repeat(sizes)).nonzero()[0]
    first = inside[hits[hits.searchsorted(begins)]]
    return np.where(largest > EPSILON, first, -1)


def _fused_square(x: Doubles, added: Doubles) -> Doubles:
    """`x * x + added` rounded once, as a fused multiply-add does it (exact product and sum: Dekker 1971).

    Google's chord lengths were computed so, probably by a BLAS dot product, and some ties hang on it.
    """
    high = x * 134217729.0  # 2 ** 27 + 1 splits the 53 bits of a double into halves
    high -= high - x
    low = x - high
    product = x * x
    rest = low * low - ((product - high * high) - 2 * (high * low))
    total = product + added
    part = total - product
    rest += (product - (total - part)) + (added - part)
    total += rest
    return total
