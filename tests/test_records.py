"""Files of drawings in every packing: the same lines whatever they are packed in, and harm refused."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest

from sketchspace.encoder.stroke_files import read_sketch
from sketchspace.errors import UserError
from sketchspace.sketch import records
from sketchspace.sketch.readers import parse_quickdraw, read_strokes
from sketchspace.sketch.records import is_plain, json_lines, text_suffix

DRAWINGS = [[[[n, 30, 70], [20, 40, n]], [[5, 6], [7, n]]] for n in range(5)]
RECORDS = [
    {"word": "café", "key_id": str(n), "recognized": bool(n % 2), "drawing": drawing}
    for n, drawing in enumerate(DRAWINGS)
]
LINES = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in RECORDS)


def table(between: str = ",", ends: str = "\n", **names: str) -> str:
    text = io.StringIO()
    columns = [names.get(name, name) for name in ("countrycode", "drawing", "key_id", "recognized", "word")]
    rows = csv.writer(text, delimiter=between, lineterminator=ends)
    rows.writerow(columns)
    for record in RECORDS:
        drawing = json.dumps(record["drawing"])
        rows.writerow(["DE", drawing, record["key_id"], str(record["recognized"]), record["word"]])
    return text.getvalue()


def texts() -> dict[str, bytes]:
    spaced = LINES.replace("\n", "\r\n\r\n")
    as_text = "".join(json.dumps({**r, "drawing": json.dumps(r["drawing"])}) + "\n" for r in RECORDS)
    return {
        "a.ndjson": LINES.encode(),
        "windows.ndjson": spaced.encode("utf-8-sig"),
        "strings.ndjson": as_text.encode(),
        "sixteen.ndjson": LINES.encode("utf-16"),
        "sixteen-be.ndjson": b"\xfe\xff" + LINES.encode("utf-16-be"),
        "unmarked.ndjson": LINES.encode("utf-16-le"),
        "thirtytwo.ndjson": LINES.encode("utf-32"),
        "a.ndjson.gz": gzip.compress(LINES.encode(), mtime=0),
        "sixteen.ndjson.gz": gzip.compress(LINES.encode("utf-16"), mtime=0),
        "two-members.ndjson.gz": gzip.compress(LINES[:100].encode(), mtime=0)
        + gzip.compress(LINES[100:].encode()),
        "not-packed.ndjson.gz": LINES.encode(),
        "packed.ndjson": gzip.compress(LINES.encode(), mtime=0),
        "bare.gz": gzip.compress(LINES.encode(), mtime=0),
        "a.jsonl": LINES.encode(),
        "a.csv": table().encode(),
        "marked.csv": table(ends="\r\n").encode("utf-8-sig"),
        "excel.csv": table(";").encode("utf-16"),
        "tabs.csv": table("\t", drawing="Drawing").encode(),
        "a.CSV.gz": gzip.compress(table().encode()),
        "table.ndjson": table().encode(),
        "list.json": json.dumps(RECORDS).encode(),
        "pretty.json": json.dumps(RECORDS, indent=2).encode("utf-16"),
        "wrapped.json": json.dumps({"drawings": RECORDS}).encode(),
        "lines.json": LINES.encode(),
    }


@pytest.mark.parametrize("name", texts())
def test_every_packing_gives_the_same_drawings(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(texts()[name])
    expected = [parse_quickdraw(line.encode()) for line in LINES.splitlines()]
    found = [parse_quickdraw(line) for _, line in json_lines(path, name)]
    for one, other in zip(found, expected, strict=True):
        assert (one.key, one.word, one.recognized) == (other.key, other.word, other.recognized)
        assert [s.tolist() for s in one.sketch.strokes] == [s.tolist() for s in other.sketch.strokes]
    assert read_sketch(path, 4).strokes[0].tolist() == expected[3].sketch.strokes[0].tolist()
    with pytest.raises(UserError, match="it has 5 drawings; give a --line from 1 to 5"):
        read_sketch(path, 6)


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n" + table())
    assert [number for number, _ in json_lines(path, "a.csv")] == [3, 4, 5, 6, 7]
    path = tmp_path / "a.ndjson"
    path.write_text("\n\n" + LINES)
    assert [number for number, _ in json_lines(path, "a.ndjson")] == [3, 4, 5, 6, 7]


def test_only_lines_of_utf_8_can_be_read_from_any_place(tmp_path: Path) -> None:
    plain = {"a.ndjson", "windows.ndjson", "strings.ndjson", "not-packed.ndjson.gz", "a.jsonl"}
    for name, data in texts().items():
        (tmp_path / name).write_bytes(data)
        assert is_plain(tmp_path / name, name) == (name in plain), name
    (tmp_path / "empty.ndjson").write_bytes(b"")
    assert is_plain(tmp_path / "empty.ndjson", "empty.ndjson")


def test_a_canvas_of_several_lines_is_one_drawing(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"lines": [{"points": [1, 2, 3, 4]}], "width": 9}, indent=1))
    assert read_sketch(path, 7).strokes[0].tolist() == [[1, 2], [3, 4]]
    path.write_text(json.dumps([{"paths": [{"x": 1, "y": 2}]}, {"drawMode": False, "paths": []}]))
    assert read_strokes(path)[1] == ("1 eraser stroke left out",)
    path = tmp_path / "bare.ndjson"
    path.write_text("[[[1, 2, 3, 4, 5, 6, 7], [0, 0, 0, 0, 0, 0, 0]]]\n{}\n")
    assert len(read_sketch(path).strokes[0]) == 7


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.csv", b"id,picture\n1,2\n", "columns 'id', 'picture' and no column 'drawing'"),
        ("a.csv", table()[:43].encode() + b'DE,"' + b"x" * 9_000_000, "8,388,6.. bytes, at most"),
        ("cut.ndjson.gz", gzip.compress(LINES.encode(), mtime=0)[:40], "cannot be unpacked"),
        ("bad.ndjson.gz", b"\x1f\x8bnothing of the kind", "cannot be unpacked"),
        ("a.ndjson", b"\0" * 100, "no drawing that can be read"),
        ("a.csv", b"", "has no line 1"),
        ("a.json", b"\x1f\x8b", "cannot be unpacked"),
    ],
)
def test_damaged_files_are_one_sentence(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=says) as error:
        read_sketch(tmp_path / name)
    assert "\n" not in str(error.value)


def test_what_unpacks_too_far_is_refused_before_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "FREE_BYTES", 1 << 20)
    bomb = tmp_path / "a.ndjson.gz"
    bomb.write_bytes(gzip.compress(b" " * (8 << 20), mtime=0))
    with pytest.raises(UserError, match=r"unpacks from .* unpack it yourself"):
        list(json_lines(bomb, "a.ndjson.gz"))


def test_suffixes_are_looked_for_below_gz() -> None:
    names = ["Cat.CSV.gz", "a.ndjson", "b.gz", "c.SVG"]
    assert [text_suffix(name) for name in names] == [".csv", ".ndjson", ".ndjson", ".svg"]
