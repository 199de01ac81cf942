"""The sheet of a paired evaluation: sketches, their own photos, and the photos that were found first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from evaluation.plots.style import BLUE, GRID, MUTED, RED, TEXT, picture, shown_names

Pixels = NDArray[np.uint8]

OWN = "#2f855a"
CELL, LINE, LEFT, TOP = 1.15, 0.36, 0.25, 0.75  # inches
ASIDE, HEADING, GAP = 0.22, 0.34, 0.07


@dataclass(frozen=True, eq=False)
class PairRow:
    """One query: its picture, its `own` counterpart at place `rank` (from 1), and the `first` pictures found.

    Pictures are uint8 `[h, w]` (255 paper) or RGB `[h, w, 3]`; `own_place` says where among the first ones
    the own is, None where it is not there.
    """

    name: str
    query: Pixels
    own: Pixels
    rank: int
    first: Sequence[Pixels]
    names: Sequence[str]
    own_place: int | None


def save_pairs(path: Path, groups: Sequence[tuple[str, Sequence[PairRow]]], title: str, note: str) -> None:
    """Groups of queries under their headings: the query, its own photo, then the photos found first.

    The own photo is framed in green wherever it is.
    """
    shown = [(heading, rows) for heading, rows in groups if rows]
    columns = max(len(row.first) for _, rows in shown for row in rows)
    number = sum(len(rows) for _, rows in shown)
    width = 2 * LEFT + 2 * CELL + 2 * ASIDE + columns * CELL
    height = TOP + len(shown) * HEADING + number * (CELL + LINE) + 0.1
    with picture(path, width, height) as figure:
        figure.set_layout_engine("none")  # places are given in inches
        sheet = _Sheet(figure, width, height)
        sheet.write(LEFT, 0.12, title, size=13, weight="bold")
        sheet.write(LEFT, 0.42, note, size=8.5, color=MUTED)
        top = TOP
        for heading, rows in shown:
            sheet.write(LEFT, top + 0.06, heading, size=10.5, weight="bold", color=BLUE)
            top += HEADING
            for row in rows:
                _draw_row(sheet, row, top)
                top += CELL + LINE


class _Sheet:
    """Pictures and words at places in inches from the upper left corner."""

    def __init__(self, figure: Figure, width: float, height: float) -> None:
        self.figure, self.width, self.height = figure, width, height

    def write(self, left: float, top: float, text: str, size: float, **look: Any) -> None:
        """One line of text whose upper left corner is there."""
        place = (left / self.width, 1 - top / self.height)
        self.figure.text(*place, text, fontsize=size, va="top", ha="left", **look)

    def show(self, left: float, top: float, image: Pixels, caption: str, frame: str | None) -> None:
        """A picture with a line under it, framed in a colour if one is given."""
        side = CELL - GAP
        place = (
            left / self.width,
            1 - (top + side) / self.height,
            side / self.width,
            side / self.height,
        )
        axes = self.figure.add_axes(place, xticks=[], yticks=[])
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
        axes.spines[:].set(color=frame or GRID, linewidth=2.6 if frame else 0.8)
        self.write(left, top + side + 0.05, caption, size=7, color=frame or TEXT)


def _draw_row(sheet: _Sheet, row: PairRow, top: float) -> None:
    sheet.show(LEFT, top, row.query, shown_names([row.name])[0], None)
    rank_colour = OWN if row.rank == 1 else RED
    sheet.show(LEFT + CELL, top, row.own, f"own photo: place {row.rank}", rank_colour)
    left = LEFT + 2 * CELL + ASIDE
    for place, (image, name) in enumerate(zip(row.first, row.names, strict=True)):
        frame = OWN if place == row.own_place else None
        caption = f"{place + 1}  {name}"
        sheet.show(left + place * CELL, top, image, shown_names([caption])[0], frame)
