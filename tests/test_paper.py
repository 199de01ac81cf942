"""Drawings on paper: the sheet is found, and what is not the drawing is left out; nothing else is."""

from __future__ import annotations

import zipfile

import cv2
import numpy as np
import pytest

from sketchspace.pictures.bitmaps import _with_pen, load_drawing
from sketchspace.pictures.clutter import without_clutter
from sketchspace.pictures.ruling import without_ruling
from sketchspace.pictures.sheet import straightened
from sketchspace.sketch.quickdraw import parse_quickdraw
from sketchspace.sketch.raster import rasterize
from studies.paper.conditions import CONDITIONS, drawn, photographed
from tests.image_files import HOUSE, encoded, likeness, picture

DONE = {
    "ruled": ["ruling removed"],
    "squared": ["ruling removed"],
    "dark_table": ["the sheet was found and straightened"],
    "light_table": ["the sheet was found and straightened"],
    "finger": ["something at the edge, as a finger or a table, left out"],
    "frame": ["a frame along the border left out", "a dark edge left out"],
    "signature": ["small marks far from the drawing left out"],
    "specks": ["small marks far from the drawing left out"],
    "scanner_edge": ["a dark edge left out"],
}
"""What is said under a condition."""
LEAST = {"perspective": 0.4, "squared": 0.7, "dark_table": 0.3, "light_table": 0.3, "phone": 0.3}
"""Likeness that is left where the drawing is distorted, which shifts its lines."""
LEFT_OUT = {note for notes in DONE.values() for note in notes}


def alike(pixels, degrees: float = 8.0) -> float:
    """Likeness to the house, which may be turned a little, as a straightened sheet is."""
    found = []
    for angle in np.arange(-degrees, degrees + 0.1, 2):
        turn = cv2.getRotationMatrix2D((0, 0), float(angle), 1)[:, :2]
        found.append(likeness(pixels, rasterize(HOUSE.__class__.of([s @ turn.T for s in HOUSE.strokes]), 64)))
    return max(found)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_house_is_seen_under_every_condition(condition):
    """In three of four pictures at least: a share, as the study measures it."""
    seen = []
    for seed in range(4):
        loaded = load_drawing(photographed(HOUSE, condition, seed), 64)
        seen.append(alike(loaded.pixels) > LEAST.get(condition, 0.8))
        if condition in DONE:
            assert set(DONE[condition]) & set(loaded.notes), (seed, loaded.notes)
    assert sum(seen) >= 3


def test_conditions_are_functions_of_their_seed():
    for condition in CONDITIONS:
        pages = [photographed(HOUSE, condition, seed) for seed in (1, 1, 2)]
        assert np.array_equal(pages[0], pages[1])
        assert not np.array_equal(pages[0], pages[2])
        assert pages[0].dtype == np.uint8 and pages[0].ndim == 3


