"""The list of models, and options checked against a model's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models import blstm, combined, dssa, lstm, resnet_v2, siamese, sketch_a_net, sknet, skresnet, twin_resnet
from models.spec import ModelSpec
from models.vrnn import model as vrnn
from sketchspace.errors import UserError, unknown_name


def listed(*specs: ModelSpec) -> dict[str, ModelSpec]:
    """Specs by name; a name that is there twice is a ValueError."""
    by_name = {spec.name: spec for spec in specs}
    if len(by_name) < len(specs):
        raise ValueError(f"a name is there twice in {[spec.name for spec in specs]}")
    return by_name


MODELS = listed(
    sknet.SPEC,
    skresnet.SPEC,
    lstm.SPEC,
    blstm.SPEC,
    resnet_v2.SPEC,
    vrnn.SPEC,
    combined.SPEC,
    siamese.SPEC,
    sketch_a_net.SPEC,
    dssa.SPEC,
    twin_resnet.SPEC,
)


def model_spec(name: str) -> ModelSpec:
    """The model called `name`; an unknown name is a `UserError` with the nearest known one."""
    if name not in MODELS:
        raise unknown_name("model", name, MODELS)
    return MODELS[name]


def resolve_options(spec: ModelSpec, given: Mapping[str, str]) -> dict[str, Any]:
    """A model's options: defaults, changed by the named preset, changed by `given` texts.

    Each text is read as the type of its default. Raises UserError for an unknown preset, an unknown
    key, a text that is not of that type, and a value outside of the option's limits.
    """
    options = dict(spec.defaults)
    preset = given.get("preset", options["preset"])
    if preset != "default":
        if preset not in spec.presets:
            raise unknown_name("preset", preset, ["default", *spec.presets])
        options.update(spec.presets[preset])
    for key, text in given.items():
        if key not in spec.defaults:
            raise unknown_name(f"option of {spec.name}", key, spec.defaults)
        options[key] = parse_as(key, text, spec.defaults[key])
    for key, allowed in spec.limits.items():
        check_limits(key, options[key], allowed)
    return options


def check_limits(key: str, value: Any, allowed: tuple[Any, ...]) -> None:
    """Raise UserError for a text that is not one of `allowed`, or a number outside of its two."""
    if isinstance(value, str):
        if value not in allowed:
            raise unknown_name(f"value of {key}", value, allowed)
        return
    low, high = allowed
    if not low <= value <= high:
        raise UserError(f"{key}={value}: expected a number from {low:g} to {high:g}")


def parse_as(key: str, text: str, example: Any) -> Any:
    """A text as the type of `example` (bool, int, float or str); raises UserError where it is not."""
    if isinstance(example, bool):
        if text.lower() not in ("true", "false", "1", "0"):
            raise UserError(f"--set {key}={text}: expected true or false")
        return text.lower() in ("true", "1")
    try:
        return type(example)(text)
    except ValueError:
        raise UserError(
            f"--set {key}={text}: expected a {type(example).__name__} such as {example}"
        ) from None
