"""What a run's `config.json` holds, checked before anything is built of it. Needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sketchspace.errors import UserError
from sketchspace.files import check_json, read_json
from sketchspace.json_schema import (
    LARGEST_WHOLE,
    Fields,
    Flag,
    Free,
    Kind,
    ListOf,
    MapOf,
    Number,
    OneOf,
    Text,
    Whole,
)

SCHEMA_VERSION = 1
_AGAIN = "train it again"
_DATA: dict[str, Kind] = {
    "path": Text(),
    "name": Text(),
    "fingerprint": Text(),
    "image_size": Whole(1, 8192),
    "simplify": Flag(),
    "classes": ListOf(Text()),
    "channels": OneOf((1, 3)),
    "photo_as": Text(),
    "fit": Text(),
}
_STAGE = Fields(
    {"learner": Text(), "name": Text()},
    {
        "settings": MapOf(Free(1)),
        "loss_weights": MapOf(Number()),
        "anneal": MapOf(ListOf(Number(), 2, 2)),
        **dict.fromkeys(
            ("optimizer", "schedule", "augment", "trainable", "select", "grouping", "data"), Text()
        ),
        **dict.fromkeys(("max_steps", "batch_size", "warmup_steps"), Whole()),
        **dict.fromkeys(("learning_rate", "weight_decay", "clip", "clip_value", "average"), Number()),
    },
    others=True,
)
_MORE: dict[str, Kind] = {
    "paper": Text(),
    "model_options": MapOf(Free(2)),
    "stages": ListOf(_STAGE, most=100),
    "stage_data": MapOf(ListOf(Fields({"fingerprint": Text()}, others=True))),
    "logit_classes": ListOf(Text()),
    "seed": Whole(-LARGEST_WHOLE),
    "schema_version": Whole(),
}
_KNOWN = Fields({"dataset": Fields({}, _DATA, others=True)}, {"model": Text(), **_MORE}, others=True)


def read_config(run: Path, *needed: str) -> dict[str, Any]:
    """What a run was made with; fields called `needed`, such as `dataset.classes`, are there.

    A folder that is no run, one of another version, and any wrong value are a `UserError`.
    """
    path = run / "config.json"
    config = read_json(path, again=_AGAIN)
    if config.get("schema_version") != SCHEMA_VERSION:
        raise UserError(f"{run} was made by another version of this program; {_AGAIN}")
    check_json(path, config, _KNOWN, _AGAIN)
    _check_needed(path, config, needed)
    return config


def read_origin(run: Path) -> dict[str, Any]:
    """A run's configuration for those who only ask where it comes from: `model` and `dataset` are there."""
    path = run / "config.json"
    config = read_json(path, _KNOWN, _AGAIN)
    _check_needed(path, config, ("model",))
    return config


def _check_needed(path: Path, config: dict[str, Any], needed: Sequence[str]) -> None:
    for name in needed:
        first, _, second = name.partition(".")
        if first not in config or (second and second not in config[first]):
            raise UserError(f"{path} is wrong: {name} is missing; {_AGAIN}")
