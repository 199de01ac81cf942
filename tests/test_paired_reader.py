"""Batches of sketches and photos: who is in them, that they follow from seed and step, and their pixels."""

from __future__ import annotations

import dataclasses
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from sketchspace.errors import UserError
from sketchspace.files import write_json
from tests.paired_dataset import OBJECTS, SIZE, triplets_of, write_paired_dataset
from tfrecords.dataset import DatasetFolder, decode_shown
from tfrecords.model_inputs import Wanted
from tfrecords.paired import Pairing, grouping_of
from tfrecords.preview import pick, write_preview
from tfrecords.tfds_info import write_tfds_info
from tfrecords.verify import verify
from training.tensorflow_import import import_tensorflow

import_tensorflow("tensorflow_datasets")
import tensorflow as tf  # noqa: E402
import tensorflow_datasets as tfds  # noqa: E402

from tfrecords import row_batches  # noqa: E402
from tfrecords.reader import TrainingInput, centre_crop, eval_batches, fixed_batches, random_crop  # noqa: E402  # noqa: E402
from tfrecords.record_index import RecordIndex  # noqa: E402

SPLIT = "train"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    return DatasetFolder.open(write_paired_dataset(tmp_path_factory.mktemp("paired") / "set"))


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    return DatasetFolder.open(write_paired_dataset(tmp_path_factory.mktemp("coloured") / "set", channels=3))


def pairing(text: str, **how) -> Pairing:
    """What a stage's grouping of tuples means."""
    grouping = grouping_of(text, **how)
    assert isinstance(grouping, Pairing)
    return grouping


def batches_of(folder: DatasetFolder, text: str, count: int, start: int = 0, seed: int = 1, **how):
    grouping = grouping_of(text, **how)
    assert grouping is not None
    source = TrainingInput(folder, grouping.size, seed, grouping=grouping)
    return list(islice(source.batches(start).as_numpy_iterator(), count))


def tuples(batch, arity: int = 2):
    """Rows of (label, instance, domain) `[count, arity, 3]`."""
    numbers = np.stack([batch["label"], batch["instance"], batch["domain"]], axis=-1)
    return numbers.reshape(-1, arity, 3)


def test_pairs_are_different_objects_a_sketch_and_its_photo_each(folder: DatasetFolder) -> None:
    drawn_of = []
    for batch in batches_of(folder, "pairs:8", 6):
        rows = tuples(batch)
        assert rows[:, 0, 2].tolist() == [0] * 8 and rows[:, 1, 2].tolist() == [1] * 8
        np.testing.assert_array_equal(rows[:, 0, :2], rows[:, 1, :2])
        assert len({tuple(row) for row in rows[:, 0, :2].tolist()}) == 8
        drawn_of.append(rows[:, 0, :2])
    for epoch in range(3):  # 16 objects have a sketch: two batches are all of them
        objects = np.concatenate(drawn_of[2 * epoch : 2 * epoch + 2])
        expected = {(label, n) for label in (0, 1) for n in range(OBJECTS[SPLIT] - 1)}
        assert {tuple(row) for row in objects.tolist()} == expected
    keys = {key for batch in batches_of(folder, "pairs:8", 20) for key in batch["key"]}
    assert {b"train-boot-7-s0", b"train-boot-7-s1"} < keys, "both sketches of an object take turns"


def test_pairs_of_classes_have_a_sketch_and_any_photo_of_each(folder: DatasetFolder) -> None:
    photos = set()
    for batch in batches_of(folder, "classes:2", 30):
        rows = tuples(batch)
        assert rows[:, 0, 2].tolist() == [0, 0] and rows[:, 1, 2].tolist() == [1, 1]
        assert rows[:, 0, 0].tolist() == rows[:, 1, 0].tolist()
        assert sorted(rows[:, 0, 0].tolist()) == [0, 1]
        photos |= {tuple(row) for row in rows[:, 1, :2].tolist()}
    assert (0, OBJECTS[SPLIT] - 1) in photos, "a photo that nobody drew counts too"


@pytest.mark.parametrize("text", ["pairs:5", "classes:2", "balanced:6", "triplets:7", "2x3"])
def test_batches_follow_from_seed_and_step(folder: DatasetFolder, text: str) -> None:
    whole = batches_of(folder, text, 8)
    for start in (0, 3, 7):
        for one, other in zip(batches_of(folder, text, 8 - start, start), whole[start:], strict=True):
            for name in one:
                np.testing.assert_array_equal(one[name], other[name])
    other = batches_of(folder, text, 8, seed=2)
    assert any((a["key"] != b["key"]).any() for a, b in zip(whole, other, strict=True))


@pytest.mark.parametrize("match", ["class", "instance"])
def test_every_other_balanced_pair_matches(folder: DatasetFolder, match: str) -> None:
    seen = set()
    for batch in batches_of(folder, "balanced:6", 30, match=match):
        rows = tuples(batch)
        assert rows[:, 0, 2].tolist() == [0] * 6 and rows[:, 1, 2].tolist() == [1] * 6
        numbers = 1 if match == "class" else 2
        same = (rows[:, 0, :numbers] == rows[:, 1, :numbers]).all(axis=1)
        assert same.tolist() == [True, False] * 3
        assert len({tuple(row) for row in rows[:, 0].tolist()}) >= 5, "different sketches; one object has two"
        seen |= {tuple(row) for row in rows[1::2, 1, :2].tolist()}
    assert len(seen) == 18, "photos that nobody drew do as well where pairs do not match"


