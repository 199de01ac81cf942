"""The part of a picture that a network sees."""

from __future__ import annotations

import tensorflow as tf

Batch = dict[str, tf.Tensor]
_STREAM = 0x63726F70  # sets the offsets' random numbers apart from those of augmentations


def centre_crop(batch: Batch, side: int) -> Batch:
    """`image` `[batch, size, size, c]` as its middle `[batch, side, side, c]`: offset (size - side) // 2."""
    image = batch["image"]
    at = (image.shape[1] - side) // 2
    return {**batch, "image": image[:, at : at + side, at : at + side]}


def random_crop(batch: Batch, side: int, seed: tf.Tensor) -> Batch:
    """`image` `[batch, size, size, c]` as parts `[batch, side, side, c]`, drawn for each picture by itself.

    Offsets of x and y are drawn evenly from 0 inclusive to size - side exclusive: 0..30 for 225 of 256, as
    Yu et al. 2016 trained. `seed` is int32 `[2]`.
    """
    image = batch["image"]
    room = max(image.shape[1] - side, 1)
    stream = tf.random.experimental.stateless_fold_in(seed, _STREAM)
    at = tf.random.stateless_uniform([2, tf.shape(image)[0], 1], stream, 0, room, tf.int32)
    place = at + tf.range(side)
    rows = tf.gather(image, place[0], axis=1, batch_dims=1)
    return {**batch, "image": tf.gather(rows, place[1], axis=2, batch_dims=1)}
