"""Retrieval metrics of embeddings: every query ranks the gallery; places match by label and instance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation import matches
from evaluation.bootstrap import interval
from evaluation.neighbours import ExactOrder, chunks, prepare
from sketchspace.errors import UserError

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MEAN_NAMES = {"reciprocal_rank": "mean_reciprocal_rank", "first_rank": "mean_rank"}


@dataclass(frozen=True, eq=False)
class RankingResult:
    """Per-query metrics, name -> float64 `[queries]`, NaN where nothing in the gallery could be found.

    `num_gallery` counts the items that each query ranks; `has_instances` says that instances were given.
    """

    per_query: dict[str, Doubles]
    num_gallery: int
    has_instances: bool = False

    def summary(self) -> dict[str, float]:
        """Flat figures by their names in `metrics.json`: means over queries that have a match, and counts."""
        values = self.per_query["map_all"]
        figures: dict[str, float] = {
            MEAN_NAMES.get(name, name): float(np.nanmean(each)) for name, each in self.per_query.items()
        }
        figures["num_queries"] = len(values)
        figures["num_gallery"] = self.num_gallery
        figures["num_queries_without_match"] = int(np.isnan(values).sum())
        if self.has_instances:
            figures["num_queries_without_instance"] = int(np.isnan(self.per_query["first_rank"]).sum())
        return figures

    def intervals(self, samples: int = 2000, seed: int = 0) -> dict[str, tuple[float, float]]:
        """95 % bootstrap intervals over the queries with a match, under the names of `summary`."""
        return {
            MEAN_NAMES.get(name, name): interval(each[~np.isnan(each)], samples, seed)
            for name, each in self.per_query.items()
        }


def rank_metrics(
    query_embeddings: ArrayLike,
    gallery_embeddings: ArrayLike,
    query_labels: ArrayLike,
    gallery_labels: ArrayLike,
    *,
    query_instances: ArrayLike | None = None,
    gallery_instances: ArrayLike | None = None,
    exclude_self: bool = False,
    ks: Sequence[int] = (1, 5, 10),
    metric: str = "sqeuclidean",
) -> RankingResult:
    """Rank the gallery for every query and measure the lists.

    Embeddings are `[queries, d]` and `[gallery, d]`; labels and instances are lists of integers or strings.
    An item is relevant if it has the query's label. With instances, the target that `acc_at_k` and the rank
    metrics look for is an item of the same label and instance (and `hit_at_k` asks for the label alone);
    without, any relevant item. Equal distances rank in gallery order. `exclude_self` is for a set that
    queries itself: item i is left out of the list of query i. Raises ValueError for shapes that do not fit,
    `UserError` if no query has a match.
    """
    queries, gallery = prepare(query_embeddings, gallery_embeddings, metric)
    labels = same_codes(query_labels, gallery_labels, len(queries), len(gallery))
    if exclude_self:
        check_same_set((queries, gallery), labels)
    instances = _instance_codes(labels, query_instances, gallery_instances)
    ranker = ExactOrder(gallery)
    blocks = []
    for rows in chunks(len(queries), len(gallery)):
        order = ranker(queries[rows])
        if exclude_self:
            order = _without(order, np.arange(rows.start, rows.stop))
        masks = [codes[1][order] == codes[0][rows, None] for codes in (labels, instances) if codes]
        blocks.append(mask_metrics(masks[0], masks[1] if instances else None, ks))
    per_query = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    check_any_match(per_query)
    return RankingResult(per_query, len(gallery) - exclude_self, instances is not None)


def mask_metrics(match: Bools, target: Bools | None, ks: Sequence[int]) -> dict[str, Doubles]:
    """All metrics of whole ranked lists, name -> float64 `[queries]`.

    `match` bool `[queries, gallery]` marks relevant items, best place first; `target` marks the own instance,
    None where any relevant item is the target.
    """
    if any(k < 1 for k in ks):
        raise ValueError(f"ks are {tuple(ks)}, expected numbers from 1")
    relevant = match.sum(axis=1)
    sought = match if target is None else target
    targets = sought.sum(axis=1)
    found = {"map_all": matches.average_precision(match, relevant)}
    for k in ks:
        found[f"map_at_{k}"] = matches.average_precision_at_k(match, relevant, k)
        found[f"map_at_{k}_over_r"] = matches.average_precision_at_k_over_r(match, relevant, k)
        found[f"precision_at_{k}"] = matches.precision_at_k(match, relevant, k)
        found[f"recall_at_{k}"] = matches.recall_at_k(match, relevant, k)
        found[f"acc_at_{k}"] = matches.hit_at_k(sought, targets, k)
        if target is not None:
            found[f"hit_at_{k}"] = matches.hit_at_k(match, relevant, k)
    found["first_rank"] = matches.first_rank(sought, targets)
    found["reciprocal_rank"] = 1 / found["first_rank"]
    return found


def same_codes(query: ArrayLike, gallery: ArrayLike, num_queries: int, num_gallery: int) -> tuple[Ints, Ints]:
    """Small integers for two lists of names or numbers, equal where the names are equal."""
    left, right = np.asarray(query), np.asarray(gallery)
    if left.shape != (num_queries,) or right.shape != (num_gallery,):
        raise ValueError(
            f"labels are {left.shape} and {right.shape}, expected one for each of {num_queries} queries and "
            f"{num_gallery} gallery items"
        )
    if (left.dtype.kind in "iu") != (right.dtype.kind in "iu"):
        raise ValueError(f"labels of different kinds never match: {left.dtype} and {right.dtype}")
    codes = np.unique(np.concatenate([left, right]), return_inverse=True)[1].astype(np.int64)
    return codes[:num_queries], codes[num_queries:]


def check_same_set(*pairs: tuple[NDArray, NDArray]) -> None:
    """Raise ValueError unless queries and gallery are equal in every pair of arrays."""
    if not all(np.array_equal(left, right) for left, right in pairs):
        raise ValueError("exclude_self is for a set that queries itself, but queries and gallery differ")


def check_any_match(per_query: dict[str, Doubles]) -> None:
    """Raise `UserError` if some metric is undefined for every query."""
    if np.isnan(per_query["map_all"]).all():
        raise UserError(
            "no query has an item of its class in the gallery, expected at least one; choose splits that "
            "share classes and have two or more items of each"
        )
    if any(np.isnan(values).all() for values in per_query.values()):
        raise UserError(
            "no query has its own instance in the gallery, expected pairs; leave the instances out to "
            "measure by class"
        )


def _instance_codes(
    labels: tuple[Ints, Ints], query: ArrayLike | None, gallery: ArrayLike | None
) -> tuple[Ints, Ints] | None:
    if query is None and gallery is None:
        return None
    if query is None or gallery is None:
        raise ValueError("instances were given for one side only, expected both or none")
    left, right = same_codes(query, gallery, len(labels[0]), len(labels[1]))
    per_label = 1 + max(left.max(), right.max())
    return labels[0] * per_label + left, labels[1] * per_label + right


def _without(order: Ints, item: Ints) -> Ints:
    """`order` `[queries, gallery]` with one item taken out of every row."""
    return order[order != item[:, None]].reshape(len(order), -1)
