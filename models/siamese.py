"""Siamese network: one encoder for sketches and photos, trained by the distance of pairs (100 px, grey)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models.layers import PIXELS, image_input, plain_or_unit, scaled
from models.spec import ModelSpec, Options, Shapes, Stage


@dataclass(frozen=True)
class Layout:
    """Filters of the convolutions, whether each is followed by a pool, and sizes of the dense layers."""

    filters: tuple[int, ...]
    pools: bool
    hidden: tuple[int, ...]


LAYOUTS = {"pooled": Layout((32, 64, 128), True, (512, 256)), "flat": Layout((4, 8, 8), False, (500, 500))}
DEFAULTS: Options = {
    "preset": "default",
    "layout": "pooled",
    "width": 1.0,
    "embedding_size": 128,
    "pixels": "ink",
    "normalize": True,
    "bn_momentum": 0.9,
    "init": "he",
}
FAITHFUL: Options = {
    "layout": "flat",
    "embedding_size": 5,
    "pixels": "paper",
    "normalize": False,
    "init": "uniform",
}
LIMITS: Mapping[str, tuple[Any, ...]] = {
    "layout": tuple(LAYOUTS),
    "width": (1 / 64, 8.0),
    "embedding_size": (1, 65_536),
    "pixels": PIXELS,
    "bn_momentum": (0.0, 0.9999),
    "init": ("he", "uniform"),
}
BN_EPSILON = 1e-5
PUBLISHED_STEPS = 440_000


class ReflectionPad(layers.Layer):
    """One pixel around maps `[batch, h, w, c]`, mirrored at the border without repeating it."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`[batch, h + 2, w + 2, c]`."""
        return tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """Three convolutions, each with ReLU and then batch norm, and three dense layers, the last one linear.

    Input `image` `[batch, size, size, channels]`, 0 paper .. 1 ink; output `embedding`
    `[batch, embedding_size]`, of unit length with `normalize`. There are no logits. The layout `pooled`
    pools after every convolution; `flat` pads by reflection and keeps the full side, so that nearly all of
    its weights are in the first dense layer.
    """
    layout, width = LAYOUTS[options["layout"]], options["width"]
    image, x = image_input(shapes.image_size, options["pixels"], shapes.channels)
    for number, filters in enumerate(layout.filters, start=1):
        x = _conv(x, scaled(filters, width), not layout.pools, options, f"conv{number}")
        if layout.pools:
            x = layers.MaxPool2D(2, name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    for number, size in enumerate(layout.hidden, start=1):
        x = _dense(x, scaled(size, width), "relu", options["init"], f"fc{number}")
    x = _dense(x, options["embedding_size"], None, options["init"], "fc3")
    outputs = {"embedding": plain_or_unit(x, options["normalize"])}
    return tf_keras.Model({"image": image}, outputs, name="siamese")


def _conv(x: tf.Tensor, filters: int, reflects: bool, options: Options, name: str) -> tf.Tensor:
    if reflects:
        x = ReflectionPad(name=f"{name}_pad")(x)
    fan_in = 9 * x.shape[-1]
    x = layers.Conv2D(
        filters,
        3,
        padding="valid" if reflects else "same",
        activation="relu",
        kernel_initializer=_kernel(options["init"]),
        bias_initializer=_bias(options["init"], fan_in),
        name=name,
    )(x)
    return layers.BatchNormalization(momentum=options["bn_momentum"], epsilon=BN_EPSILON, name=f"{name}_bn")(
        x
    )


def _dense(x: tf.Tensor, size: int, activation: str | None, init: str, name: str) -> tf.Tensor:
    return layers.Dense(
        size,
        activation=activation,
        kernel_initializer=_kernel(init),
        bias_initializer=_bias(init, x.shape[-1]),
        name=name,
    )(x)


def _kernel(init: str) -> tf_keras.initializers.Initializer:
    """He's normal values, or uniform ones between +-1 / sqrt(fan in)."""
    if init == "he":
        return tf_keras.initializers.HeNormal()
    return tf_keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def _bias(init: str, fan_in: int) -> tf_keras.initializers.Initializer:
    """Zeros with `he`, else uniform values between the same bounds as those of the kernel."""
    bound = 0.0 if init == "he" else 1 / math.sqrt(fan_in)
    return tf_keras.initializers.RandomUniform(-bound, bound)


def recipe(options: Options) -> tuple[Stage, ...]:
    """Adam 5e-4 on 32 pairs of a sketch and a photo (64 pictures), half of them of one class.

    The margin is 1 between unit vectors and 2 between free ones. Published: 200 passes. One pass makes as
    many pairs as there are training pictures, about 70,000 of the Sketchy database with a fifth of its photos
    held out: 2,200 steps, hence 440,000 in all.
    """
    steps = PUBLISHED_STEPS if options["preset"] == "faithful" else 6_000
    return (
        Stage(
            learner="contrastive",
            loss_weights={"contrastive": 1.0},
            max_steps=steps,
            batch_size=64,
            learning_rate=5e-4,
            grouping="balanced:32",
            settings={"margin": 1.0 if options["normalize"] else 2.0},
        ),
    )


SPEC = ModelSpec(
    name="siamese",
    inputs=("image",),
    build=build,
    recipe=recipe,
    defaults=DEFAULTS,
    presets={"faithful": FAITHFUL},
    limits=LIMITS,
)
