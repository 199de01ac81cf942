"""Annotated triplets: a sketch, and two photos of which people called the first one closer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sketchspace.errors import UserError
from tfrecords.dataset import ANNOTATIONS
from tfrecords.record_index import RecordIndex, Rows
from tfrecords.row_groups import PHOTO, SKETCH, Pools, object_numbers, rows_in


@dataclass(frozen=True, eq=False)
class Triplets:
    """The sampling of Yu et al. 2016, "Sketch Me That Shoe": anchors are the sketches in order.

    `group` `[anchors]` is each anchor's group of `pairs`, numbers of annotated pairs `closer`, `farther` (of
    groups of `photos`), and of `others`, photos of the class that were not compared for it. With probability
    `hard_ratio` a tuple is one of its pairs; otherwise the farther photo is drawn from the others.
    """

    sketches: Rows
    group: Rows
    pairs: Pools
    closer: Rows
    farther: Rows
    photos: Pools
    others: Pools
    hard_ratio: float

    @staticmethod
    def of(index: RecordIndex, hard_ratio: float) -> Triplets:
        """The triplets of `annotations.json` for a split.

        Raises UserError where there are none, or where they name what the split does not hold.
        """
        numbers = object_numbers(index)
        anchor, closer, farther = _annotated(index, numbers).T
        drawn, seen = rows_in(index, SKETCH), rows_in(index, PHOTO)
        photos = np.unique(numbers[seen])
        anchors = np.unique(anchor)
        drawn = drawn[np.isin(numbers[drawn], anchors)]
        drawn = drawn[np.argsort(numbers[drawn], kind="stable")]
        return Triplets(
            sketches=drawn,
            group=np.searchsorted(anchors, numbers[drawn]),
            pairs=Pools.of(np.arange(len(anchor)), anchor, anchors),
            closer=np.searchsorted(photos, closer),
            farther=np.searchsorted(photos, farther),
            photos=Pools.of(seen, numbers[seen], photos),
            others=_not_compared(index, numbers, anchors, np.stack([anchor, closer, farther])),
            hard_ratio=hard_ratio,
        )

    @property
    def anchors(self) -> int:
        """How many sketches were annotated."""
        return len(self.sketches)

    def draw(self, step: int, count: int, seed: int) -> Rows:
        """`count` triplets: sketch, closer photo, farther photo."""
        chosen = (step * count + np.arange(count)) % self.anchors
        rng, group = np.random.default_rng([seed, step]), self.group[chosen]
        pair = self.pairs.pick(rng, group)
        near = self.photos.pick(rng, self.closer[pair])
        far = self.photos.pick(rng, self.farther[pair])
        easy = (rng.random(count) >= self.hard_ratio) & (self.others.count[group] > 0)
        far[easy] = self.others.pick(rng, group[easy])
        return np.stack([self.sketches[chosen], near, far], axis=1).reshape(-1)


def _annotated(index: RecordIndex, numbers: Rows) -> Rows:
    """A split's triplets as numbers of objects, `[n, 3]`; what cannot be is a `UserError`."""
    folder, file = index.folder, index.folder.path / ANNOTATIONS
    by_class = folder.annotations().get("triplets", {}).get(index.split, {})
    found = [np.zeros((0, 3), np.int64)]
    for name, triplets in by_class.items():
        if name not in folder.manifest.classes:
            raise UserError(f"{file} has triplets of '{name}', no class of the data set; make it again")
        label = folder.manifest.classes.index(name)
        found.append(_objects(index, numbers, label, _checked(triplets, f"{file}: {name}")))
    if not sum(map(len, found)):
        raise UserError(
            f"annotated triplets are wanted, and {folder.path} has none for '{index.split}'; make a data set "
            "that has them, such as --dataset=qmul, or give --set grouping=pairs:48 and another learner"
        )
    return np.concatenate(found)


def _checked(triplets: Any, where: str) -> Rows:
    try:
        made = np.array(triplets)
        if made.ndim == 2 and made.shape[1] == 3 and made.dtype.kind == "i":
            return made.astype(np.int64)
    except ValueError:
        pass
    raise UserError(f"{where}: expected lists of three whole numbers; make the data set again")


def _objects(index: RecordIndex, numbers: Rows, label: int, triplets: Rows) -> Rows:
    """Instances of a class as numbers of objects; one that the split does not hold is a `UserError`."""
    made = np.empty_like(triplets)
    for column, domain in ((0, SKETCH), (1, PHOTO), (2, PHOTO)):
        there = np.flatnonzero((index.domain == domain) & (index.label == label) & (index.instance >= 0))
        instances, first = np.unique(index.instance[there], return_index=True)
        place = np.searchsorted(instances, triplets[:, column])
        known = np.isin(triplets[:, column], instances)
        if not known.all():
            raise UserError(
                f"{index.folder.path / ANNOTATIONS} names {('a sketch', 'a photo')[domain]} of object "
                f"{triplets[~known, column][0]} of '{index.folder.manifest.classes[label]}', which split "
                f"'{index.split}' does not hold; make the data set again"
            )
        made[:, column] = numbers[there[first[place]]]
    return made


def _not_compared(index: RecordIndex, numbers: Rows, anchors: Rows, triplets: Rows) -> Pools:
    """For each anchor the photos of its class that it was not compared with."""
    seen, found, owner = rows_in(index, PHOTO), [], []
    label_of = dict(zip(numbers.tolist(), index.label.tolist(), strict=True))
    for number in anchors.tolist():
        mine = triplets[1:, triplets[0] == number]
        same = seen[index.label[seen] == label_of[number]]
        others = same[~np.isin(numbers[same], mine)]
        found.append(others)
        owner.append(np.full(len(others), number))
    return Pools.of(np.concatenate(found), np.concatenate(owner), anchors)
