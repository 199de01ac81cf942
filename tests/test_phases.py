"""A learner whose step has phases and optimisers of its own, on the same loop as all others."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tf_keras

from learners.base import Learner
from tests.test_learners import compiled, toy_batch, toy_encoder
from training.checkpoints import State


class TwoPhases(Learner):
    """Embedding and classifier take turns within a step, each with an optimiser of its own."""

    def losses_of(self, batch, outputs):
        return {"pull": tf.reduce_sum(tf.square(outputs["embedding"] - 1), axis=1), "push": outputs["kl"]}

    def prepare(self, make):
        self.optimizer.build(self.part("embedding"))
        self.more_optimizers["head"] = make()
        self.more_optimizers["head"].build(self.part("logits"))

    def part(self, name):
        return self.encoder.get_layer(name).trainable_variables

    def update(self, batch):
        with tf.GradientTape() as tape:
            outputs = self(batch, training=True)
            losses = self.checked_losses(batch, outputs)
            total = self.weighted(losses)
        self.descend(tape, total, self.part("embedding"), self.optimizer)
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(tf.square(self(batch, training=True)["logits"]))
        self.descend(tape, total, self.part("logits"), self.more_optimizers["head"])
        return losses, outputs


def two_phases(seed: int = 0) -> TwoPhases:
    learner = TwoPhases(toy_encoder(seed, own_term=True), {"pull": 1.0, "push": 0.5})
    compiled(learner, tf_keras.optimizers.Adam(0.05))
    learner.prepare(lambda: tf_keras.optimizers.Adam(0.01))
    return learner


def test_a_learner_may_update_in_two_phases_and_goes_on_where_it_was_stopped(tmp_path):
    """The report, the counter and the checkpoint are the same as everywhere."""
    learner, batch = two_phases(), toy_batch()
    assert learner.train_step(batch).keys() == {"loss", "pull", "push"}
    assert int(learner.step) == int(learner.more_optimizers["head"].iterations) == 1
    State(learner, tmp_path, keep=1).save()
    learner.train_step(batch)
    other = two_phases(seed=5)
    assert State(other, tmp_path, keep=1).step == 1
    other.train_step(batch)
    for ours, theirs in zip(learner.encoder.weights, other.encoder.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_loss_scale_serves_every_optimiser_of_a_step():
    plain, scaled = two_phases(), two_phases()
    scale = tf_keras.mixed_precision.LossScaleOptimizer
    compiled(scaled, scale(tf_keras.optimizers.Adam(0.05)))
    scaled.prepare(lambda: scale(tf_keras.optimizers.Adam(0.01)))
    for learner in (plain, scaled):
        learner.train_step(toy_batch())
    for ours, theirs in zip(plain.encoder.weights, scaled.encoder.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
