"""Contrastive loss of pairs that match or do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tf_keras

from learners.base import Batch, Learner, Named, Scores
from learners.cross_domain import members
from learners.settings import ContrastiveSettings

_TINY = 1e-12
MATCHES = {"class": ("label",), "instance": ("label", "instance")}


class Contrastive(Learner):
    """Learns `embedding` `[2N, D]` of interleaved pairs: sketch 0, photo 0, sketch 1, photo 1, ...

    With the Euclidean distance D, and Y = 1 where the two do not `match` (of `MATCHES`: they differ in
    class, or in class or instance), the loss `contrastive` of a pair is (1 - Y) D^2 / 2 +
    Y max(0, margin - D)^2 / 2 (Hadsell et al. 2006, equation 4). Both rows of a pair carry it.

    Reports `pair_accuracy`, whether D < `margin` / 2 says right if the pair matches, and the mean D of pairs
    that do (`matching_distance`) and that do not (`other_distance`), 0 where there are none.
    """

    best_score = "pair_accuracy"
    best_is_high = True

    def __init__(
        self,
        encoder: tf_keras.Model,
        loss_weights: Mapping[str, float],
        seed: int = 0,
        settings: ContrastiveSettings | None = None,
        anneal: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        settings = settings or ContrastiveSettings()
        scores = ("pair_accuracy", "matching_distance", "other_distance")
        super().__init__(encoder, loss_weights, scores, seed, anneal)
        self.margin, self.match = settings.margin, settings.match

    def losses_of(self, batch: Batch, outputs: Batch) -> Named:
        """`contrastive` by row, and the model's own terms that are weighted."""
        distance, other = _distances(outputs["embedding"]), self._mismatch(batch)
        apart = tf.square(tf.nn.relu(self.margin - distance))
        each = 0.5 * ((1 - other) * tf.square(distance) + other * apart)
        return {"contrastive": tf.repeat(each, 2)} | self.own_terms(outputs)

    def scores_of(self, batch: Batch, outputs: Batch) -> Scores:
        """One number a pair; the two distances count among pairs of their kind alone."""
        distance, other = _distances(outputs["embedding"]), self._mismatch(batch)
        said_other = tf.cast(distance >= self.margin / 2, tf.float32)
        return {
            "pair_accuracy": tf.cast(said_other == other, tf.float32),
            "matching_distance": (distance, 1 - other),
            "other_distance": (distance, other),
        }

    def _mismatch(self, batch: Batch) -> tf.Tensor:
        """Y: 1 where the two of a pair do not match, else 0, float32 `[N]`."""
        first, second = members(tf.stack([batch[name] for name in MATCHES[self.match]], axis=1), 2)
        return tf.cast(tf.reduce_any(first != second, axis=1), tf.float32)


def _distances(embedding: tf.Tensor) -> tf.Tensor:
    """Euclidean distances within pairs, `[2N, D]` to `[N]`, with a finite gradient where points coincide."""
    first, second = members(embedding, 2)
    return tf.sqrt(tf.reduce_sum(tf.square(first - second), axis=1) + _TINY)
