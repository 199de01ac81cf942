"""Votes of nearest neighbours against scikit-learn and loops."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from evaluation import neighbours
from evaluation.votes import knn_leave_one_out, knn_predict


def slow_knn(train, labels, query, k):
    ranked = sorted(range(len(train)), key=lambda i: (sum((train[i] - query) ** 2), i))[:k]
    near = [labels[i] for i in ranked]
    most = max(near.count(label) for label in near)
    return next(label for label in near if near.count(label) == most)


@pytest.mark.parametrize("k", [1, 2, 5, 30])
@pytest.mark.parametrize("whole", [False, True], ids=["no ties", "many ties"])
def test_knn_equals_voting_one_by_one(k, whole):
    rng = np.random.default_rng(k)
    train, queries = (rng.normal(size=(n, 3)) for n in (60, 25))
    if whole:
        train, queries = train.round(), queries.round()
    labels = rng.integers(0, 4, 60)
    expected = [slow_knn(train, labels, query, k) for query in queries]
    assert knn_predict(train, labels, queries, k).tolist() == expected


def test_knn_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    train, queries, labels = rng.normal(size=(200, 4)), rng.normal(size=(80, 4)), rng.integers(0, 2, 200)
    expected = KNeighborsClassifier(5, algorithm="brute").fit(train, labels).predict(queries)
    np.testing.assert_array_equal(knn_predict(train, labels, queries, 5), expected)


def test_knn_ties_go_to_the_nearer_neighbour():
    # From 0: labels 7 (at 1), 3 (at 2), 3 (at 3), 7 (at 4), 9 (at 5). 7 and 3 have two votes: 7 is nearer.
    train, labels = np.array([[5.0], [4], [3], [2], [1]]), np.array([9, 7, 3, 3, 7])
    assert knn_predict(train, labels, [[0.0]], 5).tolist() == [7]
    assert knn_predict(train, labels, [[0.0]], 3).tolist() == [3]
    assert knn_predict(train, labels, [[0.0]], 2).tolist() == [7]


def test_knn_does_not_depend_on_chunk_size(monkeypatch):
    rng = np.random.default_rng(3)
    train, queries, labels = rng.normal(size=(90, 4)), rng.normal(size=(40, 4)), rng.integers(0, 5, 90)
    whole = knn_predict(train, labels, queries)
    monkeypatch.setattr(neighbours, "CELLS_AT_ONCE", 200)
    np.testing.assert_array_equal(knn_predict(train, labels, queries), whole)


@pytest.mark.parametrize(("labels", "k"), [([0, 1], 1), ([0.0, 1, 2], 1), ([0, 1, 2], 4), ([0, 1, 2], 0)])
def test_knn_refuses_what_does_not_fit(labels, k):
    with pytest.raises(ValueError, match="training items"):
        knn_predict(np.zeros((3, 2)), labels, np.zeros((1, 2)), k)


@pytest.mark.parametrize("k", [1, 3, 8])
@pytest.mark.parametrize("whole", [False, True], ids=["no ties", "many equal items"])
def test_leave_one_out_asks_all_others(k, whole, monkeypatch):
    monkeypatch.setattr(neighbours, "CELLS_AT_ONCE", 500)
    rng = np.random.default_rng(k)
    items, labels = rng.normal(size=(60, 3)), rng.integers(0, 4, 60)
    if whole:
        # Many items coincide, so that more than k + 1 others may stand before the item itself.
        items = items.round() if k == 1 else np.zeros((60, 3))
    expected = [
        slow_knn(np.delete(items, i, axis=0), np.delete(labels, i), items[i], k) for i in range(len(items))
    ]
    assert knn_leave_one_out(items, labels, k).tolist() == expected


@pytest.mark.parametrize("k", [0, 3])
def test_leave_one_out_needs_k_others(k):
    with pytest.raises(ValueError, match="k ="):
        knn_leave_one_out(np.zeros((3, 2)), [0, 1, 2], k)
