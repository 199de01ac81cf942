"""Bootstrap intervals against SciPy's and against theory."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from evaluation import bootstrap
from evaluation.bootstrap import interval


@pytest.mark.parametrize("kind", ["shares", "hits"])
def test_interval_agrees_with_scipy(kind):
    rng = np.random.default_rng(1)
    values = rng.beta(2, 5, 300) if kind == "shares" else (rng.random(300) < 0.7).astype(float)
    reference = stats.bootstrap(
        (values,), np.mean, n_resamples=20000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    low, high = interval(values, samples=20000)
    # Each end is a quantile of 20,000 means: its own spread is about 2 % of the interval's width.
    assert low == pytest.approx(reference.low, abs=0.05 * (high - low))
    assert high == pytest.approx(reference.high, abs=0.05 * (high - low))


def test_interval_of_many_values_is_near_the_normal_one():
    values = np.random.default_rng(5).normal(3, 2, 4000)
    half = 1.96 * values.std() / np.sqrt(4000)
    low, high = interval(values, samples=8000)
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_interval_covers_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(9)
    covered = 0
    for trial in range(300):
        low, high = interval(rng.normal(0, 1, 60), samples=400, seed=trial)
        covered += low <= 0 <= high
    # 0.95 +- 3 standard errors of 300 trials, less about one point that percentile intervals lose at n = 60.
    assert 0.90 <= covered / 300 <= 0.985


def test_same_seed_same_interval_whatever_the_block_size(monkeypatch):
    values = np.random.default_rng(0).random(50)
    first = interval(values, seed=4)
    monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", 1000)
    assert interval(values, seed=4) == first
    assert interval(values, seed=5) != first


def test_values_without_spread_give_an_interval_without_width():
    assert interval([0.25] * 8) == (0.25, 0.25)
    assert interval([True]) == (1.0, 1.0)


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]], [1.0, np.nan]])
def test_values_without_a_mean_are_refused(values):
    with pytest.raises(ValueError, match="finite numbers"):
        interval(values)


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="samples is 0"):
        interval([1.0, 2.0], samples=0)
