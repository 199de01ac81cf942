"""Strokes and pictures combined: an LSTM reads the drawing, a ResNet looks at each pen-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models import recipes, resnet_v2, stroke_layers
from models.layers import classifier, plain_or_unit
from models.recurrent import StackedLSTM
from models.spec import ModelSpec, Options, Shapes, Stage
from models.stroke_layers import stroke_inputs

DEFAULTS: Options = {
    **stroke_layers.DEFAULTS,
    "snapshots": 6,
    "units": 256,
    "picture_size": 256,
    "width": 1.0,
    "stem": resnet_v2.DEFAULTS["stem"],
    "norm": "batch",
    "layout": "full",
    "bn_momentum": 0.9,
    "dropout": 0.25,
}
PUBLISHED: Options = {**stroke_layers.PUBLISHED, "stem": "7x7", "bn_momentum": 0.99, "dropout": 0.0}
LIMITS: Mapping[str, tuple[Any, ...]] = {
    **resnet_v2.BACKBONE_LIMITS,
    **stroke_layers.LIMITS,
    "snapshots": (1, 100),
    "picture_size": (1, 65_536),
}


class AtEachSnapshot(layers.Layer):
    """A network of single pictures: `[batch, snapshots, size, size, 1]` to `[batch, snapshots, D]`."""

    def __init__(self, network: tf_keras.Model, name: str) -> None:
        super().__init__(name=name)
        self.network = network

    def call(self, snapshots: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """All snapshots of the batch as one larger batch, so that batch norm sees them together."""
        shape, count = tf.shape(snapshots), self.network.output_shape[-1]
        embedded = self.network(tf.reshape(snapshots, [-1, *snapshots.shape[2:]]), training=training)
        return tf.reshape(embedded, [shape[0], shape[1], count])


class Last(layers.Layer):
    """The last snapshot's entry: `[batch, snapshots, D]` to `[batch, D]`."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`x[:, -1]`."""
        return x[:, -1]


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """State of the LSTM beside the embedding of the picture at each pen-up; one head for all of them.

    Inputs: `strokes` `[batch, time, 3]` absolute, `length` `[batch]`, `snapshots`
    `[batch, snapshots, size, size, 1]` (0 paper .. 1 ink), the pictures of the points up to `snapshot_at`
    int32 `[batch, snapshots]`, ascending. Outputs: `embedding` `[batch, units + picture_size]` at the last
    snapshot (of unit length with `normalize`), `snapshot_logits` `[batch, snapshots, classes]`, and of these
    the last as `logits` `[batch, classes]`. Time and the number of snapshots may differ between batches.
    """
    inputs, offsets = stroke_inputs(options["strokes"])
    snapshots = tf_keras.Input((None, shapes.image_size, shapes.image_size, 1), name="snapshots")
    snapshot_at = tf_keras.Input((None,), dtype="int32", name="snapshot_at")
    read = (offsets, inputs["length"], snapshot_at)
    states = StackedLSTM(options["units"], options["layers"], name="lstm")(read)
    pictures = AtEachSnapshot(_picture_network(options, shapes.image_size), name="pictures")(snapshots)
    both = layers.Concatenate(dtype="float32", name="both")([states, pictures])
    snapshot_logits = classifier(both, options["head"], options["dropout"], shapes.num_classes)
    outputs = {
        "embedding": plain_or_unit(Last(dtype="float32", name="last")(both), options["normalize"]),
        "logits": Last(dtype="float32", name="last_logits")(snapshot_logits),
        "snapshot_logits": snapshot_logits,
    }
    inputs |= {"snapshots": snapshots, "snapshot_at": snapshot_at}
    return tf_keras.Model(inputs, outputs, name="combined")


def _picture_network(options: Options, size: int) -> tf_keras.Model:
    picture = tf_keras.Input((size, size, 1), name="picture")
    embedded = resnet_v2.picture_embedding(picture, options, options["picture_size"])
    return tf_keras.Model(picture, embedded, name="resnet_v2")


def recipe(options: Options) -> tuple[Stage, ...]:
    """The loss is the mean cross-entropy over the pen-ups; that of the last one is only reported.

    Published: Adam 1e-3, batch 20, gradients clipped by value. Default: cosine fall and random affine maps.
    """
    weights = {"snapshot_cross_entropy": 1.0, "cross_entropy": 0.0}
    if options["preset"] == "published":
        return (recipes.published(loss_weights=weights, max_steps=50_000, batch_size=20, learning_rate=1e-3),)
    return (recipes.modern(loss_weights=weights, clip=1.0),)


SPEC = ModelSpec(
    name="combined",
    inputs=("strokes", "length", "snapshots", "snapshot_at"),
    build=build,
    recipe=recipe,
    defaults=DEFAULTS,
    presets={"published": PUBLISHED},
    limits=LIMITS,
)
