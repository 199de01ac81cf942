"""Batches of sketches and photos: pairs of one object or class, balanced pairs, annotated triplets.

Rows of a tuple follow each other, so that a batch can be cut between tuples. What is drawn is a function of
the seed and the step.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sketchspace.errors import UserError, unknown_name
from tfrecords.grouped import Draw, Grouping
from tfrecords.record_index import RecordIndex, Rows
from tfrecords.row_groups import PHOTO, SKETCH, Pools, object_numbers, rows_in, turn
from tfrecords.triplets import Triplets

MATCHES = ("class", "instance")
ARITY = {"pairs": 2, "classes": 2, "balanced": 2, "triplets": 3}
_WANTED = {
    "pairs": "objects with sketch and photo",
    "classes": "classes with sketch and photo",
    "balanced": "sketches with photos",
}
ROUNDS = 4  # how often a fixed set has each anchor of triplets


class Sampler(Protocol):
    """What tuples are drawn from: `anchors` is the number of those that take turns."""

    @property
    def anchors(self) -> int:
        """How many objects or sketches take turns."""

    def draw(self, step: int, count: int, seed: int) -> Rows:
        """Rows of `count` tuples, int64 `[count * k]`, tuple after tuple."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """A sketch and a photo of each object or class; of objects, those that nobody drew are left out."""

    sketches: Pools
    photos: Pools

    @staticmethod
    def of(index: RecordIndex, match: str = "instance") -> Pairs:
        """All objects of a split, or all classes, that have a sketch and a photo."""
        numbers = index.label if match == "class" else object_numbers(index)
        drawn, seen = rows_in(index, SKETCH), rows_in(index, PHOTO)
        both = np.intersect1d(numbers[drawn], numbers[seen])
        both = both[both >= 0]
        return Pairs(Pools.of(drawn, numbers[drawn], both), Pools.of(seen, numbers[seen], both))

    @property
    def anchors(self) -> int:
        """How many objects or classes have both."""
        return len(self.sketches.start)

    def draw(self, step: int, count: int, seed: int) -> Rows:
        """`count` different objects or classes, a sketch and a photo of each."""
        chosen = turn(self.anchors, count, step, seed)
        rng = np.random.default_rng([seed, step, 1])
        return _interleaved(self.sketches.pick(rng, chosen), self.photos.pick(rng, chosen))


@dataclass(frozen=True, eq=False)
class Balanced:
    """Sketches, each with a photo: one that matches for every other sketch, else one that does not.

    `group` is the number of each sketch's group of matching `photos`.
    """

    sketches: Rows
    group: Rows
    photos: Pools

    @staticmethod
    def of(index: RecordIndex, match: str) -> Balanced:
        """All sketches of a split that have a photo of their class, or of their object."""
        numbers = index.label if match == "class" else object_numbers(index)
        drawn, seen = (rows_in(index, domain) for domain in (SKETCH, PHOTO))
        drawn, seen = drawn[numbers[drawn] >= 0], seen[numbers[seen] >= 0]
        owners = np.unique(numbers[seen])
        drawn = drawn[np.isin(numbers[drawn], owners)]
        if len(owners) == 1 and len(drawn):
            raise UserError(
                f"balanced pairs want photos of two {'classes' if match == 'class' else 'objects'} at least, "
                f"split '{index.split}' of {index.folder.path} has one"
                + ("; --set match=instance pairs by object" if match == "class" else "")
            )
        group = np.searchsorted(owners, numbers[drawn])
        return Balanced(drawn, group, Pools.of(seen, numbers[seen], owners))

    @property
    def anchors(self) -> int:
        """How many sketches take turns."""
        return len(self.sketches)

    def draw(self, step: int, count: int, seed: int) -> Rows:
        """`count` different sketches with a photo each, the first, third, ... with one that matches."""
        chosen = turn(self.anchors, count, step, seed)
        rng = np.random.default_rng([seed, step, 1])
        same = self.photos.pick(rng, self.group[chosen])
        other = self.photos.pick_outside(rng, self.group[chosen])
        return _interleaved(self.sketches[chosen], np.where(np.arange(count) % 2, other, same))


def _interleaved(*columns: Rows) -> Rows:
    return np.stack(columns, axis=1).reshape(-1)


@dataclass(frozen=True)
class Pairing:
    """`count` tuples a batch of the kind that `kind` (of `ARITY`) names."""

    kind: str
    count: int
    match: str = MATCHES[0]
    hard_ratio: float = 0.75

    @property
    def size(self) -> int:
        """Examples of a batch."""
        return self.count * ARITY[self.kind]

    def sampler(self, index: RecordIndex) -> Sampler:
        """What the tuples are drawn from; a `UserError` where there is nothing to draw."""
        if self.kind == "pairs":
            made: Sampler = Pairs.of(index)
        elif self.kind == "classes":
            made = Pairs.of(index, "class")
        elif self.kind == "balanced":
            made = Balanced.of(index, self.match)
        else:
            made = Triplets.of(index, self.hard_ratio)
        if not made.anchors:
            raise UserError(
                f"grouping={self.kind}:{self.count} wants sketches with photos, and split '{index.split}' of "
                f"{index.folder.path} has none; give a paired data set"
            )
        return made

    def drawer(self, index: RecordIndex, seed: int) -> Draw:
        """What draws a batch's rows; a `UserError` where there are too few for one batch."""
        sampler = self.sampler(index)
        if self.kind != "triplets" and sampler.anchors < self.count:
            what = _WANTED[self.kind]
            raise UserError(
                f"grouping={self.kind}:{self.count} wants {self.count} {what}, split '{index.split}' of "
                f"{index.folder.path} has {sampler.anchors:,}; lower the number"
            )
        return lambda step: sampler.draw(step, self.count, seed)

    def fixed(self, index: RecordIndex, replicas: int = 1) -> Rows:
        """A set of batches that is always the same, for evaluation: rows int64 `[batches, examples]`.

        All of the split once, in batches of equal size near the usual one that replicas can share; some
        tuples may be left over. Of triplets each anchor comes four times, with annotated photos only.
        """
        sampler = dataclasses.replace(self, hard_ratio=1.0).sampler(index)
        total = sampler.anchors * (ROUNDS if self.kind == "triplets" else 1)
        batches = max(1, round(total / self.count))
        count = total // batches // replicas * replicas
        if not count:
            raise UserError(
                f"split '{index.split}' of {index.folder.path} has {total} {self.kind}, fewer than replicas"
            )
        return np.stack([sampler.draw(step, count, 0) for step in range(total // count)])


def grouping_of(text: str, match: str = MATCHES[0], hard_ratio: float = 0.75) -> Grouping | Pairing | None:
    """What a stage's `grouping` means, None for `none`; any other text is a `UserError`."""
    if match not in MATCHES:
        raise unknown_name("value of match", match, MATCHES)
    found = re.fullmatch(rf"({'|'.join(ARITY)}):([1-9]\d{{0,5}})", text)
    if found:
        return Pairing(found[1], int(found[2]), match, hard_ratio)
    grouping = Grouping.parse(text)
    if grouping is None and text != "none":
        raise UserError(
            f"grouping={text}: expected none, classes x examples of each such as 8x4, "
            "or pairs:48, classes:32, balanced:32 or triplets:128"
        )
    return grouping
