"""Two replicas on one CPU, in a process of their own because devices are cut up before TensorFlow starts."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tf_keras

from learners.classify import Classify
from tests.test_average import Record, fit, follow, simulated, values
from tests.test_learners import compiled, toy_batch, toy_encoder
from tests.training_process import FORKS
from training.strategy import make_strategy
from training.weight_average import Average


def train_toy(replicas: int) -> dict:
    """Six steps on six batches of eight; what was reported, and the weights."""
    strategy = make_strategy(replicas)
    data = tf.data.Dataset.from_tensor_slices(toy_batch(48)).batch(8)
    with strategy.scope():
        encoder = toy_encoder(kernel_regularizer=tf_keras.regularizers.L2(0.01), own_term=True)
        learner = Classify(encoder, {"cross_entropy": 1.0, "kl": 0.5})
        compiled(learner, tf_keras.optimizers.Adam(0.05))
        learner.follower = Average(encoder, 0.9)
    rows = learner.fit(data.repeat(), steps_per_epoch=1, epochs=6, verbose=0, validation_data=data).history
    return {
        "replicas": strategy.num_replicas_in_sync,
        "rows": rows,
        "weights": [variable.numpy().tolist() for variable in encoder.variables],
        "averages": [average.numpy().tolist() for average in learner.follower.averages],
        "step": int(learner.step.numpy()),
        "norm": average_of_norm(strategy) if replicas else {},
    }


def average_of_norm(strategy: tf.distribute.Strategy) -> dict[str, float]:
    """Largest differences, batch norm's statistics among them, between what must be equal with an average.

    `wrong`: of the average from that of the replicas' mean weights; `kept`: of the encoder from the average
    put in its place; `back`: of the encoder from itself before and after that.
    """
    with strategy.scope():
        learner, average = follow(0.5)
        record = Record(learner)
    fit(learner, 4, [record])
    wrong = largest(values(average.averages), simulated(record, 0.5))
    average.keep()
    kept = largest(values(learner.encoder.variables), values(average.averages))
    average.put_back()
    return {
        "wrong": wrong,
        "kept": kept,
        "back": largest(values(learner.encoder.variables), record.history[-1]),
    }


def largest(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    return float(max(np.abs(a - b).max() for a, b in zip(some, others, strict=True)))


def test_two_replicas_learn_like_one_on_the_same_global_batch():
    """Without batch norm, whose statistics are of each replica's own part of the batch."""
    with FORKS.Pool(1) as pool:
        second = pool.apply_async(train_toy, [2])
        one = train_toy(0)
        two = second.get(timeout=240)
    assert (one["replicas"], two["replicas"]) == (1, 2)
    assert one["step"] == two["step"] == 6
    assert one["rows"].keys() == two["rows"].keys()
    for name, numbers in one["rows"].items():
        np.testing.assert_allclose(two["rows"][name], numbers, rtol=1e-5, err_msg=name)
    for a, b in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    for a, b in zip(one["averages"], two["averages"], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert two["norm"]["wrong"] < 1e-5
    assert two["norm"]["kept"] == two["norm"]["back"] == 0
    assert one["rows"]["loss"][-1] < one["rows"]["loss"][0]
