"""A trained VRNN draws: from nothing, or on from the first points of a drawing."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from models.vrnn.layer import Vrnn
from models.vrnn.loop import zero_state
from models.vrnn.losses import Gaussian
from models.vrnn.step import State, Weights, head, lstm


@dataclass(frozen=True)
class Hand:
    """How points are chosen from what the network expects.

    `temperature` multiplies every standard deviation (0: always the mean). The pen lifts where its
    probability exceeds `lift_above`, 0.35 as published; with None it lifts at random with that probability,
    whose logit is divided by the temperature.
    """

    temperature: float = 1.0
    lift_above: float | None = 0.35


@tf.function(reduce_retracing=True)
def draw(
    layer: Vrnn, given: tf.Tensor, given_length: tf.Tensor, points: tf.Tensor, hand: Hand, seed: tf.Tensor
) -> tf.Tensor:
    """Draw `points` points of each drawing, float32 `[batch, points, 3]`: normalised offsets and pen bits.

    The first `given_length` (int32 `[batch]`, 0 or more) of them are those of `given` `[batch, time, 3]`,
    which the network sees with the posterior; then latent vectors come from the prior and points from the
    decoder. The same `seed` (int32 `[2]`) draws the same.
    """
    w, batch = layer.loop_weights(), tf.shape(given_length)[0]
    # The point of zeros in front, and room behind: what lies there is never looked at.
    given = tf.transpose(tf.pad(given, [[0, 0], [1, points], [0, 0]]), [1, 0, 2])
    rows = tf.TensorArray(tf.float32, points + 1, element_shape=[None, 3])

    def body(t: tf.Tensor, state: State, rows: tf.TensorArray) -> tuple[tf.Tensor, State, tf.TensorArray]:
        known = (t <= given_length)[:, None]
        drawn = tf.random.stateless_uniform([batch, 1], tf.random.fold_in(seed, 2 * t))
        noise = tf.random.stateless_normal(
            [batch, layer.sizes.latent + 2], tf.random.fold_in(seed, 2 * t + 1)
        )
        state, point = _one_point(layer, w, state, given[t], known, noise * hand.temperature, drawn, hand)
        return t + 1, state, rows.write(t, point)

    first = (tf.constant(0), zero_state(batch, w), rows)
    _, _, rows = tf.while_loop(lambda t, *_: t <= points, body, first)
    return tf.transpose(rows.stack()[1:], [1, 0, 2])


def _one_point(
    layer: Vrnn,
    w: Weights,
    state: State,
    given: tf.Tensor,
    known: tf.Tensor,
    noise: tf.Tensor,
    drawn: tf.Tensor,
    hand: Hand,
) -> tuple[State, tf.Tensor]:
    """The next point `[batch, 3]`: `given` where it is `known`, else imagined; and the state behind it."""
    outputs, cells = state
    hidden, latent_size = outputs[-1], layer.sizes.latent
    seen, imagined = layer.project(given), layer.prior(hidden)
    mean, std = head(hidden, seen.mean, w.mean)[-1], head(hidden, seen.std, w.std)[-1]
    posterior = Gaussian(mean, tf.nn.softplus(std))
    belief = Gaussian(*(tf.where(known, q, p) for q, p in zip(posterior, imagined, strict=True)))
    phi = layer.phi(belief.mean + belief.std * noise[:, :latent_size], w)
    expected = layer.expect(hidden, phi)
    offset = expected.offset.mean + expected.offset.std * noise[:, latent_size:]
    lift = _lifts(expected.lift[:, None], drawn, hand)
    point = tf.where(known, given, tf.concat([offset, lift], axis=-1))
    outputs, cells, _ = lstm(outputs, cells, phi, layer.project(point).gates, w)
    return (outputs, cells), point


def _lifts(probability: tf.Tensor, drawn: tf.Tensor, hand: Hand) -> tf.Tensor:
    if hand.lift_above is not None:
        return tf.cast(probability > hand.lift_above, tf.float32)
    if hand.temperature == 0:
        return tf.cast(probability > 0.5, tf.float32)
    logit = tf.math.log(tf.maximum(probability, 1e-9)) - tf.math.log(tf.maximum(1.0 - probability, 1e-9))
    return tf.cast(drawn < tf.sigmoid(logit / hand.temperature), tf.float32)
