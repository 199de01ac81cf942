"""The numeric forms of a sketch: there and back, and the fit to a box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sketchspace.sketch.strokes import (
    Sketch,
    concatenate,
    fit_to_box,
    from_stroke3,
    from_stroke5,
    to_stroke3,
    to_stroke5,
)

_WHOLE = st.tuples(st.integers(-2000, 2000), st.integers(-2000, 2000))
_SKETCHES = st.lists(st.lists(_WHOLE, min_size=1, max_size=12), min_size=1, max_size=15).map(Sketch.of)


def same(first: Sketch, second: Sketch) -> bool:
    return len(first.strokes) == len(second.strokes) and all(
        np.array_equal(one, other) for one, other in zip(first.strokes, second.strokes, strict=True)
    )


@given(_SKETCHES)
def test_every_form_gives_the_same_sketch_back(sketch):
    assert same(Sketch.from_points(sketch.to_points()), sketch)
    assert same(from_stroke3(to_stroke3(sketch)), sketch)
    assert same(from_stroke5(to_stroke5(sketch, sketch.num_points)), sketch)
    assert same(from_stroke5(to_stroke5(sketch, sketch.num_points + 7)), sketch)


def test_forms_of_a_small_sketch_by_hand():
    sketch = Sketch.of([[[1, 2], [4, 2]], [[5, 7]]])
    assert sketch.to_points().tolist() == [[1, 2, 0], [4, 2, 1], [5, 7, 1]]
    assert to_stroke3(sketch).tolist() == [[1, 2, 0], [3, 0, 1], [1, 5, 1]]
    assert to_stroke5(sketch, 4).tolist() == [
        [0, 0, 1, 0, 0],
        [1, 2, 1, 0, 0],
        [3, 0, 0, 1, 0],
        [1, 5, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]


def test_conversions_do_not_reverse_or_reorder_strokes():
    sketch = Sketch.of([[[0, 0], [9, 1]], [[9, 1], [0, 0]]])
    assert from_stroke3(to_stroke3(sketch)).strokes[0].tolist() == [[0, 0], [9, 1]]


@given(_SKETCHES, st.integers(-10_000, 10_000), st.integers(-10_000, 10_000))
def test_stroke3_of_a_moved_sketch_differs_in_the_first_row_only(sketch, dx, dy):
    moved = Sketch.of([stroke + np.array([dx, dy], np.float32) for stroke in sketch.strokes])
    difference = to_stroke3(moved) - to_stroke3(sketch)
    assert difference[0].tolist() == [dx, dy, 0]
    assert not difference[1:].any()


def test_a_long_stroke3_does_not_drift():
    rows = np.tile(np.array([[0.1, -0.1, 0]], np.float32), (100_000, 1))
    end = from_stroke3(rows).strokes[0][-1]
    assert end == pytest.approx([float(np.float32(0.1)) * 1e5, -float(np.float32(0.1)) * 1e5], rel=1e-7)


def test_stroke5_refuses_too_many_points_and_stops_at_the_end_row():
    sketch = Sketch.of([[[0, 0], [1, 1], [2, 2]]])
    with pytest.raises(ValueError, match="3 points, more than max_points = 2"):
        to_stroke5(sketch, 2)
    rows = np.concatenate([to_stroke5(sketch, 4), [[5, 5, 1, 0, 0]]])
    assert from_stroke5(rows).num_points == 3


@pytest.mark.parametrize("rows", [[[1, 2]], [[np.nan, 0, 0]], [1, 2, 3], [[np.inf, 0, 1]]])
def test_stroke3_of_another_form_is_refused(rows):
    with pytest.raises(ValueError, match="stroke-3"):
        from_stroke3(rows)


@pytest.mark.parametrize("polyline", [[[1, 2, 3]], [1, 2], [[np.nan, 1]], [[1, np.inf]]])
def test_a_sketch_refuses_bad_polylines(polyline):
    with pytest.raises(ValueError, match="a stroke has"):
        Sketch.of([polyline])


def test_a_sketch_keeps_its_own_unchangeable_points():
    points = np.zeros((2, 2), np.float32)
    sketch = Sketch.of([points, []])
    points[0, 0] = 9
    assert len(sketch.strokes) == 1
    assert sketch.strokes[0].tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match="read-only"):
        sketch.strokes[0][0, 0] = 1


@given(_SKETCHES, st.floats(1, 500), st.floats(0, 0.4))
def test_a_fitted_sketch_fills_the_box_centred_and_in_proportion(sketch, size, share):
    fitted = fit_to_box(sketch, size, size * share)
    low, high = (corner.astype(float) for corner in fitted.bounds())
    before_low, before_high = (corner.astype(float) for corner in sketch.bounds())
    extent, before = high - low, before_high - before_low
    assert (low + high) / 2 == pytest.approx([size / 2] * 2, abs=1e-4 * size)
    if before.max() > 0:
        assert extent.max() == pytest.approx(size - 2 * size * share, rel=1e-4)
        assert extent * before.max() == pytest.approx(before * extent.max(), abs=1e-3 * size * before.max())


def test_fitting_needs_room_and_a_drawing():
    with pytest.raises(ValueError, match="no room"):
        fit_to_box(Sketch.of([[[0, 0]]]), 10, 5)
    with pytest.raises(ValueError, match="no points"):
        fit_to_box(Sketch.of([]), 10)


def test_concatenated_strokes_know_where_they_start():
    points, starts = concatenate(Sketch.of([[[0, 0], [1, 1]], [[2, 2]], [[3, 3]]]).strokes)
    assert points.shape == (4, 2)
    assert starts.tolist() == [0, 2, 3]
