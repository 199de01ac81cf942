"""Weights of losses that rise in training, and losses at several points of a drawing."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from learners.classify import Classify
from learners.settings import ClassifySettings
from tests.test_learners import CLASSES, compiled, slow_cross_entropy, toy_batch, toy_encoder

WEIGHTS = {"cross_entropy": 1.0, "kl": 2.0}


def test_an_annealed_weight_rises_in_training_and_is_whole_in_evaluation():
    learner = compiled(
        Classify(toy_encoder(own_term=True), WEIGHTS, anneal={"kl": [0.25, 8]}), tf_keras.optimizers.SGD(0.0)
    )
    batch = toy_batch()
    named = {
        name: float(tf.reduce_mean(value)) for name, value in learner.losses_of(batch, learner(batch)).items()
    }
    for step, share in [(0, 0.25), (4, 0.625), (8, 1.0), (50, 1.0)]:
        learner.step.assign(step)
        total = learner.weighted(learner.losses_of(batch, learner(batch)))
        assert float(total) == pytest.approx(named["cross_entropy"] + 2.0 * share * named["kl"], rel=1e-5)
        learner.reset_metrics()
        assert float(learner.test_step(batch)["loss"]) == pytest.approx(
            named["cross_entropy"] + 2.0 * named["kl"], rel=1e-5
        )


def test_the_gradient_follows_the_annealed_weight():
    def moved(anneal):
        learner = compiled(Classify(toy_encoder(own_term=True), WEIGHTS, anneal=anneal))
        learner.train_step(toy_batch())
        return learner.encoder.trainable_variables[0].numpy()

    whole = compiled(Classify(toy_encoder(own_term=True), WEIGHTS | {"kl": 0.5}))
    whole.train_step(toy_batch())
    np.testing.assert_allclose(moved({"kl": [0.25, 8]}), whole.encoder.trainable_variables[0], rtol=1e-5)
    assert np.abs(moved({}) - moved({"kl": [0.25, 8]})).max() > 1e-4


def test_what_is_annealed_must_have_a_weight():
    with pytest.raises(ValueError, match="have no weight"):
        Classify(toy_encoder(), {"cross_entropy": 1.0}, anneal={"kl": [0.1, 5]})


def test_the_loss_at_several_points_is_the_mean_over_them():
    image = tf_keras.Input((4,), name="image")
    several = tf_keras.layers.Reshape((3, CLASSES))(tf_keras.layers.Dense(3 * CLASSES)(image))
    outputs = {"embedding": image, "logits": several[:, -1], "snapshot_logits": several}
    encoder = tf_keras.Model({"image": image}, outputs)
    weights = {"cross_entropy": 0.0, "snapshot_cross_entropy": 1.0}
    learner = Classify(encoder, weights, settings=ClassifySettings(label_smoothing=0.1))
    batch = toy_batch()
    losses = learner.losses_of(batch, learner(batch))
    every = learner(batch)["snapshot_logits"].numpy()
    for row, (logits, label) in enumerate(zip(every, batch["label"].numpy(), strict=True)):
        expected = [slow_cross_entropy(point, int(label), 0.1) for point in logits]
        assert float(losses["snapshot_cross_entropy"][row]) == pytest.approx(np.mean(expected), rel=1e-5)
        assert float(losses["cross_entropy"][row]) == pytest.approx(expected[-1], rel=1e-5)
