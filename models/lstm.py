"""LSTM: two stacked recurrent layers over the strokes, read at the last point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models.recurrent import StackedLSTM
from models.resnet_v2 import classifier
from models.spec import ModelSpec, Options, Shapes, Stage
from models.stroke_layers import STROKE_PRESETS, StrokeOffsets

DEFAULTS: Options = {
    "preset": "default",
    "max_points": 150,
    "long_strokes": "resample",
    "strokes": "sketch",
    "units": 512,
    "layers": 2,
    "head": 64,
    "dropout": 0.25,
    "normalize": True,
}
PUBLISHED: Options = {
    "long_strokes": "truncate",
    "strokes": "published",
    "dropout": 0.0,
    "normalize": False,
}
LIMITS: Mapping[str, tuple[Any, ...]] = {
    "max_points": (1, 10_000),
    "long_strokes": ("resample", "truncate"),
    "strokes": STROKE_PRESETS,
    "units": (1, 8192),
    "layers": (1, 8),
    "head": (1, 8192),
    "dropout": (0.0, 0.99),
}


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """Offsets, stacked LSTM, its top state after the point `read_at` as embedding, a small head.

    Inputs `strokes` float32 `[batch, time, 3]`, `length` and `read_at` int32 `[batch]`; outputs `embedding`
    `[batch, units]` (-1..1, of unit length with `normalize`) and `logits` `[batch, classes]`, which depend on
    the points up to `read_at` (with `strokes=sketch`, and on the drawing's bounding box).
    """
    inputs, offsets = stroke_inputs(options)
    read = (offsets, inputs["length"], inputs["read_at"])
    state = StackedLSTM(options["units"], options["layers"], name="forward")(read)
    return tf_keras.Model(inputs, state_outputs(state, options, shapes.num_classes), name="lstm")


def stroke_inputs(options: Options) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """The inputs of a model that reads strokes at one point, and the offsets `[batch, time, 3]` of them."""
    inputs = {
        "strokes": tf_keras.Input((None, 3), name="strokes"),
        "length": tf_keras.Input((), dtype="int32", name="length"),
        "read_at": tf_keras.Input((), dtype="int32", name="read_at"),
    }
    offsets = StrokeOffsets(options["strokes"], name="offsets")((inputs["strokes"], inputs["length"]))
    return inputs, offsets


def state_outputs(state: tf.Tensor, options: Options, num_classes: int) -> dict[str, tf.Tensor]:
    """A state `[batch, D]` as `embedding` (of unit length with `normalize`) and its `logits`, float32."""
    whole = layers.UnitNormalization if options["normalize"] else layers.Identity
    embedding = whole(dtype="float32", name="embedding")(state)
    logits = classifier(state, options["head"], options["dropout"], num_classes)
    return {"embedding": embedding, "logits": logits}


def recipe(options: Options) -> tuple[Stage, ...]:
    """Published: Adam 4e-4 constant, batch 30, gradients clipped by value to +-1, up to 250,000 steps.

    Default: a rate with warmup that falls to zero, the gradient's norm clipped, random affine maps.
    """
    if options["preset"] == "published":
        return (Stage(max_steps=250_000, batch_size=30, learning_rate=4e-4, clip_value=1.0),)
    return (
        Stage(
            max_steps=6_000,
            batch_size=64,
            schedule="cosine",
            warmup_steps=200,
            clip=1.0,
            augment="affine",
            select="last",
        ),
    )


SPEC = ModelSpec(
    name="lstm",
    paper="LSTM of the project Representation Learning for Sketches",
    inputs=("strokes", "length", "read_at"),
    build=build,
    recipe=recipe,
    defaults=DEFAULTS,
    presets={"published": PUBLISHED},
    limits=LIMITS,
)
