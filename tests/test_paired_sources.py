"""Photos and sketches of the same things: layouts, pairs, splits by object, and what cannot be used."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from absl.testing import flagsaver

from preprocess import __main__ as command
from preprocess.pipeline import build
from preprocess.sources.paired_files import deal
from preprocess.spec import SPLIT_NAMES, Options
from sketchspace.errors import UserError
from sketchspace.pictures.photos import load_as, load_sketch
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch
from tests.image_files import encoded
from tfrecords.dataset import DatasetFolder
from tfrecords.manifest import Manifest
from tfrecords.png import decode_png
from tfrecords.schema import Record
from tfrecords.verify import verify

SMALL = Options(image_size=16, splits="0.6,0.2,0.2", fit="keep")
Files = dict[str, bytes]


def sketch(seed: int) -> bytes:
    points = np.random.default_rng(seed).integers(0, 100, (2, 4, 2))
    return encoded(rasterize(Sketch.of(list(points)), 32))


def photo(seed: int, side: int = 24) -> bytes:
    small = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    return encoded(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC))


def sketchy(photos: str = "photo/{word}/{name}.jpg", sketches: str = "sketch/{word}/{name}-{k}.png") -> Files:
    """Three classes of ten photos, two sketches of each but the last two."""
    files = {}
    for w, word in enumerate(("bat", "car_(sedan)", "owl")):
        for n in range(10):
            name = f"n0{w}_{n}"
            files[photos.format(word=word, name=name)] = photo(100 * w + n)
            for k in (1, 2) if n < 8 else ():
                files[sketches.format(word=word, name=name, k=k)] = sketch(1000 * w + 10 * n + k)
    return files


def lay(folder: Path, files: Files) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def pack(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def records(folder: Path) -> dict[str, list[Record]]:
    dataset = DatasetFolder.open(folder)
    return {split: list(dataset.records(split)) for split in dataset.manifest.counts}


def objects(folder: Path) -> dict[tuple[str, int], set[str]]:
    """(class, instance) -> the splits that its pictures are in."""
    found = defaultdict(set)
    for split, examples in records(folder).items():
        for record in examples:
            found[record.class_name, record.instance].add(split)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three classes as edges, from folders."""
    folder = tmp_path_factory.mktemp("made")
    source = lay(folder / "source", sketchy())
    build("sketchy", [source], folder / "set", Options(**{**vars(SMALL), "photo_as": "edges"}))
    return folder


def test_every_sketch_has_the_instance_of_its_photo(made: Path) -> None:
    manifest = Manifest.load(made / "set")
    verify(DatasetFolder.open(made / "set"))
    assert manifest.classes == ("bat", "car (sedan)", "owl") and manifest.dropped == {}
    assert (manifest.photo_as, manifest.fit, manifest.channels) == ("edges", "keep", 1)
    numbers, pictures = defaultdict(set), 0
    for examples in records(made / "set").values():
        for record in examples:
            stem = Path(record.key).stem
            assert record.key.startswith(f"{record.domain}/{record.class_name}/")
            name = stem.split("-")[0] if record.domain == "sketch" else stem
            numbers[record.class_name, record.instance].add(name)
            pictures += 1
    assert pictures == 3 * (10 + 16)
    assert len(numbers) == 30 and all(len(names) == 1 for names in numbers.values())
    assert numbers["owl", 0] == {"n02_0"}


def test_no_object_is_in_two_splits(made: Path) -> None:
    splits = objects(made / "set")
    assert all(len(names) == 1 for names in splits.values())
    counts = Manifest.load(made / "set").counts
    assert set(counts) == {"train", "validation", "test"}
    assert sum(split["photo"] for split in counts.values()) == 30


