"""Stacked LSTM over strokes, read at given points: fast in training, plain operations when exported."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models.lstm_kernel import Weights, lstm
from models.stroke_layers import gather_at, mask_of


class StackedLSTM(layers.Layer):
    """`(sequence, length, index)` to the top layer's hidden state after the points `index`.

    `sequence` float32 `[batch, time, D]`; `length` int32 `[batch]`, at least 1; `index` int32 `[batch]` or
    `[batch, reads]`, each in 0..length-1; the result is float32 `[batch, units]` or `[batch, reads, units]`.
    Nothing behind `length` matters. Forwards, the state after a point depends on the points up to it; with
    `reverse` the drawing is read from its last point, and the state depends on the points from there on.

    Initial values as TensorFlow 1's `LSTMCell` has them: inputs' and recurrent weights Glorot-uniform as one
    matrix, biases 0, and 1 for the forget gate. Weights, states and result are float32 under every policy;
    under mixed precision the matrix products are taken in the policy's compute type.

    The same weights are used in three ways. On a processor, `lstm_kernel`. Where TensorFlow has a
    graphics card, `tf_keras.layers.LSTM` itself, which then chooses cuDNN (default activations, zero
    padding at the end only). With `portable`, one loop of plain operations that keeps no sequence of
    states, for converters that know neither the kernel nor lists of tensors.
    """

    def __init__(self, units: int, depth: int, name: str, reverse: bool = False) -> None:
        super().__init__(name=name, dtype="float32")
        self.units, self.depth, self.reverse, self.portable = units, depth, reverse, False
        self.gemm = tf.as_dtype(tf_keras.mixed_precision.global_policy().compute_dtype)

    def build(self, input_shape: Any) -> None:
        """Create the weights of every layer."""
        width, self.cells = input_shape[0][-1], []
        for number in range(1, self.depth + 1):
            self.cells.append(_cell(width, self.units, f"{self.name}_{number}"))
            width = self.units
        super().build(input_shape)

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """The states that `index` asks for."""
        sequence, length, index = inputs
        reads = index if index.shape.rank == 2 else index[:, None]
        there = mask_of(length, tf.shape(sequence)[1])
        sequence = tf.where(tf.expand_dims(there, -1), sequence, 0.0)
        if self.reverse:
            sequence = tf.reverse_sequence(sequence, length, seq_axis=1)
            reads = length[:, None] - 1 - reads
        states = self._states_at(sequence, there, reads)
        return states if index.shape.rank == 2 else states[:, 0]

    def _states_at(self, sequence: tf.Tensor, there: tf.Tensor, reads: tf.Tensor) -> tf.Tensor:
        if self.portable:
            return self._one_loop(sequence, reads)
        if tf.config.list_logical_devices("GPU"):
            return gather_at(self._by_keras(sequence, there), reads)
        return gather_at(self._by_kernel(sequence), reads)

    def _by_kernel(self, sequence: tf.Tensor) -> tf.Tensor:
        states = tf.transpose(sequence, [1, 0, 2])
        for cell in self.cells:
            states = lstm(states, _weights(cell), self.gemm)
        return tf.transpose(states, [1, 0, 2])

    def _by_keras(self, sequence: tf.Tensor, there: tf.Tensor) -> tf.Tensor:
        for cell in self.cells:
            sequence = cell(sequence, mask=there)
        return sequence

    def _one_loop(self, sequence: tf.Tensor, reads: tf.Tensor) -> tf.Tensor:
        """All layers step by step; the top state is kept where `reads` asks for it."""
        points = tf.transpose(sequence, [1, 0, 2])
        weights = [_weights(cell) for cell in self.cells]
        zeros = tf.zeros([tf.shape(sequence)[0], self.units])

        def step(t: tf.Tensor, states: list[tuple], kept: tf.Tensor) -> tuple:
            below, after = tf.gather(points, t), []
            for layer, (hidden, memory) in zip(weights, states, strict=True):
                below, memory = _plain_step(below, hidden, memory, layer)
                after.append((below, memory))
            return t + 1, after, tf.where(tf.expand_dims(reads == t, -1), below[:, None], kept)

        kept = tf.zeros([tf.shape(reads)[0], reads.shape[1] or tf.shape(reads)[1], self.units])
        loop = (0, [(zeros, zeros) for _ in weights], kept)
        return tf.while_loop(lambda t, *_: t < tf.shape(points)[0], step, loop)[2]


def _plain_step(
    inputs: tf.Tensor, hidden: tf.Tensor, memory: tf.Tensor, weights: Weights
) -> tuple[tf.Tensor, tf.Tensor]:
    """One step of one layer: hidden state and memory after it, `[batch, units]` both."""
    kernel, recurrent, bias = weights
    sums = tf.matmul(inputs, kernel) + tf.matmul(hidden, recurrent) + bias
    enter, forget, candidate, leave = tf.split(sums, 4, axis=1)
    memory = tf.sigmoid(forget) * memory + tf.sigmoid(enter) * tf.tanh(candidate)
    return tf.sigmoid(leave) * tf.tanh(memory), memory


def _cell(width: int, units: int, name: str) -> layers.LSTM:
    """Keras' layer with its weights, all in float32, for inputs of `width` numbers."""
    spread = (6 / (width + units + 4 * units)) ** 0.5
    # An initialiser for each: one that is shared would repeat its values.
    kernel, recurrent = (tf_keras.initializers.RandomUniform(-spread, spread) for _ in range(2))
    cell = layers.LSTM(
        units,
        kernel_initializer=kernel,
        recurrent_initializer=recurrent,
        return_sequences=True,
        dtype="float32",
        name=name,
    )
    with tf.name_scope(name):
        cell.build((None, None, width))
    return cell


def _weights(cell: layers.LSTM) -> Weights:
    kernel, recurrent, bias = (tf.convert_to_tensor(weight) for weight in cell.trainable_weights)
    return kernel, recurrent, bias
