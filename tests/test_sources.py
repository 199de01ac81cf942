"""Quick, Draw! files as they come: lines, faults, classes, formats."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.pipeline import build
from preprocess.sources import ndjson_lines, quickdraw
from preprocess.spec import Chunk, Options
from sketchspace.errors import UserError
from sketchspace.sketch.errors import MAX_LINE_BYTES, MAX_POINTS
from tests.ndjson_fixture import line, write_classes, write_lines
from tfrecords.dataset import DatasetFolder
from tfrecords.manifest import Manifest
from tfrecords.schema import Record
from tfrecords.verify import verify

SMALL = Options(image_size=16, splits="train:20,validation:5,test:5")


def records(folder: Path) -> dict[str, Record]:
    """All records of a data set by key."""
    dataset = DatasetFolder.open(folder)
    return {record.key: record for split in dataset.manifest.counts for record in dataset.records(split)}


def made(folder: Path, lines: list[bytes], end: bytes = b"\n", **options: Any) -> Manifest:
    """A data set, all of it training, from one file of lines."""
    source = write_lines(folder / "source" / "cat.ndjson", lines, end)
    return build("quickdraw", [source], folder / "out", Options(image_size=16, splits="1,0", **options))


@settings(deadline=None)
@given(st.binary(max_size=200).map(lambda data: data.replace(b"\x07", b"\n")), st.lists(st.integers(0, 200)))
def test_chunks_give_every_line_once(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, edges: list[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines"
    path.write_bytes(data)
    cuts = sorted({0, len(data), *(edge for edge in edges if edge < len(data))})
    found = [item for start, end in pairwise(cuts) for item in ndjson_lines.lines(path, start, end)]
    expected, offset = [], 3 if data.startswith(b"\xef\xbb\xbf") else 0
    for text in _split(data[offset:]):
        expected.append((offset, text))
        offset += len(text) + 1
    assert found == expected


def _split(data: bytes) -> list[bytes]:
    """Lines without their newlines; nothing after the last newline is no line."""
    parts = data.split(b"\n")
    return parts[:-1] if parts[-1] == b"" else parts


def test_cuts_cover_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson_lines, "CHUNK_BYTES", 10)
    assert list(ndjson_lines.cuts(25)) == [(0, 10), (10, 20), (20, 25)] and list(ndjson_lines.cuts(0)) == []


@pytest.mark.parametrize(
    ("begin", "end", "final"),
    [
        (b"", b"\r\n", b""),
        (b"\xef\xbb\xbf", b"\n", b""),
        (b"", b"\n \n\n\t\r\n", b""),
        (b"\n\n", b"\n", b"no newline"),
    ],
)
def test_line_ends_byte_order_marks_and_blank_lines_do_not_matter(
    tmp_path: Path, begin: bytes, end: bytes, final: bytes
) -> None:
    lines = [line(key) for key in range(30)]
    plain = made(tmp_path / "plain", lines)
    path = write_lines(tmp_path / "other" / "cat.ndjson", lines, end)
    data = begin + path.read_bytes()
    path.write_bytes(data.rstrip() if final else data)
    other = build("quickdraw", [path], tmp_path / "other" / "out", Options(image_size=16, splits="1,0"))
    assert (other.shards, other.fingerprint, other.dropped) == (plain.shards, plain.fingerprint, {})


BROKEN: dict[str, list[bytes]] = {
    "bad_json": [b"{", b"\xff\xfe", line(1)[:-5], b'{"drawing": NaN}', b"x" * 100],
    "not_an_object": [b"[]", b"3", b"null"],
    "no_key": [line(1, key_id=None), line(1, key_id="")],
    "no_drawing": [line(1, drawing=None)],
    "empty_drawing": [line(1, drawing=[]), line(1, drawing=[[[], []]])],
    "unequal_lists": [line(1, drawing=[[[1, 2], [1]]])],
    "not_a_number": [line(1, drawing=[[["1", 2], [1, 2]]]), line(1, drawing=[[[None], [1]]])],
    "not_finite": [line(1, drawing=[[[1e300], [1]]])],
    "too_many_points": [line(1, drawing=[[[7] * (MAX_POINTS + 1)] * 2])],
    "wrong_type": [line(1, drawing="x"), line(1, drawing=[3]), line(1, word=5), line(1, recognized="yes")],
    "bad_class": [line(1, word="a\x00b"), line(1, word=" "), line(1, word="y" * 101)],
    "line_too_long": [b'{"drawing": "' + b"z" * MAX_LINE_BYTES + b'"}'],
}


def test_malformed_lines_are_counted_by_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line(1000)]
    for reason in BROKEN.values():
        lines += [*reason, line(2000 + len(lines))]
    manifest = made(tmp_path, lines)
    assert manifest.dropped == {reason: len(bad) for reason, bad in sorted(BROKEN.items())}
    assert manifest.num_examples("train") == 1 + len(BROKEN)
    told = capsys.readouterr().err
    assert "left out: 5 x bad_json, first in cat.ndjson, line 2: " in told
    number = next(n for n, text in enumerate(lines, 1) if text in BROKEN["no_drawing"])
    assert (
        f"left out: 1 x no_drawing, first in cat.ndjson, line {number}: no drawing in the record, which has "
        in told
    )


@pytest.mark.parametrize("reason", sorted(set(BROKEN) - {"line_too_long", "too_many_points"}))
def test_strict_names_file_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    monkeypatch.setattr(ndjson_lines, "CHUNK_BYTES", 700)
    good = [line(key) for key in range(20)]
    for bad in BROKEN[reason]:
        with pytest.raises(UserError, match=f"^cat.ndjson, line 23: {reason}: .*leave out --strict"):
            made(tmp_path, [*good, b"", b"\r", bad, *good, b"{"], strict=True)
    assert [path.name for path in tmp_path.iterdir()] == ["source"], "nothing half-made is left"


def test_source_without_a_usable_drawing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no usable drawing \(2 x bad_json"):
        made(tmp_path, [b"{", b"{"])
    empty = write_lines(tmp_path / "empty.ndjson", [])
    with pytest.raises(UserError, match="no usable drawing"):
        build("quickdraw", [empty], tmp_path / "out", SMALL)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cat.ndjson", "cat"),
        ("alarm_clock_raw.ndjson", "alarm clock"),
        ("full_simplified_The Eiffel Tower.ndjson", "The Eiffel Tower"),
        ("full_raw_cat.ndjson", "cat"),
        ("folder/full%2Fsimplified%2Fice%20cream.ndjson", "ice cream"),
        ("archive.zip/raw/t-shirt.ndjson", "t-shirt"),
        ("raw_cat_raw.ndjson", "cat"),
    ],
)
def test_class_of_a_file_name(name: str, expected: str) -> None:
    assert quickdraw.class_of(name) == expected


def test_class_comes_from_word_or_else_from_the_file_name(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_lines(
        source / "ice_cream_raw.ndjson", [line(1, word=None), line(2, "cat"), line(3, "  big \n dog ")]
    )
    build("quickdraw", [source], tmp_path / "out", Options(image_size=16, splits="1,0"))
    assert {key: record.class_name for key, record in records(tmp_path / "out").items()} == {
        "1": "ice cream",
        "2": "cat",
        "3": "big dog",
    }


def test_chosen_classes_are_the_only_files_that_are_read(tmp_path: Path) -> None:
    source = write_classes(tmp_path / "source")
    (source / "dog.ndjson").write_bytes(b"this would be an error with --strict\n")
    options = Options(image_size=16, splits="1,0", classes=("cat", "fish"), strict=True)
    manifest = build("quickdraw", [source], tmp_path / "out", options)
    assert manifest.classes == ("cat", "fish") and manifest.num_examples("train") == 80
    assert [entry["name"] for entry in manifest.sources] == ["cat.ndjson", "fish.ndjson"]


def test_chosen_classes_are_found_inside_files_of_any_name(tmp_path: Path) -> None:
    lines = [line(key, ("cat", "dog", "fish")[key % 3]) for key in range(30)]
    source = write_lines(tmp_path / "my drawings.ndjson", [*lines, line(50, "cat", recognized=False)])
    options = Options(image_size=16, splits="1,0", classes=("cat",), recognized_only=True)
    manifest = build("quickdraw", [source], tmp_path / "out", options)
    expected = {str(key) for key in range(0, 30, 3) if key % 4}
    assert set(records(tmp_path / "out")) == expected
    assert manifest.dropped == {"not_recognized": 10 - len(expected) + 1}


def test_misspelt_class_is_told_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_classes(tmp_path / "source")
    monkeypatch.setattr(quickdraw, "parse_quickdraw", None)
    with pytest.raises(UserError, match=r"unknown class 'dgo'; did you mean 'dog'\?"):
        build("quickdraw", [source], tmp_path / "out", Options(classes=("cat", "dgo")))


def test_misspelt_class_in_files_of_any_name_is_told_after_reading(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "mine.ndjson", [line(key) for key in range(9)])
    with pytest.raises(UserError, match=r"unknown class 'cta'; did you mean 'cat'\?"):
        build("quickdraw", [source], tmp_path / "out", Options(classes=("cta",)))


def test_empty_classes_do_not_count_and_wanted_ones_are_an_error(tmp_path: Path) -> None:
    source = write_classes(tmp_path / "source")
    write_lines(source / "bird.ndjson", [b"{"])
    manifest = build("quickdraw", [source], tmp_path / "out", SMALL)
    assert manifest.classes == ("cat", "dog", "fish") and manifest.dropped == {"bad_json": 1}
    with pytest.raises(UserError, match="class 'bird' has no usable drawing"):
        build("quickdraw", [source], tmp_path / "b", Options(classes=("bird", "cat")))


def test_one_class_is_enough(tmp_path: Path) -> None:
    manifest = made(tmp_path, [line(key) for key in range(5)])
    assert manifest.classes == ("cat",) and manifest.num_examples("train") == 5


def test_recognized_only_leaves_the_others_out(tmp_path: Path) -> None:
    manifest = made(tmp_path, [line(key) for key in range(40)], recognized_only=True)
    assert set(records(tmp_path / "out")) == {str(key) for key in range(40) if key % 4}
    assert manifest.dropped == {"not_recognized": 10}


def test_key_in_two_files_counts_once(tmp_path: Path) -> None:
    source = write_classes(tmp_path / "source", ("cat", "dog"))
    shutil.copy(source / "cat.ndjson", source / "more_cat_raw.ndjson")
    write_lines(source / "zoo.ndjson", [line(1000, "dog"), line(9000, "dog")])
    manifest = build("quickdraw", [source], tmp_path / "out", SMALL)
    assert manifest.dropped == {"duplicate_key": 41}
    verify(DatasetFolder.open(tmp_path / "out"))


def test_raw_files_are_simplified_and_part_files_are_not(tmp_path: Path) -> None:
    raw = [[[10.5, 20.25, 300.125, 310, 10.5], [0.5, 400.75, 400, 410.5, 0.5], [0.0, 10.0, 20.0, 30.0, 40.0]]]
    parts = [[[10, 20, 300], [0, 400, 500], [0, 0, 1]], [[5], [6], [2], [2]]]
    write_lines(tmp_path / "s" / "cat_raw.ndjson", [line(1, drawing=raw)])
    write_lines(tmp_path / "s" / "face_raw.ndjson", [line(2, word=None, drawing=parts)])
    build("quickdraw", [tmp_path / "s"], tmp_path / "out", Options(image_size=16, splits="1,0"))
    build(
        "quickdraw",
        [tmp_path / "s"],
        tmp_path / "as_is",
        Options(image_size=16, splits="1,0", simplify="none"),
    )
    found, as_is = records(tmp_path / "out"), records(tmp_path / "as_is")
    simple = found["1"].strokes
    assert simple is not None and simple[:, :2].max() == 255 and (simple == np.rint(simple)).all()
    unchanged = np.array([*zip(raw[0][0], raw[0][1], [0, 0, 0, 0, 1], strict=True)], np.float32)
    np.testing.assert_array_equal(as_is["1"].strokes, unchanged)
    for made_ in (found, as_is):
        expected = [[10, 0, 0], [20, 400, 0], [300, 500, 1], [5, 6, 1]]
        np.testing.assert_array_equal(made_["2"].strokes, expected)


def test_same_drawings_raw_and_simplified_become_the_same_records(shared_data: Path, tmp_path: Path) -> None:
    options = Options(image_size=28, splits="1,0", classes=("cat", "clock", "The Eiffel Tower"))
    for name in ("raw_preview", "simplified_first25"):
        build("quickdraw", [shared_data / "quickdraw" / f"{name}.zip"], tmp_path / name, options)
    raw, simple = records(tmp_path / "raw_preview"), records(tmp_path / "simplified_first25")
    both = raw.keys() & simple.keys()
    same = [key for key in both if np.array_equal(raw[key].strokes, simple[key].strokes)]  # type: ignore[arg-type]
    assert len(both) > 60 and len(same) > 0.97 * len(both)
    assert all(raw[key].image == simple[key].image for key in same)


def test_part_labelled_files_are_read(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "quickdraw_spg"
    options = Options(image_size=16, splits="train:5,test:5", classes=("alarm clock", "ice cream"))
    manifest = build("quickdraw", [source], tmp_path / "out", options)
    assert manifest.counts == {"train": {"sketch": 10}, "test": {"sketch": 10}}
    assert set(manifest.dropped) == {"not_read_txt"}


def test_chunk_of_a_file_is_indexed_alone(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "cat.ndjson", [line(key) for key in range(10)])
    data = path.read_bytes()
    index = quickdraw.index(Chunk(path, "cat.ndjson", "cat", 0, len(data)), Options())
    offsets = index.rows["offset"].tolist()
    cut = [data[at : at + length] for at, length in zip(offsets, index.rows["length"].tolist(), strict=True)]
    assert [orjson.loads(text)["key_id"] for text in cut] == [str(key) for key in range(10)]
    assert json.loads(cut[3])["word"] == "cat" and index.lines == 10