def test_pictures_are_those_of_the_one_way(made: Path) -> None:
    for record in records(made / "set")["train"]:
        word = record.class_name.replace(" ", "_")
        data = (made / "source" / record.domain / word / Path(record.key).name).read_bytes()
        pixels = decode_png(record.image or b"", 16)
        if record.domain == "sketch":
            assert record.shown is None and np.array_equal(pixels, load_sketch(data, 16, "keep"))
        else:
            loaded = load_as(data, 16, "edges", "keep")
            assert np.array_equal(pixels, loaded.pixels)
            assert np.array_equal(decode_png(record.shown or b"", 16, 3), loaded.shown)


@pytest.mark.parametrize(
    ("photos", "sketches"),
    [
        (
            "256x256/photo/tx_000000000000/{word}/{name}.jpg",
            "256x256/sketch/tx_000000000000/{word}/{name}-{k}.png",
        ),
        ("{word}/photo/{name}.jpg", "{word}/sketch/{name}_{k}.png"),
        ("{word}/Photos/{name}.png", "{word}/Sketches/{name}-{k}.PNG"),
    ],
)
def test_every_layout_gives_the_same_split(made: Path, tmp_path: Path, photos: str, sketches: str) -> None:
    files = sketchy(photos, sketches)
    if "tx_" in photos:
        moved = {name.replace("tx_000000000000", "tx_000100000000"): photo(9) for name in files}
        files |= moved
    build("sketchy", [lay(tmp_path / "x", files)], tmp_path / "set", SMALL)
    mine, theirs = objects(tmp_path / "set"), objects(made / "set")
    assert mine.keys() == theirs.keys()
    if "{name}.jpg" in photos:
        assert mine == theirs


def test_archives_give_what_folders_give_and_larger_photos_count(made: Path, tmp_path: Path) -> None:
    files = sketchy()
    drawn = pack(tmp_path / "sketch.zip", {name: data for name, data in files.items() if "sketch/" in name})
    small = {name: data for name, data in files.items() if "photo/" in name}
    large = {name: photo(7, 40) for name in list(small)[:5]}
    parts = [drawn, pack(tmp_path / "small.zip", small)]
    manifest = build("sketchy", parts, tmp_path / "a", SMALL)
    assert manifest.fingerprint == Manifest.load(made / "set").fingerprint
    assert [entry["name"] for entry in manifest.sources] == ["sketch.zip", "small.zip"]
    parts.insert(0, pack(tmp_path / "large.zip", large))
    both = build("sketchy", [*parts], tmp_path / "b", SMALL)
    assert both.fingerprint == manifest.fingerprint and both.counts == manifest.counts
    expected = load_as(photo(7, 40), 16, "grey", "keep").pixels
    for record in (record for examples in records(tmp_path / "b").values() for record in examples):
        if record.domain == "photo":
            shown = decode_png(record.image or b"", 16)
            word = record.class_name.replace(" ", "_")
            is_large = f"photo/{word}/{Path(record.key).name}" in large
            assert np.array_equal(shown, expected) == is_large


def test_held_out_classes_go_wholly_into_zeroshot(tmp_path: Path) -> None:
    options = Options(**{**vars(SMALL), "holdout_classes": ("bat",), "splits": "train:3,test:2"})
    source = lay(tmp_path / "x", sketchy())
    manifest = build("sketchy", [source], tmp_path / "set", options)
    found = records(tmp_path / "set")
    assert list(manifest.counts) == ["train", "test", "zeroshot"]
    assert {record.class_name for record in found["zeroshot"]} == {"bat"}
    assert manifest.counts["zeroshot"] == {"photo": 10, "sketch": 16}
    assert not any(record.class_name == "bat" for name in ("train", "test") for record in found[name])
    assert manifest.counts["test"]["sketch"] == 2 * 2 * 2
    for held, says in ((("bats",), "did you mean 'bat'"), (("bat", "owl", "car (sedan)"), "every class")):
        with pytest.raises(UserError, match=says):
            build("sketchy", [source], tmp_path / "y", Options(**{**vars(SMALL), "holdout_classes": held}))
    assert not (tmp_path / "y").exists() and not list(tmp_path.glob(".*"))


