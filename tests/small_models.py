"""Every model at its smallest, and batches that it can be fed, for the tests of models."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras

from models.registry import resolve_options
from models.spec import ModelSpec, Options, Shapes
from training.estimator import RunConfig, compile_learner

SMALL = {
    "width": "0.0625",
    "embedding_size": "24",
    "units": "12",
    "latent": "6",
    "net": "10",
    "head": "16",
    "snapshots": "3",
}
CLASSES = 7
SIDE = 16


def small_options(spec: ModelSpec, **given: str) -> Options:
    """A model's options at their smallest, changed by those of `given` that it has."""
    return resolve_options(spec, {key: text for key, text in (SMALL | given).items() if key in spec.defaults})


def small(spec: ModelSpec, size: int = SIDE, seed: int = 0, **given: str) -> tf_keras.Model:
    """A model at its smallest, `CLASSES` classes."""
    tf_keras.utils.set_random_seed(seed)
    return spec.build(small_options(spec, **given), Shapes(size, CLASSES))


def shaken(encoder: tf_keras.Model, seed: int = 0) -> tf_keras.Model:
    """Kernels drawn anew and wider, so that outputs are not nearly zero as those of a fresh network are."""
    rng = np.random.default_rng(seed)
    for variable in encoder.variables:
        if "kernel" in variable.name:
            spread = np.sqrt(2 / np.prod(variable.shape[:-1]))
            variable.assign(spread * rng.normal(size=variable.shape))
        elif "bias" in variable.name or "mean" in variable.name:
            variable.assign(0.1 * rng.normal(size=variable.shape))
    return encoder


def inputs_of(
    names: tuple[str, ...], count: int = 8, size: int = SIDE, seed: int = 0
) -> dict[str, tf.Tensor]:
    """Random drawings as an encoder with these inputs wants them, of 3 to 11 points."""
    rng = np.random.default_rng(seed)
    length = rng.integers(3, 12, count)
    steps = int(length.max())
    strokes = np.cumsum(rng.normal(0, 30, (count, steps, 3)), axis=1) + 120
    strokes[..., 2] = rng.random((count, steps)) < 0.3
    strokes *= (np.arange(steps) < length[:, None])[..., None]
    at = np.sort(rng.integers(0, length[:, None], (count, 3)), axis=1)
    at[:, -1] = length - 1
    every = {
        "image": tf.constant(rng.random((count, size, size, 1)), tf.float32),
        "strokes": tf.constant(strokes, tf.float32),
        "length": tf.constant(length, tf.int32),
        "read_at": tf.constant(length - 1, tf.int32),
        "snapshots": tf.constant(rng.random((count, 3, size, size, 1)), tf.float32),
        "snapshot_at": tf.constant(at, tf.int32),
    }
    return {name: every[name] for name in names}


def labelled(spec: ModelSpec, count: int = 8, seed: int = 0) -> dict[str, tf.Tensor]:
    """Random inputs for a model, and labels: each class in turn."""
    labels = tf.constant(np.arange(count) % CLASSES, tf.int32)
    return inputs_of(spec.inputs, count, seed=seed) | {"label": labels}


def learner_of(spec: ModelSpec, encoder: tf_keras.Model, seed: int = 0, **changes):
    """The learner of the first stage of the model's recipe, compiled."""
    stage = dataclasses.replace(spec.recipe(small_options(spec))[0], **changes)
    config = RunConfig(
        Path("unused"), tf.distribute.get_strategy(), tf_random_seed=seed, steps_per_execution=10
    )
    return compile_learner(encoder, stage, config)
