"""The gradient of the VRNN's recurrence: a loop that carries only the state's gradient, then big products."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from models.vrnn.arrays import array_like, invariant, rows_of
from models.vrnn.packing import Packing
from models.vrnn.step import Head, Projected, State, Step, Trace, Weights


class Factors(NamedTuple):
    """Derivatives that do not depend on the gradient, made for all rows at once in front of the loop.

    Of each LSTM layer: `gates` `[rows, 4 units]`, by which the gradient of the cell (three times) and of
    the output (last) is multiplied to give the gradient of the gates before activation; `through`, from the
    output to the cell; `forget`, from the cell to the cell before. `std`: derivative of the softplus times
    noise.
    """

    gates: tuple[tf.Tensor, ...]
    through: tuple[tf.Tensor, ...]
    forget: tuple[tf.Tensor, ...]
    std: tf.Tensor | None


class Deltas(NamedTuple):
    """Gradients of what goes into each activation, of the products' type, `[rows, ...]`."""

    gates: tuple[tf.Tensor, ...]
    phi_2: tf.Tensor
    phi_1: tf.Tensor
    mean_3: tf.Tensor
    mean_2: tf.Tensor
    mean_1: tf.Tensor
    std_3: tf.Tensor
    std_2: tf.Tensor
    std_1: tf.Tensor


class Flipped(NamedTuple):
    """The kernels as the way back needs them, transposed once."""

    gates: tuple[tf.Tensor, ...]
    phi_1: tf.Tensor
    phi_2: tf.Tensor
    mean: tuple[tf.Tensor, ...]
    std: tuple[tf.Tensor, ...]


class Relus(NamedTuple):
    """The activations behind a ReLU: where one is 0, no gradient passes."""

    phi: tf.Tensor
    phi_1: tf.Tensor
    mean_2: tf.Tensor
    mean_1: tf.Tensor
    std_2: tf.Tensor
    std_1: tf.Tensor


def gradients(
    given: Trace, steps: Step, noise: tf.Tensor | None, w: Weights, packing: Packing
) -> tuple[Projected, Weights]:
    """Gradients of the projected points and of the weights, from those of everything the model reads."""
    factors, new_outputs = _factors(steps, noise)
    given = given._replace(std=given.std * _softplus_slope(steps.std))
    relus = Relus(steps.phi, steps.phi_1, steps.mean_2, steps.mean_1, steps.std_2, steps.std_1)
    deltas = _loop(given, factors, relus, _flipped(w), packing)
    projected = Projected(deltas.mean_1, deltas.std_1, tf.cast(deltas.gates[0], tf.float32))
    return projected, _weight_gradients(deltas, steps, new_outputs)


def _softplus_slope(value: tf.Tensor) -> tf.Tensor:
    """The derivative of softplus where it has this value."""
    return 1.0 - tf.exp(-value)


def _factors(steps: Step, noise: tf.Tensor | None) -> tuple[Factors, tuple[tf.Tensor, ...]]:
    """The factors, and every layer's output behind the step."""
    gates, through, forgets, outputs = [], [], [], []
    for activated, cell in zip(steps.gates, steps.cells, strict=True):
        take, forget, new, give = tf.split(activated, 4, axis=-1)
        squashed = tf.tanh(forget * cell + take * new)
        slopes = [
            new * take * (1 - take),
            cell * forget * (1 - forget),
            take * (1 - new * new),
            squashed * give * (1 - give),
        ]
        gates.append(tf.concat(slopes, axis=-1))
        through.append(give * (1 - squashed * squashed))
        forgets.append(forget)
        outputs.append(give * squashed)
    std = None if noise is None else noise * _softplus_slope(steps.std)
    return Factors(tuple(gates), tuple(through), tuple(forgets), std), tuple(outputs)


def _flipped(w: Weights) -> Flipped:
    def of_head(head: Head) -> tuple[tf.Tensor, ...]:
        return tuple(tf.transpose(kernel) for kernel in (head.state, head.second, head.third))

    gates = tuple(tf.transpose(kernel) for kernel in w.gates)
    return Flipped(gates, tf.transpose(w.phi[0]), tf.transpose(w.phi[2]), of_head(w.mean), of_head(w.std))


def _loop(given: Trace, factors: Factors, relus: Relus, w: Flipped, packing: Packing) -> Deltas:
    """From the last step to the first; sequences join as they begin to run."""
    steps, inputs = tf.size(packing.sizes), (given, factors, relus)
    units, kind = given.hidden.shape[-1], w.phi_1.dtype

    def body(t: tf.Tensor, state: State, arrays: Deltas) -> tuple[tf.Tensor, State, Deltas]:
        start, size = packing.starts[t], packing.sizes[t]
        here = tf.nest.map_structure(lambda x: None if x is None else rows_of(x, start, size), inputs)
        grown = tf.nest.map_structure(lambda x: _grown(x, size), state)
        state, deltas = _one_back(grown, here[0], here[1], here[2], w)
        arrays = tf.nest.map_structure(lambda array, value: array.write(t, value), arrays, deltas)
        return t - 1, state, arrays

    nothing = (tf.zeros([0, units]),) * len(w.gates)
    like = Deltas(
        tuple(factors.gates),
        relus.phi,
        relus.phi_1,
        given.mean,
        relus.mean_2,
        relus.mean_1,
        given.std,
        relus.std_2,
        relus.std_1,
    )
    arrays = tf.nest.map_structure(lambda value: array_like(tf.cast(value[:0], kind), steps), like)
    first = (steps - 1, (nothing, nothing), arrays)
    _, _, arrays = tf.while_loop(
        lambda t, *_: t >= 0,
        body,
        first,
        shape_invariants=tf.nest.map_structure(invariant, first),
        maximum_iterations=steps,
    )
    return tf.nest.map_structure(lambda array: array.concat(), arrays)


