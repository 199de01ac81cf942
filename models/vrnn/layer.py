"""The VRNN as one Keras layer: its weights, its answer at a point, and its losses."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models.vrnn.loop import recurrence, zero_state
from models.vrnn.losses import Gaussian, bernoulli_nll, divergence, gaussian_nll
from models.vrnn.packing import Packing, pack
from models.vrnn.step import Head, Projected, Trace, Weights, one_step, phi_of

POINT = 3


class Sizes(NamedTuple):
    """Widths: LSTM state and number of its layers, latent vector, and layers of all other nets."""

    units: int
    layers: int
    latent: int
    net: int


class Point(NamedTuple):
    """What is expected of a point: its offset `[rows, 2]` and the probability `[rows]` that the pen lifts."""

    offset: Gaussian
    lift: tf.Tensor


class Vrnn(layers.Layer):
    """A recurrent network with a latent vector at every step (Chung et al. 2015, section 3).

    Called on `(offsets, length, read_at)`: float32 `[batch, time, 3]` (dx, dy, 1 at the end of a stroke),
    int32 `[batch]` each. A point of zeros is put in front; what the network does there is not counted.
    Gives, float32: `hidden` `[batch, units]`, the LSTM's output before the point `read_at` is seen;
    `latent` and `latent_phi`, the latent vector of that point and `phi_z` of it; and `kl`, `nll_xy`,
    `nll_pen` `[batch]` in nats.

    The three losses are published as means over all points of a batch. An example's value is therefore the
    sum over its points divided by the mean length in the batch: the mean over examples is the published
    number.

    The latent vector is drawn while learning, and at inference where `sample` is set; otherwise it is the
    posterior's mean. What is drawn follows from the seed that `draw_from` gives, from the layer's name and
    from the replica. `portable` computes the same with plain operations, always with the mean, and zeros as
    losses.
    """

    portable = False

    def __init__(self, sizes: Sizes, sample: bool = False, name: str = "vrnn") -> None:
        super().__init__(name=name, dtype="float32")
        self.sizes, self.sample = sizes, sample
        self.product_type = tf_keras.mixed_precision.global_policy().compute_dtype
        self._source: Callable[[], tf.Tensor] = _fresh_seed

    def draw_from(self, source: Callable[[], tf.Tensor]) -> None:
        """Take the seed of each call from `source()`: int32 `[2]`, another one at every step."""
        self._source = source

    def build(self, input_shape: object) -> None:
        """Create all weights: Glorot-uniform kernels; biases 0, those of the forget gates 1."""
        units, count, latent, net = self.sizes
        self.by_name: dict[str, tf.Variable] = {}
        for name, inputs in (("encoder", POINT + units), ("prior", units)):
            for part in ("mean", "std"):
                self._add(f"{name}_{part}_1", inputs, net)
                self._add(f"{name}_{part}_2", net, net)
                self._add(f"{name}_{part}_3", net, latent)
        self._add("phi_1", latent, net)
        self._add("phi_2", net, net)
        for part, outputs in (("mean", 2), ("std", 2), ("pen", 1)):
            self._add(f"decoder_{part}", units + net, outputs)
        for layer in range(count):
            inputs = POINT + net if layer == 0 else units
            self._add(f"lstm_{layer + 1}", inputs + units, 4 * units, _forget_bias)
        super().build(input_shape)

    def _add(self, name: str, inputs: int, outputs: int, bias: object = "zeros") -> None:
        for kind, shape, start in (
            ("kernel", (inputs, outputs), "glorot_uniform"),
            ("bias", (outputs,), bias),
        ):
            self.by_name[f"{name}/{kind}"] = self.add_weight(f"{name}/{kind}", shape, initializer=start)

    def call(
        self, inputs: tuple[tf.Tensor, tf.Tensor, tf.Tensor], training: bool | None = None
    ) -> dict[str, tf.Tensor]:
        """State and latent vector at `read_at`, and the losses."""
        offsets, length, read_at = inputs
        if self.portable and not training:
            return self._plain_answer(offsets, read_at)
        packing = pack(length + 1)
        padded = tf.pad(offsets, [[0, 0], [1, 0], [0, 0]])
        points = tf.gather_nd(padded, tf.stack([packing.example, packing.step], axis=1))
        noise = self.noise_of(packing) if training or self.sample else None
        trace = recurrence(self.project(points), noise, self.loop_weights(), packing, bool(training))
        at = packing.rows_at(read_at + 1)
        answer = {"hidden": trace.hidden, "latent": trace.latent, "latent_phi": trace.phi}
        answer = {name: tf.gather(rows, at) for name, rows in answer.items()}
        return answer | self._terms(points, trace, packing, length)

    def _terms(
        self, points: tf.Tensor, trace: Trace, packing: Packing, length: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """The losses of an example, without the point of zeros, which every sequence has as its first."""
        skipped = tf.shape(length)[0]
        points, trace = tf.nest.map_structure(lambda rows: rows[skipped:], (points, trace))
        expected = self.expect(trace.hidden, trace.phi)
        terms = {
            "kl": divergence(Gaussian(trace.mean, trace.std), self.prior(trace.hidden)),
            "nll_xy": gaussian_nll(points[:, :2], expected.offset),
            "nll_pen": bernoulli_nll(points[:, 2], expected.lift),
        }
        mean_length = tf.reduce_mean(tf.cast(length, tf.float32))
        return {name: packing.sum_by_example(rows, skip=1) / mean_length for name, rows in terms.items()}

    def _plain_answer(self, offsets: tf.Tensor, read_at: tf.Tensor) -> dict[str, tf.Tensor]:
        """A loop over padded steps that keeps nothing but the answer."""
        w, count = self.loop_weights(), tf.shape(offsets)[0]
        points = tf.transpose(tf.pad(offsets, [[0, 0], [1, 0], [0, 0]]), [1, 0, 2])
        last = tf.reduce_max(read_at) + 1
        widths = (self.sizes.units, self.sizes.latent, self.sizes.net)
        answer = tuple(tf.zeros([count, width]) for width in widths)

        def body(t: tf.Tensor, state: tuple, answer: tuple) -> tuple:
            state, step = one_step(state, self.project(tf.gather(points, t)), None, w)
            asked = (read_at + 1 == t)[:, None]
            now = (step.outputs[-1], step.latent, tf.cast(step.phi, tf.float32))
            answer = tuple(tf.where(asked, new, old) for new, old in zip(now, answer, strict=True))
            return t + 1, state, answer

        first = (tf.constant(0), zero_state(count, w), answer)
        _, _, answer = tf.while_loop(lambda t, *_: t <= last, body, first)
        named = dict(zip(("hidden", "latent", "latent_phi"), answer, strict=True))
        return named | {name: tf.zeros([count]) for name in ("kl", "nll_xy", "nll_pen")}

    def loop_weights(self) -> Weights:
        """The kernels on state, latent vector and `phi_z`, cast once to the type of the products."""
        phi = ("phi_1/kernel", "phi_1/bias", "phi_2/kernel", "phi_2/bias")
        upper = range(2, self.sizes.layers + 1)
        gates = [self._cast("lstm_1/kernel")[POINT:], *(self._cast(f"lstm_{n}/kernel") for n in upper)]
        return Weights(
            mean=self._head("encoder_mean"),
            std=self._head("encoder_std"),
            phi=tuple(self._cast(name) for name in phi),
            gates=tuple(gates),
            gate_biases=tuple(self._cast(f"lstm_{n}/bias") for n in upper),
        )

    def _head(self, name: str) -> Head:
        later = (self._cast(f"{name}_{n}/{kind}") for n in (2, 3) for kind in ("kernel", "bias"))
        return Head(self._cast(f"{name}_1/kernel")[POINT:], *later)

    def _cast(self, name: str) -> tf.Tensor:
        return tf.cast(self.by_name[name], self.product_type)

    def project(self, points: tf.Tensor) -> Projected:
        """The share of points `[rows, 3]` in the first layers; in float32, as offsets have more digits."""
        mean, std, gates = (
            points @ self.by_name[f"{name}/kernel"][:POINT] + self.by_name[f"{name}/bias"]
            for name in ("encoder_mean_1", "encoder_std_1", "lstm_1")
        )
        return Projected(tf.cast(mean, self.product_type), tf.cast(std, self.product_type), gates)

    def prior(self, hidden: tf.Tensor) -> Gaussian:
        """What is expected of the latent vector before the point is seen, from the state `[rows, units]`."""
        mean, std = (self._prior_head(part, hidden) for part in ("mean", "std"))
        return Gaussian(mean, tf.nn.softplus(std))

    def _prior_head(self, part: str, x: tf.Tensor) -> tf.Tensor:
        for number in (1, 2, 3):
            name = f"prior_{part}_{number}"
            x = tf.cast(x, self.product_type) @ self._cast(f"{name}/kernel")
            x = tf.nn.bias_add(x, self._cast(f"{name}/bias"))
            x = tf.nn.relu(x) if number < 3 else tf.cast(x, tf.float32)
        return x

    def expect(self, hidden: tf.Tensor, phi: tf.Tensor) -> Point:
        """The decoder: what is expected of the point from the state and `phi_z`, in float32."""
        names = [f"decoder_{part}" for part in ("mean", "std", "pen")]
        kernel = tf.concat([self.by_name[f"{name}/kernel"] for name in names], axis=1)
        bias = tf.concat([self.by_name[f"{name}/bias"] for name in names], axis=0)
        out = tf.concat([hidden, phi], axis=-1) @ kernel + bias
        return Point(Gaussian(out[:, :2], tf.nn.softplus(out[:, 2:4])), tf.sigmoid(out[:, 4]))

    def phi(self, latent: tf.Tensor, w: Weights) -> tf.Tensor:
        """`phi_z` of latent vectors `[rows, latent]`, float32."""
        return tf.cast(phi_of(latent, w.phi)[1], tf.float32)

    def noise_of(self, packing: Packing) -> tf.Tensor:
        """Standard normal numbers `[rows, latent]` that follow from seed, layer and replica."""
        seed = tf.random.fold_in(self._source(), zlib.crc32(self.name.encode()) & 0x7FFFFFFF)
        context = tf.distribute.get_replica_context()
        if context is not None:
            seed = tf.random.fold_in(seed, context.replica_id_in_sync_group)
        return tf.random.stateless_normal([tf.size(packing.step), self.sizes.latent], seed)


def _fresh_seed() -> tf.Tensor:
    return tf.random.uniform([2], maxval=2**31 - 1, dtype=tf.int32)


def _forget_bias(shape: tuple[int, ...], dtype: tf.DType = tf.float32, **_: object) -> tf.Tensor:
    """Ones for the forget gates, the second of four equal parts."""
    return tf.repeat(tf.constant([0, 1, 0, 0], dtype), shape[0] // 4)
