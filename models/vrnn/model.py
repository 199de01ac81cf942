"""VRNN: a variational recurrent network that classifies drawings and can go on drawing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models import recipes, stroke_layers
from models.layers import classifier, plain_or_unit
from models.spec import ModelSpec, Options, Shapes, Stage
from models.stroke_layers import stroke_inputs
from models.vrnn.layer import Sizes, Vrnn

REPRESENTATIONS: Mapping[str, tuple[str, ...]] = {
    "hidden_latent": ("hidden", "latent"),
    "hidden_latent_phi": ("hidden", "latent_phi"),
    "hidden": ("hidden",),
    "latent": ("latent",),
}
"""What an embedding is made of: the state before the point that is read, the latent vector of that point,
`phi_z` of the latent vector."""
TERMS = ("nll_xy", "nll_pen", "kl")

DEFAULTS: Options = {
    **stroke_layers.DEFAULTS,
    "units": 512,
    "latent": 512,
    "net": 512,
    "dropout": 0.0,
    "representation": "hidden_latent",
    "sample": "mean",
}
PUBLISHED: Options = {**stroke_layers.PUBLISHED, "representation": "hidden_latent_phi"}
LIMITS: Mapping[str, tuple[Any, ...]] = {
    **stroke_layers.LIMITS,
    "latent": (1, 8192),
    "net": (1, 8192),
    "representation": tuple(REPRESENTATIONS),
    "sample": ("mean", "sample"),
}


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """Offsets, the recurrence, and a classifier (one hidden layer) on state and latent vector.

    Inputs `strokes` float32 `[batch, time, 3]`, `length` and `read_at` int32 `[batch]`; outputs `embedding`
    `[batch, D]`, `logits` `[batch, classes]`, and the losses `nll_xy`, `nll_pen`, `kl` `[batch]` (see
    `Vrnn`). The classifier always reads the state and the latent vector; `representation` chooses the
    embedding alone, so that one trained network can be asked for each.
    """
    inputs, offsets = stroke_inputs(options["strokes"], "read_at")
    sizes = Sizes(options["units"], options["layers"], options["latent"], options["net"])
    vrnn = Vrnn(sizes, sample=options["sample"] == "sample", name="vrnn")
    read = vrnn((offsets, inputs["length"], inputs["read_at"]))
    parts = [read[name] for name in REPRESENTATIONS[options["representation"]]]
    embedding = plain_or_unit(_joined(parts, "representation"), options["normalize"])
    merged = _joined([read["hidden"], read["latent"]], "merged")
    logits = classifier(merged, options["head"], options["dropout"], shapes.num_classes)
    outputs = {"embedding": embedding, "logits": logits} | {name: read[name] for name in TERMS}
    return tf_keras.Model(inputs, outputs, name="vrnn")


def _joined(parts: list[tf.Tensor], name: str) -> tf.Tensor:
    return parts[0] if len(parts) == 1 else layers.Concatenate(dtype="float32", name=name)(parts)


def recipe(options: Options) -> tuple[Stage, ...]:
    """Published: Adam 4e-4, batch 30, gradients clipped by value, the weight of `kl` rises over 10,000 steps.

    Default: a rate with warmup that falls to zero, the gradient's norm clipped, random affine maps; the
    weight of `kl` rises likewise.
    """
    weights = {"cross_entropy": 1.0, **dict.fromkeys(TERMS, 1.0)}
    if options["preset"] == "published":
        return (recipes.published(loss_weights=weights, anneal={"kl": [0.4, 10_000]}),)
    return (recipes.modern(loss_weights=weights, anneal={"kl": [0.4, 3_000]}, warmup_steps=200, clip=1.0),)


SPEC = ModelSpec(
    name="vrnn",
    inputs=("strokes", "length", "read_at"),
    build=build,
    recipe=recipe,
    defaults=DEFAULTS,
    presets={"published": PUBLISHED},
    limits=LIMITS,
)
