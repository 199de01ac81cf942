"""Exact nearest neighbours by squared Euclidean distance."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import UserError

Floats = NDArray[np.float32]
Distances = NDArray[np.float64]
Indices = NDArray[np.int64]
Measure = Callable[[Floats, Floats], Distances]

FAISS_ABOVE = 50_000
# Below this many multiplications, importing SciPy (0.2 to 0.5 s) takes longer than the whole search.
_SCIPY_ABOVE = 10_000_000
_BLOCK_NUMBERS = 4_000_000
_QUERIES_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest rows of each query, best first: `indices` int64 and `distances` float64, `[queries, top]`.

    Distances are squared Euclidean, 0 or more. Equal distances stand in the gallery's order.
    """

    indices: Indices
    distances: Distances


def nearest(queries: Floats, vectors: Floats, top: int, faiss_above: int = FAISS_ABOVE) -> Neighbours:
    """The `top` nearest of `vectors` `[n, D]` for each of `queries` `[q, D]`; all `n` where `top` is larger.

    Above `faiss_above` vectors FAISS proposes candidates, if it is installed; the answer is the same.
    Raises `UserError` for `top` below 1, other shapes, or numbers that are not finite.
    """
    _check(queries, vectors, top)
    queries, top = np.ascontiguousarray(queries, np.float32), min(top, len(vectors))
    use_faiss = len(vectors) > faiss_above and importlib.util.find_spec("faiss") is not None
    parts = [
        (_by_faiss if use_faiss else _by_blocks)(queries[start : start + _QUERIES_AT_ONCE], vectors, top)
        for start in range(0, len(queries), _QUERIES_AT_ONCE)
    ]
    found = Neighbours(
        np.concatenate([part.indices for part in parts]), np.concatenate([part.distances for part in parts])
    )
    if not np.isfinite(found.distances).all():
        raise UserError(
            "a distance is not finite: the gallery or the query holds broken numbers; build it again"
        )
    return found


def squared_distances(queries: Floats, vectors: Floats) -> Distances:
    """Squared Euclidean distances in double precision, float64 `[queries, n]`.

    The reference is `scipy.spatial.distance.cdist(..., "sqeuclidean")`; small searches are computed
    here in the same order of summation.
    """
    return _measure_for(queries, vectors)(queries, vectors)


def _measure_for(queries: Floats, vectors: Floats) -> Measure:
    return _by_cdist if len(queries) * vectors.size > _SCIPY_ABOVE else _by_columns


def _by_cdist(queries: Floats, vectors: Floats) -> Distances:
    from scipy.spatial.distance import cdist

    distances: Distances = cdist(queries, vectors, "sqeuclidean")
    return distances


def _by_columns(queries: Floats, vectors: Floats) -> Distances:
    columns = np.array(vectors.T, dtype=np.float64, order="C")
    return np.stack([np.square(columns - query[:, None]).sum(axis=0) for query in queries.astype(np.float64)])


def _check(queries: Floats, vectors: Floats, top: int) -> None:
    if top < 1:
        raise UserError(f"top is {top}, expected 1 or more")
    if queries.ndim != 2 or vectors.ndim != 2 or queries.shape[1] != vectors.shape[1]:
        raise UserError(
            f"queries are {queries.shape} and the gallery {vectors.shape}, expected the same width"
        )
    if not len(queries) or not len(vectors):
        raise UserError(f"nothing to search: {len(queries)} queries, {len(vectors)} vectors")


def _by_blocks(queries: Floats, vectors: Floats, top: int) -> Neighbours:
    """Exact search with bounded memory: block after block of rows, keeping the best so far."""
    measure = _measure_for(queries, vectors)
    block = max(top, _BLOCK_NUMBERS // max(vectors.shape[1], len(queries)))
    best = Neighbours(np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0)))
    for start in range(0, len(vectors), block):
        distances = measure(queries, vectors[start : start + block])
        rows = np.broadcast_to(np.arange(start, start + distances.shape[1]), distances.shape)
        best = _smallest(
            np.concatenate([best.indices, rows], axis=1),
            np.concatenate([best.distances, distances], axis=1),
            top,
        )
    return best


def _smallest(indices: Indices, distances: Distances, top: int) -> Neighbours:
    """The `top` smallest of each row, `[queries, m]` to `[queries, top]`; ties keep their order."""
    top = min(top, distances.shape[1])
    limit = np.partition(distances, top - 1, axis=1)[:, top - 1 : top]
    # A row may have more than `top` within its limit: ties, or NaN, which nothing is within.
    query, column = np.nonzero(~(distances > limit))
    order = np.lexsort((distances[query, column], query))
    starts = np.searchsorted(query, np.arange(len(distances)))
    chosen = column[order][starts[:, None] + np.arange(top)]
    return Neighbours(np.take_along_axis(indices, chosen, 1), np.take_along_axis(distances, chosen, 1))


def _by_faiss(queries: Floats, vectors: Floats, top: int) -> Neighbours:
    """FAISS proposes, exact distances decide.

    FAISS computes in single precision, so its order can be wrong by a rounding error. A query is
    settled once the exact `top`-th distance beats the last candidate's by more than that error: then
    nothing outside the candidates can be as near. Others get four times as many candidates, and at
    last the plain search.
    """
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)
    import faiss

    norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64).max())
    reach = np.linalg.norm(queries.astype(np.float64), axis=1) + norms
    error = (vectors.shape[1] + 8) * 2.0**-23 * reach**2
    indices = np.empty((len(queries), top), np.int64)
    distances = np.full((len(queries), top), np.nan)
    open_queries, width = np.arange(len(queries)), 4 * top + 32
    while len(open_queries) and width < len(vectors) // 8:
        rough, candidates = faiss.knn(queries[open_queries], vectors, width)
        found = _rerank(queries[open_queries], vectors, candidates, top)
        settled = found.distances[:, -1] < rough[:, -1] - error[open_queries]
        indices[open_queries[settled]] = found.indices[settled]
        distances[open_queries[settled]] = found.distances[settled]
        open_queries, width = open_queries[~settled], 4 * width
    if len(open_queries):
        found = _by_blocks(queries[open_queries], vectors, top)
        indices[open_queries], distances[open_queries] = found.indices, found.distances
    return Neighbours(indices, distances)


def _rerank(queries: Floats, vectors: Floats, candidates: Indices, top: int) -> Neighbours:
    """The `top` exactly nearest of each query's candidates `[queries, m]`; ties in gallery order."""
    candidates = np.sort(candidates, axis=1)
    distances = np.concatenate(
        [
            squared_distances(query[None], vectors[rows])
            for query, rows in zip(queries, candidates, strict=True)
        ]
    )
    return _smallest(candidates, distances, top)
