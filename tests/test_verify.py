"""Verification, preview and the command `python -m tfrecords`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sketchspace.errors import UserError
from tests.ndjson_fixture import small_dataset
from tfrecords import __main__ as command
from tfrecords import preview
from tfrecords.dataset import DatasetFolder
from tfrecords.manifest import Manifest
from tfrecords.png import encode_png
from tfrecords.schema import Record
from tfrecords.verify import verify
from tfrecords.writer import write_shard

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good data set folder; copy it before changing it."""
    return small_dataset(tmp_path_factory.mktemp("records"))[0]


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A good data set folder to damage."""
    return Path(shutil.copytree(made, tmp_path / "small"))


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