def _grown(gradient: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Zero rows added behind, to `size` rows."""
    return tf.pad(gradient, [[0, size - tf.shape(gradient)[0]], [0, 0]])


def _one_back(state: State, given: Trace, factors: Factors, relus: Relus, w: Flipped) -> tuple[State, Deltas]:
    """One step back: gradients of the state behind it to those of the state before it."""
    kind = w.phi_1.dtype
    outputs, cells, phi, gates = _lstm_back(state, factors, w)
    phi_2 = _passed(phi + given.phi, relus.phi, kind)
    phi_1 = _passed(phi_2 @ w.phi_2, relus.phi_1, kind)
    latent = tf.cast(phi_1 @ w.phi_1, tf.float32) + given.latent
    std = given.std if factors.std is None else given.std + latent * factors.std
    mean_3, std_3 = tf.cast(latent + given.mean, kind), tf.cast(std, kind)
    mean_2 = _passed(mean_3 @ w.mean[2], relus.mean_2, kind)
    std_2 = _passed(std_3 @ w.std[2], relus.std_2, kind)
    mean_1 = _passed(mean_2 @ w.mean[1], relus.mean_1, kind)
    std_1 = _passed(std_2 @ w.std[1], relus.std_1, kind)
    top = tf.cast(mean_1 @ w.mean[0], tf.float32) + tf.cast(std_1 @ w.std[0], tf.float32) + given.hidden
    outputs = (*outputs[:-1], outputs[-1] + top)
    return (outputs, cells), Deltas(gates, phi_2, phi_1, mean_3, mean_2, mean_1, std_3, std_2, std_1)


def _lstm_back(
    state: State, factors: Factors, w: Flipped
) -> tuple[tuple[tf.Tensor, ...], tuple[tf.Tensor, ...], tf.Tensor, tuple[tf.Tensor, ...]]:
    """Through all layers from the top: outputs and cells before the step, `phi_z`, and the gates."""
    outputs, cells, gates = list(state[0]), list(state[1]), []
    below: tf.Tensor | float = 0.0
    for layer in reversed(range(len(outputs))):
        output = outputs[layer] + below
        cell = cells[layer] + output * factors.through[layer]
        delta = tf.concat([cell, cell, cell, output], axis=-1) * factors.gates[layer]
        gates.append(tf.cast(delta, w.phi_1.dtype))
        joined = tf.cast(gates[-1] @ w.gates[layer], tf.float32)
        below, outputs[layer] = joined[:, : -cell.shape[-1]], joined[:, -cell.shape[-1] :]
        cells[layer] = cell * factors.forget[layer]
    return tuple(outputs), tuple(cells), below, tuple(reversed(gates))


def _passed(gradient: tf.Tensor, activation: tf.Tensor, kind: tf.DType) -> tf.Tensor:
    return tf.raw_ops.ReluGrad(gradients=tf.cast(gradient, kind), features=activation)


def _weight_gradients(deltas: Deltas, steps: Step, new_outputs: tuple[tf.Tensor, ...]) -> Weights:
    """One product over all rows for each kernel."""
    top = steps.outputs[-1]
    gates = [
        _product(tf.concat([tf.cast(x, delta.dtype), tf.cast(output, delta.dtype)], -1), delta)
        for x, output, delta in zip((steps.phi, *new_outputs), steps.outputs, deltas.gates, strict=False)
    ]
    return Weights(
        mean=Head(
            _product(top, deltas.mean_1),
            *_with_bias(steps.mean_1, deltas.mean_2),
            *_with_bias(steps.mean_2, deltas.mean_3),
        ),
        std=Head(
            _product(top, deltas.std_1),
            *_with_bias(steps.std_1, deltas.std_2),
            *_with_bias(steps.std_2, deltas.std_3),
        ),
        phi=(*_with_bias(steps.latent, deltas.phi_1), *_with_bias(steps.phi_1, deltas.phi_2)),
        gates=tuple(gates),
        gate_biases=tuple(_bias(delta) for delta in deltas.gates[1:]),
    )


def _product(x: tf.Tensor, delta: tf.Tensor) -> tf.Tensor:
    return tf.matmul(tf.cast(x, delta.dtype), delta, transpose_a=True)


def _bias(delta: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.reduce_sum(tf.cast(delta, tf.float32), axis=0), delta.dtype)


def _with_bias(x: tf.Tensor, delta: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return _product(x, delta), _bias(delta)
