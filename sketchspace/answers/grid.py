"""A compact sheet: blocks of rows, each row a name and groups of small tiles, marked right or wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from sketchspace.answers import tiles
from sketchspace.answers.tiles import COLOURS, FRAME, PAPER, QUIET, Corner, Pixels, Verdict
from sketchspace.errors import UserError
from sketchspace.files import write_bytes

TILE, PADDING, CAPTION, GAP = 92, 6, 20, 8
CELL = (TILE + 2 * PADDING, TILE + 2 * PADDING + CAPTION)
STEP = (CELL[0] + GAP, CELL[1] + GAP)
LEAD, NAME, MARGIN, HEADER, ASIDE = 176, 150, 40, 84, 26
BLOCK_GAP, HEADING = 30, 28
MAX_SIDE = 30_000


@dataclass(frozen=True, eq=False)
class GridTile:
    """One small picture, uint8 `[h, w]` (255 paper), its frame and one line under it."""

    picture: Pixels
    caption: str = ""
    verdict: Verdict = "neutral"


@dataclass(frozen=True, eq=False)
class GridRow:
    """A name with a note under it, then groups of tiles from left to right."""

    name: str
    groups: tuple[tuple[GridTile, ...], ...]
    note: str = ""


@dataclass(frozen=True, eq=False)
class GridBlock:
    """Rows that belong together; `lead` is the larger picture left of them, with two lines under it."""

    rows: tuple[GridRow, ...]
    lead: Pixels | None = None
    title: str = ""
    note: str = ""


def write_grid(
    path: Path, blocks: Sequence[GridBlock], title: str, headings: Sequence[str] = (), note: str = ""
) -> None:
    """Draw the blocks with `grid_sheet` and write them as a PNG, whole or not at all."""
    sheet = cv2.cvtColor(grid_sheet(blocks, title, headings, note), cv2.COLOR_RGB2BGR)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, cv2.imencode(".png", sheet)[1].tobytes())


def grid_sheet(
    blocks: Sequence[GridBlock], title: str, headings: Sequence[str] = (), note: str = ""
) -> Pixels:
    """All blocks under a title and a line of small print, RGB uint8 `[h, w, 3]`.

    `headings` stand above the groups. Raises `UserError` where there is nothing to draw or the sheet would
    be more than 30,000 pixels high or wide.
    """
    rows = [row for block in blocks for row in block.rows]
    if not any(group for row in rows for group in row.groups):
        raise UserError("a sheet needs one picture or more")
    layout = _Layout(_widths(rows), with_lead=any(block.lead is not None for block in blocks))
    heights = [layout.height(block) for block in blocks]
    top = HEADER + (HEADING if headings else 0)
    size = (layout.width, top + sum(heights) + BLOCK_GAP * (len(blocks) - 1) + MARGIN)
    if max(size) > MAX_SIDE:
        raise UserError(f"the sheet would have {size[0]} x {size[1]} pixels; ask for fewer drawings")
    canvas = Image.new("RGB", size, PAPER)
    draw, room = ImageDraw.Draw(canvas), size[0] - 2 * MARGIN
    tiles.write(draw, (MARGIN, 28), title, 22, room)
    tiles.write(draw, (MARGIN, 58), note, 13, room, QUIET)
    for heading, left, count in zip(headings, layout.lefts, layout.counts, strict=False):
        tiles.write(draw, (left, HEADER + 6), heading, 14, count * STEP[0], QUIET)
    for block, height in zip(blocks, heights, strict=True):
        if block is not blocks[0]:
            draw.line([(MARGIN, top - BLOCK_GAP // 2), (size[0] - MARGIN - 1, top - BLOCK_GAP // 2)], FRAME)
        _draw_block(canvas, block, layout, top)
        top += height + BLOCK_GAP
    return np.asarray(canvas)


@dataclass(frozen=True)
class _Layout:
    """Where the groups begin; `counts` are the tiles of the longest row in each group."""

    counts: tuple[int, ...]
    with_lead: bool

    @property
    def name(self) -> int:
        return MARGIN + (LEAD + ASIDE if self.with_lead else 0)

    @property
    def lefts(self) -> list[int]:
        """Left edge of every group, and of what would follow."""
        starts = [self.name + NAME]
        for count in self.counts:
            starts.append(starts[-1] + count * STEP[0] - GAP + ASIDE)
        return starts

    @property
    def width(self) -> int:
        return self.lefts[-1] - ASIDE + MARGIN

    def height(self, block: GridBlock) -> int:
        rows = len(block.rows) * STEP[1] - GAP
        return rows if block.lead is None else max(rows, LEAD + 48)


def _widths(rows: Sequence[GridRow]) -> tuple[int, ...]:
    groups = max(len(row.groups) for row in rows)
    return tuple(
        max(len(row.groups[number]) if number < len(row.groups) else 0 for row in rows)
        for number in range(groups)
    )


def _draw_block(canvas: Image.Image, block: GridBlock, layout: _Layout, top: int) -> None:
    draw = ImageDraw.Draw(canvas)
    if block.lead is not None:
        tiles.paste_panel(canvas, (MARGIN, top), (LEAD, LEAD + 48))
        picture = tiles.fit(block.lead, LEAD - 2 * PADDING)
        canvas.paste(Image.fromarray(picture), (MARGIN + PADDING, top + PADDING))
        tiles.write(draw, (MARGIN + 10, top + LEAD + 4), block.title, 15, LEAD - 20)
        tiles.write(draw, (MARGIN + 10, top + LEAD + 25), block.note, 12, LEAD - 20, QUIET)
    for row in block.rows:
        middle = top + CELL[1] // 2
        tiles.write(draw, (layout.name, middle - 16), row.name, 15, NAME - 12)
        tiles.write(draw, (layout.name, middle + 4), row.note, 12, NAME - 12, QUIET)
        for left, group in zip(layout.lefts, row.groups, strict=False):
            for place, tile in enumerate(group):
                _draw_tile(canvas, (left + place * STEP[0], top), tile)
        top += STEP[1]


def _draw_tile(canvas: Image.Image, corner: Corner, tile: GridTile) -> None:
    tiles.paste_card(canvas, corner, CELL, tile.verdict, CAPTION)
    picture = Image.fromarray(tiles.fit(tile.picture, TILE))
    canvas.paste(picture, (corner[0] + PADDING, corner[1] + PADDING))
    colour = QUIET if tile.verdict == "neutral" else COLOURS[tile.verdict][0]
    place = (corner[0] + PADDING, corner[1] + CELL[1] - CAPTION + 3)
    tiles.write(ImageDraw.Draw(canvas), place, tile.caption, 12, TILE, colour)
    tiles.paste_mark(canvas, (corner[0] + CELL[0] - 15, corner[1] + 15), tile.verdict)
