"""EfficientNet-Lite as an encoder of drawings and photos: ImageNet weights, cut, pooled or as a grid."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models import recipes
from models.efficientnet_lite.network import WHOLE, stages
from models.efficientnet_lite.weights import FILES, TEACHER, assign, published_weights
from models.layers import image_input, plain_or_unit
from models.spec import ModelSpec, Options, Shapes, Stage
from sketchspace.errors import UserError

DEFAULTS: Options = {
    "preset": "default",
    "variant": 0,
    "cut": 5,
    "second_cut": 0,
    "pool": "grid",
    "grid_channels": 0,
    "embedding_size": 0,
    "classifier": "none",
    "distill": False,
    "batch_norm": "frozen",
    "weights": "imagenet",
    "normalize": True,
}
LIMITS: Mapping[str, tuple[Any, ...]] = {
    "variant": (0, 2),
    "cut": (1, WHOLE),
    "second_cut": (0, WHOLE),
    "pool": ("grid", "mean"),
    "grid_channels": (0, 4096),
    "embedding_size": (0, 65_536),
    "classifier": ("none", "classes", "imagenet"),
    "batch_norm": ("frozen", "trained"),
    "weights": ("imagenet", "none"),
}
PRESETS: Mapping[str, Options] = {
    "imagenet": {"cut": WHOLE, "pool": "mean", "classifier": "imagenet", "normalize": False},
    "classes": {"cut": WHOLE, "pool": "mean", "classifier": "classes", "distill": True},
}
LEARNING = r"block([3-9]|\d\d)_.*|(head|stage|project|logits|imagenet).*"
"""Stem and first stages stay: edges look the same everywhere, and without them a step takes two thirds."""
IMAGENET_CLASSES = 1000
COSINE_SCALE = 20.0


class CosineClassifier(layers.Layer):
    """Cosines of an embedding `[batch, D]` with a direction for each class, times `COSINE_SCALE`.

    Embedding and directions have unit length, so that drawings and photos meet on one sphere (Wang et al.
    2018, "CosFace", section 3, without its margin).
    """

    def __init__(self, classes: int, name: str) -> None:
        super().__init__(name=name, dtype="float32")
        self.classes = classes

    def build(self, input_shape: tf.TensorShape) -> None:
        """Create the directions, `[D, classes]`."""
        self.kernel = self.add_weight("kernel", (input_shape[-1], self.classes), initializer="glorot_uniform")

    def call(self, embedding: tf.Tensor) -> tf.Tensor:
        """Logits `[batch, classes]` in -`COSINE_SCALE`..`COSINE_SCALE`."""
        unit = tf.math.l2_normalize(embedding, axis=-1), tf.math.l2_normalize(self.kernel, axis=0)
        return COSINE_SCALE * tf.matmul(*unit)


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """A network cut after stage `cut` (and `second_cut`), whose features are the embedding.

    Input `image` `[batch, size, size, channels]`, 0 paper .. 1 ink (1 - level / 255 of a photo); grey
    pictures are three equal channels. Output `embedding` `[batch, D]`: the grid of features flattened
    (`pool=grid`: where on the object something is tells two shoes apart) or its mean, after a linear map
    of each place to `grid_channels` and one of everything to `embedding_size` where these are not 0; of
    unit length with `normalize`. `classifier=classes` adds `logits` by `CosineClassifier`;
    `classifier=imagenet` has the 1,000 published ones. `distill` adds the term `distill` `[batch]`: the
    cross-entropy, in nats, of what this network says of a picture under what the published one says, both
    through the published classifier (Hinton et al. 2015, at temperature 1). It wants the whole network.
    """
    image, x = image_input(shapes.image_size, "ink", shapes.channels)
    if shapes.channels == 1:
        x = layers.Concatenate(name="grey")([x, x, x])
    x = layers.Rescaling(-255.0 / 128.0, 1.0, name="pixels")(x)  # (level - 127) / 128
    features = _features(x, options)
    outputs = {"embedding": plain_or_unit(features, options["normalize"])}
    if options["classifier"] == "classes":
        outputs["logits"] = CosineClassifier(shapes.num_classes, name="logits")(features)
    if options["classifier"] == "imagenet":
        outputs["logits"] = _imagenet(features, "")
    if options["distill"]:
        outputs["distill"] = _distilled(x, features, options)
    return tf_keras.Model({"image": image}, outputs, name="efficientnet_lite")


def _features(x: tf.Tensor, options: Options) -> tf.Tensor:
    """What the embedding is made of, `[batch, D]`; two cuts count equally."""
    cuts = [options["cut"], *([options["second_cut"]] if options["second_cut"] else [])]
    found = stages(x, options["variant"], max(cuts), options["batch_norm"] == "frozen")
    parts = [_flat(found[cut], options, f"stage{cut}") for cut in cuts]
    if len(parts) > 1:
        units = [layers.UnitNormalization(name=f"unit{cut}") for cut in cuts]
        parts = [unit(part) for unit, part in zip(units, parts, strict=True)]
        parts = [layers.Concatenate(name="both")(parts)]
    if options["embedding_size"]:
        project = layers.Dense(options["embedding_size"], use_bias=False, dtype="float32", name="project")
        return project(parts[0])
    return parts[0]


def _distilled(x: tf.Tensor, features: tf.Tensor, options: Options) -> tf.Tensor:
    if options["cut"] != WHOLE or options["pool"] != "mean" or options["embedding_size"]:
        raise UserError(
            "distill=true wants the whole network: --set cut=8 --set pool=mean, no embedding_size"
        )
    grid = stages(x, options["variant"], WHOLE, True, TEACHER)[WHOLE]
    teacher = _flat(grid, options, f"{TEACHER}features")
    return CrossEntropy(name="distill")([_imagenet(teacher, TEACHER), _imagenet(features, "")])


class CrossEntropy(layers.Layer):
    """Two rows of logits `[batch, n]` to the cross-entropy of the second under the first, `[batch]`."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, dtype="float32")

    def call(self, pair: list[tf.Tensor]) -> tf.Tensor:
        """In nats; no gradient reaches the first."""
        told, said = pair
        return -tf.reduce_sum(tf.stop_gradient(tf.nn.softmax(told)) * tf.nn.log_softmax(said), axis=-1)


