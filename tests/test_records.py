"""Records, pictures, shards, manifests, and the command that verifies a folder of them."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from common.errors import UserError
from tests.ndjson_fixture import small_dataset
from tfrecords import __main__ as command
from tfrecords import preview
from tfrecords.dataset import DatasetFolder
from tfrecords.manifest import Manifest
from tfrecords.png import decode_png, encode_png
from tfrecords.schema import Record, parse, serialize
from tfrecords.verify import verify
from tfrecords.wire import encode_example, frame
from tfrecords.writer import finished_shard, shard_name, write_shard

ROOT = Path(__file__).resolve().parents[1]
POINTS = npst.arrays(
    np.float32, st.tuples(st.integers(1, 20), st.just(3)), elements=st.floats(0, 255, width=32)
)
RECORDS = st.builds(
    Record,
    key=st.text(max_size=30),
    label=st.integers(0, 400),
    class_name=st.text(max_size=20),
    domain=st.sampled_from(["sketch", "photo"]),
    instance=st.integers(-1, 1 << 40),
    strokes=st.none() | POINTS,
    image=st.none() | st.binary(max_size=100),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good data set folder; copy it before changing it."""
    return small_dataset(tmp_path_factory.mktemp("records"))[0]


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A good data set folder to damage."""
    return Path(shutil.copytree(made, tmp_path / "small"))


@settings(deadline=None)
@given(RECORDS)
def test_records_survive_their_bytes(record: Record) -> None:
    found = parse(serialize(record))
    for field in dataclasses.fields(Record):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(record, field.name))
    assert serialize(found) == serialize(record)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"key": None}, "key is nothing, expected bytes"),
        ({"label": b"3"}, "label is bytes, expected int"),
        ({"domain": 2}, "domain 2 is none of sketch, photo"),
        ({"domain": -1}, "domain -1 is none of"),
        ({"strokes": np.zeros(4, np.float32)}, "strokes hold 4 numbers"),
        ({"image": 5}, "image is int, expected bytes"),
        ({"key": b"\xff"}, "utf-8"),
    ],
)
def test_what_is_no_record_is_refused(changes: dict[str, Any], says: str) -> None:
    features: dict[str, Any] = {"key": b"k", "label": 0, "class_name": b"cat", "domain": 0, "instance": -1}
    features |= changes
    data = encode_example({name: value for name, value in features.items() if value is not None})
    with pytest.raises(ValueError, match=says):
        parse(data)


@settings(deadline=None)
@given(npst.arrays(np.uint8, st.integers(1, 40).map(lambda side: (side, side))))
def test_pictures_survive_png_and_others_read_them(pixels: np.ndarray) -> None:
    data = encode_png(pixels)
    np.testing.assert_array_equal(decode_png(data, len(pixels)), pixels)
    opened = Image.open(io.BytesIO(data))
    assert opened.mode == "L"
    np.testing.assert_array_equal(np.asarray(opened), pixels)
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), pixels)
    assert encode_png(pixels) == data


def test_pictures_of_other_programs_are_read() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24), np.uint8)
    np.testing.assert_array_equal(decode_png(cv2.imencode(".png", pixels)[1].tobytes(), 24), pixels)


def test_pictures_of_wrong_kind_are_refused() -> None:
    good = encode_png(np.full((16, 16), 255, np.uint8))
    bomb = good[:16] + struct.pack(">II", 50_000, 50_000) + good[24:]
    for data, says in (
        (b"", "no PNG"),
        (b"GIF89a" + good, "no PNG"),
        (bomb, "50000 x 50000 pixels, expected 16 x 16"),
        (good[:40], "damaged"),
    ):
        with pytest.raises(ValueError, match=says):
            decode_png(data, 16)
    wrong: tuple[Any, ...] = (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.float32), np.zeros((0, 4), np.uint8))
    for pixels in wrong:
        with pytest.raises(ValueError, match="expected uint8"):
            encode_png(pixels)


def records(count: int) -> list[Record]:
    picture = encode_png(np.full((8, 8), 255, np.uint8))
    return [
        Record(f"k{number}", 0, "cat", strokes=np.ones((2, 3), np.float32), image=picture)
        for number in range(count)
    ]


def test_shard_is_its_frames_and_its_summary_is_true(tmp_path: Path) -> None:
    path, done = tmp_path / "x", tmp_path / "x.json"
    summary = write_shard(path, records(5), done)
    data = path.read_bytes()
    assert data == b"".join(frame(serialize(record)) for record in records(5))
    assert summary["examples"] == 5 and summary["bytes"] == len(data) and summary["domains"] == {"sketch": 5}
    assert finished_shard(path, done) == summary
    path.write_bytes(bytes(len(data)))
    assert finished_shard(path, done) is None, "after a power cut the length may be right and the bytes not"
    path.unlink()
    assert finished_shard(path, done) is None


def test_shard_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[Record]:
        yield from records(3)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left on device") as caught:
        write_shard(tmp_path / "x", failing(), tmp_path / "x.json")
    assert caught.value.errno == 28 and caught.value.filename == str(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_shard_names_are_those_of_tfds() -> None:
    assert shard_name("quickdraw", "train", 3, 16) == "quickdraw-train.tfrecord-00003-of-00016"


def test_manifest_survives_its_file(made: Path, tmp_path: Path) -> None:
    manifest = Manifest.load(made)
    manifest.save(tmp_path)
    assert Manifest.load(tmp_path) == manifest
    assert list(manifest.counts) == ["train", "validation", "test"]
    assert manifest.num_examples("train") == 90 and manifest.classes == ("cat", "dog", "fish")
    with pytest.raises(UserError, match="no split 'tset'; it has train, validation, test"):
        manifest.num_examples("tset")


@pytest.mark.parametrize(
    "changes",
    [
        {"schema_version": 99},
        {"classes": "cat"},
        {"classes": []},
        {"classes": ["cat", "cat"]},
        {"classes": [1, 2]},
        {"counts": {"train": {"sketch": -1}}},
        {"counts": {"train": {"sketch": "many"}}},
        {"counts": 3},
        {"image_size": 10**9},
        {"shards": {"../../etc/passwd": {"examples": 1, "bytes": 1, "sha256": ""}}},
        {"shards": {"small-train.tfrecord-00000-of-00001": {"examples": 1}}},
        {"surprise": 1},
        {"fingerprint": None},
    ],
)
def test_foreign_manifests_are_one_clear_error(copy: Path, changes: dict[str, Any]) -> None:
    path = copy / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match="make"):
        Manifest.load(copy)


def test_folder_that_is_none_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no data set folder"):
        DatasetFolder.open(tmp_path / "nothing")
    with pytest.raises(UserError, match=r"no manifest\.json"):
        DatasetFolder.open(tmp_path)


def test_images_are_those_of_the_records(made: Path) -> None:
    folder = DatasetFolder.open(made)
    images, labels, keys = folder.images("test")
    assert images.shape == (15, 32, 32) and images.dtype == np.uint8 and labels.dtype == np.int32
    for image, label, key, record in zip(images, labels, keys, folder.records("test"), strict=True):
        assert record.image is not None and record.key == key and record.label == label
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(record.image))), image)


def test_images_notice_a_manifest_with_other_counts(copy: Path) -> None:
    manifest = Manifest.load(copy)
    for count in (14, 16):
        dataclasses.replace(manifest, counts={**manifest.counts, "test": {"sketch": count}}).save(copy)
        with pytest.raises(UserError, match=f"holds 15 records, its manifest says {count}"):
            DatasetFolder.open(copy).images("test")


def test_good_folder_is_verified(made: Path) -> None:
    verify(DatasetFolder.open(made))


def rewrite(folder: Path, change: Callable[[list[Record]], list[Record]], honest: bool = True) -> None:
    """Change the test shard; `honest` gives the manifest and TFDS the new checksum and counts."""
    from tfrecords.tfds_info import write_tfds_info

    dataset = DatasetFolder.open(folder)
    name = dataset.manifest.shard_files("test")[0]
    changed = change(list(dataset.records("test")))
    summary = write_shard(folder / name, changed)
    if honest:
        entry = {key: summary[key] for key in ("examples", "bytes", "sha256")}
        shards = {**dataset.manifest.shards, name: entry}
        counts = {**dataset.manifest.counts, "test": summary["domains"]}
        manifest = dataclasses.replace(dataset.manifest, shards=shards, counts=counts)
        write_tfds_info(folder, manifest)
        manifest.save(folder)


def first(**changes: Any) -> Callable[[list[Record]], list[Record]]:
    return lambda items: [dataclasses.replace(items[0], **changes), *items[1:]]


BAD_POINTS = np.array([[np.nan, 0, 1]], np.float32)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (first(label=3), "record 0 has label 3, there are 3 classes"),
        (first(label=-1), "record 0 has label -1"),
        (first(class_name="dgo"), "record 0 is a 'dgo' with the label of"),
        (first(image=None), "record 0 has no picture"),
        (first(image=b"not a png"), "the picture of record .* is no PNG"),
        (first(image=encode_png(np.zeros((31, 31), np.uint8))), "31 x 31 pixels, expected 32 x 32"),
        (first(strokes=None), "record 0 has no strokes"),
        (first(strokes=BAD_POINTS), "record 0 has strokes that cannot be drawn"),
        (lambda items: [*items, items[0]], "key .* is there twice, again in split 'test'"),
    ],
)
def test_wrong_records_are_found(
    copy: Path, change: Callable[[list[Record]], list[Record]], says: str
) -> None:
    rewrite(copy, change)
    with pytest.raises(UserError, match=says):
        verify(DatasetFolder.open(copy))


def test_key_of_another_split_is_found(copy: Path) -> None:
    leaked = next(DatasetFolder.open(copy).records("train"))
    rewrite(copy, lambda items: [*items, leaked])
    with pytest.raises(UserError, match=f"key {leaked.key} is there twice, again in split 'test'"):
        verify(DatasetFolder.open(copy))


def damage(folder: Path, kind: str) -> None:
    shard = folder / "small-test.tfrecord-00000-of-00001"
    info = folder / "dataset_info.json"
    if kind == "bytes":
        data = bytearray(shard.read_bytes())
        data[len(data) // 2] ^= 1
        shard.write_bytes(data)
    elif kind == "cut":
        shard.write_bytes(shard.read_bytes()[:-1])
    elif kind == "gone":
        shard.unlink()
    elif kind == "stray":
        shutil.copy(shard, folder / "small-test.tfrecord-00000-of-00009")
    elif kind == "counts":
        manifest = Manifest.load(folder)
        dataclasses.replace(manifest, counts={**manifest.counts, "test": {"photo": 15}}).save(folder)
    elif kind == "lengths":
        info.write_text(info.read_text().replace('"15"', '"14"'))
    elif kind == "info":
        info.unlink()
    else:
        rewrite(folder, lambda items: items[:-1], honest=False)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("bytes", "its SHA-256 is not the manifest's"),
        ("cut", "bytes, the manifest says"),
        ("gone", "is missing"),
        ("stray", "small-test.tfrecord-00000-of-00009 is not in the manifest"),
        ("counts", "split 'test' holds"),
        ("lengths", "its shard lengths are not the manifest's"),
        ("info", "no dataset_info.json"),
        ("fewer", "bytes, the manifest says"),
    ],
)
def test_damaged_folders_are_found(copy: Path, kind: str, says: str) -> None:
    damage(copy, kind)
    with pytest.raises(UserError, match=says):
        verify(DatasetFolder.open(copy))


def test_damaged_record_is_named_even_if_the_checksums_of_files_agree(copy: Path) -> None:
    shard = copy / "small-test.tfrecord-00000-of-00001"
    data = bytearray(shard.read_bytes())
    data[-10] ^= 1
    shard.write_bytes(data)
    path = copy / "manifest.json"
    values = json.loads(path.read_text())
    values["shards"][shard.name]["sha256"] = hashlib.sha256(data).hexdigest()
    path.write_text(json.dumps(values))
    with pytest.raises(UserError, match="record 14 is damaged"):
        verify(DatasetFolder.open(copy))


def test_preview_shows_drawings_of_every_class(made: Path) -> None:
    folder = DatasetFolder.open(made)
    columns, drawings = preview.layout(3)
    picked = preview.pick(folder, drawings)
    assert {label: len(pictures) for label, pictures in picked.items()} == {0: 12, 1: 12, 2: 12}
    train, labels, _ = folder.images("train")
    for label, pictures in picked.items():
        np.testing.assert_array_equal(np.stack(pictures), train[labels == label][:12])
    sheet = np.asarray(preview.draw_sheet(folder, picked, columns, drawings))
    for row in range(3):
        top = preview.HEADER + row * preview.ROW
        names = sheet[top : top + preview.TILE, preview.MARGIN : preview.MARGIN + preview.NAME - preview.GAP]
        tiles = sheet[top : top + preview.TILE, preview.MARGIN + preview.NAME :]
        assert (names < 100).any() and (tiles < 100).sum() > 12 * 20
    np.testing.assert_array_equal(sheet, np.asarray(Image.open(made / "preview.png")))


def test_preview_keeps_rows_apart_for_any_number_of_classes() -> None:
    for classes in (1, 12, 13, 40, 41, 345):
        columns, drawings = preview.layout(classes)
        width = 2 * preview.MARGIN + columns * (preview.NAME + drawings * preview.ROW + preview.GUTTER)
        assert columns >= 1 and drawings >= 3 and width < 2000


@pytest.mark.parametrize("side", [8, 28, 64, 72, 128, 300])
def test_preview_tiles_fit_any_picture(side: int) -> None:
    picture = np.full((side, side), 255, np.uint8)
    picture[side // 4 : -side // 4, side // 2 : side // 2 + max(1, side // 48)] = 0
    tile = preview._fit(picture)
    assert tile.shape == (preview.TILE, preview.TILE) and tile.min() < 160 and tile[0, 0] == 255


def test_command_prints_a_table_and_the_next_command(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "preview.png").unlink()
    command.main([str(copy)])
    out = capsys.readouterr().out.splitlines()
    size = {path.name: path.stat().st_size for path in copy.iterdir()}
    train = size["small-train.tfrecord-00000-of-00001"]
    assert out[1].split() == ["train", "sketch", "90", "1", f"{train:,}"]
    assert out[3].split()[:3] == ["test", "sketch", "15"]
    assert "cat, dog, fish" in out[4]
    assert any(Manifest.load(copy).fingerprint in text for text in out)
    assert out[-2:] == [
        f"wrote {copy / 'preview.png'}",
        f"next: python train.py --model=sknet --data={copy} --run=runs/sknet",
    ]
    assert (copy / "preview.png").is_file()


def test_command_says_what_was_left_out(copy: Path) -> None:
    manifest = dataclasses.replace(Manifest.load(copy), dropped={"bad_json": 1234}, notes={"short_test": 7})
    text = "\n".join(command.table(manifest))
    assert "1,234  bad_json" in text and "7  short_test" in text


def test_command_on_a_damaged_folder_is_one_line_and_status_1(copy: Path) -> None:
    damage(copy, "bytes")
    done = run_command(str(copy))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1


def test_command_imports_no_tensorflow(made: Path) -> None:
    code = (
        "import sys; from tfrecords.__main__ import main; main(sys.argv[1:]);"
        "assert not [name for name in ('tensorflow', 'matplotlib') if name in sys.modules]"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(made)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_command_needs_one_folder(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="0 folders were given, expected one"):
        command.main([])


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "tfrecords", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_isal_streams_are_plain_zlib() -> None:
    data = encode_png(np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8))
    start = data.index(b"IDAT")
    length = struct.unpack(">I", data[start - 4 : start])[0]
    rows = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + length]), np.uint8).reshape(64, 65)
    assert not rows[:, 0].any()
