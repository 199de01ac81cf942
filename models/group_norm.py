"""Group norm of maps in plain operations, which LiteRT also takes with a batch of any size."""

from __future__ import annotations

import math

import tensorflow as tf
from tf_keras import layers

GROUP_SIZE = 16
EPSILON = 1e-5


class GroupNorm(layers.Layer):
    """Maps `[batch, h, w, channels]` to mean 0 and variance 1 over each group of channels of each example.

    Wu & He 2018 ("Group normalization"), with groups of 16 channels, or of the greatest common divisor of
    16 and the channels where these cannot be cut so. Then scaled (if `scale`) and shifted by channel. Knows
    nothing of the other examples of the batch. Computed in float32 also under mixed precision.
    """

    def __init__(self, name: str, scale: bool = True) -> None:
        super().__init__(name=name)
        self.scale = scale

    def build(self, input_shape: tf.TensorShape) -> None:
        """Create `gamma` (if scaled) and `beta`, float32 `[channels]`."""
        channels = input_shape[-1]
        self.group_size = math.gcd(channels, GROUP_SIZE)
        self.gamma = self.add_weight("gamma", (channels,), initializer="ones") if self.scale else None
        self.beta = self.add_weight("beta", (channels,), initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """The maps normalised, in the type of `x`; height and width must be known."""
        height, width, channels = x.shape[1:]
        grouped = tf.reshape(
            tf.cast(x, tf.float32), [-1, height * width, channels // self.group_size, self.group_size]
        )
        mean = tf.reduce_mean(grouped, [1, 3], keepdims=True)
        centred = grouped - mean
        variance = tf.reduce_mean(tf.square(centred), [1, 3], keepdims=True)
        y = tf.reshape(centred * tf.math.rsqrt(variance + EPSILON), [-1, height, width, channels])
        scaled = y if self.gamma is None else y * tf.cast(self.gamma, tf.float32)
        return tf.cast(scaled + tf.cast(self.beta, tf.float32), x.dtype)