def _imagenet(features: tf.Tensor, prefix: str) -> tf.Tensor:
    return layers.Dense(IMAGENET_CLASSES, dtype="float32", name=f"{prefix}imagenet")(features)


def _flat(grid: tf.Tensor, options: Options, name: str) -> tf.Tensor:
    """Features `[batch, h, w, c]` as one row each."""
    if options["grid_channels"]:
        grid = layers.Conv2D(options["grid_channels"], 1, use_bias=False, name=f"{name}_reduce")(grid)
    if options["pool"] == "mean":
        return layers.GlobalAveragePooling2D(name=f"{name}_mean")(grid)
    return layers.Flatten(name=f"{name}_flat")(grid)


def pretrained(encoder: tf_keras.Model, options: Options) -> Iterator[str]:
    """Give a fresh encoder the published weights, and say so; `UserError` where they are not to be had."""
    if options["weights"] == "none":
        return
    count = assign(encoder, published_weights(options["variant"]))
    yield f"begins with the ImageNet weights of {FILES[options['variant']][0]}: {count:,} numbers"


def recipe(options: Options) -> tuple[Stage, ...]:
    """Pairs by InfoNCE; with a classifier of the data's classes also cross-entropy over both domains."""
    pairs = recipes.modern(
        name="pairs",
        learner="pairs",
        loss_weights={"info_nce": 1.0},
        settings={"temperature": 0.05, "temperature_is": "learnt"},
        trainable=LEARNING,
        grouping="pairs:32",
        batch_size=64,
        max_steps=300,
        warmup_steps=30,
        optimizer="adamw",
        learning_rate=3e-4,
        weight_decay=0.01,
        clip=1.0,
        augment="pairs",
        average=0.99,
    )
    if options["classifier"] != "classes":
        return (pairs,)
    weights = {"info_nce": 1.0, "cross_entropy": 1.0} | ({"distill": 0.5} if options["distill"] else {})
    return (dataclasses.replace(pairs, loss_weights=weights, grouping="classes:32", max_steps=600),)


SPEC = ModelSpec(
    name="efficientnet_lite",
    inputs=("image",),
    build=build,
    recipe=recipe,
    defaults=DEFAULTS,
    presets=PRESETS,
    limits=LIMITS,
    pretrained=pretrained,
)