def test_triplets_are_annotated_or_end_in_a_photo_that_was_not_compared(folder: DatasetFolder) -> None:
    annotated = {tuple(triplet) for triplet in triplets_of(SPLIT)}
    batches = batches_of(folder, "triplets:60", 40, hard_ratio=0.75)
    rows = np.concatenate([tuples(batch, 3) for batch in batches])
    assert (rows[..., 0] == 0).all() and (rows[..., 2] == [0, 1, 1]).all()
    order = [name for n in range(7) for name in [n]] + [7, 7]
    assert rows[:18, 0, 1].tolist() == order * 2, "anchors are the sketches in order"
    hard = np.array([tuple(row) in annotated for row in rows[..., 1].tolist()])
    assert hard.mean() == pytest.approx(0.75, abs=0.03), "2,400 draws: deviation 0.009"
    candidates = {a: {n for t in annotated if t[0] == a for n in t[1:]} for a in range(8)}
    for anchor, closer, farther in rows[~hard, :, 1].tolist():
        assert any(t[:2] == (anchor, closer) for t in annotated) and farther not in candidates[anchor]
    every = batches_of(folder, "triplets:60", 40, hard_ratio=1.0)
    found = {tuple(row) for batch in every for row in tuples(batch, 3)[..., 1].tolist()}
    assert found == annotated


