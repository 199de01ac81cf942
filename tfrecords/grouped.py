"""Batches that hold several examples of each of several classes, read from anywhere in the shards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from common.errors import UserError
from tfrecords.dataset import DatasetFolder
from tfrecords.schema import parse
from tfrecords.wire import read_records

HEADER, FOOTER = 12, 4  # bytes around a record: length and its check sum; check sum of the data


@dataclass(frozen=True)
class Grouping:
    """`groups` classes a batch, `members` examples of each."""

    groups: int
    members: int

    @staticmethod
    def parse(text: str) -> Grouping | None:
        """`8x4` is eight classes of four examples, `none` is no grouping; anything else is a `UserError`."""
        if text == "none":
            return None
        match = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
        if match is None:
            raise UserError(f"grouping={text}: expected none, or classes x examples of each such as 8x4")
        return Grouping(int(match[1]), int(match[2]))


@dataclass(frozen=True, eq=False)
class RecordIndex:
    """Where every record of a split is: `shard`, `start`, `size` (bytes) and `label`, each `[n]`."""

    files: tuple[Path, ...]
    shard: NDArray[np.int32]
    start: NDArray[np.int64]
    size: NDArray[np.int64]
    label: NDArray[np.int64]

    @staticmethod
    def of(folder: DatasetFolder, split: str) -> RecordIndex:
        """Look through all shards of a split once, checking every record."""
        files, rows = folder.shard_paths(split), []
        for number, path in enumerate(files):
            at = HEADER
            for data in read_records(path):
                rows.append((number, at, len(data), parse(data).label))
                at += len(data) + HEADER + FOOTER
        shard, start, size, label = np.array(rows, np.int64).reshape(-1, 4).T
        return RecordIndex(tuple(files), shard.astype(np.int32), start, size, label)

    def grouped(self, grouping: Grouping, seed: int, start_step: int) -> tf.data.Dataset:
        """Endless batches of serialised examples, string `[groups * members]`; a function of seed and step.

        Classes are drawn without repetition among those with at least two examples; a class with fewer than
        `members` gives some of them twice. Raises UserError where there are fewer classes than `groups`.
        """
        pools = [np.flatnonzero(self.label == label) for label in np.unique(self.label)]
        pools = [pool for pool in pools if len(pool) > 1]
        if len(pools) < grouping.groups:
            raise UserError(
                f"grouping={grouping.groups}x{grouping.members} wants {grouping.groups} classes of two or "
                f"more examples, the data set has {len(pools)}; lower the first number"
            )
        maps = [np.memmap(path, np.uint8, mode="r") for path in self.files]

        def draw(step: NDArray[np.int64]) -> NDArray[np.object_]:
            rng = np.random.default_rng([seed, int(step)])
            chosen = rng.choice(len(pools), grouping.groups, replace=False)
            rows = [_members(rng, pools[number], grouping.members) for number in chosen]
            return np.array([self._bytes(maps, row) for row in np.concatenate(rows)], object)

        steps = tf.data.Dataset.counter(tf.constant(start_step, tf.int64))
        batches = steps.map(
            lambda step: tf.numpy_function(draw, [step], tf.string, stateful=False),
            num_parallel_calls=2,
            deterministic=True,
        )
        return batches.map(lambda data: tf.ensure_shape(data, [grouping.groups * grouping.members]))

    def _bytes(self, maps: list[np.memmap], row: int) -> bytes:
        start = self.start[row]
        return maps[self.shard[row]][start : start + self.size[row]].tobytes()


def _members(rng: np.random.Generator, pool: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """`count` of a class, each as seldom twice as can be."""
    rounds = [rng.permutation(pool) for _ in range(-(-count // len(pool)))]
    return np.concatenate(rounds)[:count]
