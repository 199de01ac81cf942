"""The VRNN's losses of a step: likelihood of a point and divergence of posterior from prior."""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

SMALLEST_VARIANCE = 1e-6
SMALLEST_PROBABILITY = 1e-9
SMALLEST_DEVIATION = 1e-6


class Gaussian(NamedTuple):
    """Mean and standard deviation of independent normal distributions, float32 `[rows, D]`."""

    mean: tf.Tensor
    std: tf.Tensor


def gaussian_nll(x: tf.Tensor, normal: Gaussian) -> tf.Tensor:
    """Negative log density in nats of `x` `[rows, D]`, summed over D: `[rows]`; variances from 1e-6 on."""
    variance = tf.maximum(SMALLEST_VARIANCE, tf.square(normal.std))
    terms = tf.math.log(2 * math.pi * variance) + tf.square(x - normal.mean) / variance
    return 0.5 * tf.reduce_sum(terms, axis=-1)


def bernoulli_nll(x: tf.Tensor, probability: tf.Tensor) -> tf.Tensor:
    """Negative log probability in nats of bits `x` `[rows]`; no logarithm is of less than 1e-9."""
    up = tf.math.log(tf.maximum(SMALLEST_PROBABILITY, probability))
    down = tf.math.log(tf.maximum(SMALLEST_PROBABILITY, 1.0 - probability))
    return -(x * up + (1.0 - x) * down)


def divergence(posterior: Gaussian, prior: Gaussian) -> tf.Tensor:
    """Kullback-Leibler divergence of `posterior` from `prior` in nats, summed over D: `[rows]`.

    Deviations inside logarithms, and the variance below the fraction, are at least 1e-6.
    """
    log_q = tf.math.log(tf.maximum(SMALLEST_DEVIATION, posterior.std))
    log_p = tf.math.log(tf.maximum(SMALLEST_DEVIATION, prior.std))
    spread = tf.square(posterior.std) + tf.square(posterior.mean - prior.mean)
    fraction = spread / tf.maximum(SMALLEST_DEVIATION, tf.square(prior.std))
    return 0.5 * tf.reduce_sum(2.0 * (log_p - log_q) + fraction - 1.0, axis=-1)
