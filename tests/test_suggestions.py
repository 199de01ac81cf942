"""Suggestions against an obvious search, and the command from end to end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from sketchspace.errors import UserError
from studies import suggestions
from studies.examples import Examples, load, open_encoders
from tests.encoder_fixture import run_and_data  # noqa: F401
from tfrecords.dataset import DatasetFolder


@dataclass
class FakeEncoder:
    """Gives embeddings that were made up."""

    embedding: np.ndarray
    name: str = "fake"
    config = {"model": "fake"}  # noqa: RUF012

    def encode(self, examples):
        return SimpleNamespace(embedding=self.embedding)


def examples_of(labels):
    count = len(labels)
    images = np.full((count, 16, 16), 255, np.uint8)
    return Examples([f"key {i}" for i in range(count)], np.asarray(labels, np.int32), None, images)


def test_suggestions_are_those_of_a_slow_search():
    rng = np.random.default_rng(0)
    embedding, labels = rng.normal(size=(40, 4)).round(1).astype(np.float32), rng.integers(0, 5, 40)
    queries = np.array([3, 17, 39])
    encoder: Any = FakeEncoder(embedding)
    found = suggestions.suggest(encoder, examples_of(labels), queries, 12)
    for row, query in enumerate(queries):
        far = ((embedding.astype(np.float64) - embedding[query]) ** 2).sum(axis=1)
        others = sorted((item for item in range(40) if item != query), key=lambda item: (far[item], item))
        assert found.nearest[row].tolist() == others[:12]
        own = [item for item in others if labels[item] == labels[query]][:12]
        assert [item for item in found.own[row] if item >= 0] == own
        assert [place for place in found.place[row] if place >= 0] == [1 + others.index(i) for i in own]
    assert 0 <= found.knn_3 <= 1


def test_queries_take_every_class_in_turn():
    labels = np.repeat([0, 1, 2], [50, 3, 7]).astype(np.int32)
    chosen = suggestions.choose_queries(labels, 6, 1)
    assert sorted(labels[chosen].tolist()) == [0, 0, 1, 1, 2, 2] and len(set(chosen.tolist())) == 6
    assert sorted(labels[suggestions.choose_queries(labels, 10, 1)].tolist()) == [0] * 4 + [1] * 3 + [2] * 3
    assert chosen.tolist() == suggestions.choose_queries(labels, 6, 1).tolist()
    assert chosen.tolist() != suggestions.choose_queries(labels, 6, 2).tolist()
    with pytest.raises(UserError, match="61 queries"):
        suggestions.choose_queries(labels, 61, 0)


def test_sheet_of_a_real_run(run_and_data, tmp_path):  # noqa: F811
    run, data = run_and_data
    folder = DatasetFolder.open(data)
    trained: dict[str, Any] = {"fingerprint": folder.manifest.fingerprint, "path": str(data)}
    trained["classes"] = list(folder.manifest.classes)
    config = {"dataset": trained, "model": "tiny"}
    (run / "config.json").write_text(json.dumps(config))
    (encoder,), examples = open_encoders([str(run)], folder), load(folder, "test")
    queries = suggestions.choose_queries(examples.labels, 3, 0)
    found = [suggestions.suggest(encoder, examples, queries, 4)]
    suggestions.write_sheet(
        tmp_path / "s.png", examples, queries, found, folder.manifest.classes, "Suggestions"
    )
    assert cv2.imread(str(tmp_path / "s.png")) is not None
    stored = suggestions.as_json(found, queries, examples)
    assert len(stored["runs"][0]["nearest"]) == 3 and found[0].knn_3 > 0.5
    with pytest.raises(UserError, match="twice"):
        open_encoders([str(run), str(run)], folder)
    trained["fingerprint"] = "another"
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="belong together"):
        open_encoders([str(run)], folder)
