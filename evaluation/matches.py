"""Retrieval metrics on match masks: which places of a ranked list hold what was looked for.

`match` is bool `[queries, places]`, best place first; `relevant` is int `[queries]`, how many items of the
whole gallery match (R). A mask may be cut to its first k places, R never is. Results are float64
`[queries]`, NaN where R is 0, because such a query cannot be answered rightly or wrongly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def average_precision(match: Bools, relevant: Ints) -> Doubles:
    """AP over all relevant items: the mean, over the R of them, of the precision at their places."""
    return _share(_sum_of_precisions(match), relevant, relevant)


def average_precision_at_k(match: Bools, relevant: Ints, k: int) -> Doubles:
    """AP of the first k places, divided by min(R, k): 1 if as many places as possible are right."""
    return _share(_sum_of_precisions(match[:, :k]), np.minimum(relevant, k), relevant)


def average_precision_at_k_over_r(match: Bools, relevant: Ints, k: int) -> Doubles:
    """AP of the first k places, divided by R: what they contribute to `average_precision`."""
    return _share(_sum_of_precisions(match[:, :k]), relevant, relevant)


def precision_at_k(match: Bools, relevant: Ints, k: int) -> Doubles:
    """Matches among the first k places, divided by k even if the gallery is smaller."""
    return _share(match[:, :k].sum(axis=1), np.full(len(match), k), relevant)


def recall_at_k(match: Bools, relevant: Ints, k: int) -> Doubles:
    """Matches among the first k places, divided by R."""
    return _share(match[:, :k].sum(axis=1), relevant, relevant)


def hit_at_k(match: Bools, relevant: Ints, k: int) -> Doubles:
    """1 if at least one of the first k places matches, else 0."""
    return _share(match[:, :k].any(axis=1), np.ones(len(match)), relevant)


def first_rank(match: Bools, relevant: Ints) -> Doubles:
    """Place of the first match, counted from 1, in whole lists."""
    return _share(match.argmax(axis=1) + 1, np.ones(len(match)), relevant)


def _share(numerator: ArrayLike, denominator: ArrayLike, relevant: Ints) -> Doubles:
    shares = np.full(len(relevant), np.nan)
    np.divide(numerator, denominator, out=shares, where=relevant > 0)
    return shares


def _sum_of_precisions(match: Bools) -> Doubles:
    """Sum over matching places of (matches so far) / (places so far), by walking over the matches only."""
    query, place = np.nonzero(match)
    counts = match.sum(axis=1)
    before = np.cumsum(counts) - counts
    matches_so_far = np.arange(1, len(query) + 1) - before[query]
    precisions = matches_so_far / (place + 1)
    return np.bincount(query, precisions, minlength=len(match)).astype(np.float64)
