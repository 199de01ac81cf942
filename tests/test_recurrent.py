"""The fast LSTM against loops and against Keras; lengths, directions, policies, replicas, plain form."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models import recurrent
from models.lstm_kernel import lstm
from models.recurrent import StackedLSTM
from training.strategy import make_strategy

BATCH, STEPS, WIDTH, UNITS = 4, 7, 3, 5
LENGTH = np.array([7, 1, 4, 6], np.int32)
LAST = LENGTH - 1
BOTH_WAYS = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def weights_of(width: int = WIDTH, units: int = UNITS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wide enough that every gate matters."""
    return random(width, 4 * units), random(units, 4 * units), random(4 * units)


def stack(depth: int = 2, reverse: bool = False, seed: int = 0) -> StackedLSTM:
    """A layer with random weights, also in its biases."""
    layer = StackedLSTM(UNITS, depth, name="stack", reverse=reverse)
    layer.build([(None, None, WIDTH), (None,), (None,)])
    for number, weight in enumerate(layer.trainable_weights):
        weight.assign(random(*weight.shape, seed=seed + number))
    return layer


def ask(layer: StackedLSTM, sequence: np.ndarray, index: np.ndarray = LAST, length: np.ndarray = LENGTH):
    return layer((tf.constant(sequence), tf.constant(length), tf.constant(index))).numpy()


