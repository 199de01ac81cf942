"""Marks by hand, batches against enumeration, ensembles against SciPy, pictures, and the command's parts."""

from __future__ import annotations

import csv
import json
import zipfile
from itertools import combinations
from math import comb

import cv2
import numpy as np
import pytest
from scipy.special import softmax

from evaluation import noise
from evaluation.faulty import Marks, batch_share, ensemble_probability
from evaluation.plots import faulty as plots_faulty
from sketchspace.errors import UserError
from studies.faulty import __main__ as faulty
from studies.faulty import marks as faulty_marks
from tests.encoder_fixture import records, write_dataset
from tfrecords.dataset import DatasetFolder


def marks_of(**changes):
    """Six drawings of one class with limits 1..3, none of them faulty unless changed."""
    values = {
        "labels": np.zeros(6, np.int32),
        "entropy": np.full(6, 2.0),
        "limits": np.tile([1.0, 3.0], (6, 1)),
        "probability": np.full(6, 0.9),
        "recognized": np.full(6, -1, np.int8),
    }
    return Marks(**{**values, **changes})


def test_each_reason_marks_and_any_makes_faulty():
    marks = marks_of(
        entropy=np.array([0.9, 1, 3, 3.1, 2, 2]),
        probability=np.array([0.5, 0.01, 0.0099, 0.5, 0.5, 0.5]),
        recognized=np.array([-1, 1, 1, -1, 0, -1], np.int8),
    )
    assert marks.odd_entropy.tolist() == [True, False, False, True, False, False]
    assert marks.unlikely.tolist() == [False, False, True, False, False, False]
    assert marks.unrecognized.tolist() == [False, False, False, False, True, False]
    assert marks.faulty.tolist() == [True, False, True, True, True, False]
    assert not marks_of(probability=None).faulty.any()


def test_the_worst_are_the_least_probable_then_the_most_extreme():
    marks = marks_of(
        entropy=np.array([0.5, 9, 2, 2, 3.2, 2]), probability=np.array([0.3, 0.9, 0.005, 0.001, 0.02, 0.9])
    )
    assert marks.worst_first(0, 9).tolist() == [3, 2, 1, 0, 4]
    assert marks.worst_first(0, 2).tolist() == [3, 2] and marks.worst_first(1, 2).tolist() == []


def test_expected_shares_are_those_of_all_batches():
    bad = np.array([1, 0, 0, 1, 0, 1, 0, 0], bool)
    found = batch_share(bad, [np.arange(8)], 4)
    counts = [bad[list(chosen)].sum() for chosen in combinations(range(8), 4)]
    by_hand = [counts.count(number) / comb(8, 4) for number in range(5)]
    np.testing.assert_allclose(found.expected, by_hand)
    assert found.mean_share(observed=False) == pytest.approx(3 / 8)
    assert found.at_least(2, observed=False) == pytest.approx(sum(by_hand[2:]))


def test_observed_shares_are_counted_batch_by_batch():
    bad = np.array([1, 1, 0, 0, 0, 1, 0, 0, 1, 1], bool)
    orders = [np.arange(10), np.arange(10)[::-1]]
    # In batches of 4 from the left: 2, 1 of 4; from the right: 2, 1; the two left over make no batch.
    found = batch_share(bad, orders, 4)
    assert found.batches == 4 and found.observed == (0, 0.5, 0.5, 0, 0)
    assert found.mean_share() == 1.5 / 4 and found.at_least(2) == 0.5 and found.at_least(4) == 1


@pytest.mark.parametrize("size", [0, 9])
def test_impossible_batches_are_refused(size):
    with pytest.raises(ValueError, match="no batch"):
        batch_share(np.zeros(8, bool), [np.arange(8)], size)


def test_ensemble_is_the_mean_of_probabilities():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 30, (3, 20, 5)), rng.integers(0, 5, 20)
    expected = softmax(logits, axis=-1).mean(axis=0)[np.arange(20), labels]
    np.testing.assert_allclose(ensemble_probability(list(logits), labels), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="do not fit"):
        ensemble_probability([logits[0, :3]], labels)


