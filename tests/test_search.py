"""Exact search: against brute force, with ties, and by FAISS."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sketchspace.errors import UserError
from sketchspace.gallery import search
from sketchspace.gallery.search import nearest, squared_distances

NEVER_FAISS = 10**9


def brute_force(queries, vectors, top):
    """Sort (distance, place in the gallery) pairs one query at a time."""
    distances = cdist(queries, vectors, "sqeuclidean")
    pairs = [sorted(zip(row, range(len(vectors)), strict=True)) for row in distances]
    return [[index for _, index in row[:top]] for row in pairs]


def clustered(rng, count, width):
    """Vectors on a coarse grid, so that many distances are equal."""
    return rng.integers(0, 3, (count, width)).astype(np.float32)


@pytest.mark.parametrize("block_numbers", [60, 4_000_000])
@pytest.mark.parametrize("top", [1, 7, 300])
def test_ranking_equals_brute_force_with_many_ties(top, block_numbers, monkeypatch):
    monkeypatch.setattr(search, "_BLOCK_NUMBERS", block_numbers)
    rng = np.random.default_rng(3)
    vectors, queries = clustered(rng, 250, 5), clustered(rng, 9, 5)
    found = nearest(queries, vectors, top, NEVER_FAISS)
    assert found.indices.tolist() == brute_force(queries, vectors, top)
    exact = cdist(queries, vectors, "sqeuclidean")
    np.testing.assert_array_equal(found.distances, np.take_along_axis(exact, found.indices, axis=1))


def test_equal_vectors_keep_the_order_of_the_gallery():
    vectors = np.array([[1, 0], [0, 0], [1, 0], [0, 0]], np.float32)
    found = nearest(np.zeros((1, 2), np.float32), vectors, 4)
    assert found.indices.tolist() == [[1, 3, 0, 2]]
    assert found.distances.tolist() == [[0, 0, 1, 1]]


def test_the_small_path_equals_scipy(monkeypatch):
    rng = np.random.default_rng(0)
    queries = rng.normal(size=(4, 96)).astype(np.float32)
    vectors = rng.normal(size=(300, 96)).astype(np.float32)
    small = squared_distances(queries, vectors)
    monkeypatch.setattr(search, "_SCIPY_ABOVE", 0)
    large = squared_distances(queries, vectors)
    np.testing.assert_allclose(small, large, rtol=1e-13)


def test_a_distance_survives_vectors_far_from_zero():
    vectors = np.float32(10_000) + np.arange(20, dtype=np.float32)[:, None] / np.float32(64)
    found = nearest(vectors[[7]], vectors, 3)
    assert found.indices.tolist() == [[7, 6, 8]]
    assert found.distances.tolist() == [[0, 1 / 4096, 1 / 4096]]


@pytest.mark.parametrize("offset", [0, 3000])
@pytest.mark.parametrize("width", [4, 64])
def test_faiss_gives_the_same_answer_where_single_precision_would_not(offset, width):
    pytest.importorskip("faiss")
    rng = np.random.default_rng(width + offset)
    vectors = (rng.normal(size=(5000, width)) + offset).astype(np.float32)
    vectors[100:140] = vectors[7]
    queries = np.concatenate([vectors[[7, 4999]], (rng.normal(size=(40, width)) + offset).astype(np.float32)])
    plain = nearest(queries, vectors, 10, NEVER_FAISS)
    faiss = nearest(queries, vectors, 10, faiss_above=0)
    np.testing.assert_array_equal(faiss.indices, plain.indices)
    np.testing.assert_allclose(faiss.distances, plain.distances, rtol=1e-12)


def test_faiss_is_really_asked_for_large_galleries(monkeypatch):
    faiss = pytest.importorskip("faiss")
    asked, knn = [], faiss.knn

    def watched(queries, vectors, width):
        asked.append(width)
        return knn(queries, vectors, width)

    monkeypatch.setattr(faiss, "knn", watched)
    vectors = np.random.default_rng(1).normal(size=(2000, 8)).astype(np.float32)
    nearest(vectors[:1], vectors, 5, faiss_above=2000)
    assert asked == []
    nearest(vectors[:1], vectors, 5, faiss_above=1999)
    assert asked == [52]


@pytest.mark.parametrize(
    ("queries", "vectors", "top", "message"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3)), 0, "top is 0"),
        (np.zeros((1, 3)), np.zeros((5, 4)), 1, "same width"),
        (np.zeros(3), np.zeros((5, 3)), 1, "same width"),
        (np.zeros((0, 3)), np.zeros((5, 3)), 1, "nothing to search"),
        (np.full((1, 3), np.nan), np.zeros((5, 3)), 1, "not finite"),
        (np.zeros((1, 3)), np.full((5, 3), np.inf), 1, "not finite"),
    ],
)
def test_bad_input_is_named(queries, vectors, top, message):
    with pytest.raises(UserError, match=message):
        nearest(queries.astype(np.float32), vectors.astype(np.float32), top)


def test_a_small_search_does_not_import_scipy():
    code = (
        "import sys, numpy as np; from sketchspace.gallery.search import nearest;"
        "v = np.eye(2000, 256, dtype=np.float32); nearest(v[:1], v, 10);"
        "print([name for name in ('scipy', 'faiss', 'tensorflow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
