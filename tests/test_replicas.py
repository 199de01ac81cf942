"""Two replicas on one CPU, in a process of their own because devices are cut up before TensorFlow starts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import numpy as np
import tensorflow as tf
import tf_keras

from learners.classify import Classify
from tests.test_learners import compiled, toy_batch, toy_encoder
from training.strategy import make_strategy

ROOT = Path(__file__).resolve().parents[1]


def train_toy(replicas: int) -> dict:
    """Six steps on six batches of eight; what was reported, and the weights."""
    strategy = make_strategy(replicas)
    data = tf.data.Dataset.from_tensor_slices(toy_batch(48)).batch(8)
    with strategy.scope():
        encoder = toy_encoder(kernel_regularizer=tf_keras.regularizers.L2(0.01), own_term=True)
        learner = Classify(encoder, {"cross_entropy": 1.0, "kl": 0.5})
        compiled(learner, tf_keras.optimizers.Adam(0.05))
    rows = learner.fit(data.repeat(), steps_per_epoch=1, epochs=6, verbose=0, validation_data=data).history
    return {
        "replicas": strategy.num_replicas_in_sync,
        "rows": rows,
        "weights": [variable.numpy().tolist() for variable in encoder.variables],
        "step": int(learner.step.numpy()),
    }


def test_two_replicas_learn_like_one_on_the_same_global_batch():
    """Without batch norm, whose statistics are of each replica's own part of the batch."""
    code = "import json; from tests.test_replicas import train_toy; print(json.dumps(train_toy(2)))"
    second = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=PIPE, stderr=PIPE, text=True)
    one = train_toy(0)
    stdout, stderr = second.communicate()
    assert second.returncode == 0, stderr
    two = json.loads(stdout.splitlines()[-1])
    assert (one["replicas"], two["replicas"]) == (1, 2)
    assert one["step"] == two["step"] == 6
    assert one["rows"].keys() == two["rows"].keys()
    for name, values in one["rows"].items():
        np.testing.assert_allclose(two["rows"][name], values, rtol=1e-5, err_msg=name)
    for a, b in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert one["rows"]["loss"][-1] < one["rows"]["loss"][0]
