"""The embedded sample set: its format, its determinism, the hand, and how hard it is."""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections import Counter
from dataclasses import fields, replace
from datetime import datetime

import cv2
import numpy as np
import pytest

from preprocess.sample import drawings as sample
from preprocess.sample.drawings import SAMPLE_CLASSES, shape_of, write_ndjson
from preprocess.sample.hand import Hand, draw_by_hand
from preprocess.sample.shapes.parts import Part, curve, ellipse, line, polygon
from sketchspace.errors import UserError
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.readers import parse_quickdraw

STEADY = Hand(**{field.name: 0 for field in fields(Hand)} | {"step": 0.03})  # type: ignore[arg-type]
SQUARE = polygon("square", (0, 0), (1, 0), (1, 1), (0, 1))


def drawings(word, count, seed=0):
    return [sample.record(word, index, seed) for index in range(count)]


def drawn(parts, **traits):
    return draw_by_hand(parts, replace(STEADY, **traits), np.random.default_rng(3))


def test_files_are_simplified_quickdraw_files_of_every_class(tmp_path):
    paths = write_ndjson(tmp_path / "sample", 6, seed=1)
    assert [path.name for path in paths] == [f"{word}.ndjson" for word in SAMPLE_CLASSES]
    assert sorted(path.name for path in (tmp_path / "sample").iterdir()) == sorted(
        path.name for path in paths
    )
    keys = set()
    for word, path in zip(SAMPLE_CLASSES, paths, strict=True):
        for text in path.read_bytes().splitlines():
            row = json.loads(text)
            assert list(row) == ["word", "countrycode", "timestamp", "recognized", "key_id", "drawing"]
            assert row["word"] == word and isinstance(row["recognized"], bool)
            assert re.fullmatch("[A-Z]{2}", row["countrycode"]) and re.fullmatch(
                r"[1-9]\d{15}", row["key_id"]
            )
            assert datetime.strptime(row["timestamp"], "%Y-%m-%d %H:%M:%S.%f UTC").year == 2017
            points = np.concatenate([np.array(stroke).T for stroke in row["drawing"]])
            # Scaled before it is simplified: an outermost point may be left out within epsilon = 2.
            assert points.dtype.kind == "i" and points.min() >= 0 and points.max() <= 255
            assert points.min(axis=0).max() <= 2 and points.max() >= 253
            assert all(len(stroke) == 2 and len(stroke[0]) >= 2 for stroke in row["drawing"])
            keys.add(row["key_id"])
    assert len(keys) == 6 * len(SAMPLE_CLASSES)


def test_lines_pass_through_the_reader_of_real_files():
    row = sample.record("ice cream", 3, 0)
    drawing = parse_quickdraw(json.dumps(row).encode())
    assert (drawing.word, drawing.key, drawing.kind) == ("ice cream", row["key_id"], "simplified")
    assert [stroke.T.astype(int).tolist() for stroke in drawing.sketch.strokes] == row["drawing"]


def test_a_drawing_depends_on_class_index_and_seed_alone(tmp_path):
    few = write_ndjson(tmp_path / "few", 2, seed=5)
    many = write_ndjson(tmp_path / "many", 4, seed=5)
    other = write_ndjson(tmp_path / "other", 2, seed=6)
    for short, long, else_ in zip(few, many, other, strict=True):
        assert long.read_bytes().startswith(short.read_bytes())
        assert set(else_.read_bytes().splitlines()).isdisjoint(short.read_bytes().splitlines())


