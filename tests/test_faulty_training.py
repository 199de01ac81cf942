"""The comparison of training splits: each is made and trained once, and measured on the same drawings."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sketchspace.errors import UserError
from sketchspace.files import write_json
from studies import faulty_training
from studies.examples import Examples
from studies.faulty_training import CONTROL, REMOVED, SAME, Budget, Outcome, variants
from tests.encoder_fixture import records, write_dataset
from tfrecords.dataset import DatasetFolder

SHARES = [0.2, 0.1]


@pytest.fixture
def folder(tmp_path):
    return DatasetFolder.open(write_dataset(tmp_path / "shapes", records(20), split="train"))


@pytest.fixture
def trained(monkeypatch):
    """Training and measuring replaced by notes of what was asked for."""
    calls: list[tuple] = []

    def train(data, run, budget, seed):
        if not (run / "export" / "encoder.json").is_file():
            calls.append((run.name, data.manifest.fingerprint, budget.max_steps, seed))
            (run / "export").mkdir(parents=True)
            write_json(run / "export" / "encoder.json", {})

    def measure(data, run):
        calls.append(("measured", run.name))
        share = data.manifest.options.get("refined", {}).get("inject", 0.0)
        return {"accuracy": 0.9 - share, "low": 0.85 - share, "high": 0.95 - share, "knn_3_accuracy": 0.8}

    monkeypatch.setattr(faulty_training, "_train", train)
    monkeypatch.setattr(faulty_training, "_measure", measure)
    return calls


def test_every_split_is_trained_and_measured_once(folder, tmp_path, trained):
    drop = frozenset(record.key for record in list(folder.records("train"))[:6])
    wanted = variants(SHARES, ["scribble"], drop, folder)
    budget = Budget("toy", 12)
    found = list(faulty_training.run_all(folder, wanted, budget, [0, 1], tmp_path / "out"))
    assert [(o.training, o.share, o.seed, o.drawings) for o in found] == [
        (SAME, 0.0, 0, 60),
        (SAME, 0.0, 1, 60),
        ("scribble", 0.1, 0, 60),
        ("scribble", 0.1, 1, 60),
        ("scribble", 0.2, 0, 60),
        ("scribble", 0.2, 1, 60),
        (REMOVED, 0.0, 0, 54),
        (REMOVED, 0.0, 1, 54),
        (CONTROL, 0.0, 0, 54),
        (CONTROL, 0.0, 1, 54),
    ]
    assert len(trained) == 20 and len({call[1] for call in trained if call[0] != "measured"}) == 5
    trained.clear()
    again = list(faulty_training.run_all(folder, wanted, budget, [0, 1], tmp_path / "out"))
    assert again == found and trained == []


def test_leftovers_of_other_changes_are_refused(folder, tmp_path):
    (variant,) = variants([0.1], ["scribble"], None, folder)[1:]
    faulty_training.prepare(folder, variant, tmp_path / "data")
    (tmp_path / "data" / "scribble-10").rename(tmp_path / "data" / "scribble-20")
    with pytest.raises(UserError, match="made of other data"):
        faulty_training.prepare(folder, variants([0.2], ["scribble"], None, folder)[1], tmp_path / "data")
    keys = [record.key for record in folder.records("train")]
    faulty_training.prepare(folder, variants([], [], frozenset(keys[:3]), folder)[1], tmp_path / "data")
    with pytest.raises(UserError, match="made of other data"):
        faulty_training.prepare(folder, variants([], [], frozenset(keys[3:5]), folder)[1], tmp_path / "data")


def test_shares_that_are_none_are_refused(folder):
    with pytest.raises(UserError, match="no share"):
        variants([1.5], ["scribble"], None, folder)
    assert [variant.name for variant in variants([0.0, 0.05, 0.05], ["wrong_label"], None, folder)] == [
        SAME,
        "wrong_label-5",
    ]


def test_measuring_is_the_share_of_right_answers_on_the_test_split(folder, monkeypatch):
    logits = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 1]]
    embedding = np.array([[0.0], [5], [9], [0.1], [5.1], [5.25]], np.float32)
    encoder = SimpleNamespace(
        encode=lambda _: SimpleNamespace(logits=logits, embedding=embedding), config={"model": "fake"}
    )
    examples = Examples(list("abcdef"), np.array([0, 1, 2, 0, 1, 0], np.int32), None, None)
    monkeypatch.setattr(faulty_training, "open_encoders", lambda runs, data: [encoder])
    monkeypatch.setattr(faulty_training, "load", lambda data, split: {"test": examples}[split])
    figures = faulty_training._measure(folder, Path("run"))
    assert figures["accuracy"] == pytest.approx(5 / 6) and figures["low"] < 5 / 6 <= figures["high"]
    # By hand: a, c, d and f are outvoted; b and e have all three classes near, and the nearest is theirs.
    assert figures["knn_3_accuracy"] == pytest.approx(2 / 6)


def test_table_and_picture(tmp_path):
    found = [
        Outcome(SAME, 0.0, 0, 60, 0.9, 0.88, 0.92, 0.8),
        Outcome("scribble", 0.1, 0, 60, 0.8, 0.78, 0.82, 0.7),
        Outcome(REMOVED, 0.0, 0, 50, 0.91, 0.89, 0.93, 0.8),
    ]
    faulty_training.write(tmp_path, found, {"model": "toy"})
    with (tmp_path / "faulty_training.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["training"] for row in rows] == [SAME, "scribble", REMOVED] and rows[1]["accuracy"] == "0.8"
    assert json.loads((tmp_path / "faulty_training.json").read_text())["runs"][2]["drawings"] == 50
    assert (tmp_path / "faulty_training.png").stat().st_size > 5000
    assert "78.0 to 82.0" in faulty_training.table(found)
