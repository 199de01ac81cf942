"""Shards as `tf.data` batches: equal to TFDS, and a pure function of seed and step."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preprocess.pipeline import build
from preprocess.spec import Options
from sketchspace.errors import UserError
from tests.ndjson_fixture import write_classes
from tfrecords.dataset import DatasetFolder, decode_image
from tfrecords.grouped import Grouping
from training.tensorflow_import import import_tensorflow

import_tensorflow("tensorflow_datasets")
import tensorflow as tf  # noqa: E402
import tensorflow_datasets as tfds  # noqa: E402

from tfrecords.reader import Batch, TrainingInput, eval_batches  # noqa: E402

Arrays = dict[str, np.ndarray]
IN_ORDER = tfds.ReadConfig(interleave_cycle_length=1)  # one shard after the other


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    """82 drawings for training in five shards, 12 for validation, 9 for testing."""
    where = tmp_path_factory.mktemp("reader")
    source = write_classes(where / "source", ("ant", "ice cream", "zebra"))
    options = Options(image_size=28, splits="train:30,validation:4,test:3", num_shards=5)
    build("quickdraw", [source], where / "Some Set", options)
    return DatasetFolder.open(where / "Some Set")


def take(dataset: tf.data.Dataset, count: int | None = None) -> list[Arrays]:
    return list(islice(dataset.as_numpy_iterator(), count))


def keys(batches: list[Arrays]) -> list[str]:
    return [key.decode() for batch in batches for key in batch["key"]]


def assert_equal(found: list[Arrays], expected: list[Arrays]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def note_seed(batch: Batch, seed: tf.Tensor) -> Batch:
    """An augmentation that changes nothing and keeps its seed."""
    return {**batch, "seed": seed}


# ---------------------------------------------------------------- TFDS


def test_tfds_reads_the_folder(folder: DatasetFolder) -> None:
    builder = tfds.builder_from_directory(folder.path)
    manifest = folder.manifest
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        "train": 90,
        "validation": 12,
        "test": 9,
    }
    assert builder.info.name == "some_set" and builder.info.splits["train"].num_shards == 5
    assert builder.info.splits["train"].num_bytes == manifest.num_bytes("train")
    assert tuple(builder.info.features["label"].names) == manifest.classes == ("ant", "ice cream", "zebra")
    assert builder.info.features["domain"].names == ["sketch", "photo"]
    assert builder.info.features["image"].shape == (28, 28, 1)
    assert builder.info.features["strokes"].shape == (None, 3)
    assert builder.info.supervised_keys == ("image", "label")
    assert "Jongejan" in builder.info.citation and "CC BY 4.0" in str(builder.info.redistribution_info)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_tfds_and_our_readers_give_the_same_examples(folder: DatasetFolder, split: str) -> None:
    builder = tfds.builder_from_directory(folder.path)
    theirs = list(builder.as_dataset(split=split, read_config=IN_ORDER).as_numpy_iterator())
    ours = take(eval_batches(folder, split, 7))
    flat = [{name: batch[name][row] for name in batch} for batch in ours for row in range(len(batch["key"]))]
    for example, record, array in zip(theirs, folder.records(split), flat, strict=True):
        assert example["key"].decode() == record.key == array["key"].decode()
        assert example["label"] == record.label == array["label"]
        assert example["class_name"].decode() == record.class_name == folder.manifest.classes[record.label]
        assert example["domain"] == array["domain"] == 0
        assert example["instance"] == record.instance == array["instance"] == -1
        np.testing.assert_array_equal(example["strokes"], record.strokes)
        np.testing.assert_array_equal(example["image"][..., 0], decode_image(record, 28))
        np.testing.assert_array_equal(
            array["image"], 1 - example["image"].astype(np.float32) / np.float32(255)
        )


def test_tfds_slices_the_folder(folder: DatasetFolder) -> None:
    builder = tfds.builder_from_directory(folder.path)
    stored = [record.key for record in folder.records("train")]
    for spec, expected in (
        ("train[:10]", stored[:10]),
        ("train[50%:]", stored[45:]),
        ("train[20:23]+test", stored[20:23] + [record.key for record in folder.records("test")]),
    ):
        sliced = builder.as_dataset(split=spec, read_config=IN_ORDER).as_numpy_iterator()
        assert [example["key"].decode() for example in sliced] == expected
    pair = next(iter(builder.as_dataset(split="test", as_supervised=True).as_numpy_iterator()))
    assert pair[0].shape == (28, 28, 1) and 0 <= pair[1] < 3


# ---------------------------------------------------------------- evaluation


def test_evaluation_gives_every_example_once_in_stored_order(folder: DatasetFolder) -> None:
    batches = take(eval_batches(folder, "test", 4))
    assert [len(batch["key"]) for batch in batches] == [4, 4, 1]
    assert keys(batches) == [record.key for record in folder.records("test")]
    first = batches[0]
    assert first["image"].shape == (4, 28, 28, 1) and first["image"].dtype == np.float32
    assert first["image"].min() == 0 and first["image"].max() <= 1 and first["image"][:, 14].max() > 0
    assert {first[name].dtype for name in ("label", "instance", "domain")} == {np.dtype(np.int32)}
    spec = eval_batches(folder, "test", 4).element_spec
    assert spec["image"].shape.as_list() == [None, 28, 28, 1]


# ---------------------------------------------------------------- training


def test_every_epoch_visits_each_example_at_most_once_and_leaves_out_the_incomplete_batch(
    folder: DatasetFolder,
) -> None:
    source = TrainingInput(folder, 8, seed=3)
    assert source.steps_per_epoch == 11
    seen = keys(take(source.batches(), 33))
    stored = {record.key for record in folder.records("train")}
    orders = [seen[start : start + 88] for start in range(0, 264, 88)]
    for order in orders:
        assert len(set(order)) == 88 and set(order) < stored
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert set().union(*orders) == stored, "what one epoch leaves out, another has"


def test_a_batch_size_that_divides_leaves_nothing_out(folder: DatasetFolder) -> None:
    seen = keys(take(TrainingInput(folder, 30, seed=0).batches(), 3))
    assert sorted(seen) == sorted(record.key for record in folder.records("train"))


@pytest.mark.parametrize("seed", [0, 7, 1 << 40])
@pytest.mark.parametrize("start", [0, 1, 10, 11, 12, 25])
def test_starting_at_a_step_is_skipping_to_it(folder: DatasetFolder, seed: int, start: int) -> None:
    source = TrainingInput(folder, 8, seed, note_seed)
    assert_equal(take(source.batches(start), 3), cached(source, 28)[start : start + 3])


_CACHE: dict[int, list[Arrays]] = {}


def cached(source: TrainingInput, count: int) -> list[Arrays]:
    """The first batches of an uninterrupted run."""
    if source.seed not in _CACHE:
        _CACHE[source.seed] = take(source.batches(), count)
    return _CACHE[source.seed]


def test_same_seed_same_batches_other_seed_other_batches(folder: DatasetFolder) -> None:
    for seed in (0, 1):
        runs = [take(TrainingInput(folder, 8, seed).batches(), 12) for _ in range(3)]
        assert_equal(runs[0], runs[1])
        assert_equal(runs[0], runs[2])
    orders = [keys(take(TrainingInput(folder, 8, seed).batches(), 11)) for seed in range(4)]
    assert len({tuple(order) for order in orders}) == 4


def test_order_mixes_shards_and_classes(folder: DatasetFolder) -> None:
    stored = [record.key for record in folder.records("train")]
    order = keys(take(TrainingInput(folder, 10, seed=5).batches(), 9))
    moved = np.abs(np.argsort(np.argsort([stored.index(key) for key in order])) - np.arange(90))
    assert order != stored and moved.mean() > 15, "a random order moves an example by 30 places on average"


def test_augmentation_gets_another_seed_at_every_step(folder: DatasetFolder) -> None:
    seeds = [tuple(batch["seed"]) for batch in take(TrainingInput(folder, 8, 3, note_seed).batches(), 25)]
    assert seeds == [(3, step) for step in range(25)]


def test_labels_belong_to_their_pictures(folder: DatasetFolder) -> None:
    by_key = {record.key: record for record in folder.records("train")}
    for batch in take(TrainingInput(folder, 8, seed=1).batches(), 11):
        for row, key in enumerate(batch["key"]):
            record = by_key[key.decode()]
            assert batch["label"][row] == record.label
            np.testing.assert_array_equal(
                np.rint(255 - 255 * batch["image"][row, ..., 0]), decode_image(record, 28)
            )


def test_replicas_share_a_batch_without_overlap(folder: DatasetFolder) -> None:
    source = TrainingInput(folder, 8, seed=2)
    cpus = tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([cpus[0].name])
    batches: Iterator[Any] = iter(strategy.experimental_distribute_dataset(source.batches()))
    shared = [next(batches)["key"].numpy().tolist() for _ in range(4)]
    assert shared == [batch["key"].tolist() for batch in take(source.batches(), 4)]


def test_mistakes_are_one_clear_error(folder: DatasetFolder) -> None:
    with pytest.raises(UserError, match="batch_size=91 is more than the 90 examples of 'train'"):
        TrainingInput(folder, 91, seed=0)
    with pytest.raises(UserError, match="no split 'tran'"):
        TrainingInput(folder, 8, seed=0, split="tran")
    bare = DatasetFolder(Path("nowhere"), dataclasses.replace(folder.manifest, has_images=False))
    with pytest.raises(UserError, match="nowhere has no images"):
        eval_batches(bare, "test", 4)
    with pytest.raises(UserError, match="is missing"):
        eval_batches(DatasetFolder(Path("nowhere"), folder.manifest), "test", 4)


def test_picture_of_another_size_stops_the_reading(folder: DatasetFolder) -> None:
    wrong = DatasetFolder(folder.path, dataclasses.replace(folder.manifest, image_size=32))
    with pytest.raises(tf.errors.InvalidArgumentError):
        take(eval_batches(wrong, "test", 4))


@pytest.mark.parametrize("harm", ["empty", "shortened", "missing"])
@pytest.mark.parametrize("grouping", [None, Grouping(3, 2)])
def test_a_shard_of_another_size_is_named_before_the_first_step(folder, tmp_path, harm, grouping):
    """A split is never read in part without a word, whichever way it is read."""
    broken = DatasetFolder.open(Path(shutil.copytree(folder.path, tmp_path / "broken")))
    shard = broken.shard_paths("train")[1]
    data = shard.read_bytes()
    shard.write_bytes(b"" if harm == "empty" else data[: len(data) // 2])
    if harm == "missing":
        shard.unlink()
    says = "is missing" if harm == "missing" else f"the manifest says {len(data):,}"
    with pytest.raises(UserError, match=says) as told:
        TrainingInput(broken, 6, seed=1, grouping=grouping)
    assert shard.name in str(told.value)
    for read in (
        broken.images,
        lambda split: list(broken.whole(split)),
        lambda split: list(broken.records(split)),
    ):
        with pytest.raises(UserError, match=says):
            read("train")
    with pytest.raises(UserError, match=says):
        eval_batches(broken, "train", 6)
