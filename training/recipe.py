"""From a model's name and the user's settings to a run's full configuration."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from learners.settings import check_limits, parse_as, settings_of
from models.registry import model_listed, resolve_options
from models.spec import ModelSpec, Stage
from sketchspace.errors import UserError, unknown_name
from tfrecords.dataset import DatasetFolder
from tfrecords.paired import grouping_of
from training.augmentation.named import AUGMENTS
from training.inputs import stage_grouping
from training.optimizers import OPTIMIZERS, SCHEDULES
from training.runs import SCHEMA_VERSION
from training.stage_data import logit_classes, sources_of

SELECTIONS = ("best", "last")
STAGE_FIELDS = {field.name: field for field in dataclasses.fields(Stage) if "meaning" in field.metadata}
"""What `--set` may change of a stage, beside its learner's settings and the weights of its losses."""


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

    A key that is an option of the model sets it; `STAGE.key`, with a field of a stage or a setting of its
    learner, changes that stage, `key` alone all stages that have it; `weight.kl` is the weight of the loss
    `kl`. Raises UserError for unknown keys, also where no stage's learner has that setting, and for texts of
    the wrong type.
    """
    mine = {key: text for key, text in settings.items() if key in spec.defaults}
    options = resolve_options(spec, mine)
    stages = tuple(_completed(stage) for stage in spec.recipe(options))
    for key, text in settings.items():
        if key not in mine:
            stages = _changed(stages, key, text, spec)
    for stage in stages:
        _check(stage)
    grouped = [stage for stage in stages if stage.grouping != "none"]
    return options, tuple(_sized(stage, settings, len(grouped) == len(stages)) for stage in stages)


def _completed(stage: Stage) -> Stage:
    """A stage whose settings are all of its learner's, with their defaults."""
    return dataclasses.replace(stage, settings=dataclasses.asdict(settings_of(stage.learner, stage.settings)))


def _changed(stages: tuple[Stage, ...], key: str, text: str, spec: ModelSpec) -> tuple[Stage, ...]:
    """The stages with one setting applied to one (`STAGE.key`) or to all that have it (`key`)."""
    first, _, rest = key.partition(".")
    where, name = (first, rest) if first in [stage.name for stage in stages] else ("", key)
    chosen = [stage for stage in stages if where in ("", stage.name)]
    if name not in [name for stage in chosen for name in keys_of(stage)]:
        known = dict.fromkeys(name for stage in stages for name in keys_of(stage))
        raise unknown_name("setting", key, [*spec.defaults, *known])
    return tuple(_with(stage, name, text) if stage in chosen else stage for stage in stages)


def keys_of(stage: Stage) -> list[str]:
    """What `--set` may change of a stage."""
    return [*STAGE_FIELDS, *stage.settings, *(f"weight.{loss}" for loss in stage.loss_weights)]


def _with(stage: Stage, name: str, text: str) -> Stage:
    """A stage with one field, setting or weight of a loss changed; one without it stays as it is."""
    if name in STAGE_FIELDS:
        return dataclasses.replace(stage, **{name: parse_as(name, text, STAGE_FIELDS[name].default)})
    if name in stage.settings:
        given = {**stage.settings, name: parse_as(name, text, stage.settings[name])}
        return dataclasses.replace(stage, settings=_checked(stage, given))
    loss = name.removeprefix("weight.")
    if loss == name or loss not in stage.loss_weights:
        return stage
    weight = parse_as(name, text, 1.0)
    check_limits(name, weight, (0.0, 1e9))
    return dataclasses.replace(stage, loss_weights={**stage.loss_weights, loss: weight})


def _checked(stage: Stage, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a stage's learner; what is wrong is told with the stage's name."""
    try:
        return dataclasses.asdict(settings_of(stage.learner, given))
    except UserError as error:
        raise UserError(f"stage {stage.name}: {error}") from None


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
    stage_grouping(stage)
    if stage.clip and stage.clip_value:
        raise UserError(f"stage {stage.name}: give clip or clip_value, not both")
    for key, field in STAGE_FIELDS.items():
        if field.metadata["allowed"]:
            check_limits(f"stage {stage.name}: {key}", getattr(stage, key), field.metadata["allowed"])
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
        "paper": model_listed(spec.name).paper,
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
