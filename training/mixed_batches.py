"""Batches from several data sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfrecords.dataset import DatasetFolder
from tfrecords.grouped import Grouping
from tfrecords.model_inputs import Wanted
from tfrecords.paired import Pairing
from tfrecords.reader import TrainingInput

BLOCK = 4096


@dataclass(frozen=True)
class Mixture:
    """Every batch is of one of `parts`, drawn by `weights` and `seed`; a pure function of (seed, step).

    Each part goes on where its last batch ended, so that its epochs stay whole. What asks for one data set
    is told of the first.
    """

    parts: tuple[TrainingInput, ...]
    weights: tuple[float, ...]
    seed: int

    @property
    def folder(self) -> DatasetFolder:
        """The first data set."""
        return self.parts[0].folder

    @property
    def split(self) -> str:
        """The split that is learned."""
        return self.parts[0].split

    @property
    def wanted(self) -> Wanted:
        """What is read of every record."""
        return self.parts[0].wanted

    @property
    def grouping(self) -> Grouping | Pairing | None:
        """What makes a batch."""
        return self.parts[0].grouping

    @property
    def batch_size(self) -> int:
        """Examples of a batch."""
        return self.parts[0].batch_size

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which each data set may have been seen once."""
        return sum(part.steps_per_epoch for part in self.parts)

    def batches(self, start_step: int = 0) -> tf.data.Dataset:
        """Batches from `start_step` on."""
        before = np.bincount(self.choices(0, start_step), minlength=len(self.parts))
        parts = [part.batches(int(done)) for part, done in zip(self.parts, before, strict=True)]
        block, passed = divmod(start_step, BLOCK)
        blocks = tf.data.Dataset.counter(tf.constant(block, tf.int64))
        choices = blocks.flat_map(lambda number: tf.data.Dataset.from_tensor_slices(self._choices_of(number)))
        return tf.data.Dataset.choose_from_datasets(parts, choices.skip(passed), stop_on_empty_dataset=False)

    def choices(self, start: int, stop: int) -> NDArray[np.int64]:
        """Which part each step from `start` to `stop` takes."""
        first, last = start // BLOCK, -(-stop // BLOCK)
        drawn = [np.zeros(0, np.int64), *(self._block(number) for number in range(first, last))]
        return np.concatenate(drawn)[start - first * BLOCK : stop - first * BLOCK]

    def _block(self, number: int) -> NDArray[np.int64]:
        share = np.cumsum(self.weights) / np.sum(self.weights)
        drawn = np.random.default_rng([self.seed, number, 2]).random(BLOCK)
        return np.searchsorted(share[:-1], drawn, "right").astype(np.int64)

    def _choices_of(self, number: tf.Tensor) -> tf.Tensor:
        def draw(number: Any) -> NDArray[np.int64]:
            return self._block(int(number))

        return tf.ensure_shape(tf.numpy_function(draw, [number], tf.int64, stateful=False), [BLOCK])
