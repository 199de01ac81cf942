"""Softmax cross-entropy over the classes, and every other `[batch]` output that has a weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tf_keras

from learners.base import Batch, Learner, Named
from learners.settings import ClassifySettings


def cross_entropy(label: tf.Tensor, logits: tf.Tensor, smoothing: float = 0.0) -> tf.Tensor:
    """Smoothed softmax cross-entropy, nats: labels int32 `[...]`, logits `[..., classes]`, result `[...]`."""
    target = tf.one_hot(label, logits.shape[-1])
    target = target * (1 - smoothing) + smoothing / logits.shape[-1]
    return tf.nn.softmax_cross_entropy_with_logits(target, logits)


class Classify(Learner):
    """Learns `logits` `[batch, classes]` against `label` int32 `[batch]`.

    Its setting `label_smoothing` in 0..1 spreads that share of the target evenly over all classes
    (Szegedy et al. 2016, section 7). An encoder that answers at several points of a drawing gives
    `snapshot_logits` `[batch, snapshots, classes]` too, learned as `snapshot_cross_entropy`, their mean.
    Reports `accuracy` and, with more than five classes, `top_5_accuracy`.
    """

    best_score = "accuracy"
    best_is_high = True

    def __init__(
        self,
        encoder: tf_keras.Model,
        loss_weights: Mapping[str, float],
        seed: int = 0,
        settings: ClassifySettings | None = None,
        anneal: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        settings = settings or ClassifySettings()
        classes = encoder.output_shape["logits"][-1]
        scores = ("accuracy", "top_5_accuracy")[: 1 + (classes > 5)]
        super().__init__(encoder, loss_weights, scores, seed, anneal)
        self.label_smoothing = settings.label_smoothing

    def losses_of(self, batch: Batch, outputs: Batch) -> Named:
        """`cross_entropy` in nats, and the model's own terms that are weighted."""
        losses = {"cross_entropy": cross_entropy(batch["label"], outputs["logits"], self.label_smoothing)}
        if "snapshot_logits" in outputs:
            label = batch["label"][:, None] + tf.zeros_like(outputs["snapshot_logits"][..., 0], tf.int32)
            each = cross_entropy(label, outputs["snapshot_logits"], self.label_smoothing)
            losses["snapshot_cross_entropy"] = tf.reduce_mean(each, axis=1)
        return losses | self.own_terms(outputs)

    def scores_of(self, batch: Batch, outputs: Batch) -> Named:
        """Whether the label is the highest, and among the five highest, logits."""
        logits, label = outputs["logits"], tf.cast(batch["label"], tf.int32)
        scores = {"accuracy": tf.cast(tf.argmax(logits, -1, tf.int32) == label, tf.float32)}
        if logits.shape[-1] > 5:
            scores["top_5_accuracy"] = tf.cast(tf.math.in_top_k(label, logits, 5), tf.float32)
        return scores
