"""BLSTM: two independent stacks over the strokes, one from each end, joined once at the top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models import lstm
from models.recurrent import StackedLSTM
from models.spec import ModelSpec, Options, Shapes
from models.stroke_layers import stroke_inputs

DEFAULTS: Options = {**lstm.DEFAULTS, "backward": "whole"}
PUBLISHED: Options = {**lstm.PUBLISHED, "backward": "point"}
LIMITS: Mapping[str, tuple[Any, ...]] = {**lstm.LIMITS, "backward": ("whole", "point")}


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """Offsets, a stack forwards and one backwards, their top states joined as embedding, a small head.

    Inputs and outputs as those of `models.lstm.build`, but `embedding` is `[batch, 2 * units]`. No layer
    sees the other direction. The forward state is that after the points up to `read_at`. The backward state
    is, with `backward=whole`, that of a stack which reads from `read_at` to the first point, so that it sums
    up the same points; with `point`, as published, that at `read_at` of a stack which starts at the drawing's
    last point. Where `read_at` is the last point, as in training, the latter has seen one point only, and its
    recurrent weights are never trained.
    """
    inputs, offsets = stroke_inputs(options["strokes"], "read_at")
    length, read_at = inputs["length"], inputs["read_at"]
    whole = options["backward"] == "whole"
    ways = {
        "forward": (offsets, length, read_at),
        "backward": (offsets, read_at + 1, tf.zeros_like(read_at)) if whole else (offsets, length, read_at),
    }
    states = [
        StackedLSTM(options["units"], options["layers"], name=name, reverse=name == "backward")(read)
        for name, read in ways.items()
    ]
    state = layers.Concatenate(dtype="float32", name="states")(states)
    outputs = lstm.state_outputs(state, options, shapes.num_classes)
    return tf_keras.Model(inputs, outputs, name="blstm")


SPEC = ModelSpec(
    name="blstm",
    inputs=("strokes", "length", "read_at"),
    build=build,
    recipe=lstm.recipe,
    defaults=DEFAULTS,
    presets={"published": PUBLISHED},
    limits=LIMITS,
)
