"""ShoeV2 and ChairV2 in all their layouts, and ChairV2's strokes."""

from __future__ import annotations

import pickle  # noqa: TID251
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from preprocess.pipeline import build
from preprocess.sources import chairv2_strokes, shoev2
from preprocess.spec import Found, Options
from sketchspace.errors import UserError
from tfrecords.dataset import DatasetFolder

LAYOUTS: dict[str, Callable[[str, str], str]] = {
    "split first": lambda split, kind: f"{split}/{kind}",
    "kind first": lambda split, kind: f"{kind}/{split}",
    "joined": lambda split, kind: f"{kind}_{split}",
    "plural": lambda split, kind: f"ShoeV2/{split}/{'photos' if kind == 'photo' else 'sketches'}",
    "letters": lambda split, kind: f"{split}{'A' if kind == 'sketch' else 'B'}",
    "letters turned": lambda split, kind: f"{split}{'B' if kind == 'sketch' else 'A'}",
}
OBJECTS = {"train": {"2401_v1_red": 3, "17": 1, "9": 2}, "test": {"33_1": 2, "34": 1}}


def forge(root: Path, layout: str) -> Path:
    for split, objects in OBJECTS.items():
        for kind in ("photo", "sketch"):
            (root / LAYOUTS[layout](split, kind)).mkdir(parents=True)
        for name, sketches in objects.items():
            photo = np.full((32, 32, 3), 255, np.uint8)
            photo[8:24, 4:28] = 90
            cv2.imwrite(str(root / LAYOUTS[layout](split, "photo") / f"{name}.png"), photo)
            for turn in range(1, sketches + 1):
                drawn = cv2.rectangle(np.full((32, 32), 255, np.uint8), (4, 8), (28, 20 + turn), 0)
                cv2.imwrite(str(root / LAYOUTS[layout](split, "sketch") / f"{name}_{turn}.png"), drawn)
    return root


def found(root: Path, scratch: Path, options: Options | None = None) -> Found:
    scratch.mkdir()
    return shoev2.find("shoe", [root], options or Options(), scratch)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_published_layout_gives_the_same_pairs(layout: str, tmp_path: Path) -> None:
    pictures = found(forge(tmp_path / "data", layout), tmp_path / "scratch").chunks[0].pictures
    names = sorted({name for objects in OBJECTS.values() for name in objects})
    wanted = set()
    for split, objects in OBJECTS.items():
        for name, sketches in objects.items():
            place = (names.index(name), 0 if split == "train" else 2)
            wanted |= {(f"shoe/{name}", 1, *place)}
            wanted |= {(f"shoe/{name}_{turn}", 0, *place) for turn in range(1, sketches + 1)}
    assert {(p.key, p.domain, p.instance, p.split) for p in pictures} == wanted


def test_other_counts_than_published_are_said_with_both_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found(forge(tmp_path / "data", "joined"), tmp_path / "scratch")
    assert (
        "shoe: 3 photos for training and 2 for testing, published are 1,800 and 200"
        in capsys.readouterr().err
    )


def test_a_sketch_without_photo_is_left_out_and_named(tmp_path: Path) -> None:
    root = forge(tmp_path / "data", "split first")
    (root / "train" / "photo" / "9.png").unlink()
    there = found(root, tmp_path / "scratch")
    assert there.dropped == {"missing_photo": 2} and there.bad[0].origin == "train/sketch/9_1.png"
    assert not any("/9" in picture.key for picture in there.chunks[0].pictures)


def test_an_object_in_both_splits_and_other_folders_are_refused(tmp_path: Path) -> None:
    root = forge(tmp_path / "data", "split first")
    (root / "test" / "photo" / "17.png").write_bytes((root / "train" / "photo" / "17.png").read_bytes())
    with pytest.raises(UserError, match="photo 17 is in train and in test"):
        found(root, tmp_path / "scratch")
    (tmp_path / "other" / "cats").mkdir(parents=True)
    (tmp_path / "other" / "cats" / "1.png").write_bytes(b"x")
    with pytest.raises(UserError, match="has no folders of photos and sketches; expected train/photo"):
        found(tmp_path / "other", tmp_path / "scratch2")


