"""From sources to a data set folder: what is read, what is refused, and what survives a kill."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson
import pytest
from absl.testing import flagsaver
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from preprocess import __main__ as command
from preprocess import archives, download, ndjson, pipeline, plan, quickdraw, tasks, work
from preprocess.classes import draw_classes, official_names
from preprocess.pipeline import build, dataset_name
from preprocess.pool import Workers
from preprocess.spec import Chunk, Options
from sketch.errors import MAX_POINTS
from sketch.quickdraw import MAX_LINE_BYTES
from tests.misbehaving_server import File, running
from tests.ndjson_fixture import all_bytes, die, line, refuse_three, square, write_classes, write_lines
from tfrecords import writer
from tfrecords.dataset import DatasetFolder
from tfrecords.manifest import Manifest
from tfrecords.schema import Record
from tfrecords.verify import verify

ROOT = Path(__file__).resolve().parents[1]
SMALL = Options(image_size=16, splits="train:20,validation:5,test:5")


def records(folder: Path) -> dict[str, Record]:
    """All records of a data set by key."""
    dataset = DatasetFolder.open(folder)
    return {record.key: record for split in dataset.manifest.counts for record in dataset.records(split)}


def made(folder: Path, lines: list[bytes], end: bytes = b"\n", **options: Any) -> Manifest:
    """A data set, all of it training, from one file of lines."""
    source = write_lines(folder / "source" / "cat.ndjson", lines, end)
    return build("quickdraw", [source], folder / "out", Options(image_size=16, splits="1,0", **options))


# ---------------------------------------------------------------- lines


@settings(deadline=None)
@given(st.binary(max_size=200).map(lambda data: data.replace(b"\x07", b"\n")), st.lists(st.integers(0, 200)))
def test_chunks_give_every_line_once(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, edges: list[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines"
    path.write_bytes(data)
    cuts = sorted({0, len(data), *(edge for edge in edges if edge < len(data))})
    found = [
        item for start, end in zip(cuts, cuts[1:], strict=False) for item in ndjson.lines(path, start, end)
    ]
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
    monkeypatch.setattr(ndjson, "CHUNK_BYTES", 10)
    assert list(ndjson.cuts(25)) == [(0, 10), (10, 20), (20, 25)] and list(ndjson.cuts(0)) == []


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
    assert "left out: 5 x bad_json, first in cat.ndjson, line 2\n" in told
    number = next(n for n, text in enumerate(lines, 1) if text in BROKEN["no_drawing"])
    assert f"left out: 1 x no_drawing, first in cat.ndjson, line {number}\n" in told


@pytest.mark.parametrize("reason", sorted(set(BROKEN) - {"line_too_long", "too_many_points"}))
def test_strict_names_file_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    monkeypatch.setattr(ndjson, "CHUNK_BYTES", 700)
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


# ---------------------------------------------------------------- classes


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


# ---------------------------------------------------------------- formats


def test_raw_files_are_simplified_and_part_files_are_not(tmp_path: Path) -> None:
    time_of = list(range(0, 500, 100))
    raw = [[[10.5, 20.25, 300.125, 310, 10.5], [0.5, 400.75, 400, 410.5, 0.5], time_of]]
    parts = [[[10, 20, 300], [0, 400, 500], [0, 0, 1]], [[5], [6], [2], [2]]]
    write_lines(tmp_path / "s" / "cat_raw.ndjson", [line(1, drawing=raw)])
    write_lines(tmp_path / "s" / "face_raw.ndjson", [line(2, word=None, drawing=parts)])
    build("quickdraw", [tmp_path / "s"], tmp_path / "out", Options(image_size=16, splits="1,0"))
    build(
        "quickdraw",
        [tmp_path / "s"],
        tmp_path / "as_is",
        Options(image_size=16, splits="1,0", simplify=False),
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
    assert manifest.counts == {"train": {"sketch": 10}, "test": {"sketch": 10}} and manifest.dropped == {}


# ---------------------------------------------------------------- archives


def pack(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_archive_gives_what_its_folder_gives(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "source")
    members = {path.name: path.read_bytes() for path in folder.iterdir()}
    junk = {"__MACOSX/._cat.ndjson": b"\x00\x05", ".hidden/a.ndjson": b"{", "notes.txt": b"x", "empty/": b""}
    archive = pack(tmp_path / "source.zip", members | junk)
    whole = build("quickdraw", [folder], tmp_path / "a" / "set", SMALL)
    packed = build("quickdraw", [archive], tmp_path / "b" / "set", SMALL)
    assert (packed.shards, packed.fingerprint, packed.dropped) == (whole.shards, whole.fingerprint, {})
    assert [entry["name"] for entry in packed.sources] == ["source.zip"]


def test_members_are_never_written_where_they_say(tmp_path: Path) -> None:
    evil = {"../../evil.ndjson": line(1), "/tmp/evil.ndjson": line(2), "a\\..\\..\\evil.ndjson": line(3)}
    (tmp_path / "in" / "deep").mkdir(parents=True)
    archive = pack(tmp_path / "in" / "deep" / "x.zip", evil)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="unknown class"):
        build("quickdraw", [archive], tmp_path / "out", Options(classes=("catt",)))
    assert set(tmp_path.rglob("*")) == before
    build("quickdraw", [archive], tmp_path / "out", Options(image_size=16, splits="1,0"))
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"} and not Path(
        "/tmp/evil.ndjson"
    ).exists()


def test_hostile_archives_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = pack(tmp_path / "good.zip", {"cat.ndjson": b"\n".join(line(key) for key in range(50))})
    data = good.read_bytes()

    def refuses(name: str, content: bytes, says: str) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError, match=says):
            build("quickdraw", [path], tmp_path / "out", SMALL)
        assert not (tmp_path / "out").exists() and not (tmp_path / ".out.partial").exists()

    at = data.index(b"cat.ndjson") + 200
    refuses(
        "crc.zip", data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], "crc.zip/cat.ndjson cannot be unpacked"
    )
    encrypted = bytearray(data)
    encrypted[6] |= 1
    encrypted[data.index(b"PK\x01\x02") + 8] |= 1
    refuses("locked.zip", bytes(encrypted), "cannot be unpacked .*encrypted")
    refuses("text.zip", b"PK\x03\x04 and nothing more", "no usable drawing")
    refuses("none.zip", pack(tmp_path / "n", {"a.txt": b""}).read_bytes(), "holds no .ndjson file")
    monkeypatch.setattr(archives, "_FREE_RATIO", 1000)
    refuses(
        "bomb.zip",
        pack(tmp_path / "b", {"cat.ndjson": b" " * 10**6}).read_bytes(),
        "unpacks from .* to 1,000,000",
    )
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    many = {f"{number}.ndjson": b"{}" for number in range(3)}
    refuses("many.zip", pack(tmp_path / "m", many).read_bytes(), "has 3 .ndjson members, at most 2")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 10))  # type: ignore[attr-defined]
    refuses("room.zip", data, "make room")


def test_member_that_is_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    data = pack(tmp_path / "x.zip", {"cat.ndjson": line(1) * 3}).read_bytes()
    size = len(line(1) * 3).to_bytes(4, "little")
    (tmp_path / "x.zip").write_bytes(data.replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(UserError, match=r"x.zip/cat.ndjson cannot be unpacked"):
        build("quickdraw", [tmp_path / "x.zip"], tmp_path / "out", SMALL)


def test_missing_sources_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name, says in (("nowhere", "no source .*nowhere"), ("empty", "holds no .ndjson file")):
        with pytest.raises(UserError, match=says):
            build("quickdraw", [tmp_path / name], tmp_path / "out", SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


# ---------------------------------------------------------------- the folder


def test_bytes_depend_neither_on_workers_nor_on_place_or_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ndjson, "CHUNK_BYTES", 3000)
    monkeypatch.setattr(plan, "EXAMPLES_PER_SHARD", 16)
    one = write_classes(tmp_path / "one" / "source")
    two = Path(shutil.copytree(one, tmp_path / "two" / "elsewhere" / "source"))
    build("quickdraw", [one], tmp_path / "one" / "set", SMALL, workers=1)
    time.sleep(1.01)  # a time stamp in whole seconds would show
    build("quickdraw", [two], tmp_path / "two" / "set", SMALL, workers=2)
    files = all_bytes(tmp_path / "one" / "set")
    assert all_bytes(tmp_path / "two" / "set") == files
    assert len([name for name in files if "-train.tfrecord-" in name]) == 4
    assert {"manifest.json", "dataset_info.json", "features.json", "preview.png"} < files.keys()
    assert not any(str(tmp_path).encode() in data for data in files.values())
    verify(DatasetFolder.open(tmp_path / "one" / "set"))


def test_sources_and_options_are_in_the_manifest(tmp_path: Path) -> None:
    source = write_classes(tmp_path / "source", ("cat",))
    manifest = build("quickdraw", [source], tmp_path / "My Set-2", SMALL)
    data = (source / "cat.ndjson").read_bytes()
    assert manifest.sources == [
        {"name": "cat.ndjson", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    ]
    assert manifest.name == "my_set_2" and manifest.options["splits"] == SMALL.splits
    assert (manifest.licence, manifest.seed, manifest.image_size) == ("CC BY 4.0", 0, 16)
    assert manifest == Manifest.load(tmp_path / "My Set-2")


def test_names_become_ones_that_tfds_allows() -> None:
    assert [dataset_name(Path(name)) for name in ("a", "A b.c", "100", "_x_", "é")] == [
        "a",
        "a_b_c",
        "data_100",
        "x",
        "data_",
    ]


def test_older_data_set_is_replaced_whole_and_other_folders_are_left_alone(tmp_path: Path) -> None:
    source, out = write_classes(tmp_path / "source"), tmp_path / "out"
    build("quickdraw", [source], out, Options(image_size=16, num_shards=4))
    build("quickdraw", [source], out, SMALL)
    assert len(list(out.glob("*.tfrecord-*"))) == 3
    (out / "notes.txt").write_text("mine")
    before = all_bytes(out)
    with pytest.raises(UserError, match=r"it holds notes.txt; choose another --out"):
        build("quickdraw", [source], out, SMALL)
    assert all_bytes(out) == before
    (tmp_path / "link").symlink_to(out)
    for name, says in (
        ("source", "is not a data set folder"),
        ("link", "cannot be made"),
        ("out/notes.txt", "cannot be"),
    ):
        with pytest.raises(UserError, match=says):
            build("quickdraw", [source], tmp_path / name, SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out", "source"]


def test_another_process_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    source, out = write_classes(tmp_path / "source"), tmp_path / "out"
    with work.work_folder(out), pytest.raises(UserError, match=f"another process is making {out}; wait"):
        build("quickdraw", [source], out, SMALL)
    build("quickdraw", [source], out, SMALL)


def test_lock_is_not_fooled_by_a_folder_that_was_renamed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, lock = tmp_path / ".x.partial", work._lock
    moved: list[Path] = []

    def slow_lock(handle: int, path: Path) -> None:
        if not moved:  # the other process finishes between our opening the folder and locking it
            moved.append(path.rename(tmp_path / "x"))
        lock(handle, path)

    monkeypatch.setattr(work, "_lock", slow_lock)
    handle = work._hold(place)
    assert os.path.samestat(os.fstat(handle), place.stat())
    os.close(handle)


# ---------------------------------------------------------------- interruptions


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[tuple[Path, Options, dict[str, bytes]]]:
    """A source, options with many shards, and the files that an undisturbed run makes."""
    source = write_classes(tmp_path / "source")
    options = Options(image_size=16, splits="train:20,validation:5,test:5", num_shards=6)
    build("quickdraw", [source], tmp_path / "calm" / "set", options)
    yield source, options, all_bytes(tmp_path / "calm" / "set")


def interrupt_after(monkeypatch: pytest.MonkeyPatch, shards: int, error: BaseException) -> list[str]:
    """Let writing fail in the middle of a shard after `shards` whole ones; lists what was begun."""
    begun: list[str] = []
    frame = writer.frame

    def failing(data: bytes) -> bytes:
        if len(begun) > shards:
            raise error
        return frame(data)

    real = tasks.write_shard
    monkeypatch.setattr(writer, "frame", failing)
    monkeypatch.setattr(
        tasks, "write_shard", lambda path, *rest: (begun.append(path.name), real(path, *rest))[1]
    )
    return begun


def test_interrupted_run_goes_on_with_what_is_finished(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, options, expected = whole
    with monkeypatch.context() as patch:
        interrupt_after(patch, 7, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            build("quickdraw", [source], tmp_path / "set", options)
    assert not (tmp_path / "set").exists()
    with monkeypatch.context() as patch:
        begun = interrupt_after(patch, 99, KeyboardInterrupt())
        patch.setattr(quickdraw, "index", None)  # the plan is kept too
        build("quickdraw", [source], tmp_path / "set", options)
    assert len(begun) == 18 - 7
    assert "going on: 7 of 18 shards are already written" in capsys.readouterr().err
    assert all_bytes(tmp_path / "set") == expected
    assert not (tmp_path / ".set.partial").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_full_disk_is_told_and_the_same_command_goes_on(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    source, options, expected = whole
    with monkeypatch.context() as patch:
        interrupt_after(patch, 3, OSError(number, os.strerror(number)))
        with pytest.raises(
            UserError, match=f"^{os.strerror(number)} while writing .*finished shards are kept$"
        ):
            build("quickdraw", [source], tmp_path / "set", options)
    folder = tmp_path / ".set.partial" / "folder"
    assert {path.name for path in folder.iterdir()} == {
        path.name for path in folder.glob("*.tfrecord-000??-of-00006")
    }
    build("quickdraw", [source], tmp_path / "set", options)
    assert all_bytes(tmp_path / "set") == expected


def test_full_disk_at_the_very_end_leaves_no_folder(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, options, expected = whole

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "write_preview", full)
        with pytest.raises(UserError, match="No space left on device"):
            build("quickdraw", [source], tmp_path / "set", options)
    assert not (tmp_path / "set").exists()
    build("quickdraw", [source], tmp_path / "set", options)
    assert all_bytes(tmp_path / "set") == expected


def test_source_changed_between_attempts_starts_again(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, options, expected = whole
    with monkeypatch.context() as patch:
        interrupt_after(patch, 7, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            build("quickdraw", [source], tmp_path / "set", options)
    text = (source / "cat.ndjson").read_bytes()
    (source / "cat.ndjson").write_bytes(text.replace(b"[[[", b"[[[1,2],[3,4]],[[", 1))
    build("quickdraw", [source], tmp_path / "set", options)
    assert "going on" not in capsys.readouterr().err
    build("quickdraw", [source], tmp_path / "fresh" / "set", options)
    assert all_bytes(tmp_path / "set") == all_bytes(tmp_path / "fresh" / "set") != expected


@pytest.mark.parametrize("kind", ["longer", "shorter", "other"])
def test_source_changed_while_it_is_read_is_noticed(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    source, options, expected = whole
    path, real = source / "dog.ndjson", pipeline._write
    data = path.read_bytes()
    changed = {"longer": data + line(1), "shorter": data[:1000], "other": data.replace(b"[", b"{")}[kind]

    def change_first(*arguments: Any) -> Any:
        path.write_bytes(changed)
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_write", change_first)
        with pytest.raises(UserError, match=r"dog.ndjson was changed while it was being read"):
            build("quickdraw", [source], tmp_path / "set", options)
    assert not (tmp_path / "set").exists()
    path.write_bytes(data)
    build("quickdraw", [source], tmp_path / "set", options)
    assert all_bytes(tmp_path / "set") == expected


def start(*arguments: str, limit: int = 0) -> subprocess.Popen[str]:
    """The command in a process of its own; `limit` is the largest file that it may write, in bytes."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}

    def set_limit() -> None:
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, "-m", "preprocess", *arguments],
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=set_limit,
    )


