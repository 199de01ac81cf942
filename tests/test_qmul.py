"""QMUL Shoes and Chairs: a small forged set for every mistake, and the real one for its published numbers."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from preprocess.pipeline import build
from preprocess.sources.paired_files import with_edges, without_edges
from preprocess.sources.qmul import SPEC, find
from preprocess.sources.qmul_tables import read_annotation
from preprocess.spec import Options
from sketchspace.errors import UserError
from sketchspace.pictures.decode import decode
from tfrecords.dataset import DatasetFolder
from tfrecords.png import decode_png

TRAIN, TEST = (1, 2, 3, 4), (5, 6, 7)


def forge(root: Path, word: str = "shoes", annotated: tuple[Any, Any] = (TRAIN, TEST)) -> Path:
    """A set of four and three pairs: photos of grey blocks, drawings as lines on a transparent ground."""
    for split, numbers in (("train", TRAIN), ("test", TEST)):
        for kind in ("images", "sketches"):
            (root / word / split / kind).mkdir(parents=True)
        maps = np.full((len(numbers), 256, 256), 255, np.uint8)
        for row, number in enumerate(numbers):
            photo = np.full((256, 256, 3), 255, np.uint8)
            photo[60:200, 40 : 60 + 20 * number] = (30 * number, 90, 160)
            cv2.imwrite(str(root / word / split / "images" / f"{number}.jpg"), photo)
            drawn = np.zeros((256, 256, 4), np.uint8)
            cv2.rectangle(drawn, (40, 60), (60 + 20 * number, 200), (0, 0, 0, 255), 2)
            cv2.imwrite(str(root / word / split / "sketches" / f"{number}.png"), drawn)
            cv2.rectangle(maps[row], (40, 60), (60 + 20 * number, 200), 0)
        savemat(root / f"{word}_edge_db_{split}.mat", {"data": maps}, do_compression=True)
    folder = root / word / "annotation"
    folder.mkdir()
    parts = {split: annotation(listed) for split, listed in zip(("train", "test"), annotated, strict=True)}
    (folder / f"{word}_annotation.json").write_text(json.dumps(parts))
    savemat(folder / "image_label.mat", {"label": np.eye(7, 3)})
    return root


def annotation(numbers: tuple[int, ...]) -> dict[str, Any]:
    return {
        "images": [f"{number}.jpg" for number in numbers],
        "sketches": [f"{number}.png" for number in numbers],
        "triplets": [[[i, (i + 1) % len(numbers)], [0, len(numbers) - 1]] for i in range(len(numbers))],
    }


def change(root: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    path = root / "shoes" / "annotation" / "shoes_annotation.json"
    values = json.loads(path.read_text())
    edit(values)
    path.write_text(json.dumps(values))


def found(root: Path, scratch: Path, **options: Any) -> Any:
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    return find([root], Options(**options), scratch)


@pytest.fixture
def forged(tmp_path: Path) -> Path:
    return forge(tmp_path / "qmul")


def test_a_set_becomes_pairs_in_the_published_split_with_published_edges(
    forged: Path, tmp_path: Path
) -> None:
    options = Options(image_size=256, photo_as="edges", fit="keep", validation_share=0.25)
    manifest = build("qmul", [forged], tmp_path / "out", options)
    assert manifest.counts == {
        "train": {"photo": 3, "sketch": 3},
        "validation": {"photo": 1, "sketch": 1},
        "test": {"photo": 3, "sketch": 3},
    }
    folder = DatasetFolder.open(tmp_path / "out")
    maps = dict(zip(TEST, loadmat(forged / "shoes_edge_db_test.mat")["data"], strict=True))
    records = list(folder.records("test"))
    for record in records:
        assert record.class_name == "shoes" and record.instance in TEST
        if record.domain == "photo":
            assert record.image is not None and record.shown is not None
            np.testing.assert_array_equal(decode_png(record.image, 256), maps[record.instance])
            assert decode(record.shown).pixels.shape == (256, 256, 3)
    assert [r.instance for r in records if r.domain == "sketch"] != []


def test_triplets_are_published_numbers_and_stay_within_their_split(forged: Path, tmp_path: Path) -> None:
    build("qmul", [forged], tmp_path / "out", Options(image_size=32, validation_share=0.25))
    known = DatasetFolder.open(tmp_path / "out").annotations()
    assert known["triplets"]["test"]["shoes"] == [
        [5, 5, 6],
        [5, 5, 7],
        [6, 6, 7],
        [6, 5, 7],
        [7, 7, 5],
        [7, 5, 7],
    ]
    (held,) = {r.instance for r in DatasetFolder.open(tmp_path / "out").records("validation")}
    assert known["triplets"].get("validation", {}).get("shoes", []) == []
    inside = known["triplets"]["train"]["shoes"]
    assert inside and all(held not in row and set(row) <= set(TRAIN) for row in inside)
    assert known["attributes"]["shoes"]["names"] == ["attribute 1", "attribute 2", "attribute 3"]
    assert known["attributes"]["shoes"]["values"]["2"] == [0, 1, 0]
    assert known["attributes"]["shoes"]["values"]["7"] == [0, 0, 0]


def test_archives_in_a_folder_are_read_as_the_folders_are(forged: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.mkdir()
    with zipfile.ZipFile(packed / "shoes.zip", "w") as archive:
        for path in sorted((forged / "shoes").rglob("*.*")):
            archive.write(path, path.relative_to(forged))
    loose, zipped = found(forged, tmp_path / "a"), found(packed, tmp_path / "b")
    key = [(p.key, p.split, p.instance, p.domain) for p in loose.chunks[0].pictures]
    assert key == [(p.key, p.split, p.instance, p.domain) for p in zipped.chunks[0].pictures]
    assert zipped.extra_files == ((packed / "shoes.zip", "shoes.zip"),)


def test_the_annotation_of_another_set_is_refused(tmp_path: Path) -> None:
    root = forge(tmp_path / "qmul", "handbags", ((1, 2, 3), (4, 5)))
    with pytest.raises(
        UserError, match=r"handbags_annotation.json, train, lists 3 photos from 1 to 3, the data has 4"
    ):
        found(root, tmp_path / "scratch")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda v: v["test"]["triplets"][0][0].__setitem__(1, 3),
            "test: a triplet names photo 3, there are 3",
        ),
        (lambda v: v["train"]["triplets"][0][0].__setitem__(0, -1), "train: a triplet names photo -1"),
        (lambda v: v["train"]["triplets"].pop(), "3 lists of triplets for 4 sketches"),
        (lambda v: v["train"]["triplets"][0].pop(), "no annotation of this data"),
        (lambda v: v["train"].pop("images"), "no annotation of this data"),
        (lambda v: v.pop("test"), "no annotation of this data"),
        (lambda v: v["train"]["images"].__setitem__(0, "shoe.jpg"), "no annotation of this data"),
        (lambda v: v["train"]["images"].__setitem__(0, "2.jpg"), "a picture is listed twice"),
        (lambda v: v["train"].__setitem__("triplets", [[[0.5, 1]]] * 4), "no annotation of this data"),
    ],
)
def test_wrong_annotations_are_one_clear_line(
    forged: Path, tmp_path: Path, edit: Callable[[dict[str, Any]], None], message: str
) -> None:
    change(forged, edit)
    with pytest.raises(UserError, match=message) as error:
        found(forged, tmp_path / "scratch")
    assert "\n" not in str(error.value)


def test_wrong_tables_are_one_clear_line(forged: Path, tmp_path: Path) -> None:
    savemat(forged / "shoes_edge_db_test.mat", {"data": np.zeros((2, 256, 256), np.uint8)})
    with pytest.raises(
        UserError, match=r"shoes_edge_db_test.mat holds uint8 2x256x256, expected uint8 3x256x256"
    ):
        found(forged, tmp_path / "scratch", photo_as="edges")
    savemat(forged / "shoes_edge_db_test.mat", {"edges": np.zeros((2, 2))})
    with pytest.raises(UserError, match=r"no 'data' in it, it holds edges \(float64 2x2\)"):
        found(forged, tmp_path / "scratch", photo_as="edges")
    savemat(forged / "shoes" / "annotation" / "image_label.mat", {"label": np.eye(6)})
    with pytest.raises(UserError, match="holds 6x6 values, expected a row of 0 and 1 for 7 photos"):
        found(forged, tmp_path / "scratch")


def test_missing_pictures_are_named(forged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (forged / "shoes" / "test" / "images" / "6.jpg").unlink()
    (forged / "shoes" / "train" / "sketches" / "2.png").unlink()
    there = found(forged, tmp_path / "scratch")
    assert there.dropped == {"missing_photo": 1} and there.bad[0].origin.endswith("test/sketches/6.png")
    kept = {(p.domain, p.instance) for p in there.chunks[0].pictures}
    assert kept == {(1, n) for n in (1, 2, 3, 4, 5, 7)} | {(0, n) for n in (1, 3, 4, 5, 7)}
    said = capsys.readouterr().err
    assert "3 pairs for training and 2 for testing, published are 304 and 115" in said
    assert "1 photos have no sketch, first 2" in said


def test_without_edge_maps_edges_are_found_in_the_photos_and_it_is_said(
    forged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (forged / "shoes_edge_db_test.mat").unlink()
    found(forged, tmp_path / "scratch", photo_as="edges")
    assert "no shoes_edge_db_test.mat; edges are found in the photos" in capsys.readouterr().err


def test_another_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cat.png").write_bytes(b"x")
    with pytest.raises(UserError, match="has no pictures of this data; expected"):
        found(tmp_path / "data", tmp_path / "scratch")


def test_a_photo_keeps_its_bytes_in_front_of_its_edges() -> None:
    edges = np.arange(12, dtype=np.uint8).reshape(3, 4)
    photo, back = without_edges(with_edges(b"photo", edges))
    assert photo == b"photo" and back is not None and np.array_equal(back, edges)
    assert without_edges(b"photo") == (b"photo", None)
    assert without_edges(with_edges(b"photo", edges)[1:])[1] is None


def test_the_real_sets_have_their_published_numbers(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared_data / "qmul_shoes_chairs"
    there = found(source, tmp_path / "scratch", validation_share=0.2)
    assert there.classes == ("chairs", "shoes") and capsys.readouterr().err == ""
    for chunk, (train, test) in zip(there.chunks, ((200, 97), (304, 115)), strict=True):
        counts = [sum(p.split == split for p in chunk.pictures if p.domain) for split in range(3)]
        held = round(0.2 * train)
        assert counts == [train - held, held, test] and len(chunk.pictures) == 2 * (train + test)
    shoes = there.extra["shoes"]
    everyone = frozenset(range(1, 305))
    assert shoes.annotation["train"].among(everyone, everyone).shape == (304 * 135, 3)
    assert shoes.annotation["test"].among(frozenset(range(305, 420)), frozenset(range(305, 420))).shape == (
        115 * 45,
        3,
    )
    assert len(shoes.attributes["names"]) == 21 and len(shoes.attributes["values"]) == 419
    sketch = next(p for p in there.chunks[1].pictures if p.domain == 0)
    pixels = decode(sketch.path).pixels
    assert np.median(pixels) == 255 and pixels.min() < 60


def test_the_real_chairs_keep_their_published_edge_maps(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "qmul_shoes_chairs"
    there = found(source, tmp_path / "scratch", photo_as="edges", classes=("chairs",))
    maps = loadmat(source / "edge_maps" / "chairs_edge_db_test.mat")["data"]
    origins = {p.instance: p for p in there.chunks[0].pictures if p.domain and p.split == 2}
    from preprocess.spec import Origin

    for number in (201, 297):
        data = origins[number].path.read_bytes()
        record = SPEC.read(
            data, Origin("x", "chairs", 0, "photo", number), Options(256, photo_as="edges", fit="keep")
        )
        assert record.image is not None
        np.testing.assert_array_equal(decode_png(record.image, 256), maps[number - 201])


def test_a_hostile_annotation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shoes_annotation.json"
    path.write_text("[" * 100_000)
    with pytest.raises(UserError, match="no annotation of this data"):
        read_annotation(path, path.name)
