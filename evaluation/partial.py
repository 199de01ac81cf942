"""How much of a drawing a network needs: accuracy by the share of points that are drawn.

Two ways to ask, and they mean different things. `truncated`: the rest of the drawing does not exist; any
encoder can be asked. `read_out`: a stroke encoder is given the whole drawing and its state is read part of
the way, where no classifier was trained to read; a causal network has not seen the rest, a bidirectional one
has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation.bootstrap import interval
from sketchspace.errors import UserError
from sketchspace.sketch.partial import first_points
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Mode = Literal["truncated", "untrained read-out"]
Encode = Callable[[Sequence[Floats], Ints | None], Floats]
"""Drawings, each float32 `[points, 3]`, and where to ask (int32 `[n]` or None) to logits `[n, classes]`."""

PERCENTS = tuple(range(10, 101, 10))


@dataclass(frozen=True, eq=False)
class Curve:
    """Whether each drawing was recognised at each share: `right` bool `[shares, n]`, shares in per cent."""

    mode: Mode
    percents: tuple[int, ...]
    right: NDArray[np.bool_]

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """Share of drawings that are recognised, float64 `[shares]`, 0..1."""
        return self.right.mean(axis=1)

    def intervals(self) -> NDArray[np.float64]:
        """95 % bootstrap intervals over drawings, float64 `[shares, 2]`."""
        return np.array([interval(row) for row in self.right])


def truncated(
    encode: Encode, drawings: Sequence[Floats], labels: ArrayLike, percents: Sequence[int] = PERCENTS
) -> Curve:
    """Give only the first part of every drawing, as `truncate` cuts it.

    `drawings` are absolute points, each float32 `[points, 3]`, `labels` int `[n]`, `percents` whole numbers
    from 1 to 100. Raises ValueError where these do not fit, `UserError` for drawings without points.
    """
    truth = _checked(drawings, labels, percents)
    rows = [
        _right(encode([truncate(points, percent) for points in drawings], None), truth)
        for percent in percents
    ]
    return Curve("truncated", tuple(percents), np.array(rows))


def read_out(
    encode: Encode, drawings: Sequence[Floats], labels: ArrayLike, percents: Sequence[int] = PERCENTS
) -> Curve:
    """Give every drawing as a whole and ask after its first part: the untrained read-out.

    Arguments and errors as for `truncated`; `encode` gets the index of the last point of the part.
    """
    truth, lengths = _checked(drawings, labels, percents), np.array([len(points) for points in drawings])
    rows = [_right(encode(drawings, points_kept(lengths, percent) - 1), truth) for percent in percents]
    return Curve("untrained read-out", tuple(percents), np.array(rows))


def points_kept(lengths: ArrayLike, percent: int) -> Ints:
    """How many points are the first `percent` of each drawing, rounded up, int32.

    >>> points_kept([1, 10, 11, 100], 10).tolist()
    [1, 1, 2, 10]
    """
    # Whole numbers throughout: in floating point 0.7 * 10 rounds up to 8.
    return (-(-np.asarray(lengths, np.int64) * percent // 100)).astype(np.int32)


def truncate(points: Floats, percent: int) -> Floats:
    """The first `percent` of a drawing's points, rounded up; the last of them ends its stroke.

    `points` is float32 `[points, 3]`: absolute x, y, and 1 where a stroke ends. The original stays as it is.
    """
    return first_points(points, int(points_kept(len(points), percent)))


def pictures(drawings: Sequence[Floats], size: int) -> NDArray[np.uint8]:
    """Drawings of points as an image encoder is given them: uint8 `[n, size, size]`, 255 paper, 0 ink.

    Each is fitted to its own box, as a user's half-finished drawing would be.
    """
    found = np.empty((len(drawings), size, size), np.uint8)
    for number, points in enumerate(drawings):
        found[number] = rasterize(Sketch.from_points(points), size)
    return found


def _right(logits: Floats, truth: NDArray[np.int64]) -> NDArray[np.bool_]:
    if logits.ndim != 2 or len(logits) != len(truth) or not np.isfinite(logits).all():
        raise ValueError(f"logits are {logits.shape} for {len(truth)} drawings, expected finite [n, classes]")
    return np.asarray(logits.argmax(axis=1) == truth)


def _checked(drawings: Sequence[Floats], labels: ArrayLike, percents: Sequence[int]) -> NDArray[np.int64]:
    truth = np.asarray(labels)
    if not len(drawings) or truth.shape != (len(drawings),) or truth.dtype.kind not in "iu":
        raise ValueError(f"labels are {truth.dtype} {truth.shape} for {len(drawings)} drawings")
    if not percents or not all(type(percent) is int and 1 <= percent <= 100 for percent in percents):
        raise ValueError(f"percents are {tuple(percents)}, expected whole numbers from 1 to 100")
    empty = next((number for number, points in enumerate(drawings) if not len(points)), None)
    if empty is not None:
        raise UserError(f"drawing {empty} has no points, expected at least one; make the data set again")
    return truth.astype(np.int64)
