"""skResNet: skNet's units with residual sums taken after the second ReLU."""

from __future__ import annotations

from functools import partial

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models.layers import classifier_head, conv_bn_relu, image_input, pool, scaled
from models.sknet import DEFAULTS, FAITHFUL, LIMITS, recipe
from models.spec import ModelSpec, Options, Shapes


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """Seventeen convolutions: widths change in a plain one before each pool, residual pairs stand between.

    Input `image` `[batch, size, size, 1]`, 0 paper .. 1 ink; outputs `embedding`
    `[batch, embedding_size]` (>= 0, of unit length with `normalize`) and `logits` `[batch, classes]`.
    """
    narrow, middle, wide = (scaled(filters, options["width"]) for filters in (64, 128, 256))
    momentum = options["bn_momentum"]
    image, x = image_input(shapes.image_size, options["pixels"], shapes.channels)
    x = conv_bn_relu(x, narrow, "conv1_1", momentum)
    x = conv_bn_relu(x, narrow, "conv1_2", momentum)
    x = pool(x, "pool1")
    x = _residual(_residual(x, 2, momentum), 3, momentum)
    x = pool(conv_bn_relu(x, middle, "conv4_1", momentum), "pool4")
    x = _residual(_residual(x, 5, momentum), 6, momentum)
    x = pool(conv_bn_relu(x, wide, "conv7_1", momentum), "pool7")
    x = _residual(_residual(x, 8, momentum), 9, momentum)
    x = pool(conv_bn_relu(x, wide, "conv10_1", momentum), "pool10")
    outputs = classifier_head(x, options, shapes.num_classes)
    return tf_keras.Model({"image": image}, outputs, name="skresnet")


def _residual(x: tf.Tensor, block: int, momentum: float) -> tf.Tensor:
    """Two convolutions, then the sum with the input; no activation after the sum."""
    y = conv_bn_relu(x, x.shape[-1], f"conv{block}_1", momentum)
    y = conv_bn_relu(y, x.shape[-1], f"conv{block}_2", momentum)
    return layers.Add(name=f"sum{block}")([x, y])


SPEC = ModelSpec(
    name="skresnet",
    inputs=("image",),
    build=build,
    recipe=partial(recipe, published_batch_size=50),
    defaults=DEFAULTS,
    presets={"faithful": FAITHFUL},
    limits=LIMITS,
)