def test_held_out_classes_work_for_plain_drawings_too(tmp_path: Path) -> None:
    files = {f"{word}/{n}.png": sketch(10 * w + n) for w, word in enumerate("abc") for n in range(8)}
    options = Options(image_size=16, splits="train:5,test:3", holdout_classes=("b",))
    manifest = build("folder", [lay(tmp_path / "x", files)], tmp_path / "set", options)
    assert manifest.counts == {"train": {"sketch": 10}, "test": {"sketch": 6}, "zeroshot": {"sketch": 8}}
    assert manifest.notes == {} and manifest.photo_as == ""


def bomb() -> bytes:
    """A PNG whose header promises 30,000 x 30,000 pixels."""
    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 4) + b"IDAT" + bytes(8)


def spoiled() -> tuple[Files, dict[str, int]]:
    """Files with every fault, and how many examples each costs."""
    files = sketchy()
    files["photo/bat/n00_0.jpg"] = files["photo/bat/n00_0.jpg"][:60]  # cut off: two sketches go with it
    files["photo/owl/n02_1.jpg"] = bomb()
    files["photo/owl/n02_9.jpg"] = encoded(np.full((20, 20, 3), 80, np.uint8))
    files["sketch/owl/n02_2-1.png"] = b"GIF89a no picture"
    files["sketch/owl/n02_3-1.png"] = encoded(np.full((20, 20), 255, np.uint8))
    files["sketch/owl/n02_77-1.png"] = sketch(5)
    files["sketch/owl/strange.png"] = sketch(6)
    files["readme/a/b/c.png"] = sketch(7)
    costs = {
        "bad_image": 3,
        "nothing_to_see": 1,
        "nothing_drawn": 1,
        "missing_photo": 2 + 2 + 2,
        "misplaced": 1,
    }
    return files, costs


def test_what_cannot_be_used_is_counted_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files, costs = spoiled()
    manifest = build("sketchy", [lay(tmp_path / "x", files)], tmp_path / "set", SMALL)
    assert manifest.dropped == costs
    told = capsys.readouterr().err
    assert told.count("left out:") == len(costs) and "6 x missing_photo, first in " in told
    assert "photo/bat/n00_0.jpg" in told
    found = objects(tmp_path / "set")
    assert ("bat", 0) not in found and ("bat", 1) in found
    verify(DatasetFolder.open(tmp_path / "set"))


