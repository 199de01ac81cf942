"""Google's simplification: their own published points, and a slow obvious version."""

from __future__ import annotations

import math
import random
import zipfile
from itertools import pairwise

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sketchspace.sketch.quickdraw import parse_quickdraw
from sketchspace.sketch.simplify import EPSILON, MAX_SAMPLES, simplify_points, simplify_quickdraw
from sketchspace.sketch.strokes import Sketch

_NUMBERS = st.floats(-1000, 1000, width=32)
_STROKES = st.lists(st.tuples(_NUMBERS, _NUMBERS), min_size=1, max_size=10)
_SKETCHES = st.lists(_STROKES, min_size=1, max_size=5).map(Sketch.of)


@pytest.fixture(scope="module")
def pairs(shared_data):
    """Drawings that both files hold: raw line by key, and the simplified record."""
    folder = shared_data / "quickdraw"
    with zipfile.ZipFile(folder / "raw_preview.zip") as archive:
        lines = [line for name in archive.namelist() for line in archive.read(name).splitlines()]
    raw = {orjson.loads(line)["key_id"]: line for line in lines}
    with zipfile.ZipFile(folder / "simplified_first25.zip") as archive:
        lines = [line for name in archive.namelist() for line in archive.read(name).splitlines()]
    records = [orjson.loads(line) for line in lines]
    both = [(raw[record["key_id"]], record) for record in records if record["key_id"] in raw]
    assert len(both) == 6812
    return both


def as_published(sketch: Sketch) -> list[list[list[float]]]:
    return [stroke.T.tolist() for stroke in sketch.strokes]


def test_points_of_real_drawings_are_googles_without_exception(pairs):
    sample = random.Random(0).sample(pairs, 2000)
    for raw, record in sample:
        simplified = as_published(parse_quickdraw(raw).simplified())
        assert simplified == record["drawing"], record["key_id"]


def test_float32_coordinates_cost_less_than_a_hundredth_of_the_drawings(pairs):
    sample = random.Random(1).sample(pairs, 1500)
    equal = [
        as_published(simplify_quickdraw(parse_quickdraw(raw).sketch)) == record["drawing"]
        for raw, record in sample
    ]
    assert 0.985 < np.mean(equal) < 1


