"""Retrieval metrics of binary codes, where whole groups of items share a distance.

Codes of b bits have b + 1 possible distances, so most places of a ranked list are decided by how ties fall.
Here no order is invented: each metric is its expected value over all orders of the tied items, beside the
best and the worst order. All three have closed forms in the sizes of the tie groups (McSherry & Najork
2008, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.neighbours import chunks
from evaluation.ranking import (
    Bools,
    Doubles,
    Ints,
    RankingResult,
    check_any_match,
    check_same_set,
    same_codes,
)

Codes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class TieGroups:
    """How many items, and how many that match, each query has at each distance, nearest first.

    Both are int64 `[queries, groups]`.
    """

    sizes: Ints
    matching: Ints

    @staticmethod
    def of(distances: NDArray, match: Bools, num_groups: int) -> TieGroups:
        """Groups of integer `distances` `[queries, gallery]` (0 .. num_groups - 1) and their match mask."""
        shape = (len(distances), num_groups)
        cells = distances.astype(np.int64) + np.arange(len(distances))[:, None] * num_groups
        sizes = np.bincount(cells.ravel(), minlength=shape[0] * shape[1])
        matching = np.bincount(cells[match], minlength=shape[0] * shape[1])
        return TieGroups(sizes.reshape(shape), matching.reshape(shape))

    @property
    def relevant(self) -> Ints:
        """R, the number of matching items in the whole gallery, int64 `[queries]`."""
        return self.matching.sum(axis=1)


@dataclass(frozen=True, eq=False)
class Bounds:
    """One metric over all orders of tied items: float64 `[queries]` each, NaN where R is 0."""

    expected: Doubles
    best: Doubles
    worst: Doubles


def tied_average_precision(groups: TieGroups) -> Bounds:
    """AP over all relevant items.

    A group of n items with r matches follows N items with T matches. Its i-th place matches with
    probability r / n, and the matches so far are then T + 1 + (i - 1) c on average, c = (r - 1) / (n - 1).
    The sum over i of r / n times that, over N + i, needs only harmonic numbers H. Best and worst put the r
    matches first or last.
    """
    n, r = groups.sizes, groups.matching
    items_before, matches_before = np.cumsum(n, axis=1) - n, np.cumsum(r, axis=1) - r
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, n.sum(axis=1).max() + 1))])
    growth = (r - 1) / np.maximum(n - 1, 1)
    spread = harmonic[items_before + n] - harmonic[items_before]
    expected = growth * n + (matches_before + 1 - growth * (items_before + 1)) * spread
    expected *= r / np.maximum(n, 1)
    last = items_before + n - r
    best = r + (matches_before - items_before) * (harmonic[items_before + r] - harmonic[items_before])
    worst = r + (matches_before - last) * (harmonic[items_before + n] - harmonic[last])
    return _bounds(expected, best, worst, groups.relevant, groups.relevant)


def tied_precision_at_k(groups: TieGroups, k: int) -> Bounds:
    """Matches among the first k places, divided by k; the group across the border counts in proportion."""
    return _bounds(*_found_in_first(groups, k), np.full(len(groups.sizes), k), groups.relevant)


def tied_recall_at_k(groups: TieGroups, k: int) -> Bounds:
    """Matches among the first k places, divided by R."""
    return _bounds(*_found_in_first(groups, k), groups.relevant, groups.relevant)


def hamming_metrics(
    query_codes: Codes,
    gallery_codes: Codes,
    query_labels: NDArray,
    gallery_labels: NDArray,
    *,
    exclude_self: bool = False,
    ks: Sequence[int] = (10, 200),
) -> RankingResult:
    """Rank packed codes uint8 `[queries, bytes]` and `[gallery, bytes]` by Hamming distance.

    `map_all`, `precision_at_k` and `recall_at_k` are expected values over tie orders; the same names with
    `_best` and `_worst` are the bounds. `exclude_self` leaves item i out of the list of query i. Raises
    ValueError for shapes that do not fit, `UserError` if no query has a match.
    """
    left, right = _words(query_codes), _words(gallery_codes)
    if query_codes.shape[1] != gallery_codes.shape[1]:
        raise ValueError(f"codes {query_codes.shape} and {gallery_codes.shape} have different lengths")
    labels = same_codes(query_labels, gallery_labels, len(left), len(right))
    if exclude_self:
        check_same_set((left, right), labels)
    num_groups = 8 * query_codes.shape[1] + 1
    blocks = []
    for rows in chunks(len(left), len(right)):
        distances = _distances(left[rows], right)
        match = labels[1] == labels[0][rows, None]
        groups = TieGroups.of(distances, match, num_groups)
        if exclude_self:
            groups = TieGroups(_minus_self(groups.sizes), _minus_self(groups.matching))
        blocks.append(_metrics(groups, ks))
    per_query = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    check_any_match(per_query)
    return RankingResult(per_query, len(right) - exclude_self)


def _metrics(groups: TieGroups, ks: Sequence[int]) -> dict[str, Doubles]:
    all_bounds = {"map_all": tied_average_precision(groups)}
    for k in ks:
        all_bounds[f"precision_at_{k}"] = tied_precision_at_k(groups, k)
        all_bounds[f"recall_at_{k}"] = tied_recall_at_k(groups, k)
    found: dict[str, Doubles] = {}
    for name, bounds in all_bounds.items():
        found |= {name: bounds.expected, f"{name}_best": bounds.best, f"{name}_worst": bounds.worst}
    return found


def _found_in_first(groups: TieGroups, k: int) -> tuple[Doubles, Doubles, Doubles]:
    if k < 1:
        raise ValueError(f"k is {k}, expected 1 or more")
    n, r = groups.sizes, groups.matching
    inside = np.clip(k - (np.cumsum(n, axis=1) - n), 0, n)
    return r * inside / np.maximum(n, 1), np.minimum(r, inside), np.maximum(inside - (n - r), 0)


def _bounds(expected: Doubles, best: Doubles, worst: Doubles, divisor: Ints, relevant: Ints) -> Bounds:
    divide = np.where(relevant > 0, divisor, np.nan)
    return Bounds(expected.sum(axis=1) / divide, best.sum(axis=1) / divide, worst.sum(axis=1) / divide)


def _minus_self(counts: Ints) -> Ints:
    """Counts without the query itself, which is a match at distance 0."""
    return counts - (np.arange(counts.shape[1]) == 0)


def _words(codes: Codes) -> NDArray[np.uint64]:
    """Codes padded with zero bits to whole 64-bit words, uint64 `[n, words]`."""
    packed = np.asarray(codes)
    if packed.dtype != np.uint8 or packed.ndim != 2 or 0 in packed.shape:
        raise ValueError(f"codes are {packed.dtype} {packed.shape}, expected uint8 [n, bytes]")
    return np.pad(packed, [(0, 0), (0, -packed.shape[1] % 8)]).view(np.uint64)


def _distances(queries: NDArray[np.uint64], gallery: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Hamming distances, uint16 `[queries, gallery]`, one word at a time to keep memory small."""
    total = np.zeros((len(queries), len(gallery)), np.uint16)
    for word in range(queries.shape[1]):
        total += np.bitwise_count(queries[:, word, None] ^ gallery[:, word])
    return total
