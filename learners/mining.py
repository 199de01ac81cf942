"""Which triplets are learned from: masks over distances from anchors to candidates, no loops.

Anchors and candidates are the same examples (`pairs_within`), or of two kinds such as the sketches and the
photos of a batch, where an anchor is never its own candidate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf


class Kinds(NamedTuple):
    """Which pairs of an anchor and a candidate are of one kind: masks bool `[anchors, candidates]`."""

    positive: tf.Tensor
    negative: tf.Tensor


@dataclass(frozen=True)
class Triplets:
    """Triplets as distances that broadcast against each other, and which of them count.

    `positive` and `negative` are squared distances of each triplet's anchor; with `mask` (float32, 0 or 1)
    they broadcast to `[anchors, positives, negatives]`, the first axis being the anchor.
    """

    positive: tf.Tensor
    negative: tf.Tensor
    mask: tf.Tensor

    def mean_by_anchor(self, values: tf.Tensor) -> tf.Tensor:
        """Mean over each anchor's triplets, 0 where it has none: `[anchors, p, n]` to `[anchors]`."""
        count = tf.reduce_sum(self.mask, axis=[1, 2])
        return tf.reduce_sum(values * self.mask, axis=[1, 2]) / tf.maximum(count, 1.0)

    @property
    def accuracy(self) -> tf.Tensor:
        """Share of each anchor's triplets whose negative is farther, 1 where it has none: `[anchors]`."""
        return 1 - self.mean_by_anchor(tf.cast(self.negative <= self.positive, tf.float32))

    def active(self, margin: float) -> tf.Tensor:
        """Share of each anchor's triplets whose negative is not farther by the margin: `[anchors]`."""
        return self.mean_by_anchor(tf.cast(self.positive - self.negative + margin > 0, tf.float32))


def squared_distances(anchors: tf.Tensor, candidates: tf.Tensor | None = None) -> tf.Tensor:
    """Squared Euclidean distances, float32 `[a, D]` and `[c, D]` to `[a, c]`, never negative.

    Without candidates they are those of all pairs of anchors.
    """
    candidates = anchors if candidates is None else candidates
    norms, others = (tf.reduce_sum(tf.square(points), axis=1) for points in (anchors, candidates))
    products = tf.matmul(anchors, candidates, transpose_b=True)
    return tf.maximum(norms[:, None] + others[None] - 2 * products, 0.0)


def pairs_within(label: tf.Tensor) -> Kinds:
    """Pairs within a batch by class, int32 `[batch]`; nobody is paired with itself."""
    same = label[:, None] == label[None]
    return Kinds(same & ~tf.eye(tf.shape(label)[0], dtype=tf.bool), ~same)


def all_triplets(distances: tf.Tensor, kinds: Kinds) -> Triplets:
    """Every anchor with every positive and every negative."""
    mask = kinds.positive[:, :, None] & kinds.negative[:, None, :]
    return Triplets(distances[:, :, None], distances[:, None, :], tf.cast(mask, tf.float32))


def batch_hard(distances: tf.Tensor, kinds: Kinds) -> Triplets:
    """For every anchor its farthest positive and its closest negative (Hermans et al. 2017, section 2).

    An anchor that lacks either gives no triplet.
    """
    positive, negative = kinds
    farthest = tf.reduce_max(tf.where(positive, distances, 0.0), axis=1)
    closest = _least(distances, negative)
    mask = tf.reduce_any(positive, axis=1) & tf.reduce_any(negative, axis=1)
    return Triplets(farthest[:, None, None], closest[:, None, None], tf.cast(mask, tf.float32)[:, None, None])


def semi_hard(distances: tf.Tensor, kinds: Kinds) -> Triplets:
    """For every ordered anchor-positive pair the closest negative that is farther than the positive.

    Where no negative is farther the pair takes the anchor's farthest negative, the easiest of those that
    are too close (as Schroff et al. 2015 in their public implementations): its loss is at least the margin. A
    pair whose anchor has no negative in the batch gives no triplet.
    """
    positive, negative = kinds
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


Mining = Callable[[tf.Tensor, Kinds], Triplets]
MINING: dict[str, Mining] = {
    "semi_hard": semi_hard,
    "batch_hard": batch_hard,
    "all": all_triplets,
}
