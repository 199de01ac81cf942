"""Schedules and updates against values worked out by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf

from models.spec import Stage
from training.optimizers import OPTIMIZERS, SCHEDULES, WarmupCosine, build_optimizer


def slow_rate(step: int, peak: float, warmup: int, last: int) -> float:
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (last - warmup)))


@pytest.mark.parametrize(("warmup", "last"), [(0, 10), (4, 20), (100, 1000)])
def test_warmup_and_cosine_equal_a_plain_formula(warmup, last):
    schedule = WarmupCosine(0.3, warmup, last)
    for step in sorted({0, 1, warmup, warmup + 1, last // 2, last - 1, last}):
        assert float(schedule(step)) == pytest.approx(slow_rate(step, 0.3, warmup, last), abs=1e-6)


def test_the_rate_rises_to_its_peak_and_falls_to_zero_and_stays():
    rates = [float(WarmupCosine(1.0, 5, 50)(step)) for step in range(60)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert max(rates) == pytest.approx(1.0)
    assert all(a >= b for a, b in pairwise(rates[5:]))
    assert rates[50:] == pytest.approx([0.0] * 10, abs=1e-7)


def test_a_warmup_longer_than_the_stage_only_rises():
    rates = [float(WarmupCosine(1.0, 100, 10)(step)) for step in range(10)]
    assert rates == pytest.approx([(step + 1) / 100 for step in range(10)])


def one_update(value: float, gradient: float, **numbers) -> float:
    variable = tf.Variable([value])
    optimizer = build_optimizer(Stage(**numbers))
    optimizer.apply_gradients([(tf.constant([gradient]), variable)])
    return float(variable[0])


def test_the_first_step_of_adam_is_the_rate_against_the_sign():
    assert one_update(1.0, 5.0, learning_rate=0.01) == pytest.approx(0.99, abs=1e-5)


def test_sgd_has_momentum():
    variable = tf.Variable([0.0])
    optimizer = build_optimizer(Stage(optimizer="sgd", learning_rate=0.1))
    for _ in range(2):
        optimizer.apply_gradients([(tf.constant([1.0]), variable)])
    assert float(variable[0]) == pytest.approx(-0.1 - 0.1 * 1.9)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_weight_decay_is_decoupled(name):
    still = one_update(2.0, 0.0, optimizer=name, learning_rate=0.1, weight_decay=0.5)
    assert still == pytest.approx(2.0 - 0.1 * 0.5 * 2.0, rel=1e-5)
    assert one_update(2.0, 0.0, optimizer=name, learning_rate=0.1) == 2.0


def test_clipping_bounds_the_global_norm():
    variables = [tf.Variable([0.0]), tf.Variable([0.0])]
    optimizer = build_optimizer(Stage(optimizer="sgd", learning_rate=1.0, clip=1.0))
    gradients = [tf.constant([30.0]), tf.constant([40.0])]
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    np.testing.assert_allclose([-float(v[0]) for v in variables], [0.6, 0.8], rtol=1e-5)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_takes_every_schedule(name, schedule):
    numbers = {"optimizer": name, "schedule": schedule, "learning_rate": 0.1, "max_steps": 10}
    assert one_update(1.0, 1.0, **numbers) < 1.0
