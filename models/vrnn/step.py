"""One step of the VRNN's recurrence: posterior, latent vector, `phi_z` and the stacked LSTM."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Head(NamedTuple):
    """One head of the posterior: the first layer's kernel on the state, then two layers."""

    state: tf.Tensor
    second: tf.Tensor
    second_bias: tf.Tensor
    third: tf.Tensor
    third_bias: tf.Tensor


class Weights(NamedTuple):
    """What the loop multiplies by. `phi` is kernel, bias, kernel, bias; `gates` holds a kernel
    `[input + units, 4 units]` for each LSTM layer, in the order input, forget, cell, output; `gate_biases`
    one bias for each layer but the first, whose bias is in the projected points."""

    mean: Head
    std: Head
    phi: tuple[tf.Tensor, ...]
    gates: tuple[tf.Tensor, ...]
    gate_biases: tuple[tf.Tensor, ...]


class Projected(NamedTuple):
    """Points times the kernels on points, plus biases: for the first layers of both heads and the gates."""

    mean: tf.Tensor
    std: tf.Tensor
    gates: tf.Tensor


class Step(NamedTuple):
    """All that a step computes. `cells`, `outputs`: of each LSTM layer before the step; `gates` activated."""

    outputs: tuple[tf.Tensor, ...]
    cells: tuple[tf.Tensor, ...]
    gates: tuple[tf.Tensor, ...]
    mean_1: tf.Tensor
    mean_2: tf.Tensor
    std_1: tf.Tensor
    std_2: tf.Tensor
    mean: tf.Tensor
    std: tf.Tensor
    latent: tf.Tensor
    phi_1: tf.Tensor
    phi: tf.Tensor


class Trace(NamedTuple):
    """What the rest of the model reads of every row, float32 `[rows, ...]`: the top layer's output before
    the point was seen, mean and deviation of the posterior, the latent vector and `phi_z` of it."""

    hidden: tf.Tensor
    mean: tf.Tensor
    std: tf.Tensor
    latent: tf.Tensor
    phi: tf.Tensor


State = tuple[tuple[tf.Tensor, ...], tuple[tf.Tensor, ...]]


def one_step(state: State, projected: Projected, noise: tf.Tensor | None, w: Weights) -> tuple[State, Step]:
    """Posterior, latent vector, `phi_z` and LSTM for some rows; `state` is (outputs, cells) of all layers.

    The latent vector is the mean where `noise` is None, otherwise mean + deviation * noise.
    """
    outputs, cells = state
    mean_1, mean_2, mean = head(outputs[-1], projected.mean, w.mean)
    std_1, std_2, std = head(outputs[-1], projected.std, w.std)
    std = tf.nn.softplus(std)
    latent = mean if noise is None else mean + std * noise
    phi_1, phi = phi_of(latent, w.phi)
    new_outputs, new_cells, gates = lstm(outputs, cells, phi, projected.gates, w)
    step = Step(outputs, cells, gates, mean_1, mean_2, std_1, std_2, mean, std, latent, phi_1, phi)
    return (new_outputs, new_cells), step


def head(top: tf.Tensor, point: tf.Tensor, w: Head) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The three layers of one head of the posterior; the last one float32 and not activated."""
    first = tf.nn.relu(point + times(top, w.state))
    second = tf.nn.relu(tf.nn.bias_add(times(first, w.second), w.second_bias))
    return first, second, _precise(tf.nn.bias_add(times(second, w.third), w.third_bias))


def phi_of(latent: tf.Tensor, w: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, tf.Tensor]:
    """Both layers of `phi_z`, in the type of the weights."""
    first = tf.nn.relu(tf.nn.bias_add(times(latent, w[0]), w[1]))
    return first, tf.nn.relu(tf.nn.bias_add(times(first, w[2]), w[3]))


def lstm(
    outputs: tuple[tf.Tensor, ...],
    cells: tuple[tf.Tensor, ...],
    phi: tf.Tensor,
    point_gates: tf.Tensor,
    w: Weights,
) -> tuple[tuple[tf.Tensor, ...], tuple[tf.Tensor, ...], tuple[tf.Tensor, ...]]:
    """One step of the stacked LSTM: new outputs, new cells and activated gates of each layer."""
    below, new_outputs, new_cells, all_gates = phi, [], [], []
    for layer, (output, cell, kernel) in enumerate(zip(outputs, cells, w.gates, strict=True)):
        joined = tf.concat([tf.cast(below, kernel.dtype), tf.cast(output, kernel.dtype)], axis=-1)
        plain = _precise(joined @ kernel)
        plain += point_gates if layer == 0 else _precise(w.gate_biases[layer - 1])
        take, forget, new, give = tf.split(plain, 4, axis=-1)
        take, forget, new, give = tf.sigmoid(take), tf.sigmoid(forget), tf.tanh(new), tf.sigmoid(give)
        cell = forget * cell + take * new
        below = give * tf.tanh(cell)
        new_outputs.append(below)
        new_cells.append(cell)
        all_gates.append(tf.concat([take, forget, new, give], axis=-1))
    return tuple(new_outputs), tuple(new_cells), tuple(all_gates)


def times(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """`x @ kernel` in the kernel's type, which is bfloat16 under that policy."""
    return tf.cast(x, kernel.dtype) @ kernel


def _precise(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(x, tf.float32)
