"""Which drawings are faulty, and how many of them a batch of training holds.

A drawing is marked for any of three reasons: the game did not recognise it (`unrecognized`), its picture
holds less or more than the middle 90 % of its class (`odd_entropy`, evaluation/noise.py), or an ensemble of
networks gives its class less than 1 % (`unlikely`). The second marks a tenth of the drawings that set the
limits, whatever they are like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import hypergeom

Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]

UNLIKELY = 0.01
REASONS = ("unrecognized", "unlikely", "odd_entropy")
BATCH_SIZES = (16, 32, 64, 128)


@dataclass(frozen=True, eq=False)
class Marks:
    """What is known of `n` drawings, and the reasons that follow.

    `labels` int `[n]`; `entropy` bits and its `limits` `[n, 2]`; `probability` that the ensemble gives the
    label (None without networks); `recognized` 1, 0, or -1 where that is not known.
    """

    labels: NDArray[np.int32]
    entropy: Doubles
    limits: Doubles
    probability: Doubles | None
    recognized: NDArray[np.int8]

    @property
    def odd_entropy(self) -> Bools:
        """Whether the entropy is outside the limits."""
        return np.asarray((self.entropy < self.limits[:, 0]) | (self.entropy > self.limits[:, 1]))

    @property
    def unlikely(self) -> Bools:
        """Whether the ensemble gives the label less than 1 %."""
        if self.probability is None:
            return np.zeros(len(self.labels), np.bool_)
        return np.asarray(self.probability < UNLIKELY)

    @property
    def unrecognized(self) -> Bools:
        """Whether the game is known not to have recognised it."""
        return np.asarray(self.recognized == 0)

    def reason(self, name: str) -> Bools:
        """One of `REASONS` by its name."""
        return {
            "unrecognized": self.unrecognized,
            "unlikely": self.unlikely,
            "odd_entropy": self.odd_entropy,
        }[name]

    @property
    def faulty(self) -> Bools:
        """Whether any reason holds."""
        return self.unrecognized | self.unlikely | self.odd_entropy

    def worst_first(self, label: int, count: int) -> NDArray[np.int64]:
        """Up to `count` faulty drawings of a class: least probable first, then farthest outside limits."""
        own = np.flatnonzero((self.labels == label) & self.faulty)
        width = np.maximum(self.limits[own, 1] - self.limits[own, 0], 1e-9)
        outside = np.maximum(self.limits[own, 0] - self.entropy[own], self.entropy[own] - self.limits[own, 1])
        # Probabilities above the threshold say nothing against a drawing: they count as equal.
        doubt = np.ones(len(own)) if self.probability is None else self.probability[own]
        order = np.lexsort((-outside / width, np.where(doubt < UNLIKELY, doubt, 1.0)))
        return own[order[:count]]


@dataclass(frozen=True)
class BatchShare:
    """Faulty drawings in batches of one size.

    `expected` and `observed` are probabilities of 0, 1, ... faulty drawings, each `[batch_size + 1]`:
    drawn without replacement (hypergeometric), and counted over `batches` real ones.
    """

    batch_size: int
    batches: int
    expected: tuple[float, ...]
    observed: tuple[float, ...]

    def mean_share(self, observed: bool = True) -> float:
        """Mean share of a batch that is faulty, 0..1."""
        chances = self.observed if observed else self.expected
        return float(np.dot(chances, np.arange(self.batch_size + 1)) / self.batch_size)

    def at_least(self, part: int, observed: bool = True) -> float:
        """Probability that one `part`-th of a batch or more is faulty (2: a half, 4: a quarter)."""
        chances = self.observed if observed else self.expected
        return float(sum(chances[-(-self.batch_size // part) :]))


def batch_share(faulty: Bools, orders: Sequence[NDArray[np.int64]], batch_size: int) -> BatchShare:
    """Faulty drawings in batches of `batch_size` out of `faulty` bool `[n]`.

    `orders` are indices without repetition, one list an epoch; what is left at the end of an epoch makes no
    batch. Raises ValueError where an epoch has fewer drawings than a batch holds.
    """
    if batch_size < 1 or not orders or min(map(len, orders)) < batch_size:
        raise ValueError(f"no batch of {batch_size} from {len(orders)} epochs of {len(faulty)} drawings")
    counts = np.concatenate(
        [
            faulty[order[: len(order) // batch_size * batch_size]].reshape(-1, batch_size).sum(axis=1)
            for order in orders
        ]
    )
    observed = np.bincount(counts, minlength=batch_size + 1) / len(counts)
    chances = hypergeom(len(faulty), int(faulty.sum()), batch_size).pmf(np.arange(batch_size + 1))
    return BatchShare(batch_size, len(counts), tuple(chances.tolist()), tuple(observed.tolist()))


def ensemble_probability(logits: Sequence[ArrayLike], labels: ArrayLike) -> Doubles:
    """Mean over networks of the probability given to the label, float64 `[n]`.

    Each of `logits` is `[n, classes]`. Raises ValueError without a network or where shapes do not fit.
    """
    truth = np.asarray(labels)
    if not logits or any(np.shape(each)[:1] != truth.shape for each in logits):
        raise ValueError(f"{len(logits)} networks' logits do not fit {len(truth)} labels")
    total = np.zeros(len(truth))
    for each in logits:
        shifted = np.asarray(each, np.float64)
        shifted = np.exp(shifted - shifted.max(axis=1, keepdims=True))
        total += shifted[np.arange(len(truth)), truth] / shifted.sum(axis=1)
    return total / len(logits)
