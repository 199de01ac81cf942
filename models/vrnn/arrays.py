"""Rows of a step, and arrays of steps with ever fewer rows, for loops over packed rows."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def rows_of(tensor: tf.Tensor, start: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Rows `start` to `start + size` of `[rows, D]`."""
    rows = tf.slice(tensor, [start, 0], [size, -1])
    rows.set_shape([None, tensor.shape[1]])
    return rows


def array_like(value: tf.Tensor, steps: tf.Tensor) -> tf.TensorArray:
    """An array for `steps` values of the type and the width of `value` `[rows, D]`, of any number of rows."""
    return tf.TensorArray(value.dtype, steps, infer_shape=False, element_shape=[None, value.shape[-1]])


def invariant(value: Any) -> tf.TensorShape:
    """What stays of a shape in the loop: the width, where there is one."""
    if isinstance(value, tf.TensorArray) or value.shape.rank != 2:
        return tf.TensorShape(None if isinstance(value, tf.TensorArray) else value.shape)
    return tf.TensorShape([None, value.shape[-1]])
