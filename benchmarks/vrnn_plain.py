"""The VRNN in its plain form: a cell with everything inside, in `tf_keras.layers.RNN`.

Slow and obvious; the benchmark is measured against it and the tests compare with it.
"""

from __future__ import annotations

from collections.abc import Callable
from unittest import mock

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models.stroke_layers import gather_at, mask_of
from models.vrnn.layer import POINT, Sizes, Vrnn
from models.vrnn.losses import Gaussian, bernoulli_nll, divergence, gaussian_nll

TERMS = ("kl", "nll_xy", "nll_pen")


class PlainCell(layers.Layer):
    """One step with Keras' own layers: `(point, noise)` to all that is read of a step, concatenated."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(name="cell")
        dense, net, latent = layers.Dense, sizes.net, sizes.latent
        self.parts = {}
        for name in ("encoder_mean", "encoder_std", "prior_mean", "prior_std"):
            self.parts[f"{name}_1"] = dense(net, "relu", name=f"{name}_1")
            self.parts[f"{name}_2"] = dense(net, "relu", name=f"{name}_2")
            self.parts[f"{name}_3"] = dense(
                latent, "softplus" if "std" in name else None, dtype="float32", name=f"{name}_3"
            )
        self.parts["phi_1"] = dense(net, "relu", name="phi_1")
        self.parts["phi_2"] = dense(net, "relu", name="phi_2")
        self.parts["decoder_mean"] = dense(2, dtype="float32", name="decoder_mean")
        self.parts["decoder_std"] = dense(2, "softplus", dtype="float32", name="decoder_std")
        self.parts["decoder_pen"] = dense(1, "sigmoid", dtype="float32", name="decoder_pen")
        self.lstm = [layers.LSTMCell(sizes.units, name=f"lstm_{n + 1}") for n in range(sizes.layers)]
        self.state_size = [sizes.units] * (2 * sizes.layers)
        self.output_size = sizes.units + latent + net + len(TERMS)

    def _chain(self, name: str, x: tf.Tensor) -> tf.Tensor:
        for number in (1, 2, 3):
            x = self.parts[f"{name}_{number}"](x)
        return x

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor], states: list[tf.Tensor]) -> tuple:
        """The step's outputs and the new state."""
        point, noise = inputs
        hidden = states[-2]
        seen = tf.concat([tf.cast(point, hidden.dtype), hidden], -1)
        q = Gaussian(self._chain("encoder_mean", seen), self._chain("encoder_std", seen))
        p = Gaussian(self._chain("prior_mean", hidden), self._chain("prior_std", hidden))
        latent = q.mean + q.std * tf.cast(noise, tf.float32)
        phi = self.parts["phi_2"](self.parts["phi_1"](latent))
        joined = tf.concat([hidden, tf.cast(phi, hidden.dtype)], -1)
        mean, std, pen = (self.parts[f"decoder_{part}"](joined) for part in ("mean", "std", "pen"))
        exact = tf.cast(point, tf.float32)
        terms = [
            divergence(q, p),
            gaussian_nll(exact[:, :2], Gaussian(mean, std)),
            bernoulli_nll(exact[:, 2], pen[:, 0]),
        ]
        below, new = tf.concat([tf.cast(point, phi.dtype), phi], -1), []
        for number, cell in enumerate(self.lstm):
            below, state = cell(below, states[2 * number : 2 * number + 2])
            new += state
        read = [tf.cast(x, tf.float32) for x in (hidden, latent, phi)]
        return tf.concat([*read, *(term[:, None] for term in terms)], -1), new


class PlainVrnn(layers.Layer):
    """Takes the place of `Vrnn`: the same inputs, outputs and weights."""

    def __init__(self, sizes: Sizes, sample: bool = False, name: str = "vrnn") -> None:
        super().__init__(name=name, dtype="float32")
        self.sizes = sizes
        self.rnn = layers.RNN(PlainCell(sizes), return_sequences=True, name="rnn")

    def noise(self, shape: tf.Tensor) -> tf.Tensor:
        """Standard normal numbers; the tests put others in their place."""
        return tf.random.normal(shape)

    def call(
        self, inputs: tuple[tf.Tensor, tf.Tensor, tf.Tensor], training: bool | None = None
    ) -> dict[str, tf.Tensor]:
        """What `Vrnn` gives."""
        offsets, length, read_at = inputs
        points = tf.pad(offsets, [[0, 0], [1, 0], [0, 0]])
        shape = tf.concat([tf.shape(points)[:2], [self.sizes.latent]], 0)
        noise = self.noise(shape) if training else tf.zeros(shape)
        noise = tf.ensure_shape(noise, [None, None, self.sizes.latent])
        steps = tf.shape(points)[1]
        rows = self.rnn((points, noise), mask=mask_of(length + 1, steps))[:, 1:]
        sizes = [self.sizes.units, self.sizes.latent, self.sizes.net, 1, 1, 1]
        hidden, latent, phi, *terms = tf.split(rows, sizes, axis=-1)
        answer = {"hidden": hidden, "latent": latent, "latent_phi": phi}
        answer = {name: gather_at(value, read_at) for name, value in answer.items()}
        there = tf.cast(mask_of(length, steps - 1), tf.float32)
        mean_length = tf.reduce_mean(tf.cast(length, tf.float32))
        return answer | {
            name: tf.reduce_sum(term[..., 0] * there, axis=1) / mean_length
            for name, term in zip(TERMS, terms, strict=True)
        }

    def copy(self, other: Vrnn) -> None:
        """Take the weights of `other`; an LSTM's kernel is cut into Keras' two."""
        cell = self.rnn.cell
        kernels = {name: variable.numpy() for name, variable in other.by_name.items()}
        for name, part in cell.parts.items():
            part.set_weights([kernels[f"{name}/kernel"], kernels[f"{name}/bias"]])
        for number, lstm in enumerate(cell.lstm):
            inputs = POINT + self.sizes.net if number == 0 else self.sizes.units
            kernel = kernels[f"lstm_{number + 1}/kernel"]
            lstm.set_weights([kernel[:inputs], kernel[inputs:], kernels[f"lstm_{number + 1}/bias"]])

    def gradients_by_name(self, gradients: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Gradients by the names of this layer's variables, under the names that `Vrnn` uses."""
        named: dict[str, tf.Tensor] = {}
        for name, part in self.rnn.cell.parts.items():
            named |= {f"{name}/{v.name.split('/')[-1][:-2]}": gradients[v.ref()] for v in part.variables}
        for lstm in self.rnn.cell.lstm:
            kernel, recurrent, bias = (tf.convert_to_tensor(gradients[v.ref()]) for v in lstm.variables)
            named[f"{lstm.name}/kernel"] = tf.concat([kernel, recurrent], axis=0)
            named[f"{lstm.name}/bias"] = bias
        return named


def plain_form(build: Callable[[], tf_keras.Model]) -> tf_keras.Model:
    """What `build()` gives where it finds the plain layer instead of `Vrnn`."""
    with mock.patch("models.vrnn.model.Vrnn", PlainVrnn):
        return build()
