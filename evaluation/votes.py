"""Classification by the nearest neighbours of an embedding.

Neighbours are those of squared Euclidean distance in double precision, equal distances in stored order. The
most frequent label wins; of equally frequent ones, the label with the nearest item.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation.neighbours import ExactOrder, chunks, prepare

Ints = NDArray[np.int64]

VOTERS = 3
"""How many neighbours vote in the published study of stroke models."""


def knn_predict(
    train_features: ArrayLike, train_labels: ArrayLike, query_features: ArrayLike, k: int = 5
) -> Ints:
    """The vote of the `k` nearest training items on each query, int64 `[queries]`.

    Features are `[train, d]` and `[queries, d]`, labels int `[train]`. Raises ValueError where these do not
    fit or `k` is not in 1..train.
    """
    queries, train = prepare(query_features, train_features, "sqeuclidean")
    labels = _checked(train_labels, len(train), k, len(train))
    ranker, predicted = ExactOrder(train), np.empty(len(queries), np.int64)
    for rows in chunks(len(queries), len(train)):
        predicted[rows] = vote(labels[ranker(queries[rows])[:, :k]])
    return predicted


def knn_leave_one_out(features: ArrayLike, labels: ArrayLike, k: int = VOTERS) -> Ints:
    """The vote of the `k` nearest other items on each item of a set, int64 `[n]`.

    Features are `[n, d]`, labels int `[n]`. Raises ValueError where these do not fit or `k` is not in 1..n-1.
    """
    items, _ = prepare(features, features, "sqeuclidean")
    truth = _checked(labels, len(items), k, len(items) - 1)
    ranker, predicted = ExactOrder(items), np.empty(len(items), np.int64)
    for rows in chunks(len(items), len(items)):
        order = ranker(items[rows])[:, : k + 1]
        other = order != np.arange(rows.start, rows.stop)[:, None]
        # An item behind k or more equals of its own is not in the first k + 1: then the last one goes.
        other[other.all(axis=1), -1] = False
        predicted[rows] = vote(truth[order[other].reshape(len(order), k)])
    return predicted


def vote(nearest: Ints) -> Ints:
    """The most frequent label of each row, int64 `[n]`; `nearest` `[n, k]` is sorted by distance.

    >>> vote(np.array([[2, 7, 7], [5, 1, 3]])).tolist()
    [7, 5]
    """
    votes = (nearest[:, :, None] == nearest[:, None, :]).sum(axis=2)
    return nearest[np.arange(len(nearest)), votes.argmax(axis=1)]


def _checked(labels: ArrayLike, count: int, k: int, most: int) -> Ints:
    given = np.asarray(labels)
    if given.shape != (count,) or given.dtype.kind not in "iu" or not 1 <= k <= most:
        raise ValueError(f"labels {given.dtype} {given.shape} and k = {k} for {count} training items")
    return given.astype(np.int64)
