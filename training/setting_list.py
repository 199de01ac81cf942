"""Everything that `--set` knows for a model, with default, allowed values and meaning."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from learners.settings import SETTINGS, described
from models.meanings import MEANINGS
from models.spec import ModelSpec, Stage
from training.augmentation.named import AUGMENTS
from training.optimizers import OPTIMIZERS, SCHEDULES
from training.recipe import SELECTIONS, STAGE_FIELDS, make_recipe

CHOICES = {"augment": AUGMENTS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "select": SELECTIONS}


def setting_lines(spec: ModelSpec, given: Mapping[str, str]) -> Iterator[str]:
    """One line a setting: `key = value`, what it may be, its unit and meaning; values are those with `given`.

    Raises `UserError` as `make_recipe` does.
    """
    options, stages = make_recipe(spec, given)
    yield f"options of {spec.name}"
    for key, value in options.items():
        allowed = spec.limits.get(key, ())
        if key == "preset":
            allowed = ("default", *spec.presets)
        elif isinstance(value, bool):
            allowed = ("true", "false")
        yield _line(key, value, described(tuple(allowed)), "", MEANINGS[key])
    for stage in stages:
        yield ""
        yield f"stage {stage.name}, learner {stage.learner} (for it alone: --set {stage.name}.KEY=VALUE)"
        yield from _stage_lines(stage)


def _stage_lines(stage: Stage) -> Iterator[str]:
    for key, field in STAGE_FIELDS.items():
        allowed = tuple(CHOICES[key]) if key in CHOICES else field.metadata["allowed"]
        yield _line(
            key, getattr(stage, key), described(allowed), field.metadata["unit"], field.metadata["meaning"]
        )
    for field in dataclasses.fields(SETTINGS[stage.learner]):
        about = field.metadata
        value = stage.settings[field.name]
        yield _line(field.name, value, described(about["allowed"]), about["unit"], about["meaning"])
    for loss, weight in stage.loss_weights.items():
        yield _line(f"weight.{loss}", weight, "a number from 0", "", f"weight of the loss {loss}")


def _line(key: str, value: object, allowed: str, unit: str, meaning: str) -> str:
    shown = str(value).lower() if isinstance(value, bool) else f"{value}" or '""'
    about = "; ".join(part for part in (allowed, unit) if part)
    return f"  {f'{key}={shown}':<32} {meaning}{f' [{about}]' if about else ''}"
