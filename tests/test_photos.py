"""Photos on their way into a network: grey, RGB or edges, as a whole or fitted into the box of drawings."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from sketchspace.errors import UserError
from sketchspace.pictures.bitmaps import load_drawing
from sketchspace.pictures.ink import bounding_box
from sketchspace.pictures.photos import FITS, PHOTO_AS, fit_edges, load_as, load_sketch
from sketchspace.sketch.raster import drawing_room, line_width_of
from tests.image_files import HOUSE, encoded, picture


def photo(height: int = 160, width: int = 240, paper: int = 255, noise: int = 0) -> np.ndarray:
    """A red box with a dark door, off the middle, on a plain background with some noise."""
    rng = np.random.default_rng(0)
    pixels = np.full((height, width, 3), paper, np.int16)
    pixels[30:90, 40:160] = (200, 40, 40)
    pixels[60:90, 90:110] = (40, 20, 20)
    pixels += rng.integers(-noise, noise + 1, pixels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def extent(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of what is not paper."""
    grey = pixels if pixels.ndim == 2 else pixels.min(axis=2)
    rows, columns = bounding_box(255 - grey)
    return rows.start, rows.stop, columns.start, columns.stop


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("photo_as", PHOTO_AS)
def test_shapes_types_and_what_is_shown(photo_as, fit):
    loaded = load_as(photo(), 48, photo_as, fit)
    assert loaded.pixels.dtype == loaded.shown.dtype == np.uint8
    assert loaded.pixels.shape == ((48, 48, 3) if photo_as == "rgb" else (48, 48))
    assert loaded.shown.shape == (48, 48, 3)
    assert np.array_equal(loaded.shown, load_as(photo(), 48, "rgb", fit).pixels)
    if photo_as == "grey":
        assert np.array_equal(loaded.pixels, cv2.cvtColor(loaded.shown, cv2.COLOR_RGB2GRAY))


def test_bytes_files_and_pixels_are_one_photo(tmp_path):
    data = encoded(photo())
    (tmp_path / "a.png").write_bytes(data)
    for photo_as in PHOTO_AS:
        first, *others = (
            load_as(source, 40, photo_as).pixels for source in (photo(), data, tmp_path / "a.png")
        )
        assert all(np.array_equal(first, other) for other in others)


def test_a_square_photo_that_is_kept_is_untouched():
    pixels = np.random.default_rng(3).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    assert np.array_equal(load_as(pixels, 64, "rgb", "keep").pixels, pixels)


def test_kept_photos_keep_their_proportions_with_white_beside():
    kept = load_as(photo(100, 200), 40, "rgb", "keep").pixels
    assert (kept[:10] == 255).all() and (kept[30:] == 255).all()
    assert tuple(kept[20, 20]) == (200, 40, 40)
    assert load_as(photo(200, 100), 40, "grey", "keep").pixels.shape == (40, 40)


@pytest.mark.parametrize("paper", [255, 235, 20])
@pytest.mark.parametrize("photo_as", PHOTO_AS)
def test_objects_fill_the_box_that_drawings_fill_whatever_is_behind_them(photo_as, paper):
    fitted = load_as(photo(paper=paper, noise=5), 64, photo_as, "box").pixels
    top, bottom, left, right = extent(fitted)
    wanted = drawing_room(64) + line_width_of(64)
    assert right - left == pytest.approx(wanted, abs=2)
    assert bottom - top == pytest.approx(wanted / 2, abs=3)
    assert (top + bottom) / 2 == pytest.approx(32, abs=1.5) and (left + right) / 2 == pytest.approx(32, abs=1)


def test_the_frame_of_a_photo_does_not_count_as_the_object():
    framed = photo()
    framed[:2] = framed[-2:] = framed[:, :2] = framed[:, -2:] = 128
    assert np.array_equal(load_as(framed, 64, "rgb", "box").pixels, load_as(photo(), 64, "rgb", "box").pixels)


