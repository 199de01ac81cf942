"""Records, pictures, shards, manifests, and the command that verifies a folder of them."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from sketchspace.errors import UserError
from tests.ndjson_fixture import small_dataset
from tfrecords.dataset import DatasetFolder
from tfrecords.manifest import Manifest
from tfrecords.png import decode_png, encode_png
from tfrecords.record_index import RecordIndex
from tfrecords.schema import Record, parse, serialize
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


@settings(deadline=None, max_examples=40)
@given(npst.arrays(np.uint8, st.integers(1, 20).map(lambda side: (side, side, 3))))
def test_coloured_pictures_survive_png_and_others_read_them(pixels: np.ndarray) -> None:
    data, side = encode_png(pixels), len(pixels)
    np.testing.assert_array_equal(decode_png(data, side, 3), pixels)
    opened = Image.open(io.BytesIO(data))
    assert opened.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(opened), pixels)
    grey = np.ascontiguousarray(pixels[..., 0])
    np.testing.assert_array_equal(decode_png(encode_png(grey), side, 3), np.repeat(grey[..., None], 3, 2))
    with pytest.raises(ValueError, match="in colour, expected grey"):
        decode_png(data, side)


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
    wrong: tuple[Any, ...] = (
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4), np.float32),
        np.zeros((0, 4), np.uint8),
    )
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
        for read in (lambda folder: folder.images("test"), lambda folder: RecordIndex.of(folder, "test")):
            with pytest.raises(UserError, match=f"holds 15 records, its manifest says {count}"):
                read(DatasetFolder.open(copy))


def test_an_index_names_the_record_that_is_none_of_the_schema(copy: Path) -> None:
    folder = DatasetFolder.open(copy)
    [shard] = folder.shard_paths("test")
    shard.write_bytes(data := frame(encode_example({"key": b"alone"})))
    folder.manifest.shards[shard.name]["bytes"] = len(data)
    with pytest.raises(UserError, match=f"{shard.name}: record 0 cannot be read .*domain is nothing"):
        RecordIndex.of(folder, "test")


def test_isal_streams_are_plain_zlib() -> None:
    data = encode_png(np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8))
    start = data.index(b"IDAT")
    length = struct.unpack(">I", data[start - 4 : start])[0]
    rows = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + length]), np.uint8).reshape(64, 65)
    assert not rows[:, 0].any()
