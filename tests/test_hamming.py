"""Metrics of tied lists against every order of the tied items, one by one."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from evaluation import matches, neighbours
from evaluation.hamming import (
    TieGroups,
    hamming_metrics,
    tied_average_precision,
    tied_precision_at_k,
    tied_recall_at_k,
)
from sketchspace.errors import UserError


def all_orders(distances, match):
    """Match masks, one a row, of every order that sorts the distances: bool `[orders, items]`."""
    groups = [np.flatnonzero(distances == value) for value in np.unique(distances)]
    orders: list[list[int]] = [[]]
    for group in groups:
        orders = [before + list(after) for before in orders for after in permutations(group.tolist())]
    return np.array([match[order] for order in orders])


def slow_average_precision(mask):
    found, total = 0, 0.0
    for place, hit in enumerate(mask, start=1):
        if hit:
            found += 1
            total += found / place
    return total / sum(mask)


def check(bounds, query, values):
    assert bounds.expected[query] == pytest.approx(np.mean(values))
    assert bounds.best[query] == pytest.approx(max(values))
    assert bounds.worst[query] == pytest.approx(min(values))


@pytest.mark.parametrize("seed", range(6))
def test_closed_forms_equal_all_orders_of_tied_items(seed):
    rng = np.random.default_rng(seed)
    distances, match = rng.integers(0, 4, (5, 8)), rng.random((5, 8)) < 0.5
    match[:, 0] = True
    groups = TieGroups.of(distances, match, num_groups=6)
    for query in range(5):
        masks = all_orders(distances[query], match[query])
        check(tied_average_precision(groups), query, [slow_average_precision(mask) for mask in masks])
        for k in (1, 3, 8, 20):
            hits = masks[:, :k].sum(axis=1)
            check(tied_precision_at_k(groups, k), query, hits / k)
            check(tied_recall_at_k(groups, k), query, hits / match[query].sum())


def test_one_group_by_hand():
    # Three items at one distance, one matches: its place is 1, 2 or 3, so AP is 1, 1/2 or 1/3; mean 11/18.
    bounds = tied_average_precision(TieGroups(np.array([[3]]), np.array([[1]])))
    assert (bounds.expected[0], bounds.best[0], bounds.worst[0]) == pytest.approx((11 / 18, 1, 1 / 3))


def test_without_ties_all_three_are_the_ordinary_average_precision():
    rng = np.random.default_rng(0)
    distances = np.argsort(rng.random((20, 50)), axis=1)
    match = rng.random((20, 50)) < 0.2
    in_order = np.take_along_axis(match, np.argsort(distances, axis=1), axis=1)
    expected = matches.average_precision(in_order, match.sum(axis=1))
    bounds = tied_average_precision(TieGroups.of(distances, match, 50))
    for values in (bounds.expected, bounds.best, bounds.worst):
        np.testing.assert_allclose(values, expected)


def test_expectation_of_large_groups_equals_the_mean_of_shuffled_lists():
    rng = np.random.default_rng(7)
    distances, match = rng.integers(0, 5, 2000), rng.random(2000) < 0.1
    bounds = tied_average_precision(TieGroups.of(distances[None], match[None], 5))
    shuffled = np.array([match[np.lexsort([rng.random(2000), distances])] for _ in range(300)])
    sampled = matches.average_precision(shuffled, shuffled.sum(axis=1))
    assert bounds.expected[0] == pytest.approx(sampled.mean(), abs=5 * sampled.std() / np.sqrt(300))
    assert bounds.worst[0] < sampled.min() and sampled.max() < bounds.best[0]


@pytest.mark.parametrize("num_bytes", [1, 2, 8, 9])
@pytest.mark.parametrize("exclude_self", [False, True])
def test_packed_codes_equal_counting_bits(num_bytes, exclude_self):
    rng = np.random.default_rng(num_bytes)
    codes = rng.integers(0, 256, (30, num_bytes), dtype=np.uint8)
    labels = np.arange(30) % 3
    result = hamming_metrics(codes, codes, labels, labels, exclude_self=exclude_self, ks=(5,))
    bits = np.unpackbits(codes, axis=1)
    for query in range(30):
        others = [item for item in range(30) if not (exclude_self and item == query)]
        distances = np.array([[(bits[query] != bits[item]).sum() for item in others]])
        match = labels[others][None] == labels[query]
        groups = TieGroups.of(distances, match, 8 * num_bytes + 1)
        bounds = tied_average_precision(groups)
        assert result.per_query["map_all"][query] == pytest.approx(bounds.expected[0])
        assert result.per_query["map_all_best"][query] == pytest.approx(bounds.best[0])
        assert result.per_query["map_all_worst"][query] == pytest.approx(bounds.worst[0])
        expected = tied_precision_at_k(groups, 5).expected[0]
        assert result.per_query["precision_at_5"][query] == pytest.approx(expected)
    assert result.summary()["num_gallery"] == 30 - exclude_self


def test_chunk_size_changes_nothing(monkeypatch):
    rng = np.random.default_rng(2)
    queries, gallery = (rng.integers(0, 256, (n, 2), dtype=np.uint8) for n in (25, 70))
    labels = rng.integers(0, 4, 25), rng.integers(0, 4, 70)
    whole = hamming_metrics(queries, gallery, *labels)
    monkeypatch.setattr(neighbours, "CELLS_AT_ONCE", 200)
    pieces = hamming_metrics(queries, gallery, *labels)
    for name, values in whole.per_query.items():
        np.testing.assert_allclose(pieces.per_query[name], values, rtol=1e-12)


def test_queries_without_a_match_are_left_out_and_wrong_codes_refused():
    codes, labels = np.array([[0], [1], [3]], np.uint8), np.array([0, 0, 9])
    summary = hamming_metrics(codes, codes, labels, labels, exclude_self=True, ks=(1,)).summary()
    assert summary["num_queries_without_match"] == 1
    # Query 0 finds item 1 first. Query 1 is one bit from both others: place 1 or 2, AP 1 or 1/2.
    assert summary["map_all"] == pytest.approx((1 + 0.75) / 2)
    with pytest.raises(UserError, match="no query"):
        hamming_metrics(codes, codes, np.array([1, 1, 1]), np.array([0, 0, 0]))
    with pytest.raises(ValueError, match="uint8"):
        hamming_metrics(codes.astype(int), codes, labels, labels)
    with pytest.raises(ValueError, match="lengths"):
        hamming_metrics(codes, np.zeros((3, 2), np.uint8), labels, labels)
    with pytest.raises(ValueError, match="queries itself"):
        hamming_metrics(codes, codes[::-1], labels, labels, exclude_self=True)
