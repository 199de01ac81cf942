"""Runs whose stages were stored as flat dictionaries, settings of all learners among their own fields."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest

from models.registry import model_spec
from models.spec import Stage
from sketchspace.errors import UserError
from sketchspace.files import write_json
from training.recipe import make_recipe
from training.runs import SCHEMA_VERSION, Run

THEN: dict[str, Any] = {
    "schema_version": 1,
    "dataset": {"channels": 1, "photo_as": "", "fit": "box"},
    "stages": [
        {
            "name": "train",
            "learner": "classify",
            "loss_weights": {"cross_entropy": 1.0},
            "max_steps": 8,
            "batch_size": 12,
            "optimizer": "adam",
            "learning_rate": 0.001,
            "schedule": "constant",
            "warmup_steps": 0,
            "weight_decay": 0.0,
            "clip": 0.0,
            "clip_value": 0.0,
            "label_smoothing": 0.1,
            "augment": "none",
            "trainable": ".*",
            "select": "best",
            "grouping": "none",
            "anneal": {},
            "margin": 1.0,
            "mining": "semi_hard",
            "triplet_loss": "hinge",
            "data": "",
            "match": "class",
            "hard_ratio": 0.75,
            "temperature": 0.07,
            "average": 0.0,
        }
    ],
}
"""As a run stored it before learners had settings of their own."""


def then(**changes: Any) -> dict[str, Any]:
    stored = copy.deepcopy(THEN)
    stored["stages"][0].update(changes)
    return stored


def now(**changes: Any) -> dict[str, Any]:
    stage = Stage(max_steps=8, batch_size=12, settings={"label_smoothing": 0.1})
    stage = dataclasses.replace(stage, **changes)
    return {**THEN, "schema_version": SCHEMA_VERSION, "stages": [dataclasses.asdict(stage)]}


def test_an_older_run_is_the_same_configuration(tmp_path):
    write_json(tmp_path / "config.json", THEN)
    Run(tmp_path).claim(now())
    with pytest.raises(UserError, match=r"stages\.0\.settings\.label_smoothing: 0\.1 -> 0\.0"):
        Run(tmp_path).claim(now(settings={"label_smoothing": 0.0}))


@pytest.mark.parametrize(
    "unread", [{"margin": 0.2}, {"temperature": 1.0}, {"match": "instance"}, {"hard_ratio": 0.5}]
)
def test_what_was_without_effect_is_no_difference(tmp_path, unread):
    write_json(tmp_path / "config.json", then(**unread))
    Run(tmp_path).claim(now())


@pytest.mark.parametrize(
    ("grouping", "drawn", "shown"),
    [("balanced:6", {"match": "instance"}, "instance"), ("triplets:4", {"hard_ratio": 0.5}, "0.5")],
)
def test_what_decided_over_the_batches_is_a_difference(tmp_path, grouping, drawn, shown):
    """Going on with other batches would be another run, and nobody told."""
    write_json(tmp_path / "config.json", then(grouping=grouping, **drawn))
    with pytest.raises(UserError, match=rf"settings\.{next(iter(drawn))}: {shown} -> None"):
        Run(tmp_path).claim(now(grouping=grouping))
    write_json(tmp_path / "config.json", then(grouping=grouping))
    Run(tmp_path).claim(now(grouping=grouping))


def test_a_learner_that_has_the_setting_keeps_it(tmp_path):
    _, [stage] = make_recipe(model_spec("siamese"), {"match": "instance"})
    flat = {**dataclasses.asdict(stage), **stage.settings}
    del flat["settings"]
    write_json(tmp_path / "config.json", {**THEN, "stages": [flat]})
    Run(tmp_path).claim({**THEN, "stages": [dataclasses.asdict(stage)]})
