"""A small residual network for drawings and photos alike, trained on pairs: our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models import recipes
from models.layers import Dropout, image_input, plain_or_unit, scaled
from models.spec import ModelSpec, Options, Shapes, Stage

DEFAULTS: Options = {
    "preset": "default",
    "width": 1.0,
    "embedding_size": 256,
    "grid_channels": 48,
    "dropout": 0.0,
    "pixels": "ink",
    "normalize": True,
    "bn_momentum": 0.9,
}
LIMITS: Mapping[str, tuple[Any, ...]] = {
    "width": (1 / 64, 8.0),
    "embedding_size": (1, 65_536),
    "grid_channels": (4, 4096),
    "dropout": (0.0, 0.99),
    "pixels": ("ink",),
    "bn_momentum": (0.0, 0.9999),
}
FILTERS = (32, 64, 128, 192)


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """A stem and four residual blocks down to 1/16 of the side, then a linear map of the whole grid.

    Input `image` `[batch, size, size, channels]`, 0 paper .. 1 ink; output `embedding`
    `[batch, embedding_size]` (of unit length with `normalize`). The grid of features is not pooled: where
    on the object something is tells two shoes apart. Blocks as in He et al. 2016, with an averaged shortcut.
    """
    image, x = image_input(shapes.image_size, options["pixels"], shapes.channels)
    momentum = options["bn_momentum"]
    x = layers.ReLU(name="stem_relu")(
        _conv_bn(x, scaled(FILTERS[0], options["width"]), 5, 2, "stem", momentum)
    )
    for number, filters in enumerate(FILTERS, start=1):
        stride = 1 if number == 1 else 2
        x = _block(x, scaled(filters, options["width"]), stride, f"block{number}", momentum)
    x = layers.ReLU(name="grid_relu")(_conv_bn(x, options["grid_channels"], 1, 1, "grid", momentum))
    x = Dropout(options["dropout"], name="dropout")(layers.Flatten(name="flatten")(x))
    x = layers.Dense(options["embedding_size"], dtype="float32", name="project")(x)
    return tf_keras.Model(
        {"image": image}, {"embedding": plain_or_unit(x, options["normalize"])}, name="twin_resnet"
    )


def _block(x: tf.Tensor, filters: int, stride: int, name: str, momentum: float) -> tf.Tensor:
    """Two 3x3 convolutions beside a shortcut; the first has the stride."""
    y = layers.ReLU(name=f"{name}_relu1")(_conv_bn(x, filters, 3, stride, f"{name}_1", momentum))
    y = _conv_bn(y, filters, 3, 1, f"{name}_2", momentum)
    if stride > 1:
        x = layers.AveragePooling2D(stride, padding="same", name=f"{name}_pool")(x)
    if x.shape[-1] != filters:
        x = _conv_bn(x, filters, 1, 1, f"{name}_shortcut", momentum)
    return layers.ReLU(name=f"{name}_relu2")(layers.Add(name=f"{name}_add")([x, y]))


def _conv_bn(x: tf.Tensor, filters: int, side: int, stride: int, name: str, momentum: float) -> tf.Tensor:
    x = layers.Conv2D(
        filters, side, stride, "same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)
    return layers.BatchNormalization(momentum=momentum, epsilon=1e-3, name=f"{name}_bn")(x)


def recipe(options: Options) -> tuple[Stage, ...]:
    """InfoNCE over 64 pairs a step, strong augmentation, averaged weights, a rate that falls to zero."""
    return (
        recipes.modern(
            name="pairs",
            learner="pairs",
            loss_weights={"info_nce": 1.0},
            grouping="pairs:64",
            batch_size=128,
            max_steps=2_000,
            optimizer="adam",
            learning_rate=2e-3,
            weight_decay=1e-4,
            augment="pairs",
            average=0.995,
        ),
    )


SPEC = ModelSpec(
    name="twin_resnet",
    inputs=("image",),
    build=build,
    recipe=recipe,
    defaults=DEFAULTS,
    limits=LIMITS,
)
