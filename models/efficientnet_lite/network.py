"""The layers of EfficientNet-Lite 0, 1 and 2: inverted residual blocks with ReLU6 and without attention.

Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", table 1; the
lite variants are those of Google's TPU repository (2020): no squeeze-and-excitation, ReLU6, and stem, head,
first and last stage are not scaled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import tensorflow as tf
import tf_keras
from tf_keras import layers

STEM, HEAD = 32, 1280
SCALES = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2))
"""Width and depth of the variants 0, 1 and 2."""
LAST_STAGE = 7
WHOLE = LAST_STAGE + 1
"""The cut after the head's convolution, which stands behind the last stage."""
_EPSILON = 1e-3


@dataclass(frozen=True)
class Block:
    """An inverted residual block: `kernel` x `kernel` depthwise, `expand` times as wide inside."""

    stage: int
    kernel: int
    stride: int
    expand: int
    filters: int


def blocks(variant: int) -> tuple[Block, ...]:
    """The blocks of a variant in order; stages count from 1."""
    width, depth = SCALES[variant]
    stages = (
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    )
    found = []
    for stage, (repeats, kernel, stride, expand, filters) in enumerate(stages, start=1):
        scaled = repeats if stage in (1, LAST_STAGE) else math.ceil(depth * repeats)
        for number in range(scaled):
            found.append(Block(stage, kernel, stride if number == 0 else 1, expand, _wide(filters, width)))
    return tuple(found)


def _wide(filters: int, width: float) -> int:
    """Filters times the width, to the nearest multiple of 8 that is not over a tenth below."""
    if width == 1.0:
        return filters
    nearest = max(8, int(filters * width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * filters * width else nearest


class FrozenConv(layers.Layer):
    """A convolution, and batch norm whose mean and variance stay as they are; gain and offset learn.

    The norm is part of the kernel and of a bias, which saves a pass over the features forth and two back.
    `filters` 0 makes it depthwise. Weights have the names and shapes of `Conv2D` and `BatchNormalization`.
    """

    def __init__(self, filters: int, side: int, stride: int, name: str) -> None:
        super().__init__(name=name)
        self.filters, self.side, self.stride = filters, side, stride

    def build(self, input_shape: tf.TensorShape) -> None:
        """Create kernel `[side, side, in, out]` (depthwise `[side, side, in, 1]`) and the norm's `[out]`."""
        channels = input_shape[-1]
        out = self.filters or channels
        self.kernel = self.add_weight(
            "kernel",
            (self.side, self.side, channels, self.filters or 1),
            initializer="he_normal",
            experimental_autocast=False,
        )
        self.gamma, self.beta, self.moving_mean, self.moving_variance = (
            self.add_weight(name, (out,), initializer=start, trainable=learns, experimental_autocast=False)
            for name, start, learns in (
                ("gamma", "ones", True),
                ("beta", "zeros", True),
                ("moving_mean", "zeros", False),
                ("moving_variance", "ones", False),
            )
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Features `[batch, h, w, in]` to `[batch, h / stride, w / stride, out]`."""
        scale = self.gamma * tf.math.rsqrt(self.moving_variance + _EPSILON)
        bias = tf.cast(self.beta - self.moving_mean * scale, x.dtype)
        if self.filters:
            kernel = tf.cast(self.kernel * scale, x.dtype)
            return tf.nn.bias_add(tf.nn.conv2d(x, kernel, self.stride, "SAME"), bias)
        kernel = tf.cast(self.kernel * scale[:, None], x.dtype)
        strides = [1, self.stride, self.stride, 1]
        return tf.nn.bias_add(tf.nn.depthwise_conv2d(x, kernel, strides, "SAME"), bias)


def stages(x: tf.Tensor, variant: int, last: int, frozen: bool, prefix: str = "") -> dict[int, tf.Tensor]:
    """Features `[batch, h, w, c]` after each stage up to `last`, from pictures about -1..1, three channels.

    Stages 1 to 7 have strides 2, 4, 8, 16, 16, 32 and 32; 8 is the convolution of the head, 1,280 wide.
    Where the statistics of batch norm are `frozen`, gain and offset alone learn. Names of layers begin with
    `prefix`.
    """
    x = _relu(_conv(x, STEM, 3, 2, f"{prefix}stem", frozen), f"{prefix}stem")
    found: dict[int, tf.Tensor] = {}
    for number, block in enumerate(blocks(variant)):
        if block.stage > last:
            return found
        x = _block(x, block, f"{prefix}block{number}", frozen)
        found[block.stage] = x
    if last == WHOLE:
        found[WHOLE] = _relu(_conv(x, HEAD, 1, 1, f"{prefix}head", frozen), f"{prefix}head")
    return found


def _block(x: tf.Tensor, block: Block, name: str, frozen: bool) -> tf.Tensor:
    before = x
    if block.expand > 1:
        x = _conv(x, before.shape[-1] * block.expand, 1, 1, f"{name}_expand", frozen)
        x = _relu(x, f"{name}_expand")
    x = _relu(_conv(x, 0, block.kernel, block.stride, f"{name}_depthwise", frozen), f"{name}_depthwise")
    x = _conv(x, block.filters, 1, 1, f"{name}_project", frozen)
    if block.stride > 1 or before.shape[-1] != block.filters:
        return x
    return layers.Add(name=f"{name}_add")([x, before])


def _conv(x: tf.Tensor, filters: int, side: int, stride: int, name: str, frozen: bool) -> tf.Tensor:
    """A convolution and its norm; depthwise where `filters` is 0."""
    if frozen:
        return FrozenConv(filters, side, stride, name)(x)
    if filters:
        x = layers.Conv2D(filters, side, stride, "same", use_bias=False, name=name)(x)
    else:
        x = layers.DepthwiseConv2D(side, stride, "same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(momentum=0.99, epsilon=_EPSILON, name=f"{name}_bn")(x)


def _relu(x: tf.Tensor, name: str) -> tf.Tensor:
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def count(model: tf_keras.Model) -> int:
    """Numbers that a network learns: without the statistics of its batch norms."""
    return sum(math.prod(weight.shape) for weight in model.weights if "moving_" not in weight.name)