def test_the_pairs_become_a_data_set_with_a_validation_part(tmp_path: Path) -> None:
    root = forge(tmp_path / "data", "letters")
    manifest = build("shoev2", [root], tmp_path / "out", Options(image_size=32, validation_share=0.34))
    assert manifest.classes == ("shoe",)
    assert {split: counts["photo"] for split, counts in manifest.counts.items()} == {
        "train": 2,
        "validation": 1,
        "test": 2,
    }
    folder = DatasetFolder.open(tmp_path / "out")
    objects = {split: {r.instance for r in folder.records(split)} for split in manifest.counts}
    assert not objects["train"] & objects["validation"] and not objects["train"] & objects["test"]


def points(*ends: int) -> np.ndarray:
    rows = np.zeros((12, 3))
    rows[:, 0], rows[:, 1] = np.linspace(40, 200, 12), np.linspace(50, 90, 12) ** 1.01
    rows[[*ends, 11], 2] = 1
    return rows


def strokes_file(path: Path, **more: object) -> Path:
    values = {f"/train/{chair}_{turn}": points(3) for chair in (4, 10, "x_2") for turn in (1, "A1YX")}
    path.write_bytes(pickle.dumps({**values, "/test/7_1": points(3, 6), **more}, protocol=2))
    return path


def test_chairv2_strokes_are_read_without_running_anything(tmp_path: Path) -> None:
    path = strokes_file(tmp_path / "ChairV2_Coordinate")
    build("chairv2_strokes", [path], tmp_path / "out", Options(image_size=32, validation_share=0.34))
    folder = DatasetFolder.open(tmp_path / "out")
    (test,) = folder.records("test")
    assert test.strokes is not None and test.class_name == "chair" and test.domain == "sketch"
    np.testing.assert_allclose(test.strokes, points(3, 6), atol=1e-4)
    objects = {
        split: {r.instance for r in folder.records(split)} for split in ("train", "validation", "test")
    }
    assert [len(objects[split]) for split in objects] == [2, 1, 1] and len(
        set().union(*objects.values())
    ) == 4

    marker = tmp_path / "ran"

    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return (Path.touch, (marker,))

    with pytest.raises(UserError, match="not the file of drawings"):
        chairv2_strokes.find([strokes_file(path, bad=Hostile())], Options(), tmp_path)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("cat", points(), "an entry 'cat'; expected arrays with names such as /train/<chair>_<k>"),
        ("/train/5_1", np.zeros((4, 2)), "the drawing /train/5_1 holds float64 4x2, expected"),
        ("/test/10_1", points(), "the same chair in train and in test"),
    ],
)
def test_wrong_strokes_are_one_clear_line(name: str, value: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        chairv2_strokes.find([strokes_file(tmp_path / "f", **{name: value})], Options(), tmp_path)


def test_a_drawing_with_impossible_points_is_left_out(tmp_path: Path) -> None:
    path = strokes_file(tmp_path / "f", **{"/test/8_1": np.full((3, 3), np.nan), "/test/9_1": 1e9 * points()})
    there = chairv2_strokes.find([path], Options(), tmp_path)
    index = chairv2_strokes.index(there.chunks[0], Options())
    assert index.dropped == {"bad_strokes": 2} and len(index.rows) == 7


def test_the_real_strokes_are_400_chairs(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared_data / "qmul_chairv2_strokes"
    there = chairv2_strokes.find([source], Options(), tmp_path)
    assert capsys.readouterr().err == ""
    rows = chairv2_strokes.index(there.chunks[0], Options()).rows
    assert [int((rows["split"] == split).sum()) for split in (0, 1, 2)] == [952, 0, 323]
    assert len(np.unique(rows["instance"])) == 400
    assert len(np.unique(rows["instance"][rows["split"] == 0])) == 300
    record = chairv2_strokes.read(
        there.chunks[0].pictures[0].path.read_bytes(),
        chairv2_strokes.Origin("x", "chair", 0),
        Options(),
    )
    assert (
        record.strokes is not None and 33 <= record.strokes[:, :2].min() <= record.strokes[:, :2].max() <= 223
    )