def test_clean_drawings_lose_nothing(shared_data):
    """Real drawings on a screen and scanned: hardly one is touched."""
    touched = []
    for path in sorted((shared_data / "quickdraw_spg").glob("*_raw.ndjson")):
        for line in path.read_bytes().splitlines()[:6]:
            pixels = rasterize(parse_quickdraw(line, "x").sketch, 400)
            touched.append(any(note in LEFT_OUT for note in load_drawing(pixels, 64).notes))
    with zipfile.ZipFile(shared_data / "tuberlin" / "png_227.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".png")]
        for name in names[:: len(names) // 60]:
            touched.append(any(note in LEFT_OUT for note in load_drawing(archive.read(name), 64).notes))
    assert len(touched) > 140
    assert sum(touched) <= 2


def test_what_is_drawn_is_no_frame_no_table_and_no_ruling():
    page = np.full((400, 400), 255, np.uint8)
    calculator, screen, stripes, box = (page.copy() for _ in range(4))
    cv2.rectangle(calculator, (60, 40), (340, 360), 0, 4)
    for x in range(90, 320, 60):
        for y in range(80, 340, 60):
            cv2.rectangle(calculator, (x, y), (x + 35, y + 35), 0, 3)
    cv2.rectangle(screen, (60, 60), (340, 300), 0, 40)
    for y in range(60, 340, 30):
        cv2.line(stripes, (70, y), (330, y + 3), 0, 3)
    cv2.rectangle(box, (20, 20), (380, 380), 0, 5)
    for drawing in (calculator, screen, stripes, box):
        notes = load_drawing(encoded(drawing), 64).notes
        assert not any(note in LEFT_OUT for note in notes), notes


def test_the_corners_of_a_sheet_are_found_exactly():
    """A checked sheet, put askew by a known warp, comes back as it was."""
    sheet = np.full((400, 400), 250, np.uint8)
    for number in range(1, 4):
        cv2.circle(sheet, (100 * number, 100 * number), 30, 0, 3)
    corners = np.array([[110, 90], [480, 130], [450, 500], [90, 450]], np.float32)
    square = np.array([[0, 0], [400, 0], [400, 400], [0, 400]], np.float32)
    warp = cv2.getPerspectiveTransform(square, corners)
    photo = np.full((600, 600), 90, np.uint8)
    cv2.warpPerspective(sheet, warp, (600, 600), photo, borderMode=cv2.BORDER_TRANSPARENT)
    flat = straightened(photo)
    assert flat is not None
    small = cv2.resize(flat, (400, 400)).astype(float)
    assert np.abs(small - sheet[8:-8, 8:-8][:384, :384].mean()).mean() < 40
    centres = [
        np.argwhere(cv2.resize(flat, (400, 400))[at : at + 100, at : at + 100] < 128) for at in (50, 150, 250)
    ]
    assert all(len(found) for found in centres)
    for at, found in zip((50, 150, 250), centres, strict=True):
        middle = found.mean(axis=0) + at
        assert np.abs(middle - (at + 50)).max() < 14
    assert straightened(sheet) is None


def test_ruling_goes_and_the_pen_over_it_stays():
    darkness = np.zeros((300, 300), np.uint8)
    for y in range(20, 300, 25):
        darkness[y : y + 2] = 70
    pen = np.zeros_like(darkness)
    cv2.line(pen, (60, 40), (200, 260), 230, 4)
    cv2.line(pen, (60, 150), (240, 140), 230, 4)
    clean = without_ruling(np.maximum(darkness, pen))
    assert clean is not None
    assert clean[pen == 0].mean() < 2
    assert (clean[pen == 230] > 150).mean() > 0.97
    assert without_ruling(pen) is None
    assert without_ruling(np.zeros_like(pen)) is None


def test_nothing_is_left_out_where_nothing_would_stay():
    assert without_clutter(np.zeros((300, 300), np.uint8))[1] == ()
    lonely = np.zeros((300, 300), np.uint8)
    lonely[290:295, 290:296] = 200
    assert np.array_equal(without_clutter(lonely)[0], lonely)


def test_small_pictures_are_left_alone(monkeypatch):
    monkeypatch.setattr("sketchspace.pictures.ink.without_clutter", lambda *a, **k: pytest.fail("looked at"))
    load_drawing(encoded(picture(HOUSE, 128, 2)), 64)


@pytest.mark.filterwarnings("error")
def test_slim_and_faint_pictures_are_no_trouble():
    slim = np.full((700, 5), 255, np.uint8)
    slim[100:600, 2] = 0
    assert load_drawing(slim, 64).pixels.min() < 128
    faint = np.full((40, 50), 255, np.uint8)
    faint[10:30, 20:22] = 225
    assert load_drawing(faint, 64).pixels.shape == (64, 64)
    empty = np.zeros((256, 256), np.uint8)
    assert _with_pen(empty, 2.0, 4.0)[0] is empty


def test_the_pages_are_drawings_of_their_size():
    page = drawn(HOUSE, np.random.default_rng(0))
    assert page.shape == (900, 900, 3) and page.max() == 255 and page.min() < 40