def slow_resample(stroke: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Walk along the stroke and put a point at each full px; both ends stay."""
    samples, way, following = [stroke[0]], 0.0, 1
    for (x0, y0), (x1, y1) in pairwise(stroke):
        length = math.sqrt((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0))
        while length > 0 and following <= way + length:
            part = (following - way) / length
            samples.append((x0 * (1 - part) + x1 * part, y0 * (1 - part) + y1 * part))
            following += 1
        way += length
    return [*samples, stroke[-1]]


def slow_peucker(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The textbook recursion; the first of equally far points splits."""
    (x0, y0), (x1, y1) = points[0], points[-1]
    dx, dy = x1 - x0, y1 - y0
    length = math.hypot(dx, dy)
    best, split = 0.0, 0
    for place, (x, y) in enumerate(points[1:-1], 1):
        if length == 0:
            distance = math.sqrt((x - x0) * (x - x0) + (y - y0) * (y - y0))
        else:
            distance = abs((x - x0) * dy - (y - y0) * dx) / length
        if distance > best:
            best, split = distance, place
    if best <= EPSILON:
        return [points[0], points[-1]]
    return slow_peucker(points[: split + 1])[:-1] + slow_peucker(points[split:])


def slow_simplify(sketch: Sketch) -> list[list[tuple[int, int]]]:
    low = sketch.bounds()[0].astype(float)
    extent = float((sketch.bounds()[1].astype(float) - low).max()) or 1.0
    result = []
    for stroke in sketch.strokes:
        scaled = [((x - low[0]) * 255 / extent, (y - low[1]) * 255 / extent) for x, y in stroke.tolist()]
        result.append([(round(x), round(y)) for x, y in slow_peucker(slow_resample(scaled))])
    return result


@given(_SKETCHES)
@settings(max_examples=60, deadline=None)
def test_agrees_with_the_slow_version_but_for_ties(sketch):
    fast = [[tuple(point) for point in stroke.tolist()] for stroke in simplify_quickdraw(sketch).strokes]
    slow = slow_simplify(sketch)
    assert len(fast) == len(slow)
    for one, other in zip(fast, slow, strict=True):
        # A tie in the last bit may move a point along a straight part; the ends and the shape stay.
        assert one == other or (one[0], one[-1]) == (other[0], other[-1])
        assert farthest_off(one, other) <= 2 * EPSILON + 2


def farthest_off(points, line) -> float:
    def to_piece(p, a, b):
        p, a, b = (np.array(corner, float) for corner in (p, a, b))
        along = np.clip((p - a) @ (b - a) / (((b - a) @ (b - a)) or 1), 0, 1)
        return np.linalg.norm(p - a - along * (b - a))

    return max(min(to_piece(point, a, b) for a, b in pairwise(line)) for point in points)


def test_real_drawings_agree_exactly_with_the_slow_version(pairs):
    different = 0
    sample = random.Random(2).sample(pairs, 60)
    for raw, _ in sample:
        sketch = parse_quickdraw(raw).sketch
        fast = [[tuple(point) for point in stroke.tolist()] for stroke in simplify_quickdraw(sketch).strokes]
        different += fast != slow_simplify(sketch)
    assert different <= 1  # math.hypot rounds a few chord lengths otherwise


@given(_SKETCHES)
@settings(max_examples=60, deadline=None)
def test_strokes_keep_their_ends_and_stay_within_0_to_255(sketch):
    simplified = simplify_quickdraw(sketch)
    low, high = sketch.bounds()
    scale = 255 / max(float((high - low).max()), 1e-30)
    assert len(simplified.strokes) == len(sketch.strokes)
    for stroke, raw in zip(simplified.strokes, sketch.strokes, strict=True):
        assert len(stroke) >= 2
        assert np.array_equal(stroke, np.rint(stroke))
        assert 0 <= stroke.min() <= stroke.max() <= 255
        assert np.abs(stroke[[0, -1]] - (raw[[0, -1]] - low).astype(float) * scale).max() < 0.51


def test_small_cases_by_hand():
    dot_and_line = Sketch.of([[[10, 10]], [[10, 10], [60, 10], [110, 10]], [[60, 60]] * 3])
    assert as_published(simplify_quickdraw(dot_and_line)) == [
        [[0, 0], [0, 0]],
        [[0, 255], [0, 0]],
        [[128, 128], [128, 128]],  # 127.5 goes to the even side
    ]
    corner = Sketch.of([[[5, 5], [5, 15], [15, 15]]])
    assert as_published(simplify_quickdraw(corner)) == [[[0, 0, 255], [0, 255, 255]]]
    assert as_published(simplify_quickdraw(Sketch.of([[[3, 4]]]))) == [[[0, 0], [0, 0]]]


def test_a_bend_of_two_pixels_goes_and_a_larger_one_stays():
    def bent(by):
        return simplify_quickdraw(Sketch.of([[[0, 0], [127.5, by], [255, 0]]])).num_points

    assert bent(2.0) == 2
    assert bent(2.2) == 3


def test_an_endless_zigzag_is_sampled_more_coarsely():
    turns = 2_000
    zigzag = np.stack([np.linspace(0, 255, turns), 255.0 * (np.arange(turns) % 2)])
    assert turns * 255 > 10 * MAX_SAMPLES
    simplified = simplify_points(zigzag, np.array([0]))
    assert 100 < simplified.num_points <= MAX_SAMPLES + 2
    assert simplified.bounds()[1].tolist() == [255, 255]


def test_nothing_cannot_be_simplified():
    with pytest.raises(ValueError, match="no points"):
        simplify_quickdraw(Sketch.of([]))
