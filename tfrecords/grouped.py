"""Batches that hold several examples of each of several classes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sketchspace.errors import UserError
from tfrecords.record_index import RecordIndex, Rows

Draw = Callable[[int], Rows]
"""A batch's rows of the index as a function of the step."""


@dataclass(frozen=True)
class Grouping:
    """`groups` classes a batch, `members` examples of each."""

    groups: int
    members: int

    @property
    def size(self) -> int:
        """Examples of a batch."""
        return self.groups * self.members

    @staticmethod
    def parse(text: str) -> Grouping | None:
        """`8x4` is eight classes of four examples; None where a text says something else."""
        match = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
        return Grouping(int(match[1]), int(match[2])) if match else None

    def drawer(self, index: RecordIndex, seed: int) -> Draw:
        """What draws a batch's rows, int64 `[groups * members]`; a function of seed and step.

        Classes are drawn without repetition among those with at least two examples; a class with fewer than
        `members` gives some of them twice. Raises UserError where there are fewer classes than `groups`.
        """
        pools = [np.flatnonzero(index.label == label) for label in np.unique(index.label)]
        pools = [pool for pool in pools if len(pool) > 1]
        if len(pools) < self.groups:
            raise UserError(
                f"grouping={self.groups}x{self.members} wants {self.groups} classes of two or "
                f"more examples, the data set has {len(pools)}; lower the first number"
            )

        def draw(step: int) -> Rows:
            rng = np.random.default_rng([seed, step])
            chosen = rng.choice(len(pools), self.groups, replace=False)
            return np.concatenate([_members(rng, pools[number], self.members) for number in chosen])

        return draw


def _members(rng: np.random.Generator, pool: Rows, count: int) -> Rows:
    """`count` of a class, each as seldom twice as can be."""
    rounds = [rng.permutation(pool) for _ in range(-(-count // len(pool)))]
    return np.concatenate(rounds)[:count]
