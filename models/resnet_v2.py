"""ResNet-50 v2 for drawings: pre-activation bottlenecks, one channel, a linear embedding, a small head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models import recipes
from models.group_norm import GroupNorm
from models.layers import PIXELS, classifier, image_input, plain_or_unit, scaled
from models.spec import ModelSpec, Options, Shapes, Stage

STAGES = ((64, 3, 2), (128, 4, 2), (256, 6, 2), (512, 3, 1))
"""Filters of the inner convolutions, units, and the stride of the last unit, at width 1."""
STEMS = ("7x7", "3x3", "3x3/2")

DEFAULTS: Options = {
    "preset": "default",
    "width": 1.0,
    "stem": "3x3/2",
    "norm": "batch",
    "layout": "full",
    "bn_momentum": 0.9,
    "embedding_size": 1024,
    "head": 64,
    "dropout": 0.25,
    "pixels": "ink",
    "normalize": True,
    "objective": "classify",
}
PUBLISHED: Options = {"stem": "7x7", "dropout": 0.0, "normalize": False, "bn_momentum": 0.99}
AS_BUILT: Options = {**PUBLISHED, "layout": "as_built", "bn_momentum": 0.999}
PRESETS: Mapping[str, Options] = {
    "published": PUBLISHED,
    "as_built": AS_BUILT,
    "simple": {**PUBLISHED, "embedding_size": 256, "head": 256},
    "triplet": {**PUBLISHED, "embedding_size": 256, "objective": "triplet"},
}
BACKBONE_LIMITS: Mapping[str, tuple[Any, ...]] = {
    "width": (1 / 64, 8.0),
    "stem": STEMS,
    "norm": ("batch", "group"),
    "layout": ("full", "as_built"),
    "bn_momentum": (0.0, 0.9999),
}
LIMITS: Mapping[str, tuple[Any, ...]] = {
    **BACKBONE_LIMITS,
    "embedding_size": (1, 65_536),
    "head": (1, 65_536),
    "dropout": (0.0, 0.99),
    "pixels": PIXELS,
    "objective": ("classify", "triplet"),
}


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """The backbone, its linear embedding, and a head of one hidden layer.

    Input `image` `[batch, size, size, 1]`, 0 paper .. 1 ink, from 16 pixels on; outputs `embedding`
    `[batch, embedding_size]` (any sign; of unit length with `normalize`) and `logits` `[batch, classes]`.
    He, Zhang, Ren, Sun 2016 ("Identity mappings in deep residual networks"), in the layout of
    `tf_keras.applications.ResNet50V2`: the stride is in the last unit of a stage.
    """
    image, x = image_input(shapes.image_size, options["pixels"], shapes.channels)
    x = picture_embedding(x, options, options["embedding_size"])
    embedding = plain_or_unit(x, options["normalize"])
    logits = classifier(x, options["head"], options["dropout"], shapes.num_classes)
    return tf_keras.Model({"image": image}, {"embedding": embedding, "logits": logits}, name="resnet_v2")


def picture_embedding(x: tf.Tensor, options: Options, size: int) -> tf.Tensor:
    """Pictures `[batch, height, width, 1]` to linear embeddings `[batch, size]`.

    `options` has those of `BACKBONE_LIMITS`.
    """
    x = layers.GlobalAveragePooling2D(name="average")(backbone(x, options))
    return layers.Dense(size, name="project")(x)


def backbone(x: tf.Tensor, options: Options) -> tf.Tensor:
    """Pictures `[batch, height, width, 1]` to maps `[batch, h, w, 2048 * width]`, after the last ReLU.

    `stem` sets how far they are reduced: `7x7` with stride 2 and a pool to 1/32 of the side (published,
    for about 224 px), `3x3/2` with stride 2 to 1/16, `3x3` with stride 1 to 1/8.
    """
    x = _stem(x, options)
    for stage, (filters, units, stride) in enumerate(STAGES, start=2):
        for unit in range(1, units + 1):
            last = unit == units
            name = f"conv{stage}_unit{unit}"
            x = _unit(x, scaled(filters, options["width"]), stride if last else 1, unit == 1, options, name)
    return _norm_relu(x, options, "post")


def _stem(x: tf.Tensor, options: Options) -> tf.Tensor:
    """The first convolution, with bias but without a norm: every unit begins with one."""
    filters = scaled(STAGES[0][0], options["width"])
    if options["stem"] != "7x7":
        return _conv(x, filters, 3, 2 if options["stem"] == "3x3/2" else 1, "stem")
    x = _conv(x, filters, 7, 2, "stem")
    x = layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
    return layers.MaxPool2D(3, 2, name="stem_pool")(x)


def _unit(x: tf.Tensor, filters: int, stride: int, widens: bool, options: Options, name: str) -> tf.Tensor:
    """Norm and ReLU, then 1x1, 3x3 and 1x1 convolutions, added to the input or (first unit) its projection.

    With the layout `as_built` the inner convolutions have a bias and ReLU but no norm: what the
    published program did, which called the network outside of the scope that adds them.
    """
    ready = _norm_relu(x, options, f"{name}_preact")
    if widens:
        x = _conv(ready, 4 * filters, 1, stride, f"{name}_shortcut")
    elif stride > 1:
        x = layers.MaxPool2D(1, stride, name=f"{name}_shortcut")(x)
    y = _inner(ready, filters, 1, 1, options, f"{name}_1")
    y = _inner(y, filters, 3, stride, options, f"{name}_2")
    return layers.Add(name=f"{name}_sum")([x, _conv(y, 4 * filters, 1, 1, f"{name}_3")])


def _inner(x: tf.Tensor, filters: int, kernel: int, stride: int, options: Options, name: str) -> tf.Tensor:
    if options["layout"] == "as_built":
        return layers.ReLU(name=f"{name}_relu")(_conv(x, filters, kernel, stride, name))
    return _norm_relu(_conv(x, filters, kernel, stride, name, use_bias=False), options, name)


def _conv(
    x: tf.Tensor, filters: int, kernel: int, stride: int, name: str, use_bias: bool = True
) -> tf.Tensor:
    """A convolution whose strided form pads both sides alike, so that its grid does not shift."""
    if stride > 1 and kernel > 1:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(
        filters,
        kernel,
        stride,
        padding="valid" if stride > 1 else "same",
        use_bias=use_bias,
        kernel_initializer=tf_keras.initializers.HeNormal(),
        name=name,
    )(x)


def _norm_relu(x: tf.Tensor, options: Options, name: str) -> tf.Tensor:
    return layers.ReLU(name=f"{name}_relu")(_norm(options, f"{name}_norm")(x))


def _norm(options: Options, name: str) -> layers.Layer:
    """Batch norm or group norm; the layout `as_built` shifts but does not scale."""
    scale = options["layout"] == "full"
    if options["norm"] == "group":
        return GroupNorm(name, scale)
    return layers.BatchNormalization(
        momentum=options["bn_momentum"], epsilon=1.001e-5, scale=scale, name=name
    )


def recipe(options: Options) -> tuple[Stage, ...]:
    """Published presets: Adam 4e-4, batch 30, gradients clipped by value. Default: cosine, affine maps.

    With `objective=triplet` a stage of triplets comes first, over batches of classes x examples, and the
    head is then trained on the embedding as it is.
    """
    as_published = options["preset"] != "default"
    if options["objective"] == "triplet":
        return recipes.published_triplet_stages() if as_published else recipes.triplet_stages()
    return (recipes.published() if as_published else recipes.modern(),)


SPEC = ModelSpec(
    name="resnet_v2",
    inputs=("image",),
    build=build,
    recipe=recipe,
    defaults=DEFAULTS,
    presets=PRESETS,
    limits=LIMITS,
)
