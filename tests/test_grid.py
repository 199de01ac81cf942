"""The compact sheet: every tile where it belongs, its colour by verdict, sizes that are refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sketchspace.answers import grid
from sketchspace.answers.grid import GridBlock, GridRow, GridTile, grid_sheet, write_grid
from sketchspace.errors import UserError

BLACK = np.zeros((32, 32), np.uint8)


def black_squares(sheet):
    """Tiles that are black as a whole: how many regions of more than half a tile's area there are."""
    dark = (sheet.max(axis=2) < 20).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(dark)
    return int((stats[1:, cv2.CC_STAT_AREA] > grid.TILE**2 / 2).sum())


def test_every_tile_and_lead_is_drawn_once():
    row = GridRow("a run", ((GridTile(BLACK),) * 3, (GridTile(BLACK, "x"),) * 2))
    blocks = [GridBlock((row, row), BLACK, "query: ant", "key"), GridBlock((row,), BLACK)]
    assert black_squares(grid_sheet(blocks, "Title", ("left", "right"))) == 3 * 5 + 2


def test_rows_of_different_length_and_missing_groups_fit():
    rows = (GridRow("a", ((GridTile(BLACK),) * 4,)), GridRow("b", ((), (GridTile(BLACK),))))
    assert black_squares(grid_sheet([GridBlock(rows)], "Title")) == 5


def test_frames_tell_right_from_wrong():
    def colours(verdict):
        tile = GridTile(np.full((8, 8), 255, np.uint8), "ant", verdict)
        sheet = grid_sheet([GridBlock((GridRow("a", ((tile,),)),))], "").astype(int)
        return (sheet[..., 1] - sheet[..., 0] > 50).sum(), (sheet[..., 0] - sheet[..., 1] > 50).sum()

    (green, none), (zero, red), neutral = colours("right"), colours("wrong"), colours("neutral")
    assert green > 300 and red > 300 and none == zero == 0 and neutral == (0, 0)


def test_written_picture_is_the_sheet(tmp_path):
    blocks = [GridBlock((GridRow("a", ((GridTile(BLACK, verdict="right"),),)),))]
    write_grid(tmp_path / "new" / "grid.png", blocks, "Title")
    read = cv2.cvtColor(cv2.imread(str(tmp_path / "new" / "grid.png")), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(read, grid_sheet(blocks, "Title"))


def test_nothing_and_too_much_are_refused():
    with pytest.raises(UserError, match="one picture or more"):
        grid_sheet([GridBlock((GridRow("a", ((),)),))], "Title")
    many = GridBlock((GridRow("a", ((GridTile(BLACK),),)),) * 300)
    with pytest.raises(UserError, match="fewer drawings"):
        grid_sheet([many], "Title")
