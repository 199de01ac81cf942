"""Bitmaps of drawings: every format and polarity gives the rasteriser's picture; bad files a sentence."""

from __future__ import annotations

import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

from sketchspace.errors import UserError
from sketchspace.pictures.bitmaps import load_drawing, load_photo
from sketchspace.pictures.ink import bounding_box, find_ink, is_line_drawing, line_width
from sketchspace.sketch.quickdraw import parse_quickdraw
from sketchspace.sketch.raster import line_width_of, rasterize
from sketchspace.sketch.strokes import Sketch
from tests.image_files import HOUSE, all_formats, encoded, likeness, picture, saved


@pytest.fixture(scope="module")
def sketches(shared_data):
    """Forty real drawings of different classes."""
    with zipfile.ZipFile(shared_data / "quickdraw" / "simplified_first25.zip") as archive:
        lines = [archive.read(name).splitlines()[5] for name in archive.namelist()[::7]]
    return [parse_quickdraw(line).sketch for line in lines[:40]]


@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize(("canvas", "pen"), [(800, 1), (800, 2), (800, 6), (800, 17), (256, 1), (256, 5)])
def test_any_pen_on_any_canvas_gives_the_rasterisers_picture(sketches, size, canvas, pen):
    pictures = [load_drawing(encoded(picture(sketch, canvas, pen)), size).pixels for sketch in sketches]
    wanted = [rasterize(sketch, size) for sketch in sketches]
    alike = [likeness(one, other) for one, other in zip(pictures, wanted, strict=True)]
    assert np.mean(alike) > 0.965
    assert min(alike) > 0.9
    darkness = np.sum(255.0 - np.stack(pictures)) / np.sum(255.0 - np.stack(wanted))
    assert 0.85 < darkness < 1.2


def test_plain_shrinking_would_not_do(sketches):
    shrunk = [
        cv2.resize(picture(sketch, 800, 2), (64, 64), interpolation=cv2.INTER_AREA) for sketch in sketches
    ]
    assert np.mean([likeness(a, rasterize(b, 64)) for a, b in zip(shrunk, sketches, strict=True)]) < 0.5


def test_a_fat_marker_becomes_a_thin_pen(sketches):
    pictures = [load_drawing(encoded(picture(sketch, 800, 30)), 64).pixels for sketch in sketches]
    wanted = [rasterize(sketch, 64) for sketch in sketches]
    assert np.mean([likeness(one, other) for one, other in zip(pictures, wanted, strict=True)]) > 0.9
    assert np.sum(255.0 - np.stack(pictures)) / np.sum(255.0 - np.stack(wanted)) < 1.3


def test_the_rasterisers_own_picture_passes_nearly_unchanged(sketches):
    for size in (64, 128, 256):
        alike = [
            likeness(load_drawing(encoded(rasterize(s, size)), 64).pixels, rasterize(s, 64)) for s in sketches
        ]
        assert np.mean(alike) > 0.92


@pytest.mark.parametrize("name", list(all_formats()))
def test_every_format_and_colour_gives_the_same_drawing(name, tmp_path):
    data = all_formats()[name]
    path = tmp_path / "drawing.img"
    path.write_bytes(data)
    loaded = load_drawing(path, 64)
    assert loaded.pixels.shape == (64, 64)
    assert loaded.pixels.dtype == np.uint8
    assert likeness(loaded.pixels, rasterize(HOUSE, 64)) > 0.93
    assert ("white on black inverted" in loaded.notes) == name.startswith("white on black")
    assert np.array_equal(load_drawing(data, 64).pixels, loaded.pixels)


def test_decisions_are_told():
    grey = picture(HOUSE, 300, 4)
    transparent = np.dstack([np.zeros((300, 300, 3), np.uint8), 255 - grey])
    assert load_drawing(encoded(transparent), 64).notes[0] == "transparent background put on white"
    assert "cropped to the ink" in load_drawing(encoded(grey), 64).notes
    assert "thin lines thickened" in load_drawing(encoded(picture(HOUSE, 800, 2)), 64).notes
    assert "thick lines thinned" in load_drawing(encoded(picture(HOUSE, 800, 30)), 64).notes
    white = np.dstack([np.full((300, 300, 3), 255, np.uint8), 255 - grey])
    assert "white lines on a transparent background made black" in load_drawing(encoded(white), 64).notes


def test_a_photographed_page_with_a_shadow_is_read(sketches):
    rng = np.random.default_rng(0)
    slope = np.linspace(0.45, 1, 600)[:, None] * np.linspace(1, 0.75, 600)[None]
    alike = []
    for sketch in sketches[:12]:
        page = (60 + 0.7 * picture(sketch, 600, 5)) * slope + rng.normal(0, 3, (600, 600))
        loaded = load_drawing(encoded(page.clip(0, 255).astype(np.uint8), "JPEG", quality=70), 64)
        assert "uneven light on the paper evened out" in loaded.notes
        assert "white on black inverted" not in loaded.notes
        alike.append(likeness(loaded.pixels, rasterize(sketch, 64)))
    assert np.mean(alike) > 0.93


