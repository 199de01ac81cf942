"""Parts of drawings: cut and asked as an obvious loop does it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from evaluation import partial
from sketchspace.errors import UserError
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch

CLASSES = 4


def drawings(count=37, seed=0):
    """Random drawings of 1 to 60 points in strokes of any length."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        points = rng.uniform(0, 255, (rng.integers(1, 61), 3)).astype(np.float32)
        points[:, 2] = rng.random(len(points)) < 0.2
        points[-1, 2] = 1
        made.append(points)
    return made, rng.integers(0, CLASSES, count).astype(np.int32)


def class_of(points):
    """What the fake encoder takes a drawing for: any function that looks at all points and pen lifts."""
    return int(points[:, 0].sum() * 7 + 13 * points[:, 2].sum() + len(points)) % CLASSES


def fake_encoder(seen=None):
    """Logits of `class_of` for the points up to `read_at`; keeps what it was given in `seen`."""

    def encode(given, read_at):
        logits = np.zeros((len(given), CLASSES), np.float32)
        for number, points in enumerate(given):
            part = points if read_at is None else points[: read_at[number] + 1]
            logits[number, class_of(part)] = 1
        if seen is not None:
            seen.append(read_at)
        return logits

    return encode


def by_loop(made, labels, percent, end_stroke):
    """Share of drawings whose first points, counted in exact fractions, are taken for their class."""
    right = 0
    for points, label in zip(made, labels, strict=True):
        part = points[: math.ceil(Fraction(percent, 100) * len(points))].copy()
        if end_stroke:
            part[-1, 2] = 1
        right += class_of(part) == label
    return right / len(made)


def test_truncated_is_the_obvious_loop():
    made, labels = drawings()
    curve = partial.truncated(fake_encoder(), made, labels)
    expected = [by_loop(made, labels, percent, True) for percent in range(10, 101, 10)]
    np.testing.assert_allclose(curve.accuracy, expected)
    assert curve.mode == "truncated" and curve.percents == tuple(range(10, 101, 10))
    assert 0 < min(expected) < max(expected)


def test_read_out_gives_whole_drawings_and_asks_at_the_same_point():
    made, labels = drawings()
    seen: list = []
    curve = partial.read_out(fake_encoder(seen), made, labels, (10, 50, 100))
    expected = [by_loop(made, labels, percent, False) for percent in (10, 50, 100)]
    np.testing.assert_allclose(curve.accuracy, expected)
    assert curve.mode == "untrained read-out"
    for percent, read_at in zip((10, 50, 100), seen, strict=True):
        kept = [len(partial.truncate(points, percent)) for points in made]
        assert read_at.dtype == np.int32 and read_at.tolist() == [number - 1 for number in kept]


def test_both_ways_agree_on_the_whole_drawing():
    made, labels = drawings()
    ways = [ask(fake_encoder(), made, labels, (100,)) for ask in (partial.truncated, partial.read_out)]
    np.testing.assert_array_equal(ways[0].right, ways[1].right)


def test_points_are_counted_without_rounding_errors():
    for length in range(1, 200):
        for percent in partial.PERCENTS:
            assert partial.points_kept(length, percent) == math.ceil(Fraction(percent * length, 100))


def test_the_last_kept_point_ends_its_stroke_and_the_original_is_untouched():
    points = np.array([[0, 0, 0], [1, 0, 1], [2, 0, 0], [3, 0, 0], [4, 0, 1]], np.float32)
    before = points.copy()
    assert partial.truncate(points, 50).tolist() == [[0, 0, 0], [1, 0, 1], [2, 0, 1]]
    assert partial.truncate(points, 1).tolist() == [[0, 0, 1]]
    np.testing.assert_array_equal(points, before)
    np.testing.assert_array_equal(partial.truncate(points, 100), points)


def test_pictures_are_those_of_the_cut_strokes():
    sketch = Sketch.of([[[0, 0], [100, 0]], [[0, 50], [100, 50]]])
    half = partial.truncate(sketch.to_points(), 50)
    found = partial.pictures([sketch.to_points(), half], 32)
    np.testing.assert_array_equal(found[0], rasterize(sketch, 32))
    np.testing.assert_array_equal(found[1], rasterize(Sketch.of([[[0, 0], [100, 0]]]), 32))


def test_intervals_hold_the_accuracy():
    made, labels = drawings(400)
    curve = partial.truncated(fake_encoder(), made, labels, (30, 100))
    low, high = curve.intervals().T
    assert (low < curve.accuracy).all() and (curve.accuracy < high).all()


@pytest.mark.parametrize("percents", [(), (0,), (101,), (0.5,), (True,)])
def test_nonsense_shares_are_refused(percents):
    made, labels = drawings(3)
    with pytest.raises(ValueError, match="percents"):
        partial.truncated(fake_encoder(), made, labels, percents)


def test_wrong_labels_logits_and_empty_drawings_are_refused():
    made, labels = drawings(3)
    with pytest.raises(ValueError, match="labels"):
        partial.truncated(fake_encoder(), made, labels[:2])
    with pytest.raises(ValueError, match="logits"):
        partial.read_out(lambda given, at: np.full((3, 2), np.nan, np.float32), made, labels)
    with pytest.raises(UserError, match="drawing 1 has no points"):
        partial.truncated(fake_encoder(), [made[0], made[1][:0], made[2]], labels)
