"""Contact sheets: what is drawn where, in which colour."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from sketchspace.answers import sheet
from sketchspace.answers.sheet import (
    CAPTION,
    CELL,
    GAP,
    HEADER,
    MARGIN,
    STEP,
    TILE,
    SheetRow,
    Tile,
    contact_sheet,
    write_sheet,
)
from sketchspace.answers.tiles import COLOURS, Verdict, fit, fit_pixels, font_for, shorten
from sketchspace.errors import UserError


def picture(seed, size=64):
    image = np.full((size, size), 255, np.uint8)
    points = np.random.default_rng(seed).integers(4, size - 4, (6, 2), dtype=np.int32)
    cv2.polylines(image, [points], False, 0, 2, cv2.LINE_AA)
    return image


def row(hits=10, true_class=None, size=64):
    tiles = tuple(Tile(picture(n, size), n + 1, n / 3, "cat" if n % 2 == 0 else "dog") for n in range(hits))
    return SheetRow("cat.svg", picture(99, 300), picture(99, size), tiles, true_class, "looks like cat 91 %")


def rgb(colour):
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def frame_colours(pixels, hits, columns, left):
    """The colour in the middle of each card's left edge."""
    found = []
    for place in range(hits):
        line, column = divmod(place, columns)
        found.append(
            tuple(int(v) for v in pixels[HEADER + line * STEP[1] + CELL[1] // 2, left + column * STEP[0]])
        )
    return found


def hits_left(stacked):
    return MARGIN + CELL[0] + sheet.ASIDE + (0 if stacked else STEP[0])


@pytest.mark.parametrize("true_class", [None, "cat", "dog"])
def test_frames_tell_right_from_wrong_and_are_grey_where_nothing_is_known(true_class):
    pixels = contact_sheet([row(10, true_class)], "title")
    verdicts: list[Verdict] = ["neutral"] * 10
    if true_class:
        verdicts = ["right", "wrong"] * 5 if true_class == "cat" else ["wrong", "right"] * 5
    expected = [rgb(COLOURS[verdict][0]) for verdict in verdicts]
    assert frame_colours(pixels, 10, 5, hits_left(True)) == expected


def test_marks_differ_in_shape_and_not_in_colour_alone():
    def mark(true_class):
        pixels = contact_sheet([row(1, true_class)], "")
        x, y = hits_left(False) + CELL[0] - 17, HEADER + 17
        disc = pixels[y - 9 : y + 9, x - 9 : x + 9].min(axis=2)
        return disc > 150

    tick, cross, nothing = mark("cat"), mark("dog"), mark(None)
    assert nothing.mean() > 0.8
    assert 0.05 < tick.mean() < 0.5
    assert 0.05 < cross.mean() < 0.5
    assert (tick != cross).mean() > 0.1


@pytest.mark.parametrize(
    ("hits", "queries", "columns"), [(10, 1, 5), (3, 1, 3), (8, 4, 8), (20, 2, 8), (1, 1, 1), (7, 1, 5)]
)
def test_the_sheet_has_room_for_every_hit(hits, queries, columns):
    pixels = contact_sheet([row(hits) for _ in range(queries)], "title")
    lines = -(-hits // columns)
    width = hits_left(lines > 1) + columns * STEP[0] - GAP + MARGIN
    height = HEADER + queries * (lines * STEP[1] - GAP) + (queries - 1) * sheet.ROW_GAP + MARGIN
    assert pixels.shape == (height, width, 3)
    assert (pixels[:, :MARGIN] == 255).all()
    assert (pixels[:, -MARGIN:] == 255).all()
    assert (pixels[-MARGIN:] == 255).all()


def test_pictures_stand_where_they_belong():
    given = row(10)
    pixels = contact_sheet([given], "title")

    def cell(left, top):
        return pixels[
            top + sheet.PADDING : top + sheet.PADDING + TILE,
            left + sheet.PADDING : left + sheet.PADDING + TILE,
        ]

    np.testing.assert_array_equal(cell(MARGIN, HEADER), fit(given.given, TILE))
    np.testing.assert_array_equal(cell(MARGIN, HEADER + STEP[1]), fit_pixels(given.seen, TILE))
    np.testing.assert_array_equal(
        cell(hits_left(True) + 2 * STEP[0], HEADER + STEP[1]), fit(given.tiles[7].picture, TILE)
    )


def test_captions_are_written_and_differ_by_distance():
    near, far = (contact_sheet([row(1)], title) for title in ("one", "another"))
    assert (near[:HEADER] != far[:HEADER]).any()
    np.testing.assert_array_equal(near[HEADER:], far[HEADER:])
    caption = near[
        HEADER + CELL[1] - CAPTION : HEADER + CELL[1], hits_left(False) + 10 : hits_left(False) + CELL[0] - 10
    ]
    assert (caption < 128).mean() > 0.01


def test_a_query_without_hits_still_has_a_sheet():
    assert contact_sheet([row(0)], "title").shape[0] == HEADER + CELL[1] + MARGIN


@pytest.mark.parametrize("shape", [(20, 60), (60, 20), (500, 100, 3), (1, 1), (64, 64), (3000, 1)])
def test_a_picture_of_any_shape_fits_with_its_proportions(shape):
    fitted = fit(np.zeros(shape, np.uint8), 160)
    assert fitted.shape == (160, 160, 3)
    ink = (fitted[..., 0] < 128).any(axis=0).sum(), (fitted[..., 0] < 128).any(axis=1).sum()
    scale = 160 / max(shape[:2])
    assert ink == (max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale)))


def test_enlarging_a_drawing_keeps_its_ink_and_steepens_its_edges():
    small = picture(5)
    large = fit(small, 160)[..., 0]
    assert abs((255 - large.astype(float)).mean() / (255 - small.astype(float)).mean() - 1) < 0.1
    blurred = cv2.resize(small, (160, 160), interpolation=cv2.INTER_CUBIC)
    assert (
        np.logical_and(large > 30, large < 225).mean()
        < 0.7 * np.logical_and(blurred > 30, blurred < 225).mean()
    )


def test_colours_of_a_picture_survive():
    assert fit(np.full((10, 10, 3), (10, 200, 30), np.uint8), 40)[20, 20].tolist() == [10, 200, 30]


def test_what_the_network_saw_shows_single_pixels():
    seen = np.full((32, 32), 255, np.uint8)
    seen[3, 5] = 0
    large = fit_pixels(seen, 160)[..., 0]
    expected = np.full((160, 160), 255, np.uint8)
    expected[15:20, 25:30] = 0
    np.testing.assert_array_equal(large, expected)


def test_long_names_are_shortened_and_control_characters_do_no_harm():
    assert shorten("cat", 15, 100) == "cat"
    cut = shorten("a very long class name indeed", 15, 100)
    assert cut.endswith("...")
    assert font_for(cut, 15).getlength(cut) <= 100
    tile = Tile(picture(1), 1, float("inf"), "line\nbreak\x1b[31m" + "x" * 5000)
    assert contact_sheet([SheetRow("", picture(1), picture(1), (tile,))], "t" * 9000).shape[1] < 1000


def test_impossible_sheets_are_refused():
    with pytest.raises(UserError, match="one query or more"):
        contact_sheet([], "title")
    with pytest.raises(UserError, match="fewer hits"):
        contact_sheet([row(1)] * 80, "title")


def test_the_same_sheet_has_the_same_bytes_and_is_a_png_on_disk(tmp_path):
    for name in ("a.png", "b.png"):
        write_sheet(tmp_path / "new" / name, [row(4, "dog")], "title")
    assert (tmp_path / "new/a.png").read_bytes() == (tmp_path / "new/b.png").read_bytes()
    stored = np.asarray(Image.open(tmp_path / "new/a.png"))
    np.testing.assert_array_equal(stored, contact_sheet([row(4, "dog")], "title"))


@pytest.mark.parametrize("text", ["ABCxyz 0,123.4 % (a-b)·_", "Mädchen", "éèßñçøåæšžłő", "Жук", "γάτα"])
def test_letters_of_many_alphabets_are_in_the_font(text):
    chosen = font_for(text, 15)
    missing = bytes(chosen.getmask("\u0378"))
    assert [letter for letter in text if letter != " " and bytes(chosen.getmask(letter)) == missing] == []
