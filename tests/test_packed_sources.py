"""Quick, Draw! sources in other packings than ndjson, names of classes in other forms, errors."""

from __future__ import annotations

import gzip
import json
import unicodedata
import zipfile
from pathlib import Path

import pytest

from preprocess.pipeline import build
from preprocess.spec import Options
from sketchspace.errors import UserError
from tests.test_records import LINES, RECORDS, texts
from tfrecords.manifest import Manifest

SMALL = Options(image_size=16, splits="train:3,test:2")


def made(folder: Path, files: dict[str, bytes], options: Options = SMALL) -> Manifest:
    source = folder / "source"
    source.mkdir(parents=True)
    for name, data in files.items():
        (source / name).write_bytes(data)
    return build("quickdraw", [source], folder / "set", options)


@pytest.mark.parametrize("name", texts())
def test_every_packing_gives_the_same_data_set(tmp_path: Path, name: str) -> None:
    plain = made(tmp_path / "plain", {"a.ndjson": LINES.encode()})
    (tmp_path / name).write_bytes(texts()[name])
    packed = build("quickdraw", [tmp_path / name], tmp_path / "packed", SMALL)
    assert (packed.fingerprint, packed.num_examples("train")) == (plain.fingerprint, 3)
    assert [entry["name"] for entry in packed.sources] == [name]
    assert packed.dropped == {}


def test_archives_may_hold_packed_files(tmp_path: Path) -> None:
    plain = made(tmp_path / "plain", {"a.ndjson": LINES.encode()})
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("x/cat.csv.gz", texts()["a.CSV.gz"])
        archive.writestr("x/readme.pdf", b"")
    packed = build("quickdraw", [tmp_path / "all.zip"], tmp_path / "set", SMALL)
    assert packed.fingerprint == plain.fingerprint and packed.dropped == {"not_read_pdf": 1}
    assert packed.dropped_first == {"not_read_pdf": "all.zip/x/readme.pdf: files of this kind are not read"}


def test_json_beside_other_files_says_something_about_them(tmp_path: Path) -> None:
    manifest = made(
        tmp_path, {"a.ndjson": LINES.encode(), "info.json": b"{}", ".DS_Store": b"", "Thumbs.db": b""}
    )
    assert manifest.dropped == {"not_read_json": 1}


def test_broken_rows_are_placed_where_an_editor_shows_them(tmp_path: Path) -> None:
    rows = texts()["a.csv"].decode().splitlines()
    rows[3:3] = ['DE,"[[[1, 2], [3,",9,True,cat', "", 'DE,"[[[1], [2, 3]]]",10,maybe,cat']
    manifest = made(tmp_path, {"a.csv": "\n".join(rows).encode()})
    assert manifest.dropped == {"wrong_type": 2}
    assert manifest.dropped_first["wrong_type"].startswith(
        "a.csv, line 4: drawing is the text '[[[1, 2], [3,'"
    )


def test_a_class_is_one_whatever_form_its_letters_have(tmp_path: Path) -> None:
    def lines(word: str, start: int) -> bytes:
        found = [{**r, "word": word, "key_id": str(start + n)} for n, r in enumerate(RECORDS)]
        return "".join(json.dumps(record) + "\n" for record in found).encode()

    forms = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
    files = {f"{n}.ndjson": lines(form, 10 * n) for n, form in enumerate(forms)}
    manifest = made(tmp_path / "a", files, Options(image_size=16, splits="train:6,test:4"))
    assert manifest.classes == ("café",)
    files["2.ndjson"] = lines("dog", 90)
    chosen = made(tmp_path / "b", files, Options(image_size=16, splits="1,0", classes=("café",)))
    assert chosen.classes == ("café",) and chosen.num_examples("train") == 10


def test_classes_that_differ_in_case_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = LINES.replace("café", "Café").replace('"key_id": "', '"key_id": "7')
    assert made(tmp_path, {"a.ndjson": (LINES + other).encode()}).num_classes == 2
    assert "note: 'Café' and 'café' are classes of their own" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        (
            "cat.ndjson",
            b'{"key_id": "1", "picture": 5}\n' * 3,
            r"cat.ndjson, line 1: no drawing .* 'key_id', 'picture'",
        ),
        (
            "cat.ndjson",
            b'{"drawing": [[1, 2], [3, 4]], "key_id": 1}',
            r"line 1: a stroke holds int, expected",
        ),
        ("cat.ndjson", b"\0\0\0\0\0\n", r"5? ?x? ?bad_json, first in cat.ndjson, line 1"),
        ("cat.json", b'{"strokes": [[[1, 2], [3, 4]]]}', r"cat.json, line 1: no key_id"),
        ("cat.csv", b"a,b\n1,2\n", r"cat.csv has the columns 'a', 'b'"),
        ("cat.ndjson.gz", gzip.compress(LINES.encode(), mtime=0)[:50], r"cat.ndjson.gz cannot be unpacked"),
    ],
)
def test_errors_show_what_stood_where_and_what_is_read(
    tmp_path: Path, name: str, data: bytes, says: str
) -> None:
    with pytest.raises(UserError, match=says) as error:
        made(tmp_path, {name: data})
    assert "\n" not in str(error.value)
    assert (
        "[[[10, 30], [20, 40]]]" in str(error.value)
        or "first line such as" in str(error.value)
        or "get" in str(error.value)
    )
    assert not (tmp_path / "set").exists()


def test_a_table_of_something_else_beside_drawings_is_left_out(tmp_path: Path) -> None:
    manifest = made(tmp_path, {"a.ndjson": LINES.encode(), "list.csv": b"file,author\na.ndjson,me\n"})
    assert manifest.dropped == {"not_read_csv": 1} and manifest.num_examples("train") == 3
    assert "columns 'file', 'author'" in manifest.dropped_first["not_read_csv"]
