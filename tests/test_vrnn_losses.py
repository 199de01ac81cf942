"""The VRNN's numbers beside a plain NumPy loop over examples and points, and hand-derived losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from models.vrnn.layer import Sizes, Vrnn
from models.vrnn.losses import Gaussian, bernoulli_nll, divergence, gaussian_nll
from models.vrnn.packing import pack

SIZES = Sizes(units=7, layers=2, latent=5, net=6)
LENGTHS = (4, 1, 9, 4)


def random_vrnn(seed: int = 0, sizes: Sizes = SIZES, **options) -> Vrnn:
    """A built layer; all weights, biases too, are random."""
    layer = Vrnn(sizes, **options)
    layer.build(None)
    rng = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(0, 0.4, variable.shape))
    return layer


def random_batch(
    lengths=LENGTHS, seed: int = 1, padding: int = 2
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets, lengths and points to read at."""
    rng = np.random.default_rng(seed)
    offsets = np.zeros((len(lengths), max(lengths) + padding, 3), np.float32)
    for row, length in zip(offsets, lengths, strict=True):
        row[:length, :2] = rng.normal(size=(length, 2))
        row[:length, 2] = rng.random(length) < 0.4
    return offsets, np.array(lengths, np.int32), np.array([rng.integers(n) for n in lengths], np.int32)


class NumpyVrnn:
    """One example, one point at a time."""

    def __init__(self, layer: Vrnn) -> None:
        self.w = {name: variable.numpy().astype(np.float64) for name, variable in layer.by_name.items()}
        self.sizes = layer.sizes

    def dense(self, name, x):
        return x @ self.w[f"{name}/kernel"] + self.w[f"{name}/bias"]

    def chain(self, name, x):
        for number in (1, 2):
            x = np.maximum(0, self.dense(f"{name}_{number}", x))
        x = self.dense(f"{name}_3", x)
        return np.log1p(np.exp(x)) if "std" in name else x

    def lstm(self, number, x, output, cell):
        take, forget, new, give = np.split(self.dense(f"lstm_{number}", np.concatenate([x, output])), 4)
        cell = sigmoid(forget) * cell + sigmoid(take) * np.tanh(new)
        return sigmoid(give) * np.tanh(cell), cell

    def run(self, points, noise):
        """The state, the latent vector, `phi_z` and the three losses at every point but the one of zeros."""
        state = [(np.zeros(self.sizes.units),) * 2 for _ in range(self.sizes.layers)]
        rows = []
        for x, eps in zip(np.concatenate([np.zeros((1, 3)), points]), noise, strict=True):
            h = state[-1][0]
            seen = np.concatenate([x, h])
            mq, sq = self.chain("encoder_mean", seen), self.chain("encoder_std", seen)
            mp, sp = self.chain("prior_mean", h), self.chain("prior_std", h)
            z = mq + sq * eps
            phi = np.maximum(0, self.dense("phi_2", np.maximum(0, self.dense("phi_1", z))))
            rows.append((h, z, phi, *self.terms(x, np.concatenate([h, phi]), mq, sq, mp, sp)))
            below = np.concatenate([x, phi])
            for number, (output, cell) in enumerate(state):
                state[number] = self.lstm(number + 1, below, output, cell)
                below = state[number][0]
        return rows[1:]

    def terms(self, x, joined, mq, sq, mp, sp):
        kl = sum(
            0.5 * (2 * math.log(b) - 2 * math.log(a) + (a * a + (m - n) ** 2) / (b * b) - 1)
            for m, a, n, b in zip(mq, sq, mp, sp, strict=True)
        )
        mean, pen = self.dense("decoder_mean", joined), sigmoid(self.dense("decoder_pen", joined)[0])
        std = np.log1p(np.exp(self.dense("decoder_std", joined)))
        xy = sum(
            0.5 * (math.log(2 * math.pi * s * s) + (v - m) ** 2 / (s * s))
            for v, m, s in zip(x[:2], mean, std, strict=True)
        )
        return kl, xy, -(x[2] * math.log(pen) + (1 - x[2]) * math.log(1 - pen))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("learning", [False, True])
