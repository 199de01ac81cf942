"""Averaged weights against a plain simulation, and with batch norm.

The toy model has an average too: test_resume.py interrupts it, and test_training.py sees that the weights
for use are those that were evaluated, and that the next stage starts from them.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from learners.classify import Classify, cross_entropy
from tests.training_fixture import Accident
from training.weight_average import Average, averaged


def follow(decay: float, learns_first: bool = True) -> tuple[Classify, Average]:
    """A network with batch norm that learns with an average."""
    tf_keras.utils.set_random_seed(0)
    image = tf_keras.Input((4,), name="image")
    x = image
    for name in ("first", "second"):
        x = layers.BatchNormalization(momentum=0.9)(layers.Dense(16, use_bias=False, name=name)(x))
        x = layers.ReLU()(x)
    encoder = tf_keras.Model({"image": image}, {"embedding": x, "logits": layers.Dense(4)(x)})
    encoder.get_layer("first").trainable = learns_first
    learner = Classify(encoder, {"cross_entropy": 1.0})
    learner.compile(optimizer=tf_keras.optimizers.Adam(0.03))
    learner.follower = Average(encoder, decay)
    return learner, learner.follower


def examples(count: int, seed: int) -> dict[str, np.ndarray]:
    """Points, and the largest of four bent sums of their numbers as label."""
    hidden, out = (np.random.default_rng(9).normal(size=shape) for shape in ((4, 6), (6, 4)))
    points = np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)
    label = (np.maximum(points @ hidden, 0) @ out).argmax(1).astype(np.int32)
    return {"image": points, "label": label}


def fit(learner: Classify, steps: int, callbacks=()) -> None:
    batches = tf.data.Dataset.from_tensor_slices(examples(512, 1)).repeat().batch(16)
    learner.fit(batches, steps_per_epoch=steps, verbose=0, callbacks=list(callbacks))


def values(variables) -> list[np.ndarray]:
    return [variable.numpy().copy() for variable in variables]


class Record(tf_keras.callbacks.Callback):
    """The encoder's weights before the first and after every step."""

    def __init__(self, learner):
        super().__init__()
        self.history = [values(learner.encoder.variables)]

    def on_train_batch_end(self, batch, logs=None):
        self.history.append(values(self.model.encoder.variables))


@pytest.fixture(scope="module")
def followed() -> tuple[Classify, Average, Record]:
    """A learner after 150 steps without its first layer, and the weights after each of them."""
    learner, average = follow(0.9, learns_first=False)
    record = Record(learner)
    fit(learner, 150, [record])
    return learner, average, record


def simulated(record: Record, decay: float) -> list[np.ndarray]:
    """The averages that a history of weights leads to."""
    expected = record.history[0]
    for made, weights in enumerate(record.history[1:]):
        share = min(decay, (1 + made) / (10 + made))
        expected = [share * a + (1 - share) * w for a, w in zip(expected, weights, strict=True)]
    return expected


def test_the_average_equals_a_plain_simulation(followed):
    """The warm-up ends within: after 80 updates (1 + 80) / (10 + 80) is the decay."""
    _, average, record = followed
    assert len(record.history) == 151
    for a, b in zip(values(average.averages), simulated(record, 0.9), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_weights_that_do_not_move_stay_to_the_last_bit(followed):
    _, average, record = followed
    np.testing.assert_array_equal(average.averages[0].numpy(), record.history[0][0])
    assert not np.array_equal(average.averages[1].numpy(), record.history[0][1])


def test_averages_take_the_encoders_place_and_give_it_back_exactly(followed):
    learner, average, record = followed
    own, means = record.history[-1], values(average.averages)
    with pytest.raises(Accident), averaged(learner):
        assert all(map(np.array_equal, values(learner.encoder.variables), means))
        raise Accident
    assert all(map(np.array_equal, values(learner.encoder.variables), own))
    assert not np.array_equal(own[1], means[1])
    with averaged(Classify(learner.encoder, {"cross_entropy": 1.0})):
        assert all(map(np.array_equal, values(learner.encoder.variables), own))


def test_batch_norm_serves_best_with_averaged_statistics(followed):
    """Averaged weights with averaged statistics, against the same with the newest statistics, and neither."""
    learner, average, _ = followed
    unseen = examples(1000, 2)

    def loss() -> float:
        logits = learner.encoder(unseen["image"], training=False)["logits"]
        return float(tf.reduce_mean(cross_entropy(unseen["label"], logits)))

    newest = loss()
    with average.in_use():
        both = loss()
        for weight, value in zip(learner.encoder.variables, average.own, strict=True):
            if "moving" in weight.name:
                weight.assign(value)
        weights_alone = loss()
    assert both < weights_alone < newest