def test_killed_processes_leave_what_an_undisturbed_one_makes(tmp_path: Path) -> None:
    source = write_classes(tmp_path / "source", per_class=2000)
    flags = [f"--source={source}", "--dataset=quickdraw", "--image_size=128", "--num_shards=25"]
    flags += [f"--out={tmp_path / 'set'}", "--workers=2", "--splits=0.6,0.2,0.2"]
    state = tmp_path / ".set.partial" / "state"
    done = 0
    for kill in range(2):
        process = start(*flags)
        deadline = time.monotonic() + 60
        while (found := len(list(state.glob("*.done.json")))) < done + 3 and process.poll() is None:
            assert time.monotonic() < deadline, "no shard was written"
            time.sleep(0.002)
        assert process.poll() is None, f"attempt {kill} was over too soon: {process.communicate()}"
        workers = children(process.pid)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        done = found
        assert len(workers) >= 2 and gone(workers), "workers end with their parent"
        assert not (tmp_path / "set").exists()
    process = start(*flags)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    going_on = re.search(r"going on: (\d+) of 75 shards", err)
    assert going_on and int(going_on[1]) >= done - 2
    options = Options(image_size=128, splits="0.6,0.2,0.2", num_shards=25)
    build("quickdraw", [source], tmp_path / "calm" / "set", options)
    assert all_bytes(tmp_path / "set") == all_bytes(tmp_path / "calm" / "set")
    assert out.splitlines()[-2:] == [
        f"wrote {tmp_path / 'set'}",
        f"next: python train.py --model=sknet --data={tmp_path / 'set'} --run=runs/sknet",
    ]


