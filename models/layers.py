"""Blocks that several architectures share."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras import layers

from models.spec import Options

PIXELS = ("ink", "mean_image", "paper", "mean_level")
MEAN_LEVEL = 250.42
"""Mean grey level of the published sketches and edge maps of shoes (Yu et al. 2016)."""


class PixelMean(layers.Layer):
    """Ink `[batch, size, size, 1]` in 0..1 to grey levels in 0..255 minus the training set's mean image.

    The mean starts at zero; `adapt` sets it once from the training images, before training. It is
    kept with the weights, so that an exported encoder carries it. Computed in float32 also under
    mixed precision: bfloat16 has too few digits for differences of grey levels.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name, dtype="float32")

    def build(self, input_shape: tf.TensorShape) -> None:
        """Create the mean image, float32 `[size, size, 1]`, in grey levels."""
        self.mean_level = self.add_weight(
            "mean_level", shape=input_shape[1:], initializer="zeros", trainable=False
        )

    def adapt(self, batches: Iterable[Mapping[str, tf.Tensor]]) -> None:
        """Set the mean from the pictures `image` (ink `[batch, size, size, 1]` in 0..1) of all `batches`.

        Raises ValueError where there is no picture.
        """
        total, count = np.zeros(self.mean_level.shape, np.float64), 0
        for batch in batches:
            ink = np.asarray(batch["image"], np.float64)
            total += ink.sum(axis=0)
            count += len(ink)
        if not count:
            raise ValueError("no pictures to take the mean of")
        self.mean_level.assign((255.0 * (1.0 - total / count)).astype(np.float32))

    def call(self, ink: tf.Tensor) -> tf.Tensor:
        """Grey level minus mean, about -255..255."""
        return 255.0 * (1.0 - ink) - self.mean_level


class Dropout(layers.Layer):
    """Dropout whose masks follow from a seed that training gives, not from hidden state.

    Keras' own layer draws from a counter that no checkpoint holds, so an interrupted run would go on
    with other masks. Here `draw_from(source)` is told where the seed of the step comes from; until
    then every call draws afresh. Layers of other names, and replicas, get other masks.
    """

    def __init__(self, rate: float, name: str) -> None:
        super().__init__(name=name)
        self.rate = rate
        self._source: Callable[[], tf.Tensor] = _fresh_seed

    def draw_from(self, source: Callable[[], tf.Tensor]) -> None:
        """Take the seed of each training call from `source()`: int32 `[2]`, another one at every step."""
        self._source = source

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """`x` as it is, or in training with a share `rate` of zeros and the rest divided by `1 - rate`."""
        if not training or self.rate == 0:
            return x
        seed = tf.random.fold_in(self._source(), zlib.crc32(self.name.encode()) & 0x7FFFFFFF)
        context = tf.distribute.get_replica_context()
        if context is not None:
            seed = tf.random.fold_in(seed, context.replica_id_in_sync_group)
        return tf.nn.experimental.stateless_dropout(x, self.rate, seed)


def _fresh_seed() -> tf.Tensor:
    return tf.random.uniform([2], maxval=2**31 - 1, dtype=tf.int32)


def conv_bn_relu(x: tf.Tensor, filters: int, name: str, momentum: float) -> tf.Tensor:
    """3x3 convolution with bias, batch norm, ReLU: `[batch, h, w, c]` to `[batch, h, w, filters]`."""
    x = layers.Conv2D(
        filters,
        3,
        padding="same",
        kernel_initializer=tf_keras.initializers.TruncatedNormal(stddev=0.01),
        name=name,
    )(x)
    x = layers.BatchNormalization(momentum=momentum, epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def pool(x: tf.Tensor, name: str) -> tf.Tensor:
    """Max pooling 3x3, stride 2: halves height and width."""
    return layers.MaxPool2D(3, 2, padding="same", name=name)(x)


def classifier_head(x: tf.Tensor, options: Options, num_classes: int) -> dict[str, tf.Tensor]:
    """Flatten, `fc_1` with ReLU (the embedding), dropout, linear `fc_2` (the logits).

    With `normalize` the embedding is brought to unit length, so that squared Euclidean distance ranks
    as cosine similarity does; the logits do not depend on it. Outputs are float32 also under mixed
    precision.
    """
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(
        options["embedding_size"], activation="relu", kernel_initializer=_normal(0.02), name="fc_1"
    )(x)
    embedding = plain_or_unit(x, options["normalize"])
    x = Dropout(options["dropout"], name="dropout")(x)
    logits = layers.Dense(num_classes, kernel_initializer=_normal(0.02), dtype="float32", name="fc_2")(x)
    return {"embedding": embedding, "logits": logits}


def plain_or_unit(x: tf.Tensor, normalize: bool) -> tf.Tensor:
    """The output `embedding`, float32: `x` as it is, or of unit length along its last axis."""
    whole = layers.UnitNormalization if normalize else layers.Identity
    return whole(dtype="float32", name="embedding")(x)


def classifier(x: tf.Tensor, hidden: int, dropout: float, num_classes: int) -> tf.Tensor:
    """Embeddings `[..., D]` to logits float32 `[..., classes]`: dropout, Dense with ReLU, Dense.

    The layers with weights are `head` and `logits`.
    """
    x = Dropout(dropout, name="dropout")(x)
    x = layers.Dense(hidden, activation="relu", name="head")(x)
    return layers.Dense(num_classes, dtype="float32", name="logits")(x)


def _normal(stddev: float) -> tf_keras.initializers.Initializer:
    """A new initialiser at every call: one that is shared would repeat its values."""
    return tf_keras.initializers.TruncatedNormal(stddev=stddev)


def image_input(image_size: int, pixels: str, channels: int = 1) -> tuple[tf.Tensor, tf.Tensor]:
    """The `image` input `[batch, size, size, channels]` (0 paper .. 1 ink) and what the first layer gets.

    `pixels` is one of `PIXELS`: `ink` (as it is), `paper` (grey level / 255: 1 paper .. 0 ink), `mean_level`
    (grey level minus 250.42, not scaled), or `mean_image` (grey level minus the mean training image).
    """
    image = tf_keras.Input((image_size, image_size, channels), name="image")
    if pixels == "ink":
        return image, image
    if pixels == "mean_image":
        return image, PixelMean(name="pixel_mean")(image)
    scale, offset = (-1.0, 1.0) if pixels == "paper" else (-255.0, 255.0 - MEAN_LEVEL)
    return image, layers.Rescaling(scale, offset, dtype="float32", name=pixels)(image)


def scaled(filters: int, width: float) -> int:
    """A number of filters times the width multiplier, at least 4 and a multiple of 4."""
    return max(4, round(filters * width / 4) * 4)
