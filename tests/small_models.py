"""Every model at its smallest, and batches that it can be fed, for the tests of models."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from ai_edge_litert.interpreter import Interpreter

from models import resnet_v2
from models.layers import Dropout
from models.registry import model_spec, resolve_options
from models.spec import ModelSpec, Options, Shapes, Stage
from sketchspace.quiet import quiet_native_code
from training.estimator import RunConfig, compile_learner

SMALL = {
    "width": "0.0625",
    "embedding_size": "24",
    "units": "12",
    "latent": "6",
    "net": "10",
    "head": "16",
    "snapshots": "3",
    "grid_channels": "8",
    "cut": "3",
    "distill": "false",  # its teacher is a second network, which has a test of its own
    "crop": "1.0",
    "stride": "1",
    "attention": "sigmoid",  # A softmax over the one place that is left of small pictures has no gradient.
}
SHALLOW = ((64, 2, 2), (128, 1, 1))
"""Of the stages of a residual network two that have every kind of unit; all of them have their own tests."""
ROWS = {"pairs": 2, "classes": 2, "balanced": 2, "triplets": 3}
CLASSES = 7
SIDE = 16


def small_options(spec: ModelSpec, **given: str) -> Options:
    """A model's options at their smallest, changed by those of `given` that it has."""
    return resolve_options(spec, {key: text for key, text in (SMALL | given).items() if key in spec.defaults})


def small(spec: ModelSpec, size: int = SIDE, seed: int = 0, **given: str) -> tf_keras.Model:
    """A model at its smallest, `CLASSES` classes."""
    return _built(spec, size, seed, small_options(spec, **given))


def _built(spec: ModelSpec, size: int, seed: int, options: Options) -> tf_keras.Model:
    tf_keras.utils.set_random_seed(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resnet_v2, "STAGES", SHALLOW)
        return spec.build(options, Shapes(size, CLASSES))


@cache
def _kept(name: str, size: int, seed: int, options: tuple[tuple[str, Any], ...]):
    encoder = _built(model_spec(name), size, seed, dict(options))
    return encoder, encoder.get_weights(), [(layer, layer.rate) for layer in dropouts(encoder)]


def shared(spec: ModelSpec, size: int = SIDE, seed: int = 0, **given: str) -> tf_keras.Model:
    """As `small`, but built once for all tests: with the weights that it had then, all of them trainable.

    A test that gets it may change its weights; the next one gets them back as they were.
    """
    encoder, weights, rates = _kept(spec.name, size, seed, tuple(small_options(spec, **given).items()))
    encoder.set_weights(weights)
    for layer in encoder.layers:
        layer.trainable = True
    for layer, rate in rates:
        layer.rate = rate
    return encoder


def without_dropout(encoder: tf_keras.Model) -> tf_keras.Model:
    """A shared encoder that drops nothing, until it is asked for again."""
    for layer in dropouts(encoder):
        layer.rate = 0.0
    return encoder


def dropouts(encoder: tf_keras.Model) -> list[Dropout]:
    """The layers of an encoder, and of networks inside it, that drop something in training."""
    return [layer for layer in encoder.submodules if isinstance(layer, Dropout)]


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


def converted(function: Any, encoder: tf_keras.Model) -> Interpreter:
    """A concrete function of an encoder as a LiteRT model.

    Saved with its weights alone, as the export does it: the Keras model would be traced layer by layer.
    """
    module = tf.Module()
    module.weights = encoder.variables
    with quiet_native_code():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
        return Interpreter(model_content=converter.convert())


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


def labelled(spec: ModelSpec, seed: int = 0) -> dict[str, tf.Tensor]:
    """A random batch for the first stage of a model: eight examples with each class in turn, or four tuples.

    Of `balanced` pairs every other one is of two classes; the rows of other tuples are of one object.
    """
    kind = first_stage(spec).grouping.partition(":")[0]
    rows = ROWS.get(kind, 1)
    count = 8 if rows == 1 else 4 * rows
    tuples = np.arange(count) // rows
    labels = np.arange(count) % CLASSES if kind in ("none", "balanced") else tuples % CLASSES
    if kind == "balanced":
        labels = np.where(tuples % 2, labels, tuples)
    numbers = {"label": labels, "instance": tuples}
    return inputs_of(spec.inputs, count, seed=seed) | {
        name: tf.constant(value, tf.int32) for name, value in numbers.items()
    }


def first_stage(spec: ModelSpec) -> Stage:
    """The first stage of a model's own recipe."""
    return spec.recipe(small_options(spec))[0]


def learner_of(spec: ModelSpec, encoder: tf_keras.Model, seed: int = 0, **changes):
    """The learner of the first stage of the model's recipe, compiled."""
    stage = dataclasses.replace(first_stage(spec), **changes)
    config = RunConfig(
        Path("unused"), tf.distribute.get_strategy(), tf_random_seed=seed, steps_per_execution=1
    )
    return compile_learner(encoder, stage, config)