def children(parent: int) -> list[int]:
    """Processes whose parent is `parent`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return found


def gone(processes: list[int], seconds: float = 5) -> bool:
    """Whether all of them end in time; a process that waits to be collected has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        alive = [
            pid for pid in processes if Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in status(pid)
        ]
        if not alive:
            return True
        time.sleep(0.02)
    return False


def status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "\nState:\tZ"


def test_real_limit_on_file_size_is_one_line_and_status_1(tmp_path: Path) -> None:
    source = write_classes(tmp_path / "source", per_class=100)
    flags = [f"--source={source}", "--dataset=quickdraw", f"--out={tmp_path / 'set'}", "--splits=1,0"]
    process = start(*flags, "--workers=2", limit=60_000)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1 and out == ""
    assert err.startswith("error: File too large while writing ") and len(err.splitlines()) == 1
    assert not (tmp_path / "set").exists()
    assert not [path for path in tmp_path.rglob("*.tfrecord-*")]


# ---------------------------------------------------------------- processes


def test_results_come_in_order_from_several_processes() -> None:
    with Workers(2) as pool:
        assert list(pool.map(square, list(range(50)), "testing")) == [n * n for n in range(50)]
        with pytest.raises(UserError, match="^three is refused$"):
            list(pool.map(refuse_three, [1, 2, 3, 4], "testing"))
        with pytest.raises(UserError, match="a worker process was killed"):
            list(pool.map(die, [1, 2, 3], "testing"))