def test_a_landscape_stays_whole():
    scene = np.random.default_rng(5).integers(0, 255, (90, 90, 3), dtype=np.uint8)
    assert load_as(scene, 64, "rgb", "box").notes == ()
    assert "background taken off" in load_as(photo(), 64, "rgb", "box").notes


def test_edges_in_the_box_have_the_pen_of_drawings():
    edges = load_as(photo(), 64, "edges", "box").pixels
    drawn = load_drawing(encoded(picture(HOUSE, 300, 2)), 64).pixels
    outline = (edges[:, 30] < 128).sum()
    assert outline in (3, 4, 5, 6)  # two lines of 1.33 px, perhaps the door's
    assert edges.min() <= drawn.min() + 20


def test_thin_lines_of_published_edge_maps_survive():
    edges = np.full((256, 256), 255, np.uint8)
    edges[100, 40:200] = edges[150, 40:200] = 0
    for size in (256, 128, 64, 32):
        kept = fit_edges(edges, size)
        assert (kept[:, size // 2] < 100).sum() >= 2, size
    assert np.array_equal(fit_edges(edges, 256), edges)


def test_the_grey_frame_of_published_edge_maps_is_paper_in_the_box_only():
    edges = np.full((256, 256), 255, np.uint8)
    cv2.rectangle(edges, (80, 100), (180, 140), 0)
    framed = edges.copy()
    framed[:2] = framed[-2:] = framed[:, :2] = framed[:, -2:] = 150
    assert np.array_equal(fit_edges(framed, 64, "box"), fit_edges(edges, 64, "box"))
    assert not np.array_equal(fit_edges(framed, 64, "keep"), fit_edges(edges, 64, "keep"))
    empty = np.full((64, 64), 255, np.uint8)
    assert all(fit_edges(empty, 32, fit).min() == 255 for fit in FITS)


def test_kept_drawings_are_untouched_and_keep_place_and_lines():
    canvas = picture(HOUSE, 256, 2, share=0.3)
    assert np.array_equal(load_sketch(encoded(canvas), 256, "keep"), canvas)
    small = load_sketch(encoded(canvas), 64, "keep")
    assert np.allclose(np.array(extent(small)) * 4, extent(canvas), atol=8)
    assert np.array_equal(load_sketch(encoded(canvas), 64), load_drawing(encoded(canvas), 64).pixels)
    clear = np.dstack([np.zeros((256, 256, 3), np.uint8), 255 - canvas])
    assert np.array_equal(load_sketch(encoded(clear), 256, "keep"), canvas)
    inverted = load_sketch(encoded(255 - canvas), 256, "keep")
    assert np.array_equal(inverted, canvas)


def test_wide_canvases_get_paper_above_and_below():
    wide = np.full((50, 100), 255, np.uint8)
    wide[25, 10:90] = 0
    kept = load_sketch(encoded(wide), 50, "keep")
    assert kept.shape == (50, 50) and kept[:12].min() == kept[40:].min() == 255 and kept.min() < 140


def test_what_cannot_be_used_is_one_line(tmp_path):
    blank = np.full((30, 30, 3), 200, np.uint8)
    for wrong in (
        lambda: load_as(blank, 32),
        lambda: load_as(b"", 32),
        lambda: load_as(b"no picture", 32),
        lambda: load_as(encoded(photo())[:90], 32),
        lambda: load_as(tmp_path / "missing.jpg", 32),
        lambda: load_as(photo(), 32, "gray"),
        lambda: load_as(photo(), 32, "grey", "crop"),
        lambda: load_sketch(encoded(blank), 32, "keep"),
    ):
        with pytest.raises(UserError) as error:
            wrong()
        assert "\n" not in str(error.value)


def test_bombs_are_refused_before_they_are_unpacked(tmp_path):
    Image.new("1", (12_000, 12_000)).save(tmp_path / "bomb.png")
    with pytest.raises(UserError, match="megapixels"):
        load_as(tmp_path / "bomb.png", 32)