def test_answer_and_losses_equal_a_plain_loop(monkeypatch, learning):
    layer, (offsets, length, read_at) = random_vrnn(), random_batch()
    noise = np.random.default_rng(2).normal(size=(len(length), offsets.shape[1] + 1, SIZES.latent))
    noise = noise.astype(np.float32) if learning else np.zeros_like(noise, np.float32)
    monkeypatch.setattr(
        layer, "noise_of", lambda p: tf.gather_nd(noise, tf.stack([p.example, p.step], axis=1))
    )
    got = tf.function(layer)((offsets, length, read_at), training=learning)
    slow = NumpyVrnn(layer)
    for number, points in enumerate(length):
        rows = slow.run(offsets[number, :points], noise[number, : points + 1])
        for name, want in zip(("hidden", "latent", "latent_phi"), rows[read_at[number]], strict=False):
            np.testing.assert_allclose(got[name][number], want, rtol=1e-4, atol=1e-5, err_msg=name)
        for name, column in (("kl", 3), ("nll_xy", 4), ("nll_pen", 5)):
            # An example's share of the mean over all points of the batch, times the number of examples.
            want = sum(row[column] for row in rows) / length.mean()
            np.testing.assert_allclose(got[name][number], want, rtol=1e-4, err_msg=name)


def test_mean_over_examples_is_the_mean_over_all_points():
    layer, (offsets, length, read_at) = random_vrnn(), random_batch()
    together = layer((offsets, length, read_at))
    alone = [
        layer((offsets[n : n + 1], length[n : n + 1], read_at[n : n + 1]))["kl"][0]
        for n in range(len(length))
    ]
    weighted = sum(float(kl) * points for kl, points in zip(alone, length, strict=True)) / length.sum()
    assert float(tf.reduce_mean(together["kl"])) == pytest.approx(weighted, rel=1e-4)


def test_hand_derived_losses():
    one, two = tf.constant([[1.0]]), tf.constant([[2.0]])
    assert float(gaussian_nll(two, Gaussian(one, two))[0]) == pytest.approx(
        math.log(2 * math.sqrt(2 * math.pi)) + 1 / 8
    )
    np.testing.assert_allclose(
        bernoulli_nll(tf.constant([1.0, 0.0]), tf.constant([0.25, 0.25])), -np.log([0.25, 0.75]), rtol=1e-6
    )
    assert float(divergence(Gaussian(one, one), Gaussian(one, one))[0]) == 0
    assert float(divergence(Gaussian(two, one), Gaussian(one, two))[0]) == pytest.approx(
        math.log(2) + 2 / 8 - 0.5
    )


def test_losses_stay_finite_where_a_deviation_or_a_probability_vanishes():
    zero, one = tf.constant([[0.0]]), tf.constant([[1.0]])
    # The variance is held at 1e-6, the probability in the logarithm at 1e-9, the deviation at 1e-6.
    assert float(gaussian_nll(one, Gaussian(zero, zero))[0]) == pytest.approx(
        0.5 * (math.log(2 * math.pi * 1e-6) + 1e6), rel=1e-6
    )
    assert float(bernoulli_nll(one[0], zero[0])[0]) == pytest.approx(-math.log(1e-9), rel=1e-5)
    assert float(bernoulli_nll(zero[0], one[0])[0]) == pytest.approx(-math.log(1e-9), rel=1e-5)
    assert float(divergence(Gaussian(one, zero), Gaussian(zero, zero))[0]) == pytest.approx(
        0.5 * (1e6 - 1), rel=1e-5
    )


def test_packing_lists_every_step_once_and_finds_it_again():
    lengths = np.array([3, 1, 5, 3, 2])
    packing = pack(tf.constant(lengths))
    pairs = list(zip(packing.step.numpy(), packing.example.numpy(), strict=True))
    assert sorted(pairs) == [(t, n) for t in range(5) for n in range(5) if t < lengths[n]]
    assert [step for step, _ in pairs] == sorted(step for step, _ in pairs)
    np.testing.assert_array_equal(packing.sizes, [(lengths > t).sum() for t in range(5)])
    for t, size in enumerate(packing.sizes.numpy()[1:], start=1):
        # Those that go on are the first ones of the step before.
        now, before = ([n for step, n in pairs if step == s] for s in (t, t - 1))
        assert now == before[:size]
    for asked in (lengths - 1, np.zeros(5, int), lengths // 2):
        rows = packing.rows_at(tf.constant(asked, tf.int32)).numpy()
        assert [pairs[row] for row in rows] == list(zip(asked, range(5), strict=True))
    values = tf.constant(np.arange(len(pairs)), tf.float32)
    want = [sum(i for i, (t, n) in enumerate(pairs) if n == who and t >= 1) for who in range(5)]
    np.testing.assert_array_equal(packing.sum_by_example(values[5:], skip=1), want)
