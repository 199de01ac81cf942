"""What the runs of the batch-size study say: slopes and differences with intervals, and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

COVERAGE = 0.95
PUBLISHED = {16: 0.369, 32: 0.674, 64: 0.744, 128: 0.764}
"""Accuracy by batch size, read off a figure of the project SketchModels."""

Accuracies = Mapping[int, NDArray[np.float64]]
"""Accuracies of one line of the study by batch size, float64 `[seeds]`, seeds in the same order."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, as shares (0.01 is one point of accuracy)."""

    value: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies on one side of zero, else 0."""
        return int(self.low > 0) - int(self.high < 0)

    def points(self) -> str:
        """Such as `+1.20 points (+0.40 to +2.00)`; what has no interval says so."""
        value = f"{100 * self.value:+.2f} points"
        if not np.isfinite(self.low):
            return f"{value} (one seed, no interval)"
        return f"{value} ({100 * self.low:+.2f} to {100 * self.high:+.2f})"


def mean_of(values: ArrayLike) -> Estimate:
    """Mean of independent values and its t-interval; infinite for a single one."""
    numbers = np.asarray(values, np.float64)
    if len(numbers) < 2:
        return Estimate(float(numbers.mean()), -np.inf, np.inf)
    return _estimate(float(numbers.mean()), float(stats.sem(numbers)), len(numbers) - 1)


def _estimate(value: float, error: float, freedom: int) -> Estimate:
    half = float(stats.t.ppf((1 + COVERAGE) / 2, freedom)) * error
    return Estimate(value, value - half, value + half)


def slopes(accuracies: Accuracies) -> NDArray[np.float64]:
    """Least-squares slope of accuracy against log2 of the batch, for each seed: `[seeds]`."""
    x = np.log2(sorted(accuracies))
    y = np.stack([accuracies[batch] for batch in sorted(accuracies)])
    centred = x - x.mean()
    return centred @ y / np.square(centred).sum()


def published_slope() -> float:
    """The rise of the published accuracies per doubling of the batch."""
    return float(slopes({batch: np.array([value]) for batch, value in PUBLISHED.items()})[0])


def conclusion(
    lines: Mapping[tuple[str, str], Accuracies], control: Mapping[str, Accuracies]
) -> Iterator[str]:
    """Sentences that follow from the numbers: the trend of each line, differences between them, the control.

    `lines` holds the accuracies by (norm, rule); `control` by rule those of batch norm with each batch's own
    statistics. Every sentence compares runs of the same seed, and says so where nothing can be told.
    """
    for (norm, rule), accuracies in lines.items():
        if len(accuracies) > 1:
            yield from _trend(f"{norm} norm, {rule} rate", accuracies)
    for rule in dict.fromkeys(rule for _, rule in lines):
        batch, group = lines[("batch", rule)], lines[("group", rule)]
        if len(batch) > 1:
            more = mean_of(slopes(batch) - slopes(group))
            yield (
                f"Batch norm's slope less group norm's, {rule} rate: {more.points()} per doubling, "
                f"{_told(more)}."
            )
        for size in dict.fromkeys((min(batch), max(batch))):
            gap = mean_of(control[rule][size] - batch[size])
            yield (
                f"Batch norm, {rule} rate, batch {size}: evaluated with each batch's own statistics "
                f"{gap.points()} against moving statistics, {_told(gap)}."
            )
    if len(next(iter(lines.values()))) > 1:
        yield _against_published(lines)


def _trend(name: str, accuracies: Accuracies) -> Iterator[str]:
    """How accuracy moves from the smallest to the largest batch, and per doubling."""
    low, high = min(accuracies), max(accuracies)
    rise = mean_of(accuracies[high] - accuracies[low])
    slope = mean_of(slopes(accuracies))
    word = {1: "rises with the batch", -1: "falls with the batch", 0: "shows no sure trend"}[slope.sign]
    best = max(accuracies, key=lambda batch: accuracies[batch].mean())
    yield (
        f"{name[0].upper()}{name[1:]}: accuracy {word}, {slope.points()} per doubling; "
        f"from {low} to {high} {rise.points()}; best mean at {best}."
    )


def _told(difference: Estimate) -> str:
    return {1: "a gain", -1: "a loss", 0: "not told from zero"}[difference.sign]


def _against_published(lines: Mapping[tuple[str, str], Accuracies]) -> str:
    """The published rise beside the slopes that were found: which lines' intervals reach it."""
    claim = published_slope()
    found = {name: mean_of(slopes(accuracies)) for name, accuracies in lines.items()}
    (norm, rule), steepest = max(found.items(), key=lambda item: item[1].value)
    agrees = [
        " norm, ".join(name) + " rate" for name, slope in found.items() if slope.low <= claim <= slope.high
    ]
    verdict = (
        f"inside the interval of {'; '.join(agrees)}" if agrees else "outside the interval of every line"
    )
    return (
        f"Published: {100 * claim:+.1f} points per doubling, from {PUBLISHED[16]:.1%} at 16 to "
        f"{PUBLISHED[128]:.1%} at 128. The steepest line here ({norm} norm, {rule} rate) has "
        f"{steepest.points()}; the published slope is {verdict}."
    )


def accuracies_of(
    values: Mapping[tuple[int, str, str, int], float],
    norm: str,
    rule: str,
    batches: Sequence[int],
    seeds: int,
) -> Accuracies:
    """One line of the study out of values by (batch, norm, rule, seed)."""
    return {
        batch: np.array([values[(batch, norm, rule, seed)] for seed in range(seeds)]) for batch in batches
    }
