"""Retrieval metrics against plain loops, hand-derived values and scikit-learn."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn import metrics as sk

from evaluation import matches, neighbours
from evaluation.definitions import DEFINITIONS, define, definition
from evaluation.neighbours import ExactOrder
from evaluation.ranking import mask_metrics, rank_metrics
from sketchspace.errors import UserError

KS = (1, 3, 10, 60)


def slow_metrics(order, wanted, target):
    """All metrics of one query by walking down its list; `wanted` and `target` are sets of items."""
    places = [place for place, item in enumerate(order, start=1) if item in wanted]
    found = {"map_all": sum(i / place for i, place in enumerate(places, start=1)) / len(wanted)}
    for k in KS:
        top = [place for place in places if place <= k]
        total = sum(i / place for i, place in enumerate(top, start=1))
        found[f"map_at_{k}"] = total / min(len(wanted), k)
        found[f"map_at_{k}_over_r"] = total / len(wanted)
        found[f"precision_at_{k}"] = len(top) / k
        found[f"recall_at_{k}"] = len(top) / len(wanted)
        found[f"hit_at_{k}"] = float(bool(top))
        found[f"acc_at_{k}"] = float(any(item in target for item in order[:k]))
    found["first_rank"] = 1 + min(place for place, item in enumerate(order) if item in target)
    found["reciprocal_rank"] = 1 / found["first_rank"]
    return found


def slow_order(queries, gallery, query, exclude):
    """Gallery indices by distance, equal ones by index; differences are squared and summed one by one."""
    distances = [sum((a - b) ** 2 for a, b in zip(queries[query], item, strict=True)) for item in gallery]
    return [i for i in sorted(range(len(gallery)), key=lambda i: (distances[i], i)) if i != exclude]


def drawn(seed, num=40, classes=4, whole=False):
    rng = np.random.default_rng(seed)
    embeddings = rng.integers(0, 3, (num, 3)) if whole else rng.normal(size=(num, 3))
    return embeddings.astype(np.float32), np.arange(num) % classes, np.arange(num) % (num // 2)


@pytest.mark.parametrize("whole", [False, True], ids=["no ties", "many ties"])
@pytest.mark.parametrize("exclude_self", [False, True])
def test_every_metric_equals_walking_down_the_list(whole, exclude_self):
    embeddings, labels, instances = drawn(1, whole=whole)
    result = rank_metrics(
        embeddings,
        embeddings,
        labels,
        labels,
        query_instances=instances,
        gallery_instances=instances,
        exclude_self=exclude_self,
        ks=KS,
    )
    for query in range(len(labels)):
        order = slow_order(embeddings.tolist(), embeddings.tolist(), query, query if exclude_self else None)
        wanted = {item for item in order if labels[item] == labels[query]}
        target = {item for item in wanted if instances[item] == instances[query]}
        expected = slow_metrics(order, wanted, target)
        assert set(expected) == set(result.per_query)
        for name, value in expected.items():
            assert result.per_query[name][query] == pytest.approx(value), name


def test_metrics_of_one_list_by_hand():
    # Places 1, 3 and 4 of five match, and a fourth relevant item is nowhere (a cut list): R = 4.
    match, relevant = np.array([[1, 0, 1, 1, 0]], bool), np.array([4])
    # (1/1 + 2/3 + 3/4) / 4 = 29/48
    assert matches.average_precision(match, relevant)[0] == pytest.approx(29 / 48)
    # First three places: 1/1 + 2/3 = 5/3; min(R, 3) = 3, R = 4.
    assert matches.average_precision_at_k(match, relevant, 3)[0] == pytest.approx(5 / 9)
    assert matches.average_precision_at_k_over_r(match, relevant, 3)[0] == pytest.approx(5 / 12)
    assert matches.precision_at_k(match, relevant, 3)[0] == pytest.approx(2 / 3)
    assert matches.precision_at_k(match, relevant, 10)[0] == pytest.approx(3 / 10)
    assert matches.recall_at_k(match, relevant, 3)[0] == pytest.approx(2 / 4)
    second = np.array([[0, 1, 1]], bool)
    assert matches.hit_at_k(second, np.array([2]), 1)[0] == 0
    assert matches.hit_at_k(second, np.array([2]), 2)[0] == 1
    assert matches.first_rank(second, np.array([2]))[0] == 2


def test_map_agrees_with_scikit_learn_without_ties():
    queries, query_labels, _ = drawn(2, num=30)
    gallery, gallery_labels, _ = drawn(3, num=50)
    result = rank_metrics(queries, gallery, query_labels, gallery_labels)
    scores = -cdist(queries, gallery, "sqeuclidean")
    wanted = query_labels[:, None] == gallery_labels
    expected = [sk.average_precision_score(row, score) for row, score in zip(wanted, scores, strict=True)]
    np.testing.assert_allclose(result.per_query["map_all"], expected)
    whole = sk.label_ranking_average_precision_score(wanted, scores)
    assert result.summary()["map_all"] == pytest.approx(whole)


def test_perfect_embeddings_score_one():
    labels = np.repeat(np.arange(4), 12)
    result = rank_metrics(np.eye(4)[labels], np.eye(4)[labels], labels, labels, exclude_self=True, ks=(1, 10))
    summary = result.summary()
    names = ("map_all", "map_at_10", "precision_at_10", "acc_at_1", "mean_reciprocal_rank", "mean_rank")
    assert [summary[name] for name in names] == [1] * len(names)
    assert summary["recall_at_10"] == pytest.approx(10 / 11)
    assert summary["map_at_10_over_r"] == pytest.approx(10 / 11)


def test_worst_embeddings_by_hand():
    # One query of class 0; the gallery has class 1 at distance 1, 2, 3 and class 0 at 4 and 5.
    gallery = np.arange(1.0, 6)[:, None]
    summary = rank_metrics([[0.0]], gallery, [0], [1, 1, 1, 0, 0], ks=(1, 3)).summary()
    assert summary["map_all"] == pytest.approx((1 / 4 + 2 / 5) / 2)
    assert summary["mean_rank"] == 4 and summary["mean_reciprocal_rank"] == 0.25
    assert summary["acc_at_3"] == summary["precision_at_3"] == summary["map_at_3"] == 0


def test_collapsed_embeddings_rank_in_gallery_order():
    # All distances are 0: every query sees items 0, 1, 2, 3 (less itself), labels a b b a.
    labels = np.array(["a", "b", "b", "a"])
    result = rank_metrics(np.ones((4, 2)), np.ones((4, 2)), labels, labels, exclude_self=True)
    # Query 0: b b a. Query 1: a b a. Query 2: a b a. Query 3: a b b.
    np.testing.assert_array_equal(result.per_query["first_rank"], [3, 2, 2, 1])


def awkward_pairs():
    rng = np.random.default_rng(4)
    plain = rng.normal(size=(60, 16))
    yield "far from the origin", plain[:20] + 1e6, plain + 1e6
    yield "small whole numbers", rng.integers(0, 3, (20, 4)) * 1.0, rng.integers(0, 3, (80, 4)) * 1.0
    yield "duplicates", plain[:20], np.repeat(plain[:12], 5, axis=0)
    yield "all the same", np.full((5, 3), 0.1), np.full((30, 3), 0.1)
    yield "all at the origin", np.zeros((2, 3)), np.zeros((1000, 3))
    yield "one giant item", plain[:20], np.vstack([plain, np.full(16, 1e12)])
    yield "tiny", plain[:20] * 1e-170, plain * 1e-170
    yield "nearly the same", np.full((9, 8), 0.3), 0.3 + 1e-9 * rng.normal(size=(50, 8))


@pytest.mark.parametrize(("queries", "gallery"), [pytest.param(*p[1:], id=p[0]) for p in awkward_pairs()])
def test_order_equals_the_sorted_scipy_distances(queries, gallery):
    expected = np.argsort(cdist(queries, gallery, "sqeuclidean"), axis=1, kind="stable")
    np.testing.assert_array_equal(ExactOrder(gallery)(queries), expected)


def test_the_coarse_distances_alone_would_rank_wrongly():
    """Without this the check above could not fail: cancellation does disturb the order of this data."""
    _, queries, gallery = next(iter(awkward_pairs()))
    ranker = ExactOrder(gallery)
    coarse, error = ranker._coarse(queries)
    exact = cdist(queries, gallery, "sqeuclidean")
    assert (np.argsort(coarse, axis=1) != np.argsort(exact, axis=1)).any()
    assert (np.abs(coarse - exact) <= error[:, None]).all()


def test_chunk_size_changes_nothing(monkeypatch):
    embeddings, labels, _ = drawn(6, num=50, whole=True)
    whole = rank_metrics(embeddings, embeddings, labels, labels, exclude_self=True)
    monkeypatch.setattr(neighbours, "CELLS_AT_ONCE", 130)
    assert len(list(neighbours.chunks(50, 50))) == 25
    pieces = rank_metrics(embeddings, embeddings, labels, labels, exclude_self=True)
    for name, values in whole.per_query.items():
        np.testing.assert_array_equal(pieces.per_query[name], values)


def test_cosine_ranks_by_angle_and_takes_zero_rows_as_right_angles():
    # From (1, 0): (5, 1) is at a small angle although far; (0, 0) counts as 90 degrees; (-1, 0) is opposite.
    gallery, labels = np.array([[-1.0, 0], [0, 0], [1, 1], [5, 1]]), np.arange(4)
    for label, rank in enumerate([4, 3, 2, 1]):
        result = rank_metrics([[1.0, 0]], gallery, [label], labels, metric="cosine")
        assert result.summary()["mean_rank"] == rank
    # Two rows without direction are at a right angle too: neither is preferred as if they were equal.
    queries, items = neighbours.prepare([[0.0, 0.0]], [[0.0, 0.0], [0.0, 3.0]], "cosine")
    assert cdist(queries, items, "sqeuclidean").tolist() == [[2.0, 2.0]]


def test_cosine_equals_scipy_without_ties():
    embeddings, labels, _ = drawn(8)
    expected = np.argsort(cdist(embeddings, embeddings, "cosine"), axis=1)
    queries, gallery = neighbours.prepare(embeddings, embeddings * 7, "cosine")
    np.testing.assert_array_equal(ExactOrder(gallery)(queries)[:, 1:], expected[:, 1:])
    by_scale = rank_metrics(embeddings, embeddings * 7, labels, labels, metric="cosine").summary()
    assert by_scale["mean_rank"] == 1


def test_queries_without_a_match_are_counted_and_left_out():
    gallery, labels = np.array([[0.0], [1.0], [2.0]]), [7, 8, 8]
    result = rank_metrics([[0.0], [0.0]], gallery, [8, 9], labels)
    summary = result.summary()
    assert (summary["num_queries"], summary["num_gallery"], summary["num_queries_without_match"]) == (2, 3, 1)
    assert summary["map_all"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert all(np.isnan(values[1]) for values in result.per_query.values())
    assert result.intervals()["map_all"] == (summary["map_all"], summary["map_all"])


def test_own_instance_and_any_of_the_class_are_different_figures():
    # Order from the query: another shoe, then the own shoe, then a chair that happens to share the number.
    summary = rank_metrics(
        [[0.0], [0.0]],
        [[1.0], [2.0], [3.0]],
        ["shoe", "shoe"],
        ["shoe", "shoe", "chair"],
        query_instances=[5, 6],
        gallery_instances=[4, 5, 6],
        ks=(1, 2),
    ).summary()
    assert (summary["acc_at_1"], summary["hit_at_1"], summary["acc_at_2"]) == (0, 1, 1)
    assert summary["mean_rank"] == 2 and summary["map_all"] == 1
    assert summary["num_queries_without_instance"] == 1


def test_self_retrieval_leaves_the_query_out_even_among_duplicates():
    embeddings, labels = np.zeros((3, 2)), np.array([0, 1, 0])
    summary = rank_metrics(embeddings, embeddings, labels, labels, exclude_self=True).summary()
    # Query 0 sees (1, 2): its class at place 2. Query 2 sees (0, 1): place 1. Query 1 has no match.
    assert summary["mean_rank"] == 1.5
    assert (summary["num_gallery"], summary["num_queries_without_match"]) == (2, 1)


def test_every_figure_has_a_definition_and_an_interval():
    embeddings, labels, instances = drawn(1)
    result = rank_metrics(
        embeddings,
        embeddings,
        labels,
        labels,
        query_instances=instances,
        gallery_instances=instances,
        ks=(1, 200),
    )
    summary, intervals = result.summary(), result.intervals(samples=50)
    assert set(define(summary)) == set(summary)
    assert set(summary) - set(intervals) == {name for name in summary if name.startswith("num_")}
    assert "200" in definition("cosine_precision_at_200_worst") and "precision" not in DEFINITIONS
    for unknown in ("map_at_0", "precision", "speed_at_10"):
        with pytest.raises(ValueError, match="no definition"):
            definition(unknown)


def test_the_worked_example_of_the_documentation_runs():
    page = Path(__file__).parents[1] / "docs" / "metrics.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried == 5 and failed == 0


def test_mistakes_of_the_caller_are_refused():
    points, labels = np.zeros((3, 2)), [0, 1, 2]
    with pytest.raises(UserError, match="no query has an item of its class"):
        rank_metrics(points, points, labels, labels, exclude_self=True)
    with pytest.raises(UserError, match="own instance"):
        rank_metrics(points, points, labels, labels, query_instances=[1, 2, 3], gallery_instances=[4, 5, 6])
    with pytest.raises(UserError, match="first is 1"):
        rank_metrics(np.array([[0.0], [np.nan]]), [[0.0]], [0, 0], [0])
    with pytest.raises(ValueError, match="queries itself"):
        rank_metrics(points, points + 1, labels, labels, exclude_self=True)
    with pytest.raises(ValueError, match="one side only"):
        rank_metrics(points, points, labels, labels, query_instances=labels)
    with pytest.raises(ValueError, match="different kinds"):
        rank_metrics(points, points, labels, ["0", "1", "2"])
    with pytest.raises(ValueError, match="dimensions"):
        rank_metrics(points, np.zeros((3, 5)), labels, labels)
    with pytest.raises(ValueError, match="gallery items"):
        rank_metrics(points, points, labels, [0, 1])
    with pytest.raises(ValueError, match="unknown metric"):
        rank_metrics(points, points, labels, labels, metric="manhattan")
    with pytest.raises(ValueError, match="numbers from 1"):
        mask_metrics(np.ones((1, 1), bool), None, (0,))