@pytest.mark.parametrize("name", ["photo/bat/n00_0.jpg", "sketch/owl/n02_77-1.png", "readme/a/b/c.png"])
def test_strict_stops_at_the_first_with_its_name(tmp_path: Path, name: str) -> None:
    files = sketchy() | {name: spoiled()[0][name]}
    strict = Options(**{**vars(SMALL), "strict": True})
    with pytest.raises(UserError, match=name) as error:
        build("sketchy", [lay(tmp_path / "x", files)], tmp_path / "set", strict)
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_members_that_lead_out_of_an_archive_are_named_and_stay_inside(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    files = sketchy() | {"../../photo/owl/evil.jpg": photo(1), "/photo/owl/evil.jpg": photo(2)}
    archive = pack(tmp_path / "in" / "all.zip", files)
    manifest = build("sketchy", [archive], tmp_path / "in" / "set", SMALL)
    assert manifest.dropped == {"misplaced": 2}
    assert {path.name for path in tmp_path.iterdir()} == {"in"}
    assert {path.name for path in (tmp_path / "in").iterdir()} == {"all.zip", "set"}


def test_sources_without_the_other_half_say_so(tmp_path: Path) -> None:
    for kind, lacks in (("photo/", "no sketch"), ("sketch/", "no photo")):
        half = {name: data for name, data in sketchy().items() if name.startswith(kind)}
        with pytest.raises(UserError, match=lacks):
            build("sketchy", [lay(tmp_path / kind, half)], tmp_path / "set", SMALL)


def test_folder_finds_pairs_and_takes_given_splits(tmp_path: Path) -> None:
    files = {}
    for split, numbers in (("train", range(10)), ("test", range(10, 14))):
        for n in numbers:
            files[f"{split}/photo/shoe/{n}.jpg"] = photo(n)
            files[f"{split}/sketch/shoe/{n}.png"] = sketch(n)
    share = Options(**{**vars(SMALL), "validation_share": 0.3, "photo_as": "rgb"})
    manifest = build("folder", [lay(tmp_path / "x", files)], tmp_path / "set", share)
    assert manifest.counts == {
        split: {"photo": count, "sketch": count}
        for split, count in (("train", 7), ("validation", 3), ("test", 4))
    }
    assert manifest.channels == 3 and manifest.classes == ("shoe",)
    assert {record.instance for record in records(tmp_path / "set")["test"]} == {10, 11, 12, 13}
    for record in records(tmp_path / "set")["test"]:
        assert record.shown is None and decode_png(record.image or b"", 16, 3).shape == (16, 16, 3)


def test_one_class_in_two_folders_takes_the_name_of_the_source(tmp_path: Path) -> None:
    files = {f"photo/{n}.jpg": photo(n) for n in range(9)} | {
        f"sketch/{n}-1.png": sketch(n) for n in range(9)
    }
    manifest = build("folder", [lay(tmp_path / "my_bags", files)], tmp_path / "set", SMALL)
    assert manifest.classes == ("my bags",) and manifest.has_photos


def test_small_classes_keep_the_fractions_together() -> None:
    names = [SPLIT_NAMES.index(name) for name in ("train", "validation", "test")]
    options = Options(splits="0.8,0.1,0.1")
    dealt = [deal(f"class {c}", [f"{c}/{n}" for n in range(4)], options) for c in range(300)]
    counts = np.bincount([split for objects in dealt for split in objects.values()], minlength=3)[names]
    assert counts.sum() == 1200
    assert np.allclose(counts / 1200, (0.8, 0.1, 0.1), atol=0.02)
    assert deal("a", ["x", "y", "z"], options) == deal("a", ["z", "x", "y"], options)
    tens = deal("b", [str(n) for n in range(20)], options)
    assert np.bincount(list(tens.values())).tolist() == [16, 2, 2]


def test_counts_are_objects_of_a_class_and_test_does_not_change_with_train() -> None:
    keys = [f"photo {n}" for n in range(12)]
    few, many = (deal("a", keys, Options(splits=f"train:{n},test:3")) for n in (2, 9))
    assert sorted(few.values()).count(-1) == 7 and sorted(many.values()).count(0) == 9
    assert {key for key in keys if few[key] == 2} == {key for key in keys if many[key] == 2}


def test_the_real_database_from_its_archives(tmp_path: Path, shared_data: Path, capsys) -> None:
    folder = shared_data / "sketchy"
    source = [str(folder / f"{name}.zip") for name in ("sketch_256", "photo_256_paired", "photo_128")]
    command.FLAGS.mark_as_parsed()
    flags = {"image_size": "24", "workers": "1", "holdout_classes": "zebra", "classes": "pear,teapot,zebra"}
    out = str(tmp_path / "set")
    with flagsaver.as_parsed(dataset="sketchy", source=",".join(source), out=out, splits="0.7,0.3", **flags):
        command.main([])
    manifest = Manifest.load(tmp_path / "set")
    total = {name: sum(split[name] for split in manifest.counts.values()) for name in ("sketch", "photo")}
    assert total == {"sketch": 75, "photo": 75} and manifest.dropped == {}
    assert manifest.counts["zeroshot"] == {"photo": 25, "sketch": 25}
    assert manifest.options["fit"] == "keep" and manifest.options["photo_as"] == "grey"
    assert "25 photos, 25 sketches" in capsys.readouterr().out
    assert all(len(splits) == 1 for splits in objects(tmp_path / "set").values())
