"""Readers: real files, small files by hand, and lines that mean harm."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sketchspace.encoder.stroke_files import read_sketch
from sketchspace.errors import UserError
from sketchspace.sketch.errors import MAX_LINE_BYTES, MAX_POINTS
from sketchspace.sketch.readers import (
    BadDrawing,
    parse_canvas,
    parse_quickdraw,
)
from sketchspace.sketch.svg import parse_svg

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_STROKES = st.lists(st.lists(st.lists(_JSON, max_size=4) | _JSON, max_size=5) | _JSON, max_size=4)
_RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "key_id": st.just("7") | _JSON,
        "word": st.just("cat") | _JSON,
        "recognized": st.booleans() | _JSON,
        "drawing": _STROKES | _JSON,
    },
)


def record(drawing, **changes) -> bytes:
    return json.dumps({"key_id": "7", "word": "cat", "drawing": drawing} | changes).encode()


def reason_of(line: bytes, word: str | None = None) -> str:
    with pytest.raises(BadDrawing) as caught:
        parse_quickdraw(line, word)
    return caught.value.reason


def test_the_three_formats_by_hand():
    simplified = parse_quickdraw(record([[[0, 3, 255], [1, 2, 3]], [[9], [8]]], recognized=False))
    assert (simplified.key, simplified.word, simplified.recognized) == ("7", "cat", False)
    assert simplified.kind == "simplified"
    assert [stroke.tolist() for stroke in simplified.sketch.strokes] == [[[0, 1], [3, 2], [255, 3]], [[9, 8]]]
    assert simplified.simplified() is simplified.sketch

    raw = parse_quickdraw(record([[[0.5, 100.25], [7, 8], [0, 16]]]))
    assert raw.kind == "raw"
    assert raw.sketch.strokes[0].tolist() == [[0.5, 7], [100.25, 8]]
    assert raw.simplified().strokes[0].tolist() == [[0, 0], [255, 3]]

    line = json.dumps({"key_id": 12, "drawing": [[[1, 2], [3, 4], [0, 0], [0, 0]], [[5], [6], [1]]]}).encode()
    parts = parse_quickdraw(line, "pig")
    assert (parts.key, parts.word, parts.kind, parts.recognized) == ("12", "pig", "parts", True)
    assert [stroke.tolist() for stroke in parts.simplified().strokes] == [
        [[0, 0], [64, 64]],
        [[255, 191]] * 2,
    ]


def test_the_word_of_the_record_comes_before_the_one_given():
    assert parse_quickdraw(record([[[1], [2]]]), "dog").word == "cat"


def test_strokes_cannot_be_changed():
    sketch = parse_quickdraw(record([[[1, 2], [3, 4]]])).sketch
    with pytest.raises(ValueError, match="read-only"):
        sketch.strokes[0][0, 0] = 5


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"\xff\xfe", "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (record([[["NaN"], [1]]]).replace(b'"NaN"', b"NaN"), "bad_json"),
        (b"[1]", "not_an_object"),
        (b"null", "not_an_object"),
        (record([[[1], [2]]], key_id=None), "no_key"),
        (record([[[1], [2]]], key_id=""), "no_key"),
        (record([[[1], [2]]], key_id=[1]), "wrong_type"),
        (record([[[1], [2]]], key_id=True), "wrong_type"),
        (record([[[1], [2]]], key_id="k" * 1000), "wrong_type"),
        (record([[[1], [2]]], word=None), "no_class"),
        (record([[[1], [2]]], word=["cat"]), "wrong_type"),
        (record([[[1], [2]]], recognized="yes"), "wrong_type"),
        (record(None), "no_drawing"),
        (record("cat"), "wrong_type"),
        (record([1, 2]), "wrong_type"),
        (record([[[1]]]), "wrong_type"),
        (record([[[1]] * 5]), "wrong_type"),
        (record([["ab", "cd"]]), "wrong_type"),
        (record([]), "empty_drawing"),
        (record([[[], []]]), "empty_drawing"),
        (record([[[1, 2], [3]]]), "unequal_lists"),
        (record([[[1, 2], [3, 4], [0]]]), "unequal_lists"),
        (record([[["1"], [2]]]), "not_a_number"),
        (record([[[None], [2]]]), "not_a_number"),
        (record([[[True], [2]]]), "not_a_number"),
        (record([[[1, False], [2, 3]]], recognized=True), "not_a_number"),
        (record([[[[1]], [2]]]), "not_a_number"),
        (record([[[{"x": 1}], [2]]]), "not_a_number"),
        (record([[[1e30], [2]]]), "not_finite"),
        (record([[[10**18], [2]]]), "not_finite"),
        (record([[[0] * (MAX_POINTS + 1)] * 2]), "too_many_points"),
        (b" " * (MAX_LINE_BYTES + 1), "line_too_long"),
    ],
)
def test_malformed_lines_have_a_stable_reason(line, reason):
    assert reason_of(line) == reason


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 400, "1e39", "9" * 30])
def test_numbers_beyond_all_measure_are_refused(number):
    line = record([[[1], [2]]]).replace(b"[1]", f"[{number}]".encode())
    assert reason_of(line) in ("bad_json", "not_finite")


def test_true_in_a_word_is_not_taken_for_a_coordinate():
    assert parse_quickdraw(record([[[1], [2]]], word="true false", recognized=True)).word == "true false"


def test_a_long_string_among_many_points_takes_no_memory():
    values = [0] * 50_000
    assert reason_of(record([[[*values, "x" * 100_000], [*values, 0]]])) == "not_a_number"


@given(_RECORDS | _JSON)
@settings(max_examples=400, deadline=None)
def test_any_json_is_a_drawing_or_a_bad_drawing(value):
    line = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS) if _fits(value) else json.dumps(value).encode()
    for parse in (lambda data: parse_quickdraw(data, "word").simplified(), parse_canvas):
        try:
            sketch = parse(line)
        except BadDrawing:
            continue
        assert sketch.num_points > 0
        assert all(np.isfinite(stroke).all() for stroke in sketch.strokes)


def _fits(value) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_drawing_or_a_bad_drawing(data):
    for parse in (lambda line: parse_quickdraw(line, "word"), parse_canvas, parse_svg):
        with pytest.raises(BadDrawing):
            parse(data)


def test_every_real_line_is_read(shared_data):
    kinds: dict[str, int] = {}
    for name in ("raw_preview.zip", "simplified_first25.zip"):
        with zipfile.ZipFile(shared_data / "quickdraw" / name) as archive:
            for member in archive.namelist()[::10]:
                for line in archive.read(member).splitlines():
                    drawing = parse_quickdraw(line)
                    obvious = json.loads(line)
                    assert [stroke.T.tolist() for stroke in drawing.sketch.strokes] == [
                        np.float32(stroke[:2]).tolist() for stroke in obvious["drawing"]
                    ]
                    kinds[drawing.kind] = kinds.get(drawing.kind, 0) + 1
    lines = (shared_data / "quickdraw_spg" / "pig_raw.ndjson").read_bytes().splitlines()
    assert {parse_quickdraw(line, "pig").kind for line in lines} == {"parts"}
    assert set(kinds) == {"raw", "simplified"}
    assert min(kinds.values()) > 700


def test_canvas_forms_by_hand():
    expected = [[[1, 2], [3, 4.5]], [[5, 6]]]
    for text in (
        {"strokes": expected},
        expected,
        {"strokes": [[[1, 2, 99], [3, 4.5, 99]], [], [[5, 6, 0.5, 1]]]},
        [[{"x": 1, "y": 2}, {"x": 3, "y": 4.5, "t": 9}], [{"y": 6, "x": 5}]],
        {"lines": [{"points": [{"x": 1, "y": 2}, {"x": 3, "y": 4.5}]}, {"points": [[5, 6]]}], "width": 9},
    ):
        sketch = parse_canvas(json.dumps(text).encode())
        assert [stroke.tolist() for stroke in sketch.strokes] == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ({}, "no_drawing"),
        (5, "no_drawing"),
        ([], "empty_drawing"),
        ({"strokes": [[], []]}, "empty_drawing"),
        ([5], "wrong_type"),
        ([[5]], "wrong_type"),
        ([[[5]]], "wrong_type"),
        ([[["1", 2]]], "not_a_number"),
        ([[[True, 2]]], "not_a_number"),
        ([[{"x": 1}]], "not_a_number"),
        ([[[1e20, 1]]], "not_finite"),
        ([[[1, 1]] * (MAX_POINTS + 1)], "too_many_points"),
    ],
)
def test_malformed_canvas_text_has_a_stable_reason(text, reason):
    with pytest.raises(BadDrawing) as caught:
        parse_canvas(json.dumps(text).encode())
    assert caught.value.reason == reason


def test_query_files_are_read_by_suffix(tmp_path):
    drawing = [[[0, 255], [0, 100]]]
    files = {
        "a.ndjson": record(drawing) + b"\n" + record([[[5, 6], [7, 8]]]),
        "b.ndjson": json.dumps({"drawing": drawing}).encode(),
        "c.json": json.dumps({"drawing": drawing}).encode(),
        "d.json": b'{"strokes": [[[0, 0], [255, 100]]]}',
        "e.SVG": b'<svg><line x2="255" y2="100" stroke="#000"/></svg>',
        "f.ndjson": record([[[0.0, 510.0], [0.0, 200.0], [0, 9]]]),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        assert read_sketch(tmp_path / name).strokes[0].tolist() == [[0, 0], [255, 100]], name
    assert read_sketch(tmp_path / "a.ndjson", line=2).strokes[0].tolist() == [[5, 7], [6, 8]]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.json", b'{"strokes": []}', "nothing is drawn here"),
        ("a.svg", b"<svg/>", "are not what it shows .it has no lines"),
        ("a.ndjson", record([]), "nothing is drawn here"),
        ("a.ndjson", b"", "has no line 1"),
        ("a.json", b"hello", "holds no drawing that can be read"),
        ("a.svg", b"hello", "holds no drawing that can be read"),
        ("a.txt", b"hello", r"expected one of \.svg, \.ndjson, \.json"),
    ],
)
def test_query_files_that_hold_no_drawing_are_explained(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=message):
        read_sketch(tmp_path / name)


def test_missing_query_files_and_lines_are_explained(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        read_sketch(tmp_path / "none.svg")
    with pytest.raises(UserError, match="cannot be read"):
        (tmp_path / "folder.svg").mkdir()
        read_sketch(tmp_path / "folder.svg")
    (tmp_path / "a.ndjson").write_bytes(record([[[1], [2]]]) + b"\n")
    with pytest.raises(UserError, match="no line 3: it has 1"):
        read_sketch(tmp_path / "a.ndjson", line=3)