# ---------------------------------------------------------------- the command


def run(**flags: Any) -> None:
    command.FLAGS.mark_as_parsed()
    with flagsaver.as_parsed(**{name: str(value) for name, value in flags.items()}):
        command.main([])


def test_command_makes_a_folder_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_classes(tmp_path / "source")
    (source / "dog.ndjson").write_bytes(b"{\n" + line(5000, "dog") + b"\n")
    flags = {"source": f"{source / 'cat.ndjson'},{source / 'dog.ndjson'}", "splits": "train:9,test:1"}
    run(dataset="quickdraw", out=tmp_path / "set", image_size=16, workers=1, **flags)
    out, err = capsys.readouterr()
    fingerprint = Manifest.load(tmp_path / "set").fingerprint
    assert out.splitlines() == [
        f"train       {9:>10} examples in 1 shard",
        f"test        {2:>10} examples in 1 shard",
        f"classes     {2:>10}",
        f"fingerprint {fingerprint:>18}",
        f"wrote {tmp_path / 'set'}",
        f"next: python train.py --model=sknet --data={tmp_path / 'set'} --run=runs/sknet",
    ]
    assert err.splitlines() == [
        "left out: 1 x bad_json, first in dog.ndjson, line 1",
        "fewer than asked: train lacks 9 examples, in 1 class",
    ]


