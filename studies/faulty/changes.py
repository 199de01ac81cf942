"""Faulty drawings taken out of a training split, or put in: which ones, and what they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import UserError
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch
from tfrecords.png import encode_png
from tfrecords.schema import Record

KINDS = ("wrong_label", "scribble")
SIDE = 255


@dataclass(frozen=True)
class Changes:
    """What is asked for: keys to `drop`, then the share `inject` of what is left replaced by `kind`."""

    drop: frozenset[str] = frozenset()
    inject: float = 0.0
    kind: str = KINDS[0]
    seed: int = 0

    def check(self) -> None:
        """Raise `UserError` where nothing or nonsense is asked for."""
        if not 0 <= self.inject < 1:
            raise UserError(f"--inject={self.inject} is no share of the drawings; expected 0 <= share < 1")
        if self.kind not in KINDS:
            raise UserError(f"--kind={self.kind} is unknown; expected {' or '.join(KINDS)}")
        if not self.drop and not self.inject:
            raise UserError("nothing is to change; give --drop=faulty.csv with marks in it, or --inject=0.1")


def choose(
    keys: Sequence[str], labels: NDArray[np.int32], changes: Changes
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which drawings stay, bool `[n]`, and who replaces them, int64 `[n]`.

    The second is -1 for those that stay what they are, their own index for a scribble, and the index of a
    drawing of another class for a wrong label. Raises `UserError` where a class would be empty or no other
    class is left.
    """
    stays = np.array([key not in changes.drop for key in keys])
    emptied = np.setdiff1d(labels, labels[stays])
    if len(emptied):
        raise UserError(
            f"{len(emptied)} classes would lose all training drawings (the first has label {emptied[0]}); "
            "mark fewer drawings"
        )
    left, rng = np.flatnonzero(stays), np.random.default_rng(changes.seed)
    replaced = rng.choice(left, round(changes.inject * len(left)), replace=False)
    if changes.inject and not len(replaced):
        raise UserError(
            f"--inject={changes.inject} of {len(left)} drawings is not even one; give a larger share"
        )
    becomes = np.full(len(keys), -1, np.int64)
    becomes[replaced] = replaced if changes.kind == "scribble" else _others(replaced, left, labels, rng)
    return stays, becomes


def as_many_at_random(
    keys: Sequence[str], labels: NDArray[np.int32], drop: frozenset[str], seed: int = 0
) -> frozenset[str]:
    """Keys drawn at random, as many of each class as `drop` has: what taking out costs by itself."""
    names, marked = np.array(keys), np.array([key in drop for key in keys])
    rng, drawn = np.random.default_rng(seed), []
    for label in np.unique(labels[marked]):
        own = names[labels == label]
        drawn += rng.choice(own, int(marked[labels == label].sum()), replace=False).tolist()
    return frozenset(drawn)


def _others(
    replaced: NDArray[np.int64], left: NDArray[np.int64], labels: NDArray[np.int32], rng: np.random.Generator
) -> NDArray[np.int64]:
    """For each of `replaced` one of `left` with another label, all equally likely."""
    ordered = left[np.argsort(labels[left], kind="stable")]
    sorted_labels = labels[ordered]
    first = np.searchsorted(sorted_labels, labels[replaced], "left")
    own = np.searchsorted(sorted_labels, labels[replaced], "right") - first
    if (own == len(ordered)).any():
        raise UserError("there is one class only, so that no label can be wrong; give --kind=scribble")
    # A place in the list without the own class, which is one block of it.
    place = rng.integers(0, len(ordered) - own)
    return np.asarray(ordered[place + np.where(place >= first, own, 0)])


def injected(record: Record, kind: str, donor: Record | None, number: int, seed: int, size: int) -> Record:
    """What takes the place of a training record: its label, another drawing, a key that says so.

    `donor` is the drawing of another class for a wrong label, `number` the place that decides a scribble.
    Only the forms (strokes, picture of `size` px) that the record has are made.
    """
    key = f"{record.key}/{kind}"
    if donor is not None:
        return Record(key, record.label, record.class_name, strokes=donor.strokes, image=donor.image)
    sketch = scribble(seed, number)
    return Record(
        key,
        record.label,
        record.class_name,
        strokes=None if record.strokes is None else sketch.to_points(),
        image=None if record.image is None else encode_png(rasterize(sketch, size)),
    )


def scribble(seed: int, number: int) -> Sketch:
    """Some strokes of a hand that wanders: a random walk of the direction, units 0..255.

    The same seed and number give the same scribble. One to four strokes of 15 to 60 points, each step 8 to 20
    units long, the direction turning by a normal angle of 0.7 radians a step; the border turns the pen back.
    """
    rng = np.random.default_rng([seed, number])
    strokes = []
    for _ in range(rng.integers(1, 5)):
        count = rng.integers(15, 61)
        angle = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.7, count))
        steps = rng.uniform(8, 20, (count, 1)) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        free = rng.uniform(0, SIDE, 2) + np.cumsum(steps, axis=0)
        # A path on the unfolded plane, folded back at the border like light between mirrors.
        strokes.append(np.rint(SIDE - np.abs(SIDE - np.mod(free, 2 * SIDE))))
    return Sketch.of(strokes)