def test_keys_are_unique_over_all_classes_and_well_mixed():
    keys = {sample._key(word, index, 0) for word in SAMPLE_CLASSES for index in [*range(3000), 1_999_999]}
    assert len(keys) == 3001 * len(SAMPLE_CLASSES)
    assert min(keys) >= 10**15 and max(keys) < 10**16
    leading = Counter(str(key)[0] for key in keys)
    assert min(leading.values()) > 0.8 * max(leading.values()) and len(leading) == 9


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    whole = sample.record

    def fail(word, index, seed):
        if (word, index) == (SAMPLE_CLASSES[1], 2):
            raise RuntimeError("stopped")
        return whole(word, index, seed)

    monkeypatch.setattr(sample, "record", fail)
    with pytest.raises(RuntimeError):
        write_ndjson(tmp_path, 4, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == [f"{SAMPLE_CLASSES[0]}.ndjson"]


@pytest.mark.parametrize(("per_class", "seed"), [(0, 0), (-1, 0), (3_000_000, 0), (1, -1)])
def test_impossible_numbers_are_user_errors(tmp_path, per_class, seed):
    with pytest.raises(UserError, match="give"):
        write_ndjson(tmp_path, per_class, seed)


def test_an_unknown_class_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'umbrella'"):
        shape_of("umbrela", 0, 0)


@pytest.mark.parametrize("word", SAMPLE_CLASSES)
def test_things_vary_in_their_parts_and_proportions(word):
    shapes = [shape_of(word, index, 0) for index in range(120)]
    assert len(set(shapes)) == 120 and {shape.mirrored for shape in shapes} == {True, False}
    combinations = Counter(tuple(part.name for part in shape.parts()) for shape in shapes)
    assert len(combinations) >= 5
    for shape in shapes:
        parts = shape.parts()
        assert all(
            np.isfinite(p.points).all() and len(p.points) >= 2 and p.points.shape[1] == 2 for p in parts
        )
        mirror = replace(shape, mirrored=not shape.mirrored).parts()
        np.testing.assert_array_equal(parts[0].points * (-1, 1), mirror[0].points)


def test_one_thing_is_drawn_differently_by_different_hands():
    shape = shape_of("shoe", 0, 0)
    first, second, again = (sample.draw(shape, np.random.default_rng(seed))[0] for seed in (1, 2, 1))
    assert [stroke.tolist() for stroke in first] == [stroke.tolist() for stroke in again]
    assert [stroke.tolist() for stroke in first] != [stroke.tolist() for stroke in second]
    thing, hand = (sample._stream("shoe", 0, 0, purpose).random() for purpose in (0, 1))
    assert thing != hand, "a hand that follows its thing's random numbers would give the class away"


def test_a_steady_hand_draws_what_is_meant():
    bow = curve("bow", (-0.5, 0), (0, -0.4), (0.5, 0))
    ring, base, arch = drawn([ellipse("ring", 0, 0, 0.5, 0.5), line("base", (-0.5, 0), (0.5, 0)), bow])
    radius = np.hypot(*(ring - ring.mean(axis=0)).T)
    assert np.abs(radius - 0.5).max() < 0.02 and np.allclose(ring[0], ring[-1])
    np.testing.assert_allclose(base[[0, -1]], [[-0.5, 0], [0.5, 0]], atol=1e-6)
    np.testing.assert_allclose(base[:, 1], 0, atol=1e-9)
    np.testing.assert_allclose(arch[[0, -1]], [[-0.5, 0], [0.5, 0]], atol=1e-6)
    assert arch[:, 1].min() == pytest.approx(-0.4, abs=0.01)
    assert np.diff(base[:, 0]).std() > 0.001, "points are spaced unevenly"


def test_drawings_are_scaled_to_one_and_centred():
    (square,) = drawn([Part("square", SQUARE.points * 40 + 7, closed=True, sides=True)])
    np.testing.assert_allclose(square.min(axis=0), -0.5, atol=0.02)
    np.testing.assert_allclose(square.max(axis=0), 0.5, atol=0.02)


def test_each_habit_shows():
    marks = [line("mark", (x, 0), (x, 1), detail=True) for x in (0, 1, 2)]
    assert len(drawn([SQUARE])) == 1
    assert len(drawn([SQUARE], lifts=1)) == 4
    assert len(drawn([SQUARE], retraces=1)) == 2
    assert len(drawn([SQUARE, *marks], forgets=1)) == 1
    assert len(drawn([line("a", (0, 0), (1, 0)), line("b", (1, 0), (1, 1))], joins=1)) == 1
    assert len(drawn([line("a", (0, 0), (0.1, 0)), line("b", (1, 0), (1, 1))], joins=1)) == 2
    assert drawn([marks[0]], reverses=1)[0][0, 1] > 0 > drawn([marks[0]])[0][0, 1]
    orders = {
        tuple(s[0, 0] for s in draw_by_hand(marks, replace(STEADY, disorder=4), rng)) for rng in rngs(12)
    }
    assert len(orders) > 2
    ends = [draw_by_hand([marks[0]], replace(STEADY, haste=1, ends=0.05), rng)[0][0, 1] for rng in rngs(30)]
    assert min(ends) < -0.51 < -0.49 < max(ends), "lines begin too early and too late"
    gaps = [np.hypot(*(s[0] - s[-1])) for rng in rngs(30) for s in draw_by_hand([SQUARE], gappy(), rng)]
    assert 0.03 < np.mean(gaps) < 0.5


def test_a_misfit_stroke_keeps_its_form():
    """Scaled and turned only: all distances between its points change by one factor."""
    points = [drawn([SQUARE], haste=haste, misfit=0.2)[0] for haste in (0, 1)]
    before, after = (np.hypot(*(p[:, None] - p[None]).transpose(2, 0, 1)) for p in points)
    factor = after.max() / before.max()
    np.testing.assert_allclose(after, before * factor, atol=1e-9)
    assert 0.01 < abs(factor - 1) < 0.5 and abs((points[1][0] - points[1][-1]).sum()) < 1e-9
    assert not np.allclose(points[1], points[0] * factor), "and it is turned"


def test_a_drawing_left_unfinished_lacks_its_end():
    parts = [line("line", (x, 0), (x, 1)) for x in range(10)]
    lengths = [len(draw_by_hand(parts, replace(STEADY, unfinished=True), rng)) for rng in rngs(20)]
    assert 3 <= min(lengths) < max(lengths) <= 9


def test_wobble_is_smooth_and_of_the_stated_size():
    calm = replace(STEADY, haste=1, wobble=0.02)
    (stroke,) = draw_by_hand([line("line", (0, 0), (1, 0))], calm, np.random.default_rng(0))
    assert 0.005 < np.abs(stroke[:, 1]).max() < 0.04
    assert np.abs(np.diff(stroke[:, 1], 2)).max() < 0.01


def test_a_few_scribbles_and_doubtful_drawings_are_not_recognised():
    rows = [row for word in SAMPLE_CLASSES[:5] for row in drawings(word, 120)]
    share = np.mean([row["recognized"] for row in rows])
    assert 0.85 < share < 0.97


def test_strokes_and_points_are_like_those_of_real_files(shared_data):
    """Medians per class against the first 25 drawings of Google's own files (there is no cup among them)."""
    archive = zipfile.ZipFile(shared_data / "quickdraw" / "simplified_first25.zip")
    members = {name.rsplit("/")[-1].removesuffix(".ndjson"): name for name in archive.namelist()}
    common = [word for word in SAMPLE_CLASSES if word in members]
    assert len(common) >= 15
    ratios = []
    for word in common:
        real = [json.loads(text) for text in archive.read(members[word]).splitlines()]
        ratios.append(
            [mine / theirs for mine, theirs in zip(_sizes(drawings(word, 60)), _sizes(real), strict=True)]
        )
    strokes, points = np.array(ratios).T
    assert points.min() >= 0.5 and points.max() <= 2
    assert 0.8 < math.exp(np.log(points).mean()) < 1.25
    assert strokes.min() >= 0.5 and strokes.max() <= 2.5


def test_nearest_neighbour_on_pixels_is_neither_lost_nor_perfect():
    train, test = (np.arange(0, 90), np.arange(90, 120))
    pixels = {word: _pixels(drawings(word, 120)) for word in SAMPLE_CLASSES}
    gallery, queries = (np.concatenate([p[part] for p in pixels.values()]) for part in (train, test))
    squared = (gallery**2).sum(axis=1) - 2 * queries @ gallery.T
    answers = squared.argmin(axis=1) // len(train)
    accuracy = np.mean(answers == np.repeat(np.arange(len(SAMPLE_CLASSES)), len(test)))
    assert 0.70 < accuracy < 0.92


def rngs(count):
    return [np.random.default_rng(seed) for seed in range(count)]


def gappy():
    return replace(STEADY, haste=1, gap=0.08)


def _sizes(rows):
    """Median numbers of strokes and of points."""
    strokes = [len(row["drawing"]) for row in rows]
    points = [sum(len(stroke[0]) for stroke in row["drawing"]) for row in rows]
    return np.median([strokes, points], axis=1)


def _pixels(rows):
    images = [rasterize(parse_quickdraw(json.dumps(row).encode()).sketch, 64) for row in rows]
    small = [cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA) for image in images]
    return np.array(small, np.float64).reshape(len(rows), -1) / 255
