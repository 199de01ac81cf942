"""The VRNN's own gradient beside TensorFlow's, of the same loop and of the plain cell."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.vrnn_plain import PlainVrnn
from models.vrnn.layer import Sizes
from models.vrnn.loop import recurrence
from models.vrnn.packing import pack
from tests.test_vrnn_losses import SIZES, random_batch, random_vrnn

DEEP = pytest.mark.parametrize("sizes", [SIZES, Sizes(5, 1, 3, 4), Sizes(4, 3, 6, 3)], ids=str)


def mixed_sum(tensors) -> tf.Tensor:
    """A scalar to which every number contributes with a weight of its own."""
    return tf.add_n(
        [
            tf.reduce_sum(value * tf.random.stateless_normal(tf.shape(value), [number, 7]))
            for number, value in enumerate(tensors)
        ]
    )


def assert_close(got, want, name):
    got, want = (tf.convert_to_tensor(value).numpy() for value in (got, want))
    assert np.abs(want).max() > 0, name
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=2e-5 * np.abs(want).max(), err_msg=name)


@DEEP
@pytest.mark.parametrize("drawn", [True, False], ids=["drawn", "mean"])
def test_gradients_of_the_packed_loop_are_those_of_tensorflow(sizes, drawn):
    layer, packing = random_vrnn(sizes=sizes), pack(tf.constant([5, 9, 1, 9, 3]))
    points = tf.random.stateless_normal([27, 3], [0, 1])
    noise = tf.random.stateless_normal([27, sizes.latent], [0, 2]) if drawn else None

    @tf.function
    def gradients(learning: bool):
        with tf.GradientTape() as tape:
            tape.watch(points)
            trace = recurrence(layer.project(points), noise, layer.loop_weights(), packing, learning)
            total = mixed_sum(trace)
        return total, tape.gradient(total, {"points": points} | layer.by_name)

    total, own = gradients(True)
    want_total, want = gradients(False)
    assert float(total) == pytest.approx(float(want_total), rel=1e-4)
    for name, gradient in want.items():
        if name.startswith(("prior", "decoder")):  # They are not in the loop.
            assert gradient is None is own[name]
        else:
            assert_close(own[name], gradient, name)


def test_answer_and_gradients_are_those_of_the_plain_cell(monkeypatch):
    fast, (offsets, length, read_at) = random_vrnn(), random_batch()
    plain = PlainVrnn(SIZES)
    plain((offsets, length, read_at))
    plain.copy(fast)
    noise = tf.random.stateless_normal([len(length), offsets.shape[1] + 1, SIZES.latent], [1, 2])
    monkeypatch.setattr(plain, "noise", lambda shape: noise)
    monkeypatch.setattr(
        fast, "noise_of", lambda p: tf.gather_nd(noise, tf.stack([p.example, p.step], axis=1))
    )

    def answers(layer):
        @tf.function
        def run():
            with tf.GradientTape() as tape:
                answer = layer((offsets, length, read_at), training=True)
                total = mixed_sum([answer[name] for name in sorted(answer)])
            return answer, tape.gradient(total, layer.trainable_variables)

        return run()

    (answer, gradients), (plain_answer, plain_gradients) = answers(fast), answers(plain)
    for name, value in plain_answer.items():
        assert_close(answer[name], value, name)
    refs = {v.ref(): g for v, g in zip(plain.trainable_variables, plain_gradients, strict=True)}
    want = plain.gradients_by_name(refs)
    assert want.keys() == fast.by_name.keys()
    own = {v.ref(): g for v, g in zip(fast.trainable_variables, gradients, strict=True)}
    for name, variable in fast.by_name.items():
        assert_close(own[variable.ref()], want[name], name)
