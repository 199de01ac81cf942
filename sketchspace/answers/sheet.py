"""The contact sheet: each query, what the network saw of it, and its hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from sketchspace.answers import tiles
from sketchspace.answers.tiles import COLOURS, FRAME, INK, PAPER, QUIET, Corner, Pixels, Verdict
from sketchspace.errors import UserError
from sketchspace.files import write_bytes

TILE, PADDING, CAPTION, GAP = 160, 8, 50, 14
CELL = (TILE + 2 * PADDING, TILE + PADDING + CAPTION)
STEP = (CELL[0] + GAP, CELL[1] + GAP)
MARGIN, HEADER, ROW_GAP, ASIDE = 40, 92, 44, 30
MAX_SIDE = 16_000


@dataclass(frozen=True, eq=False)
class Tile:
    """One hit: its picture uint8 `[h, w]` or RGB `[h, w, 3]`, rank from 1, squared distance, class name."""

    picture: Pixels
    rank: int
    distance: float
    class_name: str


@dataclass(frozen=True, eq=False)
class SheetRow:
    """One query with its hits, best first.

    `given` is the query as the user gave it, uint8 `[h, w]` or RGB `[h, w, 3]`; `seen` is the network's
    input, uint8 `[size, size]`; 255 is paper. `true_class` decides which hits are marked right or wrong;
    without it none is. `guess` is one line under the network's input, such as "cat 91 %".
    """

    name: str
    given: Pixels
    seen: Pixels
    tiles: tuple[Tile, ...]
    true_class: str | None = None
    guess: str = ""

    def verdict(self, tile: Tile) -> Verdict:
        """Whether a hit has the query's class; neutral where that is not known."""
        if self.true_class is None:
            return "neutral"
        return "right" if tile.class_name == self.true_class else "wrong"


def write_sheet(path: Path, rows: Sequence[SheetRow], title: str, columns: int | None = None) -> None:
    """Draw the rows with `contact_sheet` and write them as a PNG, whole or not at all."""
    sheet = cv2.cvtColor(contact_sheet(rows, title, columns), cv2.COLOR_RGB2BGR)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, cv2.imencode(".png", sheet)[1].tobytes())


def contact_sheet(rows: Sequence[SheetRow], title: str, columns: int | None = None) -> Pixels:
    """All rows under one title line, RGB uint8 `[h, w, 3]`.

    `columns` hits stand side by side (default: 5 for one query, up to 8 for several). Raises `UserError`
    for no rows, and where the sheet would be more than 16,000 pixels high or wide.
    """
    if not rows:
        raise UserError("a contact sheet needs one query or more")
    longest = max(1, *(len(row.tiles) for row in rows))
    columns = min(longest, columns or (5 if len(rows) == 1 else 8))
    layout = _Layout(columns, stacked=longest > columns)
    heights = [layout.height(row) for row in rows]
    width, height = layout.width, HEADER + sum(heights) + ROW_GAP * (len(rows) - 1) + MARGIN
    if max(width, height) > MAX_SIDE:
        raise UserError(
            f"the sheet would have {width} x {height} pixels; ask for fewer hits or fewer queries"
        )
    canvas = Image.new("RGB", (width, height), PAPER)
    tiles.write(ImageDraw.Draw(canvas), (MARGIN, 36), title, 24, width - 2 * MARGIN)
    top = HEADER
    for row, row_height in zip(rows, heights, strict=True):
        if top > HEADER:
            line = top - ROW_GAP // 2
            ImageDraw.Draw(canvas).line([(MARGIN, line), (width - MARGIN - 1, line)], FRAME)
        _draw_row(canvas, row, layout, top)
        top += row_height + ROW_GAP
    return np.asarray(canvas)


@dataclass(frozen=True)
class _Layout:
    """Places within a row. `stacked`: the network's input under the query, beside several lines of hits."""

    columns: int
    stacked: bool

    @property
    def seen(self) -> Corner:
        """Corner of the network's input, from the row's own corner."""
        return (0, STEP[1]) if self.stacked else (STEP[0], 0)

    @property
    def hits(self) -> int:
        """Left edge of the hits, from the row's left edge."""
        return self.seen[0] + CELL[0] + ASIDE

    @property
    def width(self) -> int:
        return 2 * MARGIN + self.hits + self.columns * STEP[0] - GAP

    def height(self, row: SheetRow) -> int:
        """Height of a row: its lines of hits, or the two pictures of the query."""
        lines = max(2 if self.stacked else 1, -(-len(row.tiles) // self.columns))
        return lines * STEP[1] - GAP


def _draw_row(canvas: Image.Image, row: SheetRow, layout: _Layout, top: int) -> None:
    label = f"query: {row.true_class}" if row.true_class else "query"
    _draw_panel(canvas, (MARGIN, top), tiles.fit(row.given, TILE), label, row.name)
    seen = (MARGIN + layout.seen[0], top + layout.seen[1])
    _draw_panel(canvas, seen, tiles.fit_pixels(row.seen, TILE), "what the network saw", row.guess)
    for place, tile in enumerate(row.tiles):
        line, column = divmod(place, layout.columns)
        corner = (MARGIN + layout.hits + column * STEP[0], top + line * STEP[1])
        _draw_hit(canvas, corner, tile, row.verdict(tile))


def _draw_panel(canvas: Image.Image, corner: Corner, picture: Pixels, label: str, note: str) -> None:
    tiles.paste_panel(canvas, corner, CELL)
    canvas.paste(Image.fromarray(picture), (corner[0] + PADDING, corner[1] + PADDING))
    draw, left, top = ImageDraw.Draw(canvas), corner[0] + PADDING + 2, corner[1] + CELL[1] - CAPTION
    tiles.write(draw, (left, top + 8), label, 15, TILE - 4)
    tiles.write(draw, (left, top + 28), note, 13, TILE - 4, QUIET)


def _draw_hit(canvas: Image.Image, corner: Corner, tile: Tile, verdict: Verdict) -> None:
    tiles.paste_card(canvas, corner, CELL, verdict, CAPTION)
    canvas.paste(Image.fromarray(tiles.fit(tile.picture, TILE)), (corner[0] + PADDING, corner[1] + PADDING))
    tiles.paste_mark(canvas, (corner[0] + CELL[0] - 17, corner[1] + 17), verdict)
    draw, left, top = ImageDraw.Draw(canvas), corner[0] + PADDING + 2, corner[1] + CELL[1] - CAPTION
    colour = INK if verdict == "neutral" else COLOURS[verdict][0]
    after = tiles.write(draw, (left, top + 8), f"{tile.rank}", 15, TILE - 4, QUIET) + 8
    tiles.write(draw, (left + after, top + 8), tile.class_name, 15, TILE - 4 - after, colour)
    tiles.write(draw, (left, top + 28), f"distance {tile.distance:.4g}", 13, TILE - 4, QUIET)
