"""Whether photos lie around a sketch as people ordered them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.baselines import Floats
from sketchspace.errors import UserError

Doubles = NDArray[np.float64]
Triplets = Mapping[str, Sequence[Sequence[int]]]
"""By class name, rows of three instances: the sketch, the photo that people found closer, and the farther."""


class Objects(Protocol):
    """What is known of the sketches or photos: `labels` and `instances`, int32 `[n]` each."""

    @property
    def labels(self) -> NDArray[np.int32]:
        """Number of the class of each."""

    @property
    def instances(self) -> NDArray[np.int32]:
        """Number of the object within its class."""


def triplet_shares(
    sketch_vectors: Floats,
    photo_vectors: Floats,
    sketches: Objects,
    photos: Objects,
    classes: Sequence[str],
    triplets: Triplets,
) -> tuple[Doubles, int]:
    """For each sketch the share of its triplets in the right order, float64 `[sketches]`, and their number.

    A triplet is in the right order if the closer photo's squared distance is smaller; equal is not.
    NaN for a sketch without triplets. Triplets of objects that are not in this split are left out; what is
    not rows of three whole numbers is a `UserError`.
    """
    exact = photo_vectors.astype(np.float64)
    right, total = np.zeros(len(sketch_vectors)), np.zeros(len(sketch_vectors))
    for name, given in triplets.items():
        if name not in classes:
            continue
        rows, label = _checked(name, given), list(classes).index(name)
        photo_rows = _rows_of(photos, label)
        sketch_rows = np.flatnonzero(sketches.labels == label)
        order = np.argsort(rows[:, 0], kind="stable")
        rows = rows[order]
        for sketch in sketch_rows:
            first, last = np.searchsorted(rows[:, 0], sketches.instances[sketch] + np.array([0, 1]))
            pairs = [
                (photo_rows[closer], photo_rows[farther])
                for _, closer, farther in rows[first:last].tolist()
                if closer in photo_rows and farther in photo_rows
            ]
            if pairs:
                far = np.square(exact - sketch_vectors[sketch]).sum(axis=1)
                closer, farther = far[np.array(pairs)].T
                right[sketch], total[sketch] = np.sum(closer < farther), len(pairs)
    shares = np.divide(right, total, out=np.full(len(total), np.nan), where=total > 0)
    return shares, int(total.sum())


def _checked(name: str, given: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    try:
        rows = np.array(given)
    except ValueError:
        rows = np.empty(0)
    if not len(given):
        return np.empty((0, 3), np.int64)
    if rows.ndim != 2 or rows.shape[1] != 3 or rows.dtype.kind not in "iu":
        raise UserError(
            f"the triplets of class {name} are no rows of three whole numbers; make the data set again"
        )
    return rows.astype(np.int64)


def _rows_of(photos: Objects, label: int) -> dict[int, int]:
    """Row of the first photo of each object of a class, by instance."""
    rows = np.flatnonzero((photos.labels == label) & (photos.instances >= 0))
    return {int(photos.instances[row]): int(row) for row in rows[::-1]}