def test_command_lists_its_data_sets(capsys: pytest.CaptureFixture[str]) -> None:
    run(list_datasets=True)
    lines = capsys.readouterr().out.splitlines()
    assert [text.split()[0] for text in lines] == ["quickdraw", "sample", "folder"]
    assert "googlecreativelab/quickdraw-dataset" in lines[0]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({}, "--dataset is missing"),
        ({"dataset": "quickdraw"}, "--out is missing"),
        ({"dataset": "quickdrw", "out": "x"}, "unknown dataset 'quickdrw'; did you mean 'quickdraw'"),
        ({"dataset": "quickdraw", "out": "x"}, "needs --source"),
        ({"dataset": "sample", "out": "x", "source": "y"}, "leave out --source=y"),
        ({"dataset": "sample", "out": "x", "splits": "half"}, "--splits=half is neither"),
        ({"dataset": "sample", "out": "x", "download": True}, "--download knows Quick, Draw! only"),
        ({"dataset": "quickdraw", "out": "x", "download": True, "classes": "cta"}, "did you mean 'cat'"),
        (
            {"dataset": "quickdraw", "out": "x", "download": True, "source": "a,b"},
            "--source names 2; give one",
        ),
        ({"dataset": "quickdraw", "out": "x", "source": "nowhere"}, "no source nowhere"),
        ({"dataset": "sample", "out": "x", "classes": "catt", "per_class": 3}, "did you mean 'cat'"),
    ],
)
def test_mistakes_are_one_clear_error_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: dict[str, Any], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=re.escape(says)):
        run(workers=1, **flags)
    assert list(tmp_path.iterdir()) == []


