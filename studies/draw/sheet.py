"""The picture of what a VRNN draws, beside real drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from evaluation.plots.style import BLUE, GRID, MUTED, TEXT, picture, shown_names

Floats = NDArray[np.float32]
CELL = 1.5
PEN = 1.3


@dataclass(frozen=True, eq=False)
class Row:
    """A real drawing `whole` `[points, 3]`, whose first `given` points were shown, and its completions."""

    class_name: str
    whole: Floats
    given: int
    completions: Sequence[Floats]


def write_sheet(
    path: Path,
    rows: Sequence[Row],
    invented: Sequence[Floats],
    real: Sequence[tuple[str, Floats]],
    title: str,
) -> None:
    """Rows of completions, then drawings from nothing above as many real ones; PNG, whole or not at all."""
    columns = 2 + len(rows[0].completions)
    extra = -(-len(invented) // columns)
    height = len(rows) + 2 * extra
    with picture(path, CELL * columns + 0.2, CELL * height + 1.0) as figure:
        figure.suptitle(title, x=0.02, ha="left", fontsize=12, fontweight="bold")
        grid = figure.subplots(height, columns, squeeze=False)
        for axes in grid.ravel():
            axes.set_axis_off()
        for cells, row in zip(grid, rows, strict=False):
            _draw_row(cells, row)
        names = ("given half", *(f"imagined {n + 1}" for n in range(columns - 2)), "real whole")
        for axes, name in zip(grid[0], names, strict=True):
            axes.set_title(name, fontsize=9, fontweight="normal", color=MUTED)
        below = [(points, "from nothing", 0) for points in invented]
        _draw_block(grid[len(rows) : len(rows) + extra].ravel().tolist(), below)
        compared = [(points, f"real: {shown_names([name])[0]}", len(points)) for name, points in real]
        _draw_block(grid[len(rows) + extra :].ravel().tolist(), compared)


def _draw_row(cells: Sequence[Axes], row: Row) -> None:
    """The half and the whole in one scale; each completion in a scale that shows all of it."""
    _draw(cells[0], row.whole[: row.given], row.given, box=row.whole)
    for axes, points in zip(cells[1:-1], row.completions, strict=True):
        _draw(axes, points, row.given, box=points)
    _draw(cells[-1], row.whole, len(row.whole), box=row.whole)
    cells[0].text(
        0.0, 0.5, shown_names([row.class_name])[0], rotation=90, transform=cells[0].transAxes,
        ha="right", va="center", fontsize=8, color=MUTED,
    )  # fmt: skip


def _draw_block(cells: Sequence[Axes], drawings: Sequence[tuple[Floats, str, int]]) -> None:
    for axes, (points, name, given) in zip(cells, drawings, strict=False):
        _draw(axes, points, given, box=points)
        axes.set_title(name, fontsize=8, fontweight="normal", loc="center", color=MUTED)


def _draw(axes: Axes, points: Floats, given: int, box: Floats) -> None:
    """Strokes in order: the first `given` points dark; what follows, and the line to it, in colour."""
    start = 0
    for end in (*np.flatnonzero(points[:-1, 2] > 0.5) + 1, len(points)):
        dark, light = points[start : min(end, given)], points[max(start, given - 1) : end]
        if end > given and len(light):
            _line(axes, light, BLUE)
        if len(dark):
            _line(axes, dark, TEXT)
        start = int(end)
    low, high = box[:, :2].min(axis=0), box[:, :2].max(axis=0)
    reach = 0.55 * float((high - low).max() or 1.0)
    middle = (low + high) / 2
    axes.set(
        xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] + reach, middle[1] - reach), aspect=1
    )
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set(color=GRID, linewidth=0.8)


def _line(axes: Axes, points: Floats, colour: str) -> None:
    """A polyline; a stroke of one point is a dot."""
    marker = "o" if len(points) == 1 else None
    axes.plot(
        points[:, 0], points[:, 1], color=colour, linewidth=PEN, marker=marker, markersize=1.5,
        solid_capstyle="round", solid_joinstyle="round", clip_on=True,
    )  # fmt: skip
