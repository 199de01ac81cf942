"""The folder that one evaluation writes, and its table."""

from __future__ import annotations

import json

import numpy as np

from evaluation.definitions import DEFINITIONS
from evaluation.report import Examples, evaluate, write_report

CLASSES = ("ant", "bee", "cat")


def measured(count=30, noise=0.5, reference=None):
    rng = np.random.default_rng(count)
    labels = (np.arange(count) % 3).astype(np.int32)
    images = rng.integers(0, 256, (count, 16, 16), np.uint8)
    embeddings = np.eye(3, 8, dtype=np.float32)[labels] + rng.normal(0, noise, (count, 8)).astype(np.float32)
    return evaluate(Examples(images, labels), embeddings[:, :3], embeddings, CLASSES, reference), embeddings


def slow_votes(embeddings, labels):
    """Share of items whose three nearest others vote for their class, one by one."""
    right = 0
    for item, label in enumerate(labels):
        far = ((embeddings.astype(np.float64) - embeddings[item]) ** 2).sum(axis=1)
        near = [labels[other] for other in np.argsort(far, kind="stable") if other != item][:3]
        right += max(near, key=lambda name: (near.count(name), -near.index(name))) == label
    return right / len(labels)


def test_votes_of_the_three_nearest_are_a_figure_with_interval_and_definition(tmp_path):
    report, embeddings = measured()
    expected = slow_votes(embeddings, report.examples.labels)
    write_report(report, tmp_path / "eval", {"seed": 0})
    metrics = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    assert metrics["knn_3_accuracy"] == expected and 0.5 < expected < 1
    low, high = metrics["intervals"]["knn_3_accuracy"]
    assert low < expected < high
    assert metrics["definitions"]["knn_3_accuracy"] == DEFINITIONS["knn_3_accuracy"]
    assert 0 <= metrics["baselines"]["hog"]["knn_3_accuracy"] <= 1
    assert (tmp_path / "eval" / "per_class.csv").read_text().count("\n") == 4


def test_table_has_a_line_for_the_encoder_and_each_baseline():
    report, _ = measured()
    lines = report.table().splitlines()
    assert lines[0].split() == ["accuracy", "map_all", "precision_at_10", "knn_3_accuracy", "cosine_map_all"]
    assert [line.split()[0] for line in lines[1:]] == ["model", "pixels", "hog"]
    assert f"{100 * report.figures()['knn_3_accuracy']:.1f} %" in lines[1]
    assert len({len(line) for line in lines}) == 1
    assert lines[2].split()[1] == "-"


def test_three_examples_have_no_three_others_to_vote():
    labels, embeddings = np.array([0, 0, 1], np.int32), np.eye(3, dtype=np.float32)
    images = np.full((3, 16, 16), 255, np.uint8)
    report = evaluate(Examples(images, labels), embeddings, embeddings, CLASSES)
    assert "knn_3_accuracy" not in report.figures() | report.intervals()
    assert report.table().splitlines()[1].split()[5] == "-"
