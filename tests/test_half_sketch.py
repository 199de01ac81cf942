"""Several runs over parts of drawings: asked once, in the modes they have, with the numbers they gave."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from evaluation.partial import PERCENTS
from sketchspace.errors import UserError
from studies import half_sketch
from studies.examples import load
from studies.found_numbers import measured_once
from tests.encoder_fixture import records, write_dataset
from tests.tiny_dataset import write_tiny_dataset
from tfrecords.dataset import DatasetFolder


@dataclass
class FakeEncoder:
    """Knows a drawing once it is given as a whole; counts how often it is asked."""

    name: str
    reads_anywhere: bool
    lengths: list
    asked: list = field(default_factory=list)
    config: dict = field(default_factory=lambda: {"model": "fake"})

    def identity(self):
        return self.name

    def logits(self, points, read_at=None):
        self.asked.append(read_at)
        ends = [len(rows) - 1 if at is None else at for rows, at in zip(points, self._at(points, read_at))]  # noqa: B905
        logits = np.zeros((len(points), 3), np.float32)
        for row, (label, length) in enumerate(self.lengths):
            logits[row, label if ends[row] == length - 1 else (label + 1) % 3] = 1
        return logits

    @staticmethod
    def _at(points, read_at):
        return [None] * len(points) if read_at is None else read_at


@pytest.fixture
def folder(tmp_path):
    return DatasetFolder.open(write_dataset(tmp_path / "shapes", records(6), split="test"))


def test_modes_are_asked_once_and_found_again(folder, tmp_path):
    examples = load(folder, "test")
    known = [(label, len(rows)) for label, rows in zip(examples.labels, examples.points or (), strict=True)]
    encoders: list[Any] = [FakeEncoder("strokes", True, known), FakeEncoder("picture", False, known)]
    found = list(half_sketch.measure(encoders, examples, folder, "test", tmp_path / "out"))
    assert [(line.run, line.mode) for line in found] == [
        ("strokes", "truncated"),
        ("strokes", "untrained read-out"),
        ("picture", "truncated"),
    ]
    for line in found:
        # A drawing of two or four points is whole before 100 % of it is asked for.
        whole = [
            np.mean([-(-length * percent // 100) == length for _, length in known]) for percent in PERCENTS
        ]
        assert line.accuracy == tuple(whole) and line.accuracy[-1] == 1 and line.accuracy[0] == 0
    assert len(encoders[0].asked) == 20 and len(encoders[1].asked) == 10
    assert list(half_sketch.measure(encoders, examples, folder, "test", tmp_path / "out")) == found
    assert len(encoders[0].asked) == 20
    half_sketch.write(tmp_path / "out", found, {"drawings": 18, "dataset": "shapes", "split": "test"})
    with (tmp_path / "out" / "half_sketch.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30 and rows[9]["percent"] == "100" and rows[9]["accuracy"] == "1.0000"
    assert len(json.loads((tmp_path / "out" / "half_sketch.json").read_text())["curves"]) == 3
    assert (tmp_path / "out" / "half_sketch.png").stat().st_size > 5000
    assert half_sketch.table(found).count("\n") == 3


def test_pictures_have_no_points_to_leave_out(tmp_path):
    folder = DatasetFolder.open(write_tiny_dataset(tmp_path / "tiny"))
    with pytest.raises(UserError, match="pictures only"):
        list(half_sketch.measure([], load(folder, "train"), folder, "train", tmp_path))


def test_kept_numbers_are_measured_again_for_another_identity_or_a_broken_file(tmp_path):
    calls = []

    def measure():
        calls.append(1)
        return {"figure": len(calls)}

    file = tmp_path / "parts" / "a.json"
    assert [measured_once(file, name, measure)["figure"] for name in ("x", "x", "y", "y", "x")] == [
        1,
        1,
        2,
        2,
        3,
    ]
    file.write_text("{broken")
    assert measured_once(file, "x", measure)["figure"] == 4


def test_examples_are_what_the_folder_holds(folder, tmp_path):
    examples, stored = load(folder, "test"), list(folder.records("test"))
    assert examples.keys == [record.key for record in stored]
    assert all(
        np.array_equal(rows, record.strokes)
        for rows, record in zip(examples.points or (), stored, strict=True)
    )
    assert examples.pictures(32) is examples.images
    assert examples.pictures(48).shape == (18, 48, 48)
    tiny = load(DatasetFolder.open(write_tiny_dataset(tmp_path / "tiny")), "train")
    with pytest.raises(UserError, match="no pictures of 48 px"):
        tiny.pictures(48)
