"""Triplet losses: drawings of a class closer to each other than to those of other classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf
import tf_keras

from learners.base import Batch, Learner, Named
from learners.mining import MINING, Triplets, all_triplets, pairs_within, squared_distances
from learners.settings import TripletSettings

_TINY = 1e-12


def hinge(positive: tf.Tensor, negative: tf.Tensor, margin: float) -> tf.Tensor:
    """Loss B: `max(0, d_ap - d_an + margin)` of squared distances (Schroff et al. 2015, equation 3)."""
    return tf.nn.relu(positive - negative + margin)


def ratio(positive: tf.Tensor, negative: tf.Tensor, margin: float) -> tf.Tensor:
    """Loss A: the square of the positive's share in the softmax of both distances, in 0..1.

    Of plain, not squared, Euclidean distances, as in Hoffer & Ailon 2015, section 2; it knows no margin.
    """
    del margin
    return tf.square(tf.sigmoid(_root(positive) - _root(negative)))


def _root(squared: tf.Tensor) -> tf.Tensor:
    """Square root whose gradient at 0 is finite."""
    return tf.sqrt(tf.maximum(squared, _TINY))


LOSSES: dict[str, Callable[[tf.Tensor, tf.Tensor, float], tf.Tensor]] = {"hinge": hinge, "ratio": ratio}


class Triplet(Learner):
    """Learns `embedding` `[batch, D]` against `label` int32 `[batch]` by triplets within the batch.

    `mining` (of `MINING`) chooses the triplets, `triplet_loss` (of `LOSSES`) weighs them. The loss
    `triplet` of an example is the mean over the triplets that it is the anchor of, 0 without any; so an
    anchor counts the more, the fewer positives it has. Batches need several examples of several classes
    (a stage's `grouping`). Reports `active`, the share of an anchor's chosen triplets whose negative is not
    farther than the positive by the margin, and `triplet_accuracy`, the share of all its triplets of the
    batch whose negative is farther than the positive. The latter does not depend on the mining; an anchor
    without triplets counts as right, which batches of every class at least twice never have.
    """

    best_score = "triplet_accuracy"
    best_is_high = True

    def __init__(
        self,
        encoder: tf_keras.Model,
        loss_weights: Mapping[str, float],
        seed: int = 0,
        settings: TripletSettings | None = None,
        anneal: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        settings = settings or TripletSettings()
        super().__init__(encoder, loss_weights, ("active", "triplet_accuracy"), seed, anneal)
        self.margin, self.mine = settings.margin, MINING[settings.mining]
        self.loss_of = LOSSES[settings.triplet_loss]

    def losses_of(self, batch: Batch, outputs: Batch) -> Named:
        """`triplet`, and the model's own terms that are weighted."""
        triplets = self._mined(batch, outputs)
        each = self.loss_of(triplets.positive, triplets.negative, self.margin)
        return {"triplet": triplets.mean_by_anchor(each)} | self.own_terms(outputs)

    def _mined(self, batch: Batch, outputs: Batch) -> Triplets:
        return self.mine(squared_distances(outputs["embedding"]), pairs_within(batch["label"]))

    def scores_of(self, batch: Batch, outputs: Batch) -> Named:
        """Shares in 0..1 by anchor."""
        every = all_triplets(squared_distances(outputs["embedding"]), pairs_within(batch["label"]))
        return {"active": self._mined(batch, outputs).active(self.margin), "triplet_accuracy": every.accuracy}
