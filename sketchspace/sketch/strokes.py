"""`Sketch`, the one type for a drawing, and its numeric forms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sketch:
    """A drawing: strokes in drawing order, each float32 `[points, 2]` (x right, y down).

    Units are those of the source (Quick, Draw!: 0..255). Arrays are read-only. Build one with
    `Sketch.of`, which checks its input.
    """

    strokes: tuple[Floats, ...]

    @staticmethod
    def of(polylines: Iterable[ArrayLike]) -> Sketch:
        """A sketch from polylines `[points, 2]`; empty polylines are left out.

        Raises ValueError where a polyline has another shape or a value that is not finite.
        """
        strokes = []
        for polyline in polylines:
            points = np.array(polyline, dtype=np.float32)
            if points.size == 0:
                continue
            if points.ndim != 2 or points.shape[1] != 2:
                raise ValueError(f"a stroke has shape {points.shape}, expected [points, 2]")
            if not np.isfinite(points).all():
                raise ValueError("a stroke has a coordinate that is not finite")
            points.setflags(write=False)
            strokes.append(points)
        return Sketch(tuple(strokes))

    @staticmethod
    def from_points(points: Floats) -> Sketch:
        """The inverse of `to_points`: `[points, 3]` rows (x, y, 1 where a stroke ends)."""
        if len(points) == 0:
            return Sketch(())
        ends = np.flatnonzero(points[:-1, 2] > 0.5) + 1
        xy = np.ascontiguousarray(points[:, :2], dtype=np.float32)
        xy.setflags(write=False)
        return Sketch(tuple(np.split(xy, ends)))

    def to_points(self) -> Floats:
        """Absolute points, float32 `[points, 3]`: x, y, and 1 on the last point of each stroke."""
        rows = np.zeros((self.num_points, 3), np.float32)
        if self.strokes:
            rows[:, :2] = np.concatenate(self.strokes)
            rows[np.cumsum([len(stroke) for stroke in self.strokes]) - 1, 2] = 1
        return rows

    @property
    def num_points(self) -> int:
        """How many points all strokes have together."""
        return sum(len(stroke) for stroke in self.strokes)

    def bounds(self) -> tuple[Floats, Floats]:
        """Smallest and largest (x, y), each float32 `[2]`; raises ValueError if nothing is drawn."""
        if not self.strokes:
            raise ValueError("the sketch has no points")
        points = np.concatenate(self.strokes)
        return points.min(axis=0), points.max(axis=0)


def to_stroke3(sketch: Sketch) -> Floats:
    """Offsets, float32 `[points, 3]`: dx, dy, and 1 where the pen lifts after the point.

    The first offset is from the origin, so that the position survives (Ha & Eck 2017, section 3.1).
    """
    rows = sketch.to_points()
    rows[1:, :2] -= rows[:-1, :2].copy()
    return rows


def from_stroke3(rows: ArrayLike) -> Sketch:
    """The inverse of `to_stroke3`: `[points, 3]` offsets to absolute strokes.

    Offsets are summed in double precision, so that long drawings do not drift. Raises ValueError for
    another shape or values that are not finite.
    """
    offsets = np.asarray(rows, dtype=np.float64)
    if offsets.ndim != 2 or offsets.shape[1] != 3:
        raise ValueError(f"stroke-3 has shape {offsets.shape}, expected [points, 3]")
    if not np.isfinite(offsets).all():
        raise ValueError("stroke-3 has a value that is not finite")
    points = offsets.copy()
    points[:, :2] = np.cumsum(offsets[:, :2], axis=0)
    if np.abs(points).max(initial=0) > np.finfo(np.float32).max:
        raise ValueError("stroke-3 has offsets that lead beyond any picture")
    return Sketch.from_points(points.astype(np.float32))


def to_stroke5(sketch: Sketch, max_points: int) -> Floats:
    """Offsets with a three-state pen, float32 `[max_points + 1, 5]`, start point first.

    Row 0 is (0, 0, 1, 0, 0); then dx, dy and one of pen down, pen up, end of drawing. Rows after the
    drawing are (0, 0, 0, 0, 1) (Ha & Eck 2017, section 3.1). Raises ValueError when the drawing has more than
    `max_points` points.
    """
    rows = to_stroke3(sketch)
    if len(rows) > max_points:
        raise ValueError(f"the drawing has {len(rows)} points, more than max_points = {max_points}")
    big = np.zeros((max_points + 1, 5), np.float32)
    big[0, 2] = 1
    big[1 : len(rows) + 1, :2] = rows[:, :2]
    big[1 : len(rows) + 1, 2] = 1 - rows[:, 2]
    big[1 : len(rows) + 1, 3] = rows[:, 2]
    big[len(rows) + 1 :, 4] = 1
    return big


def from_stroke5(rows: ArrayLike) -> Sketch:
    """The inverse of `to_stroke5`: `[points, 5]` with its start point, up to the first end-of-drawing row."""
    big = np.asarray(rows, dtype=np.float64)
    if big.ndim != 2 or big.shape[1] != 5:
        raise ValueError(f"stroke-5 has shape {big.shape}, expected [points, 5]")
    ends = np.flatnonzero(big[:, 4] > 0.5)
    used = big[1 : ends[0] if len(ends) else len(big)]
    return from_stroke3(used[:, [0, 1, 3]])


def fit_to_box(sketch: Sketch, size: float, margin: float = 0.0) -> Sketch:
    """Scale a drawing, keeping its proportions, and centre it in a square of `size` units.

    `margin` units stay free on each side. A drawing without extent (one dot) goes to the centre
    unscaled. Raises ValueError if nothing is drawn or no room is left.
    """
    room = size - 2 * margin
    if room <= 0:
        raise ValueError(f"a margin of {margin} leaves no room in a box of {size}")
    low, high = (corner.astype(np.float64) for corner in sketch.bounds())
    extent = float((high - low).max())
    scale = room / extent if extent > 0 else 1.0
    shift = size / 2 - scale * (low + high) / 2
    return Sketch.of([stroke * scale + shift for stroke in sketch.strokes])


def concatenate(strokes: Sequence[Floats]) -> tuple[Floats, NDArray[np.int64]]:
    """All points in one float32 `[points, 2]` and the start index of every stroke, int64 `[strokes]`."""
    lengths = [len(stroke) for stroke in strokes]
    return np.concatenate(strokes), np.cumsum([0, *lengths[:-1]])