def test_real_drawings_and_photos_are_told_apart(shared_data):
    def drawn(archive_name: str, kind: str, suffix: str) -> float:
        with zipfile.ZipFile(shared_data / archive_name) as archive:
            names = [name for name in archive.namelist() if kind in name and name.endswith(suffix)]
            notes = [load_drawing(archive.read(name), 64).notes for name in names[:: len(names) // 40]]
        return float(np.mean([not any("photo" in note for note in several) for several in notes]))

    assert drawn("tuberlin/png_227.zip", "", ".png") == 1
    assert drawn("sketchy/sketch_256.zip", "", ".png") == 1
    assert drawn("qmul_shoes_chairs/shoes.zip", "sketches", ".png") == 1
    assert drawn("omniglot/images_background_small1.zip", "", ".png") == 1
    assert drawn("sketchy/photo_128.zip", "", ".jpg") < 0.25


def test_transparent_real_sketches_are_not_blank(shared_data):
    with zipfile.ZipFile(shared_data / "qmul_shoes_chairs" / "chairs.zip") as archive:
        names = [name for name in archive.namelist() if "sketches" in name and name.endswith(".png")][::20]
        for name in names:
            loaded = load_drawing(archive.read(name), 64)
            assert "transparent background put on white" in loaded.notes or loaded.pixels.min() < 50
            assert 0.02 < np.mean(loaded.pixels < 128) < 0.5


@pytest.mark.parametrize("tone", [0, 128, 255])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_blank_picture_says_that_nothing_is_drawn(tone, mode):
    with pytest.raises(UserError, match="nothing is drawn here"):
        load_drawing(saved(Image.new(mode, (50, 40), (tone,) * len(mode)), "PNG"), 64)


def test_jpeg_noise_on_blank_paper_is_no_drawing():
    noisy = np.random.default_rng(0).normal(240, 3, (100, 100)).clip(0, 255).astype(np.uint8)
    with pytest.raises(UserError, match="nothing is drawn here"):
        load_drawing(encoded(noisy, "JPEG"), 64)


def test_a_single_dot_is_a_dot():
    blank = np.full((100, 100), 255, np.uint8)
    blank[40:42, 60:62] = 0
    loaded = load_drawing(encoded(blank), 64)
    assert np.array_equal(loaded.pixels, rasterize(Sketch.of([[[0, 0]]]), 64))
    assert "only a dot" in loaded.notes


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 300), (300, 1), (3, 3000), (5, 5)])
def test_odd_shapes_are_a_picture_or_a_user_error(shape):
    rng = np.random.default_rng(1)
    for pixels in (rng.integers(0, 256, shape), np.eye(*shape) * 255, 255 - np.eye(*shape) * 255):
        data = encoded(pixels.astype(np.uint8))
        assert load_photo(data, 64).shape == (64, 64)
        try:
            assert load_drawing(data, 64).pixels.shape == (64, 64)
        except UserError as error:
            assert "nothing is drawn" in str(error)


def test_a_photo_is_fitted_whole_on_white():
    grey = np.full((50, 100), 100, np.uint8)
    pixels = load_photo(encoded(grey), 64)
    assert (pixels[16:48] == 100).all()
    assert (pixels[:16] == 255).all()
    assert (pixels[48:] == 255).all()
    colour = np.zeros((10, 10, 3), np.uint8)
    colour[:] = (255, 0, 0)
    assert load_photo(encoded(colour), 8)[4, 4] == 76  # 0.299 of red in luma


@pytest.mark.parametrize("width", [3, 5, 8, 13, 20])
def test_line_width_is_measured(width):
    canvas = np.zeros((400, 400), np.uint8)
    for end in ((350, 60), (300, 340), (60, 350)):
        cv2.line(canvas, (50, 50), end, 255, 1)
    lines = cv2.distanceTransform(255 - canvas, cv2.DIST_L2, 5) <= width / 2 - 0.25
    assert line_width(lines.astype(np.uint8) * 255) == pytest.approx(width, abs=1.1)


def test_ink_is_found_with_its_box():
    pixels = np.full((100, 120), 250, np.uint8)
    pixels[20:25, 30:70] = 10
    ink = find_ink(pixels)
    assert ink is not None
    assert ink.amount[22, 50] == 255
    assert ink.amount[0, 0] == 0
    assert bounding_box(ink.amount) == (slice(20, 25), slice(30, 70))
    assert is_line_drawing(ink.tone)
    assert ink.notes == ()


def test_solid_shapes_are_not_hollowed_out():
    disc = np.full((400, 400), 255, np.uint8)
    cv2.circle(disc, (200, 200), 120, 0, -1)
    loaded = load_drawing(encoded(disc), 64)
    assert "solid shapes kept" in loaded.notes
    assert np.mean(loaded.pixels < 128) == pytest.approx(np.pi / 4 * 0.88, abs=0.1)
    assert loaded.pixels[:, 32].min() == 0
    assert line_width_of(64) == pytest.approx(4 / 3)
