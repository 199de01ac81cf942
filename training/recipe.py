"""From a model's name and the user's settings to a run's full configuration."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from models.registry import check_limits, parse_as, resolve_options
from models.spec import ModelSpec, Stage
from sketchspace.errors import UserError, unknown_name
from tfrecords.dataset import DatasetFolder
from tfrecords.paired import grouping_of
from training.augment import AUGMENTS
from training.optimizers import OPTIMIZERS, SCHEDULES
from training.runs import SCHEMA_VERSION
from training.stage_data import logit_classes, sources_of

SELECTIONS = ("best", "last")
_FIXED = ("name", "learner", "loss_weights", "anneal")
_LIMITS = {
    "max_steps": (1, 10**9),
    "batch_size": (1, 10**6),
    "learning_rate": (1e-12, 1e6),
    "warmup_steps": (0, 10**9),
    "weight_decay": (0.0, 1e3),
    "clip": (0.0, 1e9),
    "clip_value": (0.0, 1e9),
    "label_smoothing": (0.0, 0.99),
    "hard_ratio": (0.0, 1.0),
    "temperature": (1e-6, 1e3),
    "average": (0.0, 0.999999),
}


def parse_settings(texts: list[str]) -> dict[str, str]:
    """`["width=0.5", "augment=none"]` as a dictionary; anything else is a `UserError`."""
    settings = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key or not value:
            raise UserError(f"--set {text}: expected key=value, such as --set width=0.5")
        settings[key] = value
    return settings


def make_recipe(spec: ModelSpec, settings: Mapping[str, str]) -> tuple[dict[str, Any], tuple[Stage, ...]]:
    """The model's options and its stages with the user's settings applied.

    A key that is an option of the model sets it; `STAGE.key` or a field of a stage changes that stage
    or all stages; `weight.kl` is the weight of the loss `kl`. Raises UserError for
    unknown keys and texts of the wrong type.
    """
    mine = {key: text for key, text in settings.items() if key in spec.defaults}
    options = resolve_options(spec, mine)
    stages = spec.recipe(options)
    for key, text in settings.items():
        if key not in mine:
            stages = _changed(stages, key, text, spec)
    for stage in stages:
        _check(stage)
    grouped = [stage for stage in stages if stage.grouping != "none"]
    return options, tuple(_sized(stage, settings, len(grouped) == len(stages)) for stage in stages)


def _changed(stages: tuple[Stage, ...], key: str, text: str, spec: ModelSpec) -> tuple[Stage, ...]:
    """The stages with one setting applied to one (`STAGE.key`) or to all of them (`key`)."""
    first, _, rest = key.partition(".")
    where, name = (first, rest) if first in [stage.name for stage in stages] else ("", key)
    fields = [field.name for field in dataclasses.fields(Stage) if field.name not in _FIXED]
    weights = [f"weight.{loss}" for stage in stages for loss in stage.loss_weights]
    if name not in [*fields, *weights]:
        raise unknown_name("setting", key, [*spec.defaults, *fields, *dict.fromkeys(weights)])
    return tuple(_with(stage, name, text) if where in ("", stage.name) else stage for stage in stages)


def _with(stage: Stage, name: str, text: str) -> Stage:
    """A stage with one field or the weight of one loss changed; a loss that it does not have stays away."""
    loss = name.removeprefix("weight.")
    if loss == name:
        return dataclasses.replace(stage, **{name: parse_as(name, text, getattr(Stage(), name))})
    if loss not in stage.loss_weights:
        return stage
    weight = parse_as(name, text, 1.0)
    check_limits(name, weight, (0.0, 1e9))
    return dataclasses.replace(stage, loss_weights={**stage.loss_weights, loss: weight})


def _sized(stage: Stage, settings: Mapping[str, str], all_grouped: bool) -> Stage:
    """The stage with the batch size that its grouping gives.

    Asking for another one is a `UserError`: for this stage, or for all where all have groupings.
    """
    grouping = grouping_of(stage.grouping)
    if grouping is None:
        return stage
    for key in (f"{stage.name}.batch_size", *(["batch_size"] if all_grouped else [])):
        if settings.get(key, str(grouping.size)) != str(grouping.size):
            raise UserError(
                f"{key}={settings[key]}: grouping={stage.grouping} makes batches of {grouping.size}; "
                f"change --set {stage.name}.grouping"
            )
    return dataclasses.replace(stage, batch_size=grouping.size)


def _check(stage: Stage) -> None:
    """Raise UserError where a number of a stage makes no sense."""
    if stage.augment not in AUGMENTS:
        raise unknown_name("augmentation", stage.augment, AUGMENTS)
    if stage.optimizer not in OPTIMIZERS:
        raise unknown_name("optimizer", stage.optimizer, OPTIMIZERS)
    if stage.schedule not in SCHEDULES:
        raise unknown_name("schedule", stage.schedule, SCHEDULES)
    if stage.select not in SELECTIONS:
        raise unknown_name("selection", stage.select, SELECTIONS)
    grouping_of(stage.grouping, stage.match)
    if stage.clip and stage.clip_value:
        raise UserError(f"stage {stage.name}: give clip or clip_value, not both")
    for key, allowed in _LIMITS.items():
        check_limits(f"stage {stage.name}: {key}", getattr(stage, key), allowed)
    try:
        re.compile(stage.trainable)
    except re.error as error:
        raise UserError(f"trainable={stage.trainable} is no regular expression ({error})") from None


def make_config(
    spec: ModelSpec,
    options: Mapping[str, Any],
    stages: tuple[Stage, ...],
    folder: DatasetFolder,
    **numerics: Any,
) -> dict[str, Any]:
    """What `config.json` of a run holds: model, options, data, stages and numerics."""
    manifest, classes = folder.manifest, logit_classes(stages, folder)
    others = {
        stage.name: [
            {"name": source.folder.manifest.name, "fingerprint": source.folder.manifest.fingerprint}
            | {"weight": source.weight}
            for source in sources_of(stage, folder)
        ]
        for stage in stages
        if stage.data
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "model": spec.name,
        "paper": spec.paper,
        "model_options": dict(options),
        "dataset": {
            "path": str(folder.path),
            "name": manifest.name,
            "fingerprint": manifest.fingerprint,
            "image_size": manifest.image_size,
            "simplify": manifest.options.get("simplify", "none") != "none",
            "classes": list(manifest.classes),
            "channels": manifest.channels,
            "photo_as": manifest.photo_as,
            "fit": manifest.fit,
        },
        "stages": [dataclasses.asdict(stage) for stage in stages],
        **({"stage_data": others} if others else {}),
        **({"logit_classes": list(classes)} if classes != manifest.classes else {}),
        **numerics,
    }
