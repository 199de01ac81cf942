"""Folders of images as a source: layouts, copies, broken files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from absl.testing import flagsaver

from preprocess import __main__ as command
from preprocess.pipeline import build
from preprocess.spec import Options
from sketchspace.errors import UserError
from sketchspace.pictures.bitmaps import load_drawing
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch
from tests.ndjson_fixture import all_bytes
from tfrecords.dataset import DatasetFolder, decode_image
from tfrecords.manifest import Manifest
from tfrecords.schema import Record
from tfrecords.verify import verify

ALL = Options(image_size=24, splits="1,0")


def draw(path: Path, seed: int) -> Path:
    """Write a picture of a random line drawing; equal seeds give equal bytes."""
    points = np.random.default_rng(seed).integers(0, 100, (3, 4, 2))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rasterize(Sketch.of(list(points)), 60))
    return path


def classes(folder: Path, per_class: int = 12, names: tuple[str, ...] = ("cat", "ice_cream")) -> Path:
    """`<class>/<n>.png`, all different."""
    for number, name in enumerate(names):
        for index in range(per_class):
            draw(folder / name / f"{index:03d}.png", 1000 * number + index)
    return folder


def records(folder: Path) -> dict[str, Record]:
    dataset = DatasetFolder.open(folder)
    return {record.key: record for split in dataset.manifest.counts for record in dataset.records(split)}


def test_folder_of_images_becomes_a_data_set(tmp_path: Path) -> None:
    source, out = classes(tmp_path / "mine"), tmp_path / "set"
    flags = {"source": str(source), "out": str(out), "splits": "train:8,validation:2,test:2"}
    command.FLAGS.mark_as_parsed()
    with flagsaver.as_parsed(dataset="folder", image_size="24", workers="1", **flags):
        command.main([])
    manifest = Manifest.load(out)
    verify(DatasetFolder.open(out))
    assert manifest.classes == ("cat", "ice cream") and not manifest.has_strokes and manifest.has_images
    assert sum(manifest.num_examples(split) for split in manifest.counts) == 24
    found = records(out)
    assert set(found) == {f"{name}/{n:03d}.png" for name in ("cat", "ice_cream") for n in range(12)}
    for key, record in found.items():
        expected = load_drawing(source / key, 24).pixels
        np.testing.assert_array_equal(decode_image(record, 24), expected)
        assert record.strokes is None and record.class_name == key.split("/")[0].replace("_", " ")


def test_sources_are_summed_up_by_class_folder(tmp_path: Path) -> None:
    source = classes(tmp_path / "mine", 3)
    first = build("folder", [source], tmp_path / "a", ALL)
    assert [(entry["name"], entry["files"]) for entry in first.sources] == [("cat/", 3), ("ice_cream/", 3)]
    draw(source / "cat" / "001.png", 77)
    second = build("folder", [source], tmp_path / "b", ALL)
    assert second.sources[0]["sha256"] != first.sources[0]["sha256"]
    assert second.sources[1] == first.sources[1]


def test_split_folders_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    for number, split in enumerate(("Train", "val", "testing")):
        for name in ("cat", "dog"):
            for index in range(3 + number):
                draw(
                    source / split / name / f"{index}.png",
                    100 * number + index + (50 if name == "dog" else 0),
                )
    manifest = build("folder", [source], tmp_path / "set", Options(image_size=24))
    assert manifest.counts == {"train": {"sketch": 6}, "validation": {"sketch": 8}, "test": {"sketch": 10}}
    dataset = DatasetFolder.open(tmp_path / "set")
    assert all(record.key.startswith("val/") for record in dataset.records("validation"))


def test_copy_in_another_split_class_or_name_never_leaks(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    for index in range(10):
        draw(source / "train" / "cat" / f"{index}.png", index)
        draw(source / "test" / "cat" / f"{index}.png", 100 + index)
    shutil.copy(source / "train" / "cat" / "3.png", source / "test" / "cat" / "other name.png")
    shutil.copy(source / "train" / "cat" / "4.png", source / "train" / "cat" / "twin.png")
    (source / "test" / "dog").mkdir()
    shutil.copy(source / "train" / "cat" / "5.png", source / "test" / "dog" / "5.png")
    draw(source / "test" / "dog" / "own.png", 999)
    manifest = build("folder", [source], tmp_path / "set", Options(image_size=24))
    assert manifest.dropped == {"duplicate_key": 3}
    assert sum(manifest.num_examples(split) for split in manifest.counts) == 21
    pictures = [record.image for record in records(tmp_path / "set").values()]
    assert len(set(pictures)) == 21
    verify(DatasetFolder.open(tmp_path / "set"))


def test_copy_cannot_get_into_two_drawn_splits(tmp_path: Path) -> None:
    source = classes(tmp_path / "mine", 30, ("cat",))
    for index in range(30):
        shutil.copy(source / "cat" / f"{index:03d}.png", source / "cat" / f"copy-{index:03d}.png")
    manifest = build("folder", [source], tmp_path / "set", Options(image_size=24, splits="0.5,0.25,0.25"))
    assert manifest.dropped == {"duplicate_key": 30}
    assert sum(manifest.num_examples(split) for split in manifest.counts) == 30


def broken(folder: Path) -> dict[str, int]:
    """Files that no drawing can be got from, and the reasons that they count under."""
    good = draw(folder / "good.png", 5).read_bytes()
    (folder / "cut.png").write_bytes(good[: len(good) // 2])
    (folder / "text.png").write_text("not a picture")
    (folder / "empty.jpg").write_bytes(b"")
    cv2.imwrite(str(folder / "blank.png"), np.full((50, 50), 255, np.uint8))
    (folder / "notes.txt").write_text("is passed over")
    (folder / ".hidden.png").write_text("is passed over")
    (folder / "folder.png").mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/z\xff\n.png")).write_bytes(good)
    return {"bad_image": 4, "not_read_txt": 1, "nothing_drawn": 1}


def test_broken_images_are_counted_by_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = classes(tmp_path / "mine", 4)
    dropped = broken(source / "cat")
    manifest = build("folder", [source], tmp_path / "set", ALL)
    assert manifest.dropped == dropped and manifest.num_examples("train") == 9
    told = capsys.readouterr().err
    assert "left out: 4 x bad_image, first in cat/cut.png: the image is a broken" in told
    assert "left out: 1 x nothing_drawn, first in cat/blank.png: nothing is drawn" in told


def test_strict_names_the_file(tmp_path: Path) -> None:
    source = classes(tmp_path / "mine", 4)
    (source / "ice_cream" / "002.png").write_bytes(b"\x89PNG nothing")
    with pytest.raises(UserError, match=r"^ice_cream/002\.png: bad_image: .*leave out --strict"):
        build("folder", [source], tmp_path / "set", Options(image_size=24, splits="1,0", strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_several_sources_are_told_apart(tmp_path: Path) -> None:
    first, second = classes(tmp_path / "a" / "one", 3), tmp_path / "b" / "two"
    for index in range(3):
        draw(second / "cat" / f"{index:03d}.png", 500 + index)
    manifest = build("folder", [first, second], tmp_path / "set", ALL)
    assert manifest.num_examples("train") == 9
    assert {"one/cat/000.png", "two/cat/000.png"} <= set(records(tmp_path / "set"))
    verify(DatasetFolder.open(tmp_path / "set"))
    twin = Path(shutil.copytree(second, tmp_path / "c" / "two"))
    with pytest.raises(UserError, match="two sources have the same folder name"):
        build("folder", [second, twin], tmp_path / "x", ALL)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"classes": ("cat",)}, ("cat",)),
        ({"num_classes": 2, "seed": 3}, None),
        ({"classes": ("catt",)}, "did you mean 'cat'"),
    ],
)
def test_classes_are_chosen_by_folder_name(tmp_path: Path, options: dict[str, Any], expected: Any) -> None:
    source = classes(tmp_path / "mine", 2, ("cat", "dog", "eel"))
    wanted = Options(image_size=24, splits="1,0", **options)
    if isinstance(expected, str):
        with pytest.raises(UserError, match=expected):
            build("folder", [source], tmp_path / "set", wanted)
        return
    manifest = build("folder", [source], tmp_path / "set", wanted)
    assert manifest.classes == expected or (expected is None and manifest.num_classes == 2)


def test_other_layouts_are_one_clear_error(tmp_path: Path) -> None:
    flat = draw(tmp_path / "flat" / "1.png", 1).parent
    (tmp_path / "bad" / "x\x07y").mkdir(parents=True)
    (tmp_path / "none" / "cat").mkdir(parents=True)
    for source, says in (
        (flat, "has no class folders"),
        (flat / "1.png", "is not a folder"),
        (tmp_path / "bad", "cannot name a class"),
        (tmp_path / "none", "no usable drawing"),
    ):
        with pytest.raises(UserError, match=says):
            build("folder", [source], tmp_path / "set", ALL)
    assert not (tmp_path / "set").exists()


def test_data_set_inside_its_own_source_is_refused(tmp_path: Path) -> None:
    source = classes(tmp_path / "mine", 2)
    with pytest.raises(UserError, match=r"would lie inside .*mine and be read as a class"):
        build("folder", [source], source / "set", ALL)
    assert sorted(path.name for path in source.iterdir()) == ["cat", "ice_cream"]


def test_bytes_do_not_depend_on_workers(tmp_path: Path) -> None:
    source = classes(tmp_path / "mine", 8)
    options = Options(image_size=24, num_shards=2, splits="train:4,test:3")
    build("folder", [source], tmp_path / "one" / "set", options, workers=1)
    build("folder", [source], tmp_path / "two" / "set", options, workers=2)
    assert all_bytes(tmp_path / "one" / "set") == all_bytes(tmp_path / "two" / "set")


def test_published_images_are_read(shared_data: Path, tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(shared_data / "tuberlin" / "png_227.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".png")][::20]
        archive.extractall(tmp_path / "raw", names)
    folders = {path.parent.parent for path in (tmp_path / "raw").rglob("*.png")}
    assert len(folders) == 1
    manifest = build("folder", [folders.pop()], tmp_path / "set", Options(image_size=64, splits="1,0"))
    assert manifest.num_examples("train") == len(names) and manifest.dropped == {}
    images, _, _ = DatasetFolder.open(tmp_path / "set").images("train")
    ink = (images < 128).mean(axis=(1, 2))
    assert (ink > 0.005).all() and (ink < 0.5).all()
