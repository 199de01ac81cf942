"""Batches of records from anywhere in a split, decoded once and kept in memory where they are few."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from tfrecords.dataset import Pictures
from tfrecords.grouped import Draw
from tfrecords.model_inputs import Wanted
from tfrecords.record_index import RecordIndex, Rows

Batch = dict[str, tf.Tensor]
MAX_BYTES_IN_MEMORY = 1 << 29
"""Pictures of a split that take no more are decoded once: decoding costs more than all else at 256 px."""


class Drawn:
    """A split whose rows are drawn; `parse` makes a batch of serialised examples `[batch]`.

    Splits of pictures that fit into memory are held there, in whole bytes; the batches are the same.
    """

    def __init__(self, index: RecordIndex, wanted: Wanted, parse: Callable[[tf.Tensor], Batch]) -> None:
        manifest = index.folder.manifest
        size = len(index.label) * manifest.image_size**2 * manifest.channels
        self.index, self.parse = index, parse
        self.in_memory = tuple(wanted.inputs) == ("image",) and size <= MAX_BYTES_IN_MEMORY

    @cached_property
    def _pictures(self) -> Pictures:
        return self.index.folder.pictures(self.index.split)

    def steps(self, draw: Draw, size: int, start_step: int) -> tf.data.Dataset:
        """Endless batches of the `size` rows that `draw(step)` names, from a step on."""
        steps = tf.data.Dataset.counter(tf.constant(start_step, tf.int64))
        return self._batches(steps, lambda step: draw(int(step)), size)

    def fixed(self, rows: Rows) -> tf.data.Dataset:
        """Batches of the rows int64 `[batches, examples]`, once."""
        return self._batches(tf.data.Dataset.range(len(rows)), lambda number: rows[number], rows.shape[1])

    def _batches(self, numbers: tf.data.Dataset, draw: Callable[[Any], Rows], size: int) -> tf.data.Dataset:
        fetch = self._from_memory if self.in_memory else self._from_shards
        return numbers.map(lambda number: fetch(number, draw, size), num_parallel_calls=2, deterministic=True)

    def _from_shards(self, number: tf.Tensor, draw: Callable[[Any], Rows], size: int) -> Batch:
        read = lambda number: self.index.serialised(draw(number))  # noqa: E731
        data = tf.numpy_function(read, [number], tf.string, stateful=False)
        return self.parse(tf.ensure_shape(data, [size]))

    def _from_memory(self, number: tf.Tensor, draw: Callable[[Any], Rows], size: int) -> Batch:
        def read(number: Any) -> tuple[Any, ...]:
            rows, held = draw(number), self._pictures
            keys = np.array([held.keys[row].encode() for row in rows], object)
            images = held.images[rows]
            numbers = (held.labels[rows], held.domains[rows].astype(np.int32), held.instances[rows])
            return keys, images.reshape(*images.shape[:3], -1), *numbers

        kinds = (tf.string, tf.uint8, tf.int32, tf.int32, tf.int32)
        manifest = self.index.folder.manifest
        found = tf.numpy_function(read, [number], kinds, stateful=False)
        keys, images, *numbers = found
        side, channels = manifest.image_size, manifest.channels
        batch = {
            "key": tf.ensure_shape(keys, [size]),
            "image": as_ink(tf.ensure_shape(images, [size, side, side, channels])),
        }
        names = ("label", "domain", "instance")
        return batch | {
            name: tf.ensure_shape(value, [size]) for name, value in zip(names, numbers, strict=True)
        }


def as_ink(pixels: tf.Tensor) -> tf.Tensor:
    """Pixels uint8, 255 paper, as the network's float32: 0 paper .. 1 ink."""
    return 1.0 - tf.cast(pixels, tf.float32) / 255.0
