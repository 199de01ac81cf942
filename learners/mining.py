"""Which triplets of a batch are learned from: masks over distances, no loops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Triplets:
    """Triplets of a batch, as distances that broadcast against each other, and which of them count.

    `positive` and `negative` are squared distances of each triplet's anchor; with `mask` (float32, 0 or 1)
    they broadcast to `[batch, positives, negatives]`, the first axis being the anchor.
    """

    positive: tf.Tensor
    negative: tf.Tensor
    mask: tf.Tensor


def squared_distances(embedding: tf.Tensor) -> tf.Tensor:
    """Squared Euclidean distances of all pairs: float32 `[batch, D]` to `[batch, batch]`, never negative."""
    norms = tf.reduce_sum(tf.square(embedding), axis=1)
    products = tf.matmul(embedding, embedding, transpose_b=True)
    return tf.maximum(norms[:, None] + norms[None] - 2 * products, 0.0)


def pairs(label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Masks bool `[batch, batch]` of ordered pairs: of one class (not with itself), of different classes."""
    same = label[:, None] == label[None]
    return same & ~tf.eye(tf.shape(label)[0], dtype=tf.bool), ~same


def all_triplets(distances: tf.Tensor, label: tf.Tensor) -> Triplets:
    """Every anchor with every positive and every negative."""
    positive, negative = pairs(label)
    mask = positive[:, :, None] & negative[:, None, :]
    return Triplets(distances[:, :, None], distances[:, None, :], tf.cast(mask, tf.float32))


def batch_hard(distances: tf.Tensor, label: tf.Tensor) -> Triplets:
    """For every anchor its farthest positive and its closest negative (Hermans et al. 2017, section 2).

    An anchor that lacks either gives no triplet.
    """
    positive, negative = pairs(label)
    farthest = tf.reduce_max(tf.where(positive, distances, 0.0), axis=1)
    closest = _least(distances, negative)
    mask = tf.reduce_any(positive, axis=1) & tf.reduce_any(negative, axis=1)
    return Triplets(farthest[:, None, None], closest[:, None, None], tf.cast(mask, tf.float32)[:, None, None])


def semi_hard(distances: tf.Tensor, label: tf.Tensor) -> Triplets:
    """For every ordered anchor-positive pair the closest negative that is farther than the positive.

    Where no negative is farther the pair takes the anchor's farthest negative, the easiest of those that
    are too close (as Schroff et al. 2015 in their public implementations): its loss is at least the margin. A
    pair whose anchor has no negative in the batch gives no triplet.
    """
    positive, negative = pairs(label)
    farther = negative[:, None, :] & (distances[:, None, :] > distances[:, :, None])
    closest = _least(distances[:, None, :], farther)
    easiest = tf.reduce_max(tf.where(negative, distances, 0.0), axis=1)
    chosen = tf.where(tf.reduce_any(farther, axis=2), closest, easiest[:, None])
    mask = positive & tf.reduce_any(negative, axis=1)[:, None]
    return Triplets(distances[:, :, None], chosen[:, :, None], tf.cast(mask, tf.float32)[:, :, None])


def _least(distances: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """The least distance under a mask along the last axis; 0 where there is none."""
    least = tf.reduce_min(tf.where(mask, distances, distances.dtype.max), axis=-1)
    return tf.where(tf.reduce_any(mask, axis=-1), least, 0.0)


MINING: dict[str, Callable[[tf.Tensor, tf.Tensor], Triplets]] = {
    "semi_hard": semi_hard,
    "batch_hard": batch_hard,
    "all": all_triplets,
}
