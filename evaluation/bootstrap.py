"""How far a mean over queries would move with other queries: percentile bootstrap intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

COVERAGE = 0.95
DRAWS_AT_ONCE = 1 << 21


def interval(values: ArrayLike, samples: int = 2000, seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean of `values` `[n]`: (low, high).

    Draws n values with replacement `samples` times and takes the 2.5 % and 97.5 % quantiles of the means
    (Efron & Tibshirani 1993, section 13.3). The same values and seed give the same interval; memory does
    not grow with n * samples. Raises ValueError for an empty array, another shape, or a value that is not
    finite.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or len(numbers) == 0 or not np.isfinite(numbers).all():
        raise ValueError(f"an interval needs a list of finite numbers, got an array {numbers.shape}")
    if samples < 1:
        raise ValueError(f"samples is {samples}, expected 1 or more")
    rng, rows = np.random.default_rng(seed), max(1, DRAWS_AT_ONCE // len(numbers))
    means = np.empty(samples)
    for start in range(0, samples, rows):
        block = means[start : start + rows]
        drawn = rng.integers(len(numbers), size=(len(block), len(numbers)), dtype=np.int32)
        block[:] = numbers[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)
