"""The recurrence of the VRNN over packed rows, with a gradient that keeps weights out of its loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from models.vrnn.arrays import array_like, invariant, rows_of
from models.vrnn.backward import gradients
from models.vrnn.packing import Packing
from models.vrnn.step import Projected, State, Step, Trace, Weights, one_step


def recurrence(
    projected: Projected, noise: tf.Tensor | None, w: Weights, packing: Packing, learning: bool
) -> Trace:
    """Run all sequences; every entry of `projected` and `noise` is `[rows, ...]` in the packing's order.

    While learning, the loop stores what its gradient needs; the gradient's own loop only carries the
    gradient of the state back, and each weight's gradient is one product over all rows after it.
    Otherwise nothing more than the result is stored, and TensorFlow's own gradient applies.
    """
    if not learning:
        return run(projected, noise, w, packing, trace_of)

    @tf.custom_gradient
    def differentiable(projected: Projected, w: Weights) -> tuple[Trace, Callable[..., Any]]:
        steps = run(projected, noise, w, packing, lambda step: step)
        return trace_of(steps), lambda *given: gradients(Trace(*given), steps, noise, w, packing)

    return differentiable(projected, w)


def trace_of(step: Step) -> Trace:
    """The part of a step, or of all steps, that the rest of the model reads."""
    return Trace(step.outputs[-1], step.mean, step.std, step.latent, tf.cast(step.phi, tf.float32))


def run(
    projected: Projected,
    noise: tf.Tensor | None,
    w: Weights,
    packing: Packing,
    keep: Callable[[Step], Any],
) -> Any:
    """The forward loop: `keep(step)` of every step, with the rows of all steps joined."""
    inputs = (projected, noise)
    state = zero_state(packing.sizes[0], w)
    steps = tf.size(packing.sizes)

    def rows(tensor: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
        return rows_of(tensor, packing.starts[t], packing.sizes[t])

    def one(t: tf.Tensor, state: State) -> tuple[State, Step]:
        here, noise_here = tf.nest.map_structure(lambda x: None if x is None else rows(x, t), inputs)
        return one_step(tf.nest.map_structure(lambda x: x[: packing.sizes[t]], state), here, noise_here, w)

    def body(t: tf.Tensor, state: State, arrays: Any) -> tuple[tf.Tensor, State, Any]:
        state, step = one(t, state)
        arrays = tf.nest.map_structure(lambda array, value: array.write(t, value), arrays, keep(step))
        return t + 1, state, arrays

    # The first step is made twice: here only for the shapes and types of what is kept; graphs drop it.
    example = keep(one(tf.constant(0), state)[1])
    arrays = tf.nest.map_structure(lambda value: array_like(value, steps), example)
    _, _, arrays = tf.while_loop(
        lambda t, *_: t < steps,
        body,
        (tf.constant(0), state, arrays),
        shape_invariants=tf.nest.map_structure(invariant, (tf.constant(0), state, arrays)),
        maximum_iterations=steps,
    )
    return tf.nest.map_structure(lambda array: array.concat(), arrays)


def zero_state(count: tf.Tensor, w: Weights) -> State:
    """Outputs and cells of all layers at rest, float32 `[count, units]` each."""
    zero = tf.zeros([count, w.mean.state.shape[0]])
    return (zero,) * len(w.gates), (zero,) * len(w.gates)
