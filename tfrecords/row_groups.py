"""Rows of an index that belong together, to draw one of each group at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfrecords.record_index import RecordIndex, Rows

SKETCH, PHOTO = 0, 1  # as tfrecords.schema.DOMAINS numbers them


@dataclass(frozen=True, eq=False)
class Pools:
    """Groups of rows: group g is `rows[start[g] : start[g] + count[g]]`."""

    rows: Rows
    start: Rows
    count: Rows

    @staticmethod
    def of(rows: Rows, owner: Rows, owners: Rows) -> Pools:
        """`rows` `[n]` by their `owner` `[n]`; group g is that of number `owners[g]`, and may be empty."""
        order = np.argsort(owner, kind="stable")
        start = np.searchsorted(owner[order], owners)
        return Pools(rows[order], start, np.searchsorted(owner[order], owners, "right") - start)

    def pick(self, rng: np.random.Generator, groups: Rows) -> Rows:
        """One row of each of `groups` `[m]`, drawn evenly; none may be empty."""
        place = (rng.random(len(groups)) * self.count[groups]).astype(np.int64)
        return self.rows[self.start[groups] + place]

    def pick_outside(self, rng: np.random.Generator, groups: Rows) -> Rows:
        """For each of `groups` `[m]` one row that is not in it, drawn evenly among all others of `rows`."""
        others = len(self.rows) - self.count[groups]
        place = (rng.random(len(groups)) * others).astype(np.int64)
        return self.rows[(self.start[groups] + self.count[groups] + place) % len(self.rows)]


def object_numbers(index: RecordIndex) -> Rows:
    """One number for label and instance together `[n]`; -1 where there is no instance."""
    span = int(index.instance.max(initial=0)) + 1
    return np.where(index.instance < 0, -1, index.label * span + index.instance)


def rows_in(index: RecordIndex, domain: int) -> Rows:
    """The rows of the sketches, or of the photos."""
    return np.flatnonzero(index.domain == domain)


def turn(anchors: int, count: int, step: int, seed: int) -> Rows:
    """Which `count` of `anchors` numbers are a step's.

    In an epoch of `anchors // count` steps none comes twice; its order is drawn from the seed.
    """
    epoch, place = divmod(step, anchors // count)
    order = np.random.default_rng([seed, epoch]).permutation(anchors)
    return order[place * count : (place + 1) * count]
