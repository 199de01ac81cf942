"""One LSTM layer over whole sequences, forward and backward, fast on processors without a graphics card."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

Weights = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


def lstm(sequence: tf.Tensor, weights: Weights, gemm: tf.DType = tf.float32) -> tf.Tensor:
    """Hidden states of a long short-term memory from zero states: `[time, batch, D]` to `[time, batch, H]`.

    `weights` are float32 `kernel` `[D, 4 H]`, `recurrent` `[H, 4 H]` and `bias` `[4 H]`, with the gates in
    the order input, forget, candidate, output (Hochreiter & Schmidhuber 1997, with the forget gate of
    Gers et al. 2000; no peepholes). Matrix products are taken of numbers rounded to `gemm`; states,
    gates and the result are float32.

    The gradients of inputs and weights are one matrix product over all steps each, behind the backward loop;
    in the loops is one product per step. (Forwards, inputs and states are multiplied together: the shares of
    the inputs, taken for all steps at once, cost more in memory than they save.) The backward loop reads the
    forward loop's tensor lists as they are, and takes the gates' gradients from the fused kernel of
    TensorFlow's LSTM cell.
    """

    @tf.custom_gradient
    def run(sequence: tf.Tensor, *weights: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        gates, cells, hidden = _forward(sequence, weights, gemm)
        states = hidden.stack()

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
            of_gates = _backward(gates, cells, upstream, weights[1], gemm)
            return _gradients(of_gates, sequence, states[:-1], weights, gemm)

        return states[1:], gradient

    return run(sequence, *weights)


def _forward(
    sequence: tf.Tensor, weights: Weights, gemm: tf.DType
) -> tuple[list[tf.TensorArray], tf.TensorArray, tf.TensorArray]:
    """Gates (input, forget, output, candidate, squashed cell) of each step; cells and states from step 0."""
    kernel, recurrent, bias = weights
    steps, batch, units = tf.shape(sequence)[0], tf.shape(sequence)[1], recurrent.shape[0]
    joined = tf.cast(_sigmoids_first(tf.concat([kernel, bias[None], recurrent], axis=0)), gemm)
    # A one beside every input meets the bias: one product makes all of a step's sums.
    inputs = _list(tf.cast(tf.concat([sequence, tf.ones([steps, batch, 1])], axis=2), gemm), steps)
    zeros = tf.zeros([batch, units])

    def step(
        t: tf.Tensor,
        cell: tf.Tensor,
        state: tf.Tensor,
        gates: list[tf.TensorArray],
        cells: tf.TensorArray,
        hidden: tf.TensorArray,
    ) -> tuple:
        both = tf.concat([inputs.read(t), tf.cast(state, gemm)], axis=1)
        sums = tf.cast(tf.matmul(both, joined), tf.float32)
        enter, forget, leave = tf.split(tf.sigmoid(sums[:, : 3 * units]), 3, axis=1)
        candidate = tf.tanh(sums[:, 3 * units :])
        cell = enter * candidate + forget * cell
        squashed = tf.tanh(cell)
        state = leave * squashed
        values = (enter, forget, leave, candidate, squashed)
        gates = [array.write(t, value) for array, value in zip(gates, values, strict=True)]
        return t + 1, cell, state, gates, cells.write(t + 1, cell), hidden.write(t + 1, state)

    empty = [_empty(steps, units) for _ in range(5)]
    cells, hidden = (_empty(steps + 1, units).write(0, zeros) for _ in range(2))
    loop = (0, zeros, zeros, empty, cells, hidden)
    return tf.while_loop(lambda t, *_: t < steps, step, loop)[3:]


def _backward(
    gates: list[tf.TensorArray],
    cells: tf.TensorArray,
    upstream: tf.Tensor,
    recurrent: tf.Tensor,
    gemm: tf.DType,
) -> tf.Tensor:
    """Gradient by the gates before squashing, `[time, batch, 4 H]`: input, candidate, forget, output."""
    steps, batch, units = tf.shape(upstream)[0], tf.shape(upstream)[1], recurrent.shape[0]
    across = tf.cast(tf.transpose(_swapped(recurrent)), gemm)
    upstreams = _list(upstream, steps)
    zeros, peephole = tf.zeros([batch, units]), tf.zeros([units])
    # The kernel looks at the shapes of these only.
    unused = {"x": tf.zeros([batch, 0]), "h_prev": zeros, "w": recurrent, "b": tf.zeros([4 * units])}
    unused |= dict.fromkeys(("wci", "wcf", "wco"), peephole)

    def step(t: tf.Tensor, of_cell: tf.Tensor, of_state: tf.Tensor, result: tf.TensorArray) -> tuple:
        enter, forget, leave, candidate, squashed = (array.read(t) for array in gates)
        answer = tf.raw_ops.LSTMBlockCellGrad(
            **unused,
            cs_prev=cells.read(t),
            cs=cells.read(t + 1),
            i=enter,
            f=forget,
            o=leave,
            ci=candidate,
            co=squashed,
            cs_grad=of_cell,
            h_grad=of_state + upstreams.read(t),
            use_peephole=False,
        )
        of_gates = tf.cast(answer.dicfo, gemm)
        of_state = tf.cast(tf.matmul(of_gates, across), tf.float32)
        return t - 1, answer.cs_prev_grad, of_state, result.write(t, of_gates)

    loop = (steps - 1, zeros, zeros, _empty(steps, 4 * units, gemm))
    return tf.while_loop(lambda t, *_: t >= 0, step, loop)[3].stack()


def _gradients(
    of_gates: tf.Tensor, sequence: tf.Tensor, before: tf.Tensor, weights: Weights, gemm: tf.DType
) -> tuple[tf.Tensor, ...]:
    """Gradients by sequence, kernel, recurrent weights and bias, all steps in one product each."""
    kernel = weights[0]
    shared = _flat(of_gates)
    of_sequence = tf.reshape(_product(shared, tf.transpose(_swapped(kernel)), gemm), tf.shape(sequence))
    of_kernel = tf.matmul(tf.cast(_flat(sequence), gemm), shared, transpose_a=True)
    of_recurrent = tf.matmul(tf.cast(_flat(before), gemm), shared, transpose_a=True)
    of_bias = tf.matmul(tf.ones([1, tf.shape(shared)[0]], gemm), shared)[0]
    of_weights = (_swapped(tf.cast(value, tf.float32)) for value in (of_kernel, of_recurrent, of_bias))
    return tf.cast(of_sequence, tf.float32), *of_weights


def _sigmoids_first(weight: tf.Tensor) -> tf.Tensor:
    """Gates in the order input, forget, output, candidate."""
    enter, forget, candidate, leave = tf.split(weight, 4, axis=-1)
    return tf.concat([enter, forget, leave, candidate], axis=-1)


def _swapped(weight: tf.Tensor) -> tf.Tensor:
    """Second and third gate exchanged: from the weights' order to that of the fused kernel, and back."""
    first, second, third, fourth = tf.split(weight, 4, axis=-1)
    return tf.concat([first, third, second, fourth], axis=-1)


def _product(left: tf.Tensor, right: tf.Tensor, gemm: tf.DType) -> tf.Tensor:
    return tf.matmul(tf.cast(left, gemm), tf.cast(right, gemm))


def _flat(sequence: tf.Tensor) -> tf.Tensor:
    return tf.reshape(sequence, [-1, sequence.shape[-1]])


def _empty(steps: tf.Tensor, units: int, dtype: tf.DType = tf.float32) -> tf.TensorArray:
    return tf.TensorArray(dtype, steps, element_shape=[None, units], clear_after_read=False)


def _list(sequence: tf.Tensor, steps: tf.Tensor) -> tf.TensorArray:
    return _empty(steps, sequence.shape[-1], sequence.dtype).unstack(sequence)
