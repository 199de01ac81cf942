"""The exact order of a gallery around each query: fast, and the same as the slow reference.

The reference is `scipy.spatial.distance.cdist(queries, gallery, "sqeuclidean")` in double precision, sorted
with equal distances in gallery order. A matrix product is several times faster but loses digits where |q|²
+ |g|² - 2 q·g cancels. So the product only sorts coarsely: neighbours in the list that are closer together
than its proven error are measured again by the reference and put right.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from sketchspace.errors import UserError

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

METRICS = ("sqeuclidean", "cosine")
CELLS_AT_ONCE = 1 << 22


class ExactOrder:
    """Ranks one gallery, float64 `[gallery, d]`, for any number of queries."""

    def __init__(self, gallery: Doubles) -> None:
        self.gallery = gallery
        self._squares = np.einsum("gd,gd->g", gallery, gallery)

    def __call__(self, queries: Doubles) -> Ints:
        """Gallery indices by rising squared Euclidean distance, int64 `[queries, gallery]`; ties by index."""
        coarse, error = self._coarse(queries)
        order = np.argsort(coarse, axis=1)
        ranked = np.take_along_axis(coarse, order, axis=1)
        doubtful = np.diff(ranked, axis=1) <= 2 * error[:, None]
        for row in np.flatnonzero(doubtful.any(axis=1)):
            items = order[row, np.append(doubtful[row], False) | np.insert(doubtful[row], 0, False)]
            coarse[row, items] = cdist(queries[row, None], self.gallery[items], "sqeuclidean")[0]
            order[row] = np.argsort(coarse[row], kind="stable")
        return order

    def _coarse(self, queries: Doubles) -> tuple[Doubles, Doubles]:
        """Distances `[queries, gallery]` and, per query, how far one can be from the reference.

        Both ways add up d terms, each rounded: at most about (d + 8) units in the last place of the sum of
        the two squared lengths (Higham 2002, section 3.1), here taken four times over.
        """
        squares = np.einsum("qd,qd->q", queries, queries)
        products = queries @ self.gallery.T
        products *= -2
        products += squares[:, None]
        products += self._squares
        unit = 4 * (queries.shape[1] + 8) * np.finfo(np.float64).eps
        return products, unit * (squares + self._squares.max())


def chunks(num_queries: int, num_gallery: int) -> Iterator[slice]:
    """Slices of the queries such that one queries x gallery table stays near 4 million cells."""
    rows = max(1, CELLS_AT_ONCE // max(1, num_gallery))
    return (slice(start, min(start + rows, num_queries)) for start in range(0, num_queries, rows))


def prepare(queries: ArrayLike, gallery: ArrayLike, metric: str) -> tuple[Doubles, Doubles]:
    """Both sides as float64 `[n, d]` such that squared Euclidean distance ranks by `metric`.

    "sqeuclidean" leaves them as they are; "cosine" scales rows to length 1. A zero row has no direction:
    its cosine with everything is taken as 0 (two extra columns hold such rows at right angles to all
    others). Raises ValueError for unknown metrics and other shapes, `UserError` for embeddings that are not
    finite.
    """
    if metric not in METRICS:
        raise ValueError(f"unknown metric '{metric}', expected one of {', '.join(METRICS)}")
    left, right = _checked(queries, "query"), _checked(gallery, "gallery")
    if left.shape[1] != right.shape[1]:
        raise ValueError(f"queries have {left.shape[1]} dimensions, the gallery has {right.shape[1]}")
    if metric == "sqeuclidean":
        return left, right
    return _unit(left, (1, 0)), _unit(right, (0, 1))


def _unit(rows: Doubles, corner: tuple[int, int]) -> Doubles:
    largest = np.abs(rows).max(axis=1, keepdims=True)
    scaled = rows / np.where(largest > 0, largest, 1)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    scaled /= np.where(lengths > 0, lengths, 1)
    return np.hstack([scaled, (lengths == 0) * np.array(corner, np.float64)])


def _checked(embeddings: ArrayLike, side: str) -> Doubles:
    rows = np.asarray(embeddings)
    if rows.ndim != 2 or 0 in rows.shape or rows.dtype.kind not in "fiu":
        raise ValueError(f"{side} embeddings are {rows.dtype} {rows.shape}, expected real numbers [n, d]")
    rows = rows.astype(np.float64)
    broken = np.flatnonzero(~(np.abs(rows) < 1e150).all(axis=1))
    if len(broken):
        raise UserError(
            f"{len(broken)} of {len(rows)} {side} embeddings are not finite (the first is {broken[0]}), "
            "expected numbers; the training diverged: try an earlier checkpoint or a lower learning rate"
        )
    return rows