def test_every_flag_has_an_example() -> None:
    source = Path(command.__file__).read_text()
    names = set(re.findall(r'DEFINE_\w+\(\s*"(\w+)"', source))
    assert names == set(re.findall(r"Example: [^\"]*?--(?:no)?(\w+)", source))


def test_sample_set_is_a_data_set_like_any_other(tmp_path: Path) -> None:
    run(
        dataset="sample",
        out=tmp_path / "sample",
        per_class=8,
        splits="train:5,test:2",
        image_size=16,
        workers=1,
    )
    manifest = Manifest.load(tmp_path / "sample")
    assert manifest.num_classes >= 12 and manifest.licence == "Apache-2.0"
    assert manifest.num_examples("train") == 5 * manifest.num_classes
    assert len(manifest.sources) == manifest.num_classes
    verify(DatasetFolder.open(tmp_path / "sample"))


def test_published_protocol_is_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of `--help` with small numbers, downloading from a server on loopback."""
    documented = " ".join((command.__doc__ or "").split())
    assert (
        "--download --source=downloads/quickdraw --num_classes=100 --seed=42 --splits=train:1000,"
        in documented
    )
    drawn = draw_classes(official_names(), 4, 42)
    with running() as server:
        for number, name in enumerate(drawn):
            lines = [line(1000 * number + key, name) for key in range(40)]
            server.files[f"/simplified/{quote(name)}.ndjson"] = File(b"\n".join(lines))
        monkeypatch.setattr(download, "SIMPLIFIED", server.url("/simplified/"))
        flags = {"splits": "train:20,validation:5,test:5", "num_classes": 4, "seed": 42, "image_size": 32}
        run(
            dataset="quickdraw",
            download=True,
            source=tmp_path / "fetched",
            out=tmp_path / "set",
            workers=1,
            **flags,
        )
    manifest = Manifest.load(tmp_path / "set")
    assert list(manifest.classes) == drawn
    assert manifest.counts == {"train": {"sketch": 80}, "validation": {"sketch": 20}, "test": {"sketch": 20}}
    assert (manifest.options["num_classes"], manifest.seed, manifest.image_size) == (4, 42, 32)
    assert len(manifest.sources) == 4
    run(dataset="quickdraw", source=tmp_path / "fetched", out=tmp_path / "again", workers=1, **flags)
    assert Manifest.load(tmp_path / "again").fingerprint == manifest.fingerprint


def test_chunk_of_a_file_is_indexed_alone(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "cat.ndjson", [line(key) for key in range(10)])
    data = path.read_bytes()
    index = quickdraw.index(Chunk(path, "cat.ndjson", "cat", 0, len(data)), Options())
    offsets = index.rows["offset"].tolist()
    cut = [data[at : at + length] for at, length in zip(offsets, index.rows["length"].tolist(), strict=True)]
    assert [orjson.loads(text)["key_id"] for text in cut] == [str(key) for key in range(10)]
    assert json.loads(cut[3])["word"] == "cat" and index.lines == 10
