"""LSTM: two stacked recurrent layers over the strokes, read at the last point."""

from __future__ import annotations

import tensorflow as tf
import tf_keras

from models import recipes, stroke_layers
from models.layers import classifier, plain_or_unit
from models.recurrent import StackedLSTM
from models.spec import ModelSpec, Options, Shapes, Stage
from models.stroke_layers import stroke_inputs

DEFAULTS: Options = {**stroke_layers.DEFAULTS, "units": 512, "dropout": 0.25}
PUBLISHED: Options = {**stroke_layers.PUBLISHED, "dropout": 0.0}
LIMITS = stroke_layers.LIMITS


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """Offsets, stacked LSTM, its top state after the point `read_at` as embedding, a small head.

    Inputs `strokes` float32 `[batch, time, 3]`, `length` and `read_at` int32 `[batch]`; outputs `embedding`
    `[batch, units]` (-1..1, of unit length with `normalize`) and `logits` `[batch, classes]`, which depend on
    the points up to `read_at` (with `strokes=sketch`, and on the drawing's bounding box).
    """
    inputs, offsets = stroke_inputs(options["strokes"], "read_at")
    read = (offsets, inputs["length"], inputs["read_at"])
    state = StackedLSTM(options["units"], options["layers"], name="forward")(read)
    return tf_keras.Model(inputs, state_outputs(state, options, shapes.num_classes), name="lstm")


def state_outputs(state: tf.Tensor, options: Options, num_classes: int) -> dict[str, tf.Tensor]:
    """A state `[batch, D]` as `embedding` (of unit length with `normalize`) and its `logits`, float32."""
    embedding = plain_or_unit(state, options["normalize"])
    logits = classifier(state, options["head"], options["dropout"], num_classes)
    return {"embedding": embedding, "logits": logits}


def recipe(options: Options) -> tuple[Stage, ...]:
    """Published: Adam 4e-4 constant, batch 30, gradients clipped by value to +-1, up to 250,000 steps.

    Default: a rate with warmup that falls to zero, the gradient's norm clipped, random affine maps.
    """
    if options["preset"] == "published":
        return (recipes.published(),)
    return (recipes.modern(warmup_steps=200, clip=1.0),)


SPEC = ModelSpec(
    name="lstm",
    inputs=("strokes", "length", "read_at"),
    build=build,
    recipe=recipe,
    defaults=DEFAULTS,
    presets={"published": PUBLISHED},
    limits=LIMITS,
)
