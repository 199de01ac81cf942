"""The list of models, which imports none of them, and options checked against a model's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

from learners.settings import check_limits, parse_as
from models.spec import ModelSpec
from sketchspace.errors import unknown_name


class Listed(NamedTuple):
    """A model's name, the module whose `SPEC` it is, and where it comes from."""

    name: str
    module: str
    paper: str


def listed(*models: Listed) -> dict[str, Listed]:
    """Models by name; a name that is there twice is a ValueError."""
    by_name = {model.name: model for model in models}
    if len(by_name) < len(models):
        raise ValueError(f"a name is there twice in {[model.name for model in models]}")
    return by_name


MODELS = listed(
    Listed("sknet", "models.sknet", "skNet of the project CC6204-sketches-similarity-search"),
    Listed("skresnet", "models.skresnet", "skResNet of the project CC6204-sketches-similarity-search"),
    Listed("lstm", "models.lstm", "LSTM of the project Representation Learning for Sketches"),
    Listed("blstm", "models.blstm", "BLSTM of the project Representation Learning for Sketches"),
    Listed("resnet_v2", "models.resnet_v2", "ResNet-v2-50 (He et al. 2016) as in the project SketchModels"),
    Listed(
        "vrnn",
        "models.vrnn.model",
        "Chung et al. 2015; as used for sketches in the SketchModels representation study",
    ),
    Listed("combined", "models.combined", "combined LSTM and ResNet-v2 of the project Combined-SketchModels"),
    Listed(
        "siamese",
        "models.siamese",
        "Siamese network with contrastive loss (Hadsell et al. 2006) for the Sketchy database",
    ),
    Listed(
        "sketch_a_net",
        "models.sketch_a_net",
        "Sketch Me That Shoe (Yu et al. 2016), as in the project Deep_SBIR_tf",
    ),
    Listed(
        "dssa",
        "models.dssa",
        "Deep Spatial-Semantic Attention (Song et al. 2017), as in the project Deep_SBIR_tf",
    ),
    Listed(
        "twin_resnet",
        "models.twin_resnet",
        "own; the loss is that of van den Oord et al. 2018 over pairs as in Radford et al. 2021",
    ),
    Listed(
        "efficientnet_lite",
        "models.efficientnet_lite.model",
        "EfficientNet (Tan and Le 2019) in Google's lite form of 2020, with its ImageNet weights",
    ),
)


def model_listed(name: str) -> Listed:
    """A model's line in the list, without importing it; an unknown name is a `UserError`."""
    if name not in MODELS:
        raise unknown_name("model", name, MODELS)
    return MODELS[name]


def model_spec(name: str) -> ModelSpec:
    """The model called `name`; an unknown name is a `UserError` with the nearest known one."""
    spec: ModelSpec = import_module(model_listed(name).module).SPEC
    return spec


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
