"""Pairs of a sketch and a photo of the same object, each among all others of the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tf_keras

from learners.base import Batch, Learner, Named, Scores
from learners.classify import cross_entropy
from learners.cross_domain import cosines, info_nce, interleaved, members, multi_similarity
from learners.mining import MINING, Kinds, all_triplets, squared_distances
from learners.settings import PairsSettings
from learners.triplet import hinge
from sketchspace.errors import UserError, unknown_name

LOSSES = ("info_nce", "multi_similarity", "triplet", "cross_entropy")
LEAST_TEMPERATURE = 0.01
"""Radford et al. 2021, section 2.5: a learnt temperature is kept from falling further."""


class Pairs(Learner):
    """Learns `embedding` `[2N, D]` of interleaved rows: sketch 0, photo 0, sketch 1, photo 1, ...

    The losses are those with a weight, of `LOSSES`: `info_nce` (with `temperature`, which may be learnt) and
    `multi_similarity` on cosine similarities, from sketches to photos and from photos to sketches; `triplet`,
    the hinge with `margin` on squared distances from each sketch to the photos, chosen by `mining`;
    `cross_entropy` of `logits`, where the encoder gives them. Rows of equal `label` and `instance` are of
    one object: they are never negatives of each other. A model's term `distill` counts for photos alone,
    half of the rows: its teacher knows nothing of drawings.

    The others of a batch are those of the same replica: with R replicas each sketch meets N / R photos, so
    that the losses, unlike those of single examples, depend on the number of replicas.

    Reports `acc_at_1`, whether the closest of the batch's photos shows the sketch's object, and the same
    from photo to sketches; and `triplet_accuracy`, the share of other objects' photos that are farther from
    a sketch than its own.
    """

    best_score = "acc_at_1"
    best_is_high = True

    def __init__(
        self,
        encoder: tf_keras.Model,
        loss_weights: Mapping[str, float],
        seed: int = 0,
        settings: PairsSettings | None = None,
        anneal: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        settings = settings or PairsSettings()
        super().__init__(encoder, loss_weights, ("acc_at_1", "triplet_accuracy"), seed, anneal)
        for name in loss_weights:
            if name not in (*LOSSES, *encoder.output_shape):
                raise unknown_name("loss", name, LOSSES)
        if "cross_entropy" in loss_weights and "logits" not in encoder.output_shape:
            raise UserError("the loss cross_entropy wants a model with logits, this one has none")
        self._first_temperature, self.margin = settings.temperature, settings.margin
        if settings.temperature_is == "learnt":
            self.learnt["temperature"] = tf.Variable(0.0, name="log_temperature")
        self.mine, self.label_smoothing = MINING[settings.mining], settings.label_smoothing

    @property
    def temperature(self) -> float | tf.Tensor:
        """The temperature now; a learnt one is the first one times e to a variable, and not below 0.01."""
        if "temperature" not in self.learnt:
            return self._first_temperature
        return tf.maximum(LEAST_TEMPERATURE, self._first_temperature * tf.exp(self.learnt["temperature"]))

    def losses_of(self, batch: Batch, outputs: Batch) -> Named:
        """The losses with a weight, each by row, and the model's own terms that are weighted."""
        same, (sketches, photos) = _same_object(batch), members(outputs["embedding"], 2)
        similar = cosines(sketches, photos)
        losses = self.own_terms(outputs)
        if "distill" in losses:
            losses["distill"] *= 2.0 * tf.cast(batch["domain"], tf.float32)
        if "info_nce" in self.loss_weights:
            there = info_nce(similar, same, self.temperature)
            losses["info_nce"] = interleaved(there, info_nce(tf.transpose(similar), same, self.temperature))
        if "multi_similarity" in self.loss_weights:
            there = multi_similarity(similar, same)
            losses["multi_similarity"] = interleaved(there, multi_similarity(tf.transpose(similar), same))
        if "triplet" in self.loss_weights:
            losses["triplet"] = tf.repeat(self._triplet(sketches, photos, same), 2)
        if "cross_entropy" in self.loss_weights:
            losses["cross_entropy"] = cross_entropy(batch["label"], outputs["logits"], self.label_smoothing)
        return losses

    def _triplet(self, sketches: tf.Tensor, photos: tf.Tensor, same: tf.Tensor) -> tf.Tensor:
        """Mean hinge over each sketch's mined triplets, `[N]`."""
        mined = self.mine(squared_distances(sketches, photos), Kinds(same, ~same))
        return mined.mean_by_anchor(hinge(mined.positive, mined.negative, self.margin))

    def scores_of(self, batch: Batch, outputs: Batch) -> Scores:
        """Shares in 0..1 by row; a sketch's `triplet_accuracy` counts for its photo too."""
        same, (sketches, photos) = _same_object(batch), members(outputs["embedding"], 2)
        distances = squared_distances(sketches, photos)
        back = _nearest_is_own(tf.transpose(distances), same)
        right = all_triplets(distances, Kinds(same, ~same)).accuracy
        return {
            "acc_at_1": interleaved(_nearest_is_own(distances, same), back),
            "triplet_accuracy": tf.repeat(right, 2),
        }


def _same_object(batch: Batch) -> tf.Tensor:
    """Whether a sketch and a photo belong together, bool `[N, N]`: of one object, or a pair of one class."""
    sketch, photo = members(tf.stack([batch["label"], batch["instance"]], axis=1), 2)
    paired = tf.eye(tf.shape(sketch)[0], dtype=tf.bool)
    return tf.reduce_all(sketch[:, None] == photo[None], axis=2) | paired


def _nearest_is_own(distances: tf.Tensor, same: tf.Tensor) -> tf.Tensor:
    """1 where the closest column of a row is of its object, else 0: `[N, N]` to `[N]`."""
    return tf.cast(tf.gather(same, tf.argmin(distances, axis=1), batch_dims=1), tf.float32)
