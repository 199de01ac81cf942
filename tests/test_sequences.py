"""Strokes of records as padded batches, and parts of drawings, against loops over single drawings."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sketchspace.errors import UserError
from sketchspace.sketch.partial import draw_snapshots, first_points, kept_points, limit_points, snapshot_ends
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch
from tests.encoder_fixture import SIZE, records, write_dataset
from tfrecords.dataset import DatasetFolder
from tfrecords.grouped import Grouping
from tfrecords.model_inputs import Wanted
from tfrecords.paired import grouping_of
from tfrecords.reader import TrainingInput, eval_batches
from tfrecords.record_index import RecordIndex
from tfrecords.schema import Record
from tfrecords.sequences import count_longer
from training.tensorflow_errors import explain

STROKES = ("strokes", "length", "read_at")
SNAPSHOTS = ("strokes", "length", "snapshots", "snapshot_at")


def drawing_of(count: int, seed: int) -> np.ndarray:
    """A drawing of `count` points with random strokes, float32 `[count, 3]`."""
    rng = np.random.default_rng(seed)
    points = np.zeros((count, 3), np.float32)
    points[:, :2] = rng.integers(0, 256, (count, 2))
    points[:, 2] = rng.random(count) < 0.2
    points[-1, 2] = 1
    return points


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> DatasetFolder:
    """Three classes, drawings of 1 to 40 points."""
    made = [
        dataclasses.replace(record, strokes=drawing_of(1 + 7 * row % 40, row))
        for row, record in enumerate(records(15))
    ]
    return DatasetFolder.open(write_dataset(tmp_path_factory.mktemp("set") / "set", made, split="train"))


def strokes_of(folder):
    return [record.strokes for record in folder.records("train")]


def padded(drawings):
    steps = max(len(points) for points in drawings)
    return np.stack([np.pad(points, [(0, steps - len(points)), (0, 0)]) for points in drawings])


@pytest.mark.parametrize("long_strokes", ["truncate", "resample"])
@pytest.mark.parametrize("max_points", [1, 2, 9, 150])
def test_a_batch_holds_each_drawing_as_it_is_limited_alone(folder, long_strokes, max_points):
    wanted = Wanted(STROKES, max_points, long_strokes)
    [batch] = eval_batches(folder, "train", 100, wanted)
    expected = [limit_points(points, max_points, long_strokes) for points in strokes_of(folder)]
    np.testing.assert_array_equal(batch["strokes"], padded(expected))
    np.testing.assert_array_equal(batch["length"], [len(points) for points in expected])
    np.testing.assert_array_equal(batch["read_at"], [len(points) - 1 for points in expected])
    assert set(batch) == {*STROKES, "key", "label", "domain", "instance"}


def test_resampling_takes_evenly_spaced_points_from_first_to_last():
    assert kept_points(9, 5).tolist() == [0, 2, 4, 6, 8]
    assert kept_points(7, 1).tolist() == [0]
    for count, limit in [(10, 9), (100, 7), (1000, 150)]:
        kept = kept_points(count, limit)
        np.testing.assert_array_equal(kept, np.floor(np.linspace(0, count - 1, limit) + 0.5))
        assert len(set(kept.tolist())) == limit


def test_resampling_keeps_points_of_different_strokes_apart():
    points = drawing_of(40, 3)
    kept = kept_points(40, 11)
    stroke_of = np.concatenate([[0], np.cumsum(points[:-1, 2])])
    fewer = limit_points(points, 11, "resample")
    for row in range(10):
        assert fewer[row, 2] == (stroke_of[kept[row]] != stroke_of[kept[row + 1]])
    assert fewer[-1, 2] == 1


def test_the_first_points_end_a_stroke_and_leave_the_drawing_alone():
    points = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 1]], np.float32)
    assert first_points(points, 2).tolist() == [[0, 0, 0], [1, 0, 1]]
    assert first_points(points, 0).tolist() == [[0, 0, 1]]
    assert points[1, 2] == 0


def test_longer_drawings_are_counted(folder):
    lengths = [len(points) for points in strokes_of(folder)]
    assert count_longer(folder, "train", 20) == sum(length > 20 for length in lengths) > 0


def test_snapshots_are_pictures_of_the_drawing_so_far(folder):
    [batch] = eval_batches(folder, "train", 100, Wanted(SNAPSHOTS, snapshots=4))
    for row, points in enumerate(strokes_of(folder)):
        ups = np.flatnonzero(points[:, 2])
        at = batch["snapshot_at"][row].numpy()
        assert at[-1] == len(points) - 1
        assert (np.diff(at) >= 0).all()
        assert set(at) <= set(ups)
        if len(ups) >= 4:
            assert len(set(at)) == 4
        for end, picture in zip(at, batch["snapshots"][row].numpy(), strict=True):
            alone = rasterize(Sketch.from_points(points[: end + 1]), SIZE)
            np.testing.assert_allclose(picture[..., 0], 1 - alone / 255, atol=1e-6)


def test_snapshots_are_evenly_spaced_over_the_strokes():
    points = np.ones((12, 3), np.float32)
    points[:, 0] = np.arange(12)
    assert snapshot_ends(points, 3).tolist() == [3, 7, 11]
    assert snapshot_ends(points[:2], 6).tolist() == [0, 0, 0, 1, 1, 1]
    assert draw_snapshots(points, snapshot_ends(points, 3), 16).shape == (3, 16, 16)


@pytest.mark.parametrize(
    ("strokes", "message"),
    [
        (np.array([[0, 0, 0], [np.nan, 1, 1]], np.float32), "not finite in record broken"),
        (None, "no strokes in record broken"),
        (np.zeros((0, 3), np.float32), "no strokes in record broken"),
    ],
)
def test_a_record_without_sound_strokes_stops_reading_with_its_key(tmp_path, strokes, message):
    made = [*records(1), Record("broken", 0, "circle", strokes=strokes, image=records(1)[0].image)]
    folder = DatasetFolder.open(write_dataset(tmp_path / "set", made, split="train"))
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        list(eval_batches(folder, "train", 10, Wanted(STROKES)))
    told = explain(caught.value)
    assert isinstance(told, UserError)
    assert message in str(told)


def test_pictures_cannot_be_read_as_strokes(folder):
    manifest = dataclasses.replace(folder.manifest, has_strokes=False)
    with pytest.raises(UserError, match="pictures only"):
        eval_batches(dataclasses.replace(folder, manifest=manifest), "train", 10, Wanted(STROKES))


def test_a_grouped_batch_holds_as_many_of_each_class_and_is_a_function_of_the_step(folder):
    source = TrainingInput(folder, 8, seed=3, wanted=Wanted(STROKES), grouping=Grouping(2, 4))
    first = list(source.batches().take(6))
    for batch in first:
        labels, counts = np.unique(batch["label"], return_counts=True)
        assert (len(labels), set(counts)) == (2, {4})
        assert len(set(batch["key"].numpy())) == 8
    later = next(iter(source.batches(4)))
    np.testing.assert_array_equal(later["key"], first[4]["key"])
    assert (later["key"].numpy() != first[3]["key"].numpy()).any()


def test_a_class_with_few_members_gives_each_equally_often(tmp_path):
    made = records(5)[:-6]  # three of each class
    index = RecordIndex.of(DatasetFolder.open(write_dataset(tmp_path / "set", made, split="train")), "train")
    _, counts = np.unique(Grouping(3, 6).drawer(index, seed=0)(0), return_counts=True)
    assert counts.tolist() == [2] * 9


def test_more_classes_than_there_are_cannot_be_grouped(folder):
    with pytest.raises(UserError, match="the data set has 3; lower"):
        TrainingInput(folder, 8, 0, wanted=Wanted(STROKES), grouping=Grouping(4, 2)).batches()


@pytest.mark.parametrize("text", ["8", "0x4", "4x", "axb", "8x8x8", "-1x2"])
def test_a_grouping_is_classes_times_examples(text):
    with pytest.raises(UserError, match="such as 8x4"):
        grouping_of(text)
    assert grouping_of("8x4") == Grouping(8, 4)
    assert grouping_of("none") is None
