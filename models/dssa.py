"""DSSA: Sketch-a-Net with spatial attention, and a coarse vector beside the fine one (Song et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models import sketch_a_net
from models.layers import image_input
from models.spec import ModelSpec, Options, Shapes, Stage

_SHARED = {name: value for name, value in sketch_a_net.DEFAULTS.items() if name != "normalize"}
DEFAULTS: Options = {**_SHARED, "attention": "softmax"}
"""Those of `sketch_a_net` but for `normalize`: only unit vectors can stand side by side."""
LIMITS: Mapping[str, tuple[Any, ...]] = {**sketch_a_net.LIMITS, "attention": ("softmax", "sigmoid")}
PUBLISHED_LAYERS = "conv5_s1|attention.*|fc6_s1|fc7_sketch"


class Attend(layers.Layer):
    """Maps `f` and a score of every place to `f + f * mask`.

    The mask is the `softmax` of the scores over all places of a picture, or their `sigmoid`. Computed in
    float32 also under mixed precision.
    """

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(name=name, dtype="float32")
        self.kind = kind

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """`([batch, h, w, c], [batch, h, w, 1])` to `[batch, h, w, c]`."""
        maps, scores = inputs
        _, height, width, _ = maps.shape
        if self.kind == "sigmoid":
            return maps * (1 + tf.sigmoid(scores))
        mask = tf.nn.softmax(tf.reshape(scores, [-1, height * width]))
        return maps * (1 + tf.reshape(mask, [-1, height, width, 1]))


class SpatialSum(layers.Layer):
    """Maps `[batch, h, w, c]` to their sums over all places `[batch, c]`, float32."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, dtype="float32")

    def call(self, maps: tf.Tensor) -> tf.Tensor:
        """The sums."""
        return tf.reduce_sum(maps, axis=[1, 2])


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """The trunk, attention, and two vectors side by side, each of unit length.

    `fc7_sketch` of the attended maps is the fine vector, their sum over all places the coarse one. Input
    `image` as that of `sketch_a_net`; outputs `embedding` `[batch, embedding_size + 256 * width]` of length
    sqrt(2) and, where the recipe classifies first (`pretrain`), `logits` `[batch, classes]` of `fc7_sketch`.
    """
    side = sketch_a_net.input_size(options, shapes)
    image, x = image_input(side, options["pixels"], shapes.channels)
    maps = sketch_a_net.trunk(x, options)
    scores = _place_scores(maps)
    maps = Attend(options["attention"], name="attend")((maps, scores))
    fine = sketch_a_net.fully_connected(maps, options)
    halves = [
        layers.UnitNormalization(dtype="float32", name="fine")(fine),
        layers.UnitNormalization(dtype="float32", name="coarse")(SpatialSum(name="sum")(maps)),
    ]
    outputs = {"embedding": layers.Concatenate(dtype="float32", name="embedding")(halves)}
    outputs |= sketch_a_net.logits(fine, options, shapes.num_classes)
    return tf_keras.Model({"image": image}, outputs, name="dssa")


def _place_scores(maps: tf.Tensor) -> tf.Tensor:
    """How much each place matters: `[batch, h, w, c]` to `[batch, h, w, 1]`, any sign."""
    x = layers.Conv2D(
        maps.shape[-1],
        1,
        activation="relu",
        kernel_initializer=tf_keras.initializers.HeNormal(),
        name="attention_hidden",
    )(maps)
    return layers.Conv2D(1, 1, kernel_initializer=tf_keras.initializers.HeNormal(), name="attention")(x)


def recipe(options: Options) -> tuple[Stage, ...]:
    """As that of `sketch_a_net`; the published stage also trains `conv5_s1` and the attention."""
    return sketch_a_net.recipe(options, PUBLISHED_LAYERS)


SPEC = ModelSpec(
    name="dssa",
    inputs=("image",),
    build=build,
    recipe=recipe,
    input_size=sketch_a_net.input_size,
    defaults=DEFAULTS,
    presets={"published": sketch_a_net.PUBLISHED},
    limits=LIMITS,
)