def slow_lstm(drawing: np.ndarray, kernel: np.ndarray, own: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """States `[time, H]` of one drawing `[time, D]`, one step at a time, in double precision."""
    hidden = memory = np.zeros(len(own))
    states = []
    for point in drawing.astype(np.float64):
        enter, forget, candidate, leave = np.split(point @ kernel + hidden @ own + bias, 4)
        memory = memory / (1 + np.exp(-forget)) + np.tanh(candidate) / (1 + np.exp(-enter))
        hidden = np.tanh(memory) / (1 + np.exp(-leave))
        states.append(hidden)
    return np.array(states)


def slow_stack(layer: StackedLSTM, drawing: np.ndarray, index: int) -> np.ndarray:
    """The answer for one drawing without padding."""
    weights = [weight.numpy().astype(np.float64) for weight in layer.trainable_weights]
    if layer.reverse:
        drawing, index = drawing[::-1], len(drawing) - 1 - index
    for number in range(0, len(weights), 3):
        drawing = slow_lstm(drawing, *weights[number : number + 3])
    return drawing[index]


def gradients(function, *inputs: np.ndarray, weighted: np.ndarray) -> list[np.ndarray]:
    """Of the sum of `weighted` times the result."""
    tensors = [tf.constant(value) for value in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        total = tf.reduce_sum(function(*tensors) * weighted)
    return [gradient.numpy() for gradient in tape.gradient(total, tensors)]


def tf_loop(sequence: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """The recurrence step by step, differentiated by TensorFlow."""
    hidden = memory = tf.zeros([sequence.shape[1], recurrent.shape[0]], sequence.dtype)
    states = []
    for point in tf.unstack(sequence):
        enter, forget, candidate, leave = tf.split(point @ kernel + hidden @ recurrent + bias, 4, axis=1)
        memory = tf.sigmoid(forget) * memory + tf.sigmoid(enter) * tf.tanh(candidate)
        hidden = tf.sigmoid(leave) * tf.tanh(memory)
        states.append(hidden)
    return tf.stack(states)


def test_states_agree_with_a_loop_over_steps():
    sequence = random(STEPS, BATCH, WIDTH)
    states = lstm(tf.constant(sequence), weights_of()).numpy()
    for number in range(BATCH):
        np.testing.assert_allclose(
            states[:, number], slow_lstm(sequence[:, number], *weights_of()), atol=1e-6
        )


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_agree_with_those_of_a_loop_in_double_precision(compiled):
    inputs, weighted = (random(STEPS, BATCH, WIDTH), *weights_of()), random(STEPS, BATCH, UNITS, seed=1)

    def ours(sequence, *weights):
        return lstm(sequence, weights)

    ours = tf.function(ours) if compiled else ours
    expected = gradients(tf_loop, *(value.astype(np.float64) for value in inputs), weighted=weighted)
    for mine, theirs in zip(gradients(ours, *inputs, weighted=weighted), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_gradients_agree_with_finite_differences():
    inputs, weighted = (random(STEPS, 1, WIDTH), *weights_of()), random(STEPS, UNITS, seed=1)
    mine = gradients(lambda x, *weights: lstm(x, weights)[:, 0], *inputs, weighted=weighted)
    rng = np.random.default_rng(2)
    for number, gradient in enumerate(mine):
        way = rng.normal(size=gradient.shape)
        there, back = (
            [v + sign * 1e-5 * way if k == number else v.astype(np.float64) for k, v in enumerate(inputs)]
            for sign in (1, -1)
        )
        ahead, behind = ((slow_lstm(v[0][:, 0], *v[1:]) * weighted).sum() for v in (there, back))
        assert (gradient * way).sum() == pytest.approx((ahead - behind) / 2e-5, rel=1e-3, abs=1e-4)


def test_states_and_gradients_agree_with_keras_for_the_same_weights():
    keras = tf_keras.layers.LSTM(UNITS, return_sequences=True, time_major=True)
    keras.build((None, BATCH, WIDTH))
    keras.set_weights(weights_of())
    sequence, weighted = random(STEPS, BATCH, WIDTH), random(STEPS, BATCH, UNITS, seed=1)
    np.testing.assert_allclose(lstm(tf.constant(sequence), weights_of()), keras(sequence), atol=1e-6)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(keras(sequence) * weighted)
    expected = tape.gradient(total, keras.trainable_variables)
    mine = gradients(lambda *weights: lstm(tf.constant(sequence), weights), *weights_of(), weighted=weighted)
    for ours, theirs in zip(mine, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_products_in_bfloat16_stay_near_those_in_float32():
    sequence, weighted = random(STEPS, BATCH, WIDTH), random(STEPS, BATCH, UNITS, seed=1)
    inputs = (sequence, *(0.3 * weight for weight in weights_of()))
    exact = gradients(lambda x, *weights: lstm(x, weights), *inputs, weighted=weighted)
    rounded = gradients(lambda x, *weights: lstm(x, weights, tf.bfloat16), *inputs, weighted=weighted)
    for mine, theirs in zip(rounded, exact, strict=True):
        assert mine.dtype == np.float32
        assert 0 < np.linalg.norm(mine - theirs) < 0.02 * np.linalg.norm(theirs)


@BOTH_WAYS
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_stack_gives_what_single_drawings_without_padding_give(depth, reverse):
    layer, sequence = stack(depth, reverse), random(BATCH, STEPS, WIDTH)
    for index in (LAST, LAST // 2, np.zeros_like(LAST)):
        expected = [
            slow_stack(layer, sequence[number, :length], index[number])
            for number, length in enumerate(LENGTH)
        ]
        np.testing.assert_allclose(ask(layer, sequence, index), expected, atol=1e-6)


@BOTH_WAYS
def test_several_reads_are_those_of_one_at_a_time(reverse):
    layer, sequence = stack(reverse=reverse), random(BATCH, STEPS, WIDTH)
    several = np.stack([np.zeros_like(LAST), LAST // 2, LAST, LAST], axis=1)
    expected = np.stack([ask(layer, sequence, index) for index in several.T], axis=1)
    np.testing.assert_allclose(ask(layer, sequence, several), expected, atol=1e-6)
    layer.portable = True
    np.testing.assert_allclose(ask(layer, sequence, several), expected, atol=1e-6)


@BOTH_WAYS
@pytest.mark.parametrize("portable", [False, True])
def test_plain_and_fast_form_agree_and_padding_of_any_content_changes_nothing(reverse, portable):
    layer, sequence = stack(reverse=reverse), random(BATCH, STEPS, WIDTH)
    expected = ask(layer, sequence)
    layer.portable = portable
    np.testing.assert_allclose(ask(layer, sequence), expected, atol=1e-6)
    there = np.arange(STEPS)[:, None] < LENGTH[:, None, None]
    padded = np.concatenate([np.where(there, sequence, np.nan), np.full((BATCH, 3, WIDTH), np.inf)], axis=1)
    np.testing.assert_allclose(ask(layer, padded.astype(np.float32)), expected, atol=1e-6)


@BOTH_WAYS
def test_padding_changes_no_gradient_and_gets_none(reverse):
    layer = stack(reverse=reverse)
    there = np.arange(STEPS)[:, None] < LENGTH[:, None, None]
    index = np.zeros_like(LAST) if reverse else LAST

    def all_gradients(filling):
        sequence = tf.constant(np.where(there, random(BATCH, STEPS, WIDTH), np.float32(filling)))
        with tf.GradientTape() as tape:
            tape.watch(sequence)
            total = tf.reduce_sum(layer((sequence, tf.constant(LENGTH), tf.constant(index))) ** 2)
        return tape.gradient(total, [sequence, *layer.trainable_variables])

    mine = all_gradients(np.nan)
    assert not np.where(there, 0, mine[0]).any()
    for with_nan, with_zeros in zip(mine, all_gradients(0), strict=True):
        assert np.abs(with_zeros).max() > 0
        np.testing.assert_array_equal(with_nan, with_zeros)


@pytest.mark.parametrize("portable", [False, True])
def test_a_state_does_not_depend_on_the_points_behind_it_or_in_reverse_on_those_before_it(portable):
    sequence, at = random(BATCH, STEPS, WIDTH), np.full(BATCH, 3, np.int32)
    whole = np.full(BATCH, STEPS, np.int32)
    for reverse, others in ((False, slice(4, None)), (True, slice(0, 3))):
        layer, changed = stack(reverse=reverse), sequence.copy()
        layer.portable = portable
        changed[:, others] += 1
        before = ask(layer, sequence, at, whole)
        np.testing.assert_array_equal(ask(layer, changed, at, whole), before)
        changed[:, 3] += 1
        assert np.abs(ask(layer, changed, at, whole) - before).max() > 0.01


@BOTH_WAYS
def test_the_form_for_graphics_cards_agrees(reverse, monkeypatch):
    layer, sequence = stack(reverse=reverse), random(BATCH, STEPS, WIDTH)
    expected = ask(layer, sequence)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["a card"] if kind == "GPU" else [])
    monkeypatch.setattr(recurrent, "lstm", None)
    np.testing.assert_allclose(ask(layer, sequence), expected, atol=1e-6)


def test_initial_values_are_glorot_uniform_over_both_inputs_with_a_forget_bias_of_one():
    layer = StackedLSTM(64, 2, name="stack")
    layer.build([(None, None, 3), (None,), (None,)])
    for number, width in enumerate((3, 64)):
        kernel, own, bias = (
            weight.numpy() for weight in layer.trainable_weights[3 * number : 3 * number + 3]
        )
        limit = np.sqrt(6 / (width + 64 + 4 * 64))
        for weights in (kernel, own):
            assert 0.95 * limit < np.abs(weights).max() <= limit
            assert abs(weights.mean()) < 0.1 * limit
        np.testing.assert_array_equal(bias, np.repeat([0, 1, 0, 0], 64))
        assert np.abs(own[:3] - kernel[:3]).max() > 0.1 * limit


def learner(policy: str = "float32", strategy: tf.distribute.Strategy | None = None) -> tf_keras.Model:
    """A stack with a head that tells whether the first number of the first point is positive."""
    with (strategy or tf.distribute.get_strategy()).scope():
        tf_keras.utils.set_random_seed(0)
        tf_keras.mixed_precision.set_global_policy(policy)
        inputs = [
            tf_keras.Input((None, WIDTH)),
            tf_keras.Input((), dtype="int32"),
            tf_keras.Input((), dtype="int32"),
        ]
        state = StackedLSTM(16, 2, name="stack")(tuple(inputs))
        assert state.dtype == tf.float32
        model = tf_keras.Model(inputs, tf_keras.layers.Dense(1, "sigmoid", dtype="float32")(state))
        tf_keras.mixed_precision.set_global_policy("float32")
        model.compile(tf_keras.optimizers.Adam(0.02), "binary_crossentropy", steps_per_execution=5)
    return model


@pytest.mark.parametrize(("policy", "mirrored"), [("float32", True), ("mixed_bfloat16", False)])
def test_learns_what_the_first_point_was_under_policies_and_a_strategy(policy, mirrored):
    sequence = random(32, STEPS, WIDTH)
    length = np.random.default_rng(3).integers(2, STEPS + 1, 32).astype(np.int32)
    answer = (sequence[:, 0, :1] > 0).astype(np.float32)
    model = learner(policy, make_strategy() if mirrored else None)
    data = tf.data.Dataset.from_tensors(((sequence, length, length - 1), answer)).repeat()
    losses = model.fit(data, steps_per_epoch=20, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < 0.1 < 0.4 < losses[0]
