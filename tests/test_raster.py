"""The one rasteriser: what a picture must not depend on, and what must be in it."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sketchspace.sketch.raster import MARGIN, PEN_WIDTH, drawing_room, line_width_of, rasterize
from sketchspace.sketch.strokes import Sketch

_WHOLE = st.tuples(st.integers(-300, 300), st.integers(-300, 300))
_SKETCHES = st.lists(st.lists(_WHOLE, min_size=1, max_size=8), min_size=1, max_size=6).map(Sketch.of)
_SHIFTS = st.integers(-999, 999)
_SIZES = st.sampled_from([16, 28, 64, 96, 128])


def changed(sketch: Sketch, factor: float, dx: float, dy: float) -> Sketch:
    return Sketch.of(
        [stroke * np.array(factor, np.float32) + np.array([dx, dy], np.float32) for stroke in sketch.strokes]
    )


def ink(pixels) -> float:
    return float((255.0 - pixels).sum() / 255)


@given(_SKETCHES, _SIZES, st.sampled_from([0.25, 1, 2, 3, 7, 100]), _SHIFTS, _SHIFTS)
@settings(max_examples=150)
def test_a_moved_or_enlarged_sketch_has_the_same_bytes(sketch, size, factor, dx, dy):
    assert np.array_equal(rasterize(sketch, size), rasterize(changed(sketch, factor, dx, dy), size))


@given(_SKETCHES, _SIZES)
def test_the_margin_stays_free_and_nothing_is_blank(sketch, size):
    pixels = rasterize(sketch, size)
    assert pixels.shape == (size, size)
    assert pixels.dtype == np.uint8
    free = int(size * MARGIN)
    inner = np.full_like(pixels, 255)
    inner[free : size - free, free : size - free] = pixels[free : size - free, free : size - free]
    assert np.array_equal(inner, pixels)
    assert pixels.min() < 128


@pytest.mark.parametrize("size", [28, 64, 100, 128, 225])
@pytest.mark.parametrize("pen", [1 / 100, PEN_WIDTH, 1 / 12])
def test_without_margin_the_pen_is_not_clipped_at_the_edges(size, pen):
    square = Sketch.of([[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]])
    pixels = rasterize(square, size, pen_width=pen, margin=0)
    middle = pixels[size // 2].astype(float)
    side = 255 - middle[: size // 4]
    # A line inside the picture, well away from the edge, has the same profile and so the same ink.
    cross = Sketch.of([[[0, 0], [1, 1]], [[0, 1], [1, 0]], [[0.5, 0], [0.5, 1]]])
    free = 255.0 - rasterize(cross, size, pen_width=pen, margin=0)[size // 5]
    free = free[size // 2 - size // 8 : size // 2 + size // 8 + 1]
    assert side.sum() == pytest.approx(free.sum(), rel=0.12)


@pytest.mark.parametrize("size", [64, 96, 128, 160, 225, 256])
def test_the_pen_is_as_wide_as_it_says(size):
    line = Sketch.of([[[0, 0], [0, 1]]])
    measured = float((255.0 - rasterize(line, size)[size // 2]).sum() / 255)
    assert measured == pytest.approx(line_width_of(size), rel=0.1)
    assert measured == pytest.approx(size * PEN_WIDTH, abs=0.45)


def test_a_small_picture_keeps_a_visible_pen():
    column = rasterize(Sketch.of([[[0, 0], [0, 1]]]), 16)[8]
    assert (255.0 - column).sum() / 255 == pytest.approx(4 / 3, rel=0.1)


@pytest.mark.parametrize("size", [16, 28, 64, 128, 225])
def test_single_points_are_visible_and_in_place(size):
    alone = rasterize(Sketch.of([[[7, 7]]]), size)
    assert alone.min() < 64
    for axis in (0, 1):
        middle = np.average(np.arange(size), weights=(255.0 - alone).sum(axis=axis))
        assert middle == pytest.approx((size - 1) / 2, abs=0.6)  # dots sit on whole pixels
    frame = [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]
    dots: list[list[list[float]]] = [[[5, 5]], [[5, 5], [5, 5]], [[5, 5], [5.001, 5]]]
    for dot in dots:
        with_dot, without = rasterize(Sketch.of([frame, dot]), size), rasterize(Sketch.of([frame]), size)
        assert ink(with_dot) - ink(without) > 1
        assert with_dot[size // 2 - 1 : size // 2 + 1, size // 2 - 1 : size // 2 + 1].min() < 96


def test_middles_of_lines_fill_the_stated_room():
    pixels = rasterize(Sketch.of([[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]), 128)
    profile = 255.0 - pixels[64]
    left = (profile[:64] * np.arange(64)).sum() / profile[:64].sum()
    right = (profile[64:] * np.arange(64, 128)).sum() / profile[64:].sum()
    assert right - left == pytest.approx(drawing_room(128), abs=0.3)
    assert left + right == pytest.approx(127, abs=0.3)


def test_agrees_with_a_slow_drawing_by_distance():
    points = np.array([[0, 0], [60, 20], [15, 55], [60, 60]], float)
    pixels = rasterize(Sketch.of([points]), 64)
    placed = (points - 30) / 60 * drawing_room(64) + 31.5
    grid = np.stack(np.meshgrid(np.arange(64), np.arange(64)), axis=-1).astype(float)
    distance = np.full((64, 64), np.inf)
    for start, end in pairwise(placed):
        along = np.clip(((grid - start) @ (end - start)) / ((end - start) @ (end - start)), 0, 1)
        nearest = start + along[..., None] * (end - start)
        distance = np.minimum(distance, np.linalg.norm(grid - nearest, axis=-1))
    expected = 255 * (1 - np.clip(line_width_of(64) / 2 - distance + 0.5, 0, 1))
    assert np.corrcoef(expected.ravel(), pixels.ravel())[0, 1] > 0.98
    assert np.abs(expected - pixels).mean() < 3


def test_halving_the_large_canvas_is_plain_rounded_averaging():
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, (256, 256), dtype=np.uint8)
    four = large.reshape(128, 2, 128, 2).astype(int).sum(axis=(1, 3))
    assert np.array_equal(cv2.resize(large, (128, 128), interpolation=cv2.INTER_AREA), (four + 2) // 4)


def test_bytes_are_those_recorded_once():
    sketch = Sketch.of([[[0, 0], [200, 30], [90, 255]], [[40, 200]], [[10, 120], [250, 120]]])
    pictures = {size: rasterize(sketch, size).tobytes() for size in (28, 64, 128, 225)}
    digests = {size: hashlib.sha256(pixels).hexdigest()[:16] for size, pixels in pictures.items()}
    assert digests == {
        28: "9f9308ababea226c",
        64: "2f4edad2549d088c",
        128: "e0c711b315954877",
        225: "f3a45ee1dd012b9d",
    }


def test_what_cannot_be_drawn_is_refused():
    dot = Sketch.of([[[1, 1]]])
    with pytest.raises(ValueError, match="nothing is drawn"):
        rasterize(Sketch.of([]), 64)
    with pytest.raises(ValueError, match="image size"):
        rasterize(dot, 0)
    with pytest.raises(ValueError, match="no room"):
        rasterize(dot, 4, margin=0.4)
    for wrong in ({"margin": -0.1}, {"margin": 0.5}, {"pen_width": 0}, {"pen_width": float("nan")}):
        with pytest.raises(ValueError, match="fractions"):
            rasterize(dot, 64, **wrong)


def test_extreme_coordinates_are_drawn_like_any_others():
    small = Sketch.of([[[1e-30, 0], [0, 1e-30]]])
    large = Sketch.of([[[3e38, -3e38], [-3e38, 3e38]]])
    plain = Sketch.of([[[1, 0], [0, 1]]])
    assert np.array_equal(rasterize(small, 64), rasterize(plain, 64))
    assert np.array_equal(rasterize(large, 64), rasterize(plain, 64))