def test_pictures_kept_in_memory_are_those_of_the_shards(
    folder: DatasetFolder, coloured: DatasetFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for data in (folder, coloured):
        from_memory = batches_of(data, "pairs:6", 3)
        with monkeypatch.context() as patch:
            patch.setattr(row_batches, "MAX_BYTES_IN_MEMORY", 0)
            from_shards = batches_of(data, "pairs:6", 3)
        for one, other in zip(from_memory, from_shards, strict=True):
            assert one.keys() == other.keys()
            for name in one:
                assert one[name].dtype == other[name].dtype
                np.testing.assert_array_equal(one[name], other[name])


def test_photos_are_in_colour_and_sketches_grey_in_three_channels(coloured: DatasetFolder) -> None:
    held = coloured.pictures(SPLIT)
    assert held.images.shape == (len(held.keys), SIZE, SIZE, 3)
    batch = batches_of(coloured, "pairs:6", 1)[0]
    for row, key in enumerate(batch["key"]):
        pixels = held.images[held.keys.index(key.decode())]
        np.testing.assert_array_equal(np.rint(255 - 255 * batch["image"][row]), pixels)
        assert (np.ptp(pixels, axis=2) == 0).all() == (row % 2 == 0)
    photos = coloured.pictures(SPLIT, "photo")
    assert (photos.domains == 1).all() and len(photos.keys) == 18 == len(set(photos.keys))
    np.testing.assert_array_equal(photos.images, held.images[held.domains == 1])


def test_pairs_for_evaluation_are_always_the_same(folder: DatasetFolder) -> None:
    for text, arity, count in (("pairs:5", 2, 8), ("balanced:3", 2, 9), ("triplets:6", 3, 18)):
        grouping = pairing(text)
        (batches, steps), (again, _) = (fixed_batches(folder, "validation", grouping) for _ in range(2))
        found = list(batches.as_numpy_iterator())
        assert len(found) == steps
        for one, other in zip(found, again.as_numpy_iterator(), strict=True):
            np.testing.assert_array_equal(one["key"], other["key"])
        rows = np.concatenate([tuples(batch, arity) for batch in found])
        assert count <= len(rows) <= 20
    rows = pairing("pairs:5").fixed(RecordIndex.of(folder, "validation"), replicas=3)
    assert rows.shape == (2, 6), "three pairs for three replicas, twice"


def test_training_takes_parts_at_random_and_evaluation_the_middle(folder: DatasetFolder) -> None:
    image = np.arange(2 * 9 * 9, dtype=np.float32).reshape(2, 9, 9, 1)
    parts: dict[int, set[tuple[int, int]]] = {0: set(), 1: set()}
    for step in range(60):
        cut = random_crop({"image": tf.constant(image)}, 7, tf.constant([3, step]))["image"].numpy()
        for row in (0, 1):
            x, y = (int(cut[row, 0, 0, 0]) - 81 * row) % 9, (int(cut[row, 0, 0, 0]) - 81 * row) // 9
            np.testing.assert_array_equal(cut[row], image[row, y : y + 7, x : x + 7])
            parts[row].add((x, y))
    assert parts[0] == parts[1] == {(0, 0), (0, 1), (1, 0), (1, 1)}, "offsets 0 and 1, not 2"
    middle = centre_crop({"image": tf.constant(image)}, 7)["image"].numpy()
    np.testing.assert_array_equal(middle, image[:, 1:8, 1:8])
    wanted = Wanted(input_size=13)
    [batch] = eval_batches(folder, "validation", 100, wanted).as_numpy_iterator()
    held = folder.pictures("validation").images[:, 1:14, 1:14, None]
    np.testing.assert_array_equal(np.rint(255 - 255 * batch["image"]), held)
    source = TrainingInput(folder, 6, 1, wanted=wanted, grouping=grouping_of("pairs:3"))
    assert next(iter(source.batches()))["image"].shape == (6, 13, 13, 1)


def test_what_cannot_be_paired_is_one_clear_error(folder: DatasetFolder, tmp_path: Path) -> None:
    for text, says in (
        ("pairs:17", "wants 17 objects with sketch and photo.* has 16; lower"),
        ("balanced:19", "wants 19 sketches with photos.* has 18; lower"),
    ):
        with pytest.raises(UserError, match=says):
            batches_of(folder, text, 1)
    bare = DatasetFolder.open(write_paired_dataset(tmp_path / "bare", annotated=False))
    with pytest.raises(UserError, match="has none for 'train'; make a data set that has them"):
        batches_of(bare, "triplets:4", 1)
    for triplets, says in (
        ({"boot": [[0, 1, 77]]}, "names a photo of object 77 of 'boot', which split 'train' does not hold"),
        ({"boot": [[8, 0, 1]]}, "names a sketch of object 8 of 'boot'"),
        ({"bag": [[0, 1, 2]]}, "triplets of 'bag', no class"),
        ({"boot": [[0, 1]]}, r"boot\[0\] is a list of 2, expected a list of 3"),
        ({"boot": "many"}, "boot is 'many', expected a list"),
        ([[0, 1, 2]], "triplets.train is a list of 1, expected names with values"),
    ):
        write_json(bare.path / "annotations.json", {"triplets": {"train": triplets}})
        with pytest.raises(UserError, match=says):
            batches_of(bare, "triplets:4", 1)
    alone = dataclasses.replace(bare.manifest, counts={"train": {"sketch": 3}})
    assert (alone.has_photos, alone.photo_as) == (False, "")
    assert (bare.manifest.has_photos, bare.manifest.photo_as, bare.manifest.fit) == (True, "grey", "keep")
    for text in ("pairs:", "pairs:0", "triples:4", "pairs:4x4"):
        with pytest.raises(UserError, match="or pairs:48, classes:32"):
            grouping_of(text)
    with pytest.raises(UserError, match=r"'instanse'.*instance"):
        grouping_of("balanced:4", "instanse")


@pytest.mark.parametrize("channels", [1, 3])
def test_others_read_paired_folders_and_checks_see_what_is_wrong(tmp_path: Path, channels: int) -> None:
    data = DatasetFolder.open(write_paired_dataset(tmp_path / "set", channels=channels))
    write_tfds_info(data.path, data.manifest)
    verify(data)
    builder = tfds.builder_from_directory(data.path)
    theirs = builder.as_dataset(split=SPLIT, read_config=tfds.ReadConfig(interleave_cycle_length=1))
    held, records = data.pictures(SPLIT), list(data.records(SPLIT))
    [ours] = eval_batches(data, SPLIT, 100).as_numpy_iterator()
    for row, example in enumerate(theirs.as_numpy_iterator()):
        assert example["key"].decode() == held.keys[row] == ours["key"][row].decode()
        for name in ("label", "instance", "domain"):
            assert example[name] == ours[name][row]
        pixels = held.images[row].reshape(SIZE, SIZE, channels)
        np.testing.assert_array_equal(example["image"], pixels)
        np.testing.assert_array_equal(np.rint(255 - 255 * ours["image"][row]), pixels)
        if channels == 1:
            shown = [] if records[row].shown is None else [decode_shown(records[row], SIZE)]
            np.testing.assert_array_equal(example["shown"], np.array(shown).reshape(-1, SIZE, SIZE, 3))
    wrong = dataclasses.replace(data.manifest, channels=4 - channels)
    says = "has no photo to be shown" if channels == 3 else "has a photo to be shown"
    with pytest.raises(UserError, match=says):
        verify(DatasetFolder(data.path, wrong))


def test_preview_has_sketches_beside_their_photos_in_colour(folder: DatasetFolder) -> None:
    rows = pick(folder, 6)
    held, photos = folder.pictures(SPLIT), list(folder.records(SPLIT))
    for label, row in rows.items():
        assert len(row) == 6 and all(picture.shape == (SIZE, SIZE, 3) for picture in row)
        for sketch, photo in zip(row[::2], row[1::2], strict=True):
            place = next(n for n, r in enumerate(photos) if (decode_shown(r, SIZE) == photo).all())
            assert (held.labels[place], held.domains[place]) == (label, 1)
            assert np.abs(sketch[..., 0].astype(int) - photo[..., 1]).max() <= 8, (
                "made from the green channel"
            )
    picture = cv2.imread(str(write_preview(folder)))
    assert picture is not None
    assert (np.ptp(picture, axis=2) > 30).any()