def test_pictures_are_written(tmp_path):
    shares = {
        "unrecognized": np.array([0.1, 0]),
        "unlikely": np.zeros(2),
        "odd_entropy": np.array([0.1, 0.2]),
    }
    plots_faulty.save_class_shares(tmp_path / "classes.png", shares, ["ant", "bee"], "note")
    plots_faulty.save_batch_shares(
        tmp_path / "batches.png", [batch_share(np.arange(64) < 6, [np.arange(64)], 16)], "note"
    )
    for name in ("classes.png", "batches.png"):
        image = cv2.imread(str(tmp_path / name))
        assert image is not None and image.min() < 100
    with pytest.raises(ValueError, match="class names"):
        plots_faulty.save_class_shares(tmp_path / "x.png", shares, ["ant"])


def test_recognized_comes_from_files_and_archives(tmp_path):
    lines = [
        {"key_id": "1", "recognized": True, "drawing": []},
        {"key_id": "2", "recognized": False, "drawing": []},
        {"key_id": "3", "drawing": []},
        {"key_id": "4", "recognized": "no", "drawing": []},
        ["not a record"],
    ]
    text = "\n".join(["{broken", *map(json.dumps, lines)])
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("ant.ndjson", text)
    (tmp_path / "more.ndjson").write_text(json.dumps({"key_id": 5, "recognized": False}))
    told = faulty_marks.recognized_by_key([str(tmp_path / "all.zip"), str(tmp_path / "more.ndjson")])
    assert told == {"1": 1, "2": 0, "5": 0}
    with pytest.raises(UserError, match="no source"):
        faulty_marks.recognized_by_key([str(tmp_path / "missing.zip")])


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """A training split of 60 drawings, its suspects, and the folder that the study wrote."""
    root = tmp_path_factory.mktemp("faulty")
    folder = DatasetFolder.open(write_dataset(root / "shapes", records(20), split="train"))
    suspects = faulty_marks.gather(folder, [], [], root / "out" / "parts")
    (root / "out").mkdir(exist_ok=True)
    shares = faulty.count_batches(folder, suspects, 0, 2)
    faulty.write(root / "out", suspects, shares, {"seed": 0}, 3)
    return folder, suspects, shares, root / "out"


def test_table_holds_every_drawing_with_the_limits_of_its_class(marked):
    folder, _, _, out = marked
    with (out / "faulty.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    stored = list(folder.records("train"))
    assert [row["key"] for row in rows] == [record.key for record in stored]
    values = noise.entropies([record.strokes for record in stored])
    for record, row, value in zip(stored, rows, values, strict=True):
        own = [v for other, v in zip(stored, values, strict=True) if other.label == record.label]
        low, high = np.percentile(own, [5, 95])
        assert float(row["low"]) == pytest.approx(low, abs=1e-4)
        assert (row["odd_entropy"] == "1") == (value < low or value > high) == (row["faulty"] == "1")
        assert row["probability"] == "" and row["unlikely"] == "0"
    assert sum(row["faulty"] == "1" for row in rows) == 6
    assert cv2.imread(str(out / "worst.png")) is not None
    keys = faulty_marks.faulty_keys(out / "faulty.csv", ["odd_entropy"])
    assert keys == {row["key"] for row in rows if row["faulty"] == "1"}
    assert faulty_marks.faulty_keys(out / "faulty.csv", ["unlikely"]) == set()


def test_batches_are_those_of_training(marked):
    _, suspects, shares, out = marked
    assert [share.batch_size for share in shares] == [16, 32]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["splits"]["train"]["faulty"] == 0.1
    assert summary["batches"][0]["batches"] == 6
    assert summary["batches"][0]["mean_expected"] == pytest.approx(0.1)
    assert suspects.seen.all()


def test_training_orders_name_every_drawing_once_and_differ(marked):
    folder, suspects, _, _ = marked
    first, second = faulty.training_orders(folder, suspects, 0, 2)
    assert len(set(first.tolist())) == len(first) == 48
    assert first.tolist() != second.tolist()
    again = faulty.training_orders(folder, suspects, 0, 1)[0]
    np.testing.assert_array_equal(first, again)


def test_a_foreign_table_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    for name in ("x.csv", "missing.csv"):
        with pytest.raises(UserError, match=r"studies\.faulty"):
            faulty_marks.faulty_keys(tmp_path / name, ["unlikely"])
