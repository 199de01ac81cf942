"""Lines over a common axis, each named at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from evaluation.plots.style import GRID, LINES, MUTED, picture

Doubles = NDArray[np.float64]

LETTER = 0.15
"""Least distance of two end labels in inches."""


@dataclass(frozen=True, eq=False)
class Line:
    """One line: `x` and `y` float64 `[n]`; `band` `[n, 2]` is drawn as a shade around it.

    Lines of the same `colour` (a number) belong together; `dashed` tells them apart.
    """

    name: str
    x: Doubles
    y: Doubles
    band: Doubles | None = None
    colour: int = 0
    dashed: bool = False


@dataclass(frozen=True)
class Words:
    """What is written on a picture of lines; `note` is small print under it."""

    title: str
    x: str
    y: str
    note: str = ""


def save_lines(
    path: Path,
    lines: Sequence[Line],
    words: Words,
    *,
    ticks: Sequence[float],
    bottom: float | None = 0.0,
    top: float | None = None,
) -> None:
    """Draw shares (0..1, shown as percentages) over a common axis with marks at `ticks`, in per cent.

    `bottom` and `top` are the ends of the vertical axis, None for just below the lowest and just above the
    highest value. Raises ValueError where there is no line or a line's arrays do not fit.
    """
    if not lines or any(line.x.shape != line.y.shape or not np.isfinite(line.y).all() for line in lines):
        raise ValueError("expected one line or more, each with as many finite values as places")
    reached = np.concatenate([line.y if line.band is None else np.ravel(line.band) for line in lines])
    low, high = float(reached.min()), float(reached.max())
    spare = 0.08 * ((high - low) or 1.0)
    with picture(path, 7.6, 4.8) as figure:
        axes = figure.add_subplot(title=words.title, xlabel=words.x, ylabel=words.y)
        for line in lines:
            _draw(axes, line)
        axes.set_ylim(
            max(0.0, low - spare) if bottom is None else bottom,
            min(1.0, high + spare) if top is None else top,
        )
        axes.set_xlim(min(ticks) - 0.02 * np.ptp(ticks), max(ticks) + 0.01 * np.ptp(ticks))
        axes.set_xticks(ticks)
        axes.xaxis.set_major_formatter("{x:g} %")
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.grid(color=GRID, linewidth=0.6)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        _name_ends(axes, lines, float(np.ptp(axes.get_ylim())) * LETTER / 3.8)
        if words.note:
            figure.supxlabel(words.note, fontsize=7.5, color=MUTED, x=0.02, ha="left")


def _draw(axes: Axes, line: Line) -> None:
    colour = LINES[line.colour % len(LINES)]
    if line.band is not None:
        axes.fill_between(line.x, line.band[:, 0], line.band[:, 1], color=colour, alpha=0.12, linewidth=0)
    style = (0, (4, 2)) if line.dashed else "-"
    (drawn,) = axes.plot(line.x, line.y, color=colour, linewidth=1.7, linestyle=style, clip_on=False)
    drawn.set(marker="o", markersize=3.4, markeredgecolor="white", markeredgewidth=0.6)


def _name_ends(axes: Axes, lines: Sequence[Line], least: float) -> None:
    """Write each line's name and last value right of it, moved up or down where two would touch."""
    right = axes.get_xlim()[1]
    for line, height in zip(lines, spread([float(line.y[-1]) for line in lines], least), strict=True):
        colour, end = LINES[line.colour % len(LINES)], (float(line.x[-1]), float(line.y[-1]))
        text = f"{line.name}  {100 * end[1]:.1f} %"
        gap = 0.03 * (right - axes.get_xlim()[0])
        axes.annotate(
            text, end, (right + gap, height), color=colour, fontsize=8, va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.5, "shrinkA": 1},
        )  # fmt: skip


def spread(wanted: Sequence[float], least: float) -> list[float]:
    """Places nearest to the wanted ones (least squares) that are `least` or more apart, in the same order.

    >>> spread([1.0, 1.0, 5.0], 2.0)
    [0.0, 2.0, 5.0]
    """
    order = sorted(range(len(wanted)), key=lambda number: (wanted[number], number))
    groups: list[tuple[float, int]] = []  # mean of (place - steps below it), members
    for step, number in enumerate(order):
        mean, members = wanted[number] - step * least, 1
        # Pool adjacent violators: with the steps taken off, places must not fall.
        while groups and groups[-1][0] > mean:
            before, count = groups.pop()
            mean, members = (before * count + mean * members) / (count + members), count + members
        groups.append((mean, members))
    level = [mean for mean, members in groups for _ in range(members)]
    placed = [0.0] * len(wanted)
    for step, number in enumerate(order):
        placed[number] = level[step] + step * least
    return placed
