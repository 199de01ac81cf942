"""Triplets that people annotated: of two photos the one that is more like the sketch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tf_keras

from learners.base import Batch, Learner, Named, Scores
from learners.cross_domain import members
from learners.settings import AnnotatedSettings
from learners.triplet import hinge


class Annotated(Learner):
    """Learns `embedding` `[3N, D]` of interleaved triplets: sketch, closer photo, farther photo, sketch, ...

    The loss `triplet` is the hinge max(0, d(s, p+) - d(s, p-) + `margin`) of squared Euclidean
    distances (Yu et al. 2016, section 4), the same for the three rows. Which photos are meant is the
    batch's matter: labels are not looked at.

    Reports `triplet_accuracy`, whether the farther photo is farther, and `active`, whether it is not so by
    the margin.
    """

    best_score = "triplet_accuracy"
    best_is_high = True

    def __init__(
        self,
        encoder: tf_keras.Model,
        loss_weights: Mapping[str, float],
        seed: int = 0,
        settings: AnnotatedSettings | None = None,
        anneal: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        settings = settings or AnnotatedSettings()
        super().__init__(encoder, loss_weights, ("active", "triplet_accuracy"), seed, anneal)
        self.margin = settings.margin

    def losses_of(self, batch: Batch, outputs: Batch) -> Named:
        """`triplet` by row, and the model's own terms that are weighted."""
        del batch
        each = hinge(*_distances(outputs["embedding"]), self.margin)
        return {"triplet": tf.repeat(each, 3)} | self.own_terms(outputs)

    def scores_of(self, batch: Batch, outputs: Batch) -> Scores:
        """One number, 0 or 1, a triplet."""
        del batch
        closer, farther = _distances(outputs["embedding"])
        return {
            "active": tf.cast(closer - farther + self.margin > 0, tf.float32),
            "triplet_accuracy": tf.cast(farther > closer, tf.float32),
        }


def _distances(embedding: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Squared distances from each sketch to its two photos, `[3N, D]` to twice `[N]`."""
    sketch, closer, farther = members(embedding, 3)
    return (
        tf.reduce_sum(tf.square(sketch - closer), axis=1),
        tf.reduce_sum(tf.square(sketch - farther), axis=1),
    )
