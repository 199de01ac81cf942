"""Part of a drawing: its first points, or fewer points for the same lines.

Points are absolute, float32 `[points, 3]`: x, y, and 1 on the last point of each stroke.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sketchspace.sketch.raster import Pixels, rasterize
from sketchspace.sketch.strokes import Floats, Sketch

LONG_STROKES = ("resample", "truncate")


def first_points(points: Floats, count: int) -> Floats:
    """The first `count` points, at least one, as a drawing: its last point ends a stroke."""
    kept = np.array(points[: max(1, count)], np.float32)
    kept[-1, 2] = 1
    return kept


def limit_points(points: Floats, max_points: int, long_strokes: str) -> Floats:
    """A drawing of at most `max_points` points.

    A longer one is cut there (`truncate`), or every so many points are taken from all of it, the first
    and the last among them (`resample`); the last kept point of a stroke ends it. Shorter ones stay.
    """
    count = len(points)
    if count <= max_points:
        return points
    if long_strokes == "truncate":
        return first_points(points, max_points)
    kept = kept_points(count, max_points)
    stroke = np.cumsum(points[:, 2]) - points[:, 2]
    fewer = np.array(points[kept], np.float32)
    fewer[:, 2] = np.append(stroke[kept][1:] != stroke[kept][:-1], True)
    return fewer


def kept_points(count: int, max_points: int) -> NDArray[np.int64]:
    """Which `max_points` of `count` points are kept, evenly spaced, int64 `[max_points]`."""
    steps = max(1, max_points - 1)
    return (2 * np.arange(max_points) * (count - 1) + steps) // (2 * steps)


def snapshot_ends(points: Floats, snapshots: int) -> NDArray[np.int32]:
    """Indices of `snapshots` pen-ups, int32 `[snapshots]`: evenly spaced over the strokes, the last one last.

    A drawing of fewer strokes has some of them twice.
    """
    ends = np.flatnonzero(np.append(points[:-1, 2] > 0.5, True))
    chosen = -(-(np.arange(1, snapshots + 1) * len(ends)) // snapshots) - 1
    return ends[chosen].astype(np.int32)


def draw_snapshots(points: Floats, ends: NDArray[np.int32], size: int) -> Pixels:
    """Pictures after the points `ends`, uint8 `[snapshots, size, size]`, each fitted to its own box."""
    pictures = np.empty((len(ends), size, size), np.uint8)
    for row, end in enumerate(ends):
        if row and end == ends[row - 1]:
            pictures[row] = pictures[row - 1]
        else:
            pictures[row] = rasterize(Sketch.from_points(points[: end + 1]), size)
    return pictures
