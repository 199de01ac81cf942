"""What stroke models share in front of the recurrence and behind it: offsets, masks, reading at a point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models.spec import Options

STROKE_PRESETS = ("sketch", "published")
SPREAD = 8.0
"""Offsets of Quick, Draw! drawings spread by 0.06 (raw) to 0.16 (simplified) of the larger side."""
FIRST = (122.5, 122.5)
MEAN = (0.04, -0.67)
DEVIATION = (34.53, 26.54)
_FLAT = 1e-30

DEFAULTS: Options = {
    "preset": "default",
    "max_points": 150,
    "long_strokes": "resample",
    "strokes": "sketch",
    "layers": 2,
    "head": 64,
    "normalize": True,
}
"""Options that every model of strokes has; its own come besides."""
PUBLISHED: Options = {"long_strokes": "truncate", "strokes": "published", "normalize": False}
LIMITS: Mapping[str, tuple[Any, ...]] = {
    "max_points": (1, 100_000),
    "long_strokes": ("resample", "truncate"),
    "strokes": STROKE_PRESETS,
    "units": (1, 8192),
    "layers": (1, 8),
    "head": (1, 8192),
    "dropout": (0.0, 0.99),
}


def stroke_inputs(preset: str, *reads: str) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """The inputs of a model of strokes by name, and the offsets `[batch, time, 3]` of its strokes.

    `reads` names an int32 input `[batch]` besides `strokes` and `length`.
    """
    inputs = {"strokes": tf_keras.Input((None, 3), name="strokes")}
    for name in ("length", *reads):
        inputs[name] = tf_keras.Input((), dtype="int32", name=name)
    return inputs, StrokeOffsets(preset, name="offsets")((inputs["strokes"], inputs["length"]))


def mask_of(length: tf.Tensor, steps: int | tf.Tensor) -> tf.Tensor:
    """Which points are there: `length` int `[batch]` to bool `[batch, steps]`, true before `length`."""
    return tf.range(steps) < tf.cast(length, tf.int32)[:, None]


def gather_at(sequence: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """Entry `index` int `[batch]` of each sequence: `[batch, time, D]` to `[batch, D]`."""
    return tf.gather(sequence, index, axis=1, batch_dims=1)


class StrokeOffsets(layers.Layer):
    """Points to offsets: `(strokes, length)` to float32 `[batch, time, 3]`.

    `strokes` float32 `[batch, time, 3]` holds absolute x and y in any unit (y down) and 1 at the last
    point of a stroke; `length` int32 `[batch]` is the number of points, at least 1. An offset leads from
    the point before; in front of the first point stands a virtual one, so that nothing is lost. The third
    column stays. Behind `length` the output is 0 whatever the input is there. Computed in float32 also
    under mixed precision; finite for every finite drawing.

    `sketch`: the virtual point is the centre of the drawing's bounding box, and offsets are divided by its
    larger side (not at all where that is 0) and multiplied by `SPREAD`. Moving a drawing, or scaling it,
    changes nothing.
    `published`: for drawings in a 256 x 256 square; the virtual point is `FIRST`, and offsets are brought
    to mean 0 and deviation 1 with the constants of the published representation models (`MEAN`,
    `DEVIATION`).
    """

    def __init__(self, preset: str, name: str) -> None:
        super().__init__(name=name, dtype="float32")
        if preset not in STROKE_PRESETS:
            raise ValueError(f"preset {preset!r} is not one of {STROKE_PRESETS}")
        self.preset = preset

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Offsets and pen bits of `(strokes, length)`."""
        strokes, length = inputs
        there = tf.expand_dims(mask_of(length, tf.shape(strokes)[1]), -1)
        strokes = tf.where(there, strokes, 0.0)
        points, pen = strokes[..., :2], strokes[..., 2:]
        relative = _published if self.preset == "published" else _to_own_box
        return tf.where(there, tf.concat([relative(points, there), pen], -1), 0.0)


def _published(points: tf.Tensor, there: tf.Tensor) -> tf.Tensor:
    # Divided before the difference is taken, which then cannot overflow.
    return _differences(points / DEVIATION, tf.constant(FIRST) / DEVIATION) - tf.constant(MEAN) / DEVIATION


def _to_own_box(points: tf.Tensor, there: tf.Tensor) -> tf.Tensor:
    # Half units: no side of a box of finite points overflows.
    half = 0.5 * points
    low = tf.reduce_min(tf.where(there, half, half.dtype.max), axis=1, keepdims=True)
    high = tf.reduce_max(tf.where(there, half, half.dtype.min), axis=1, keepdims=True)
    side = tf.reduce_max(high - low, axis=-1, keepdims=True)
    side = tf.where(side > _FLAT, side, 1.0)
    return _differences(half, low + 0.5 * (high - low)) / side * SPREAD


def _differences(points: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
    """Each point minus the one before it, the first one minus `first`, which is `[2]` or `[batch, 1, 2]`."""
    return points - tf.concat([tf.broadcast_to(first, tf.shape(points[:, :1])), points[:, :-1]], axis=1)
