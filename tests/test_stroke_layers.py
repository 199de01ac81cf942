"""Stroke input against plain loops, and what must not matter to it."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models.stroke_layers import SPREAD, STROKE_PRESETS, StrokeOffsets, gather_at, mask_of

EVERY_PRESET = pytest.mark.parametrize("preset", STROKE_PRESETS)
LENGTH = np.array([9, 1, 4, 2], np.int32)


def drawings(steps: int = 9, seed: int = 0) -> np.ndarray:
    """Points in 0..255 with pen bits, zeros behind `LENGTH`."""
    rng = np.random.default_rng(seed)
    strokes = np.concatenate(
        [rng.integers(0, 256, (len(LENGTH), steps, 2)), rng.integers(0, 2, (len(LENGTH), steps, 1))], -1
    )
    return np.where(np.arange(steps)[:, None] < LENGTH[:, None, None], strokes, 0).astype(np.float32)


def offsets(preset: str, strokes: np.ndarray, length: np.ndarray = LENGTH) -> np.ndarray:
    return StrokeOffsets(preset, name="offsets")((tf.constant(strokes), tf.constant(length))).numpy()


def slow_offsets(preset: str, strokes: np.ndarray, length: np.ndarray) -> np.ndarray:
    """One drawing and one point at a time."""
    result = np.zeros(strokes.shape)
    for drawing, count, out in zip(strokes.astype(float), length, result, strict=True):
        xs, ys = drawing[:count, 0], drawing[:count, 1]
        x, y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
        scale = max(max(xs) - min(xs), max(ys) - min(ys)) or 1
        if preset == "published":
            x, y = 122.5, 122.5
        for t in range(count):
            dx, dy = xs[t] - x, ys[t] - y
            out[t] = dx / scale * SPREAD, dy / scale * SPREAD, drawing[t, 2]
            if preset == "published":
                out[t, :2] = (dx - 0.04) / 34.53, (dy + 0.67) / 26.54
            x, y = xs[t], ys[t]
    return result


@EVERY_PRESET
def test_offsets_agree_with_a_loop_over_points(preset):
    expected = slow_offsets(preset, drawings(), LENGTH)
    np.testing.assert_allclose(offsets(preset, drawings()), expected, atol=2e-6)


def test_offsets_of_a_corner_by_hand():
    corner = np.array([[[10, 10, 0], [30, 10, 0], [30, 20, 1]]], np.float32)
    # Box 20 x 10, centre (20, 15); one eighth of the larger side is 2.5.
    expected = [[[-4, -2, 0], [8, 0, 0], [0, 4, 1]]]
    np.testing.assert_allclose(offsets("sketch", corner, np.array([3], np.int32)), expected, atol=1e-6)


@EVERY_PRESET
@pytest.mark.parametrize("filling", [7.0, 1e38, np.inf, np.nan])
def test_padding_of_any_content_changes_nothing(preset, filling):
    longer = np.concatenate([drawings(), np.zeros((4, 3, 3), np.float32)], axis=1)
    there = np.arange(12)[:, None] < LENGTH[:, None, None]
    filled = np.where(there, longer, np.float32(filling))
    result = offsets(preset, filled)
    np.testing.assert_array_equal(result[:, :9], offsets(preset, drawings()))
    assert not result[:, 9:].any()


def test_moving_and_scaling_a_drawing_changes_nothing():
    moved = drawings() * np.array([3.7, 3.7, 1], np.float32) + np.array([-400, 900, 0], np.float32)
    np.testing.assert_allclose(offsets("sketch", moved), offsets("sketch", drawings()), atol=1e-4)


@EVERY_PRESET
@pytest.mark.parametrize("size", [3.4e38, 1e-38, 0.0])
def test_any_finite_drawing_gives_finite_offsets(preset, size):
    strokes = drawings() / 255 * 2 - 1
    strokes[..., :2] *= np.float32(size)
    assert np.isfinite(offsets(preset, strokes)).all()


def test_a_drawing_of_one_point_is_a_zero_offset_and_a_pen_bit():
    dot = np.array([[[77, 5, 1]]], np.float32)
    np.testing.assert_array_equal(offsets("sketch", dot, np.array([1], np.int32)), [[[0, 0, 1]]])


def test_offsets_of_real_drawings_spread_by_about_one(shared_data):
    spread = []
    with zipfile.ZipFile(shared_data / "quickdraw" / "simplified_first25.zip") as archive:
        for name in archive.namelist()[:60:10]:
            for line in archive.read(name).splitlines():
                strokes = [[*zip(*stroke, strict=True)] for stroke in json.loads(line)["drawing"]]
                points = np.array([[[x, y, 0] for stroke in strokes for x, y in stroke]], np.float32)
                spread.append(offsets("sketch", points, np.array([points.shape[1]]))[0, :, :2])
    assert len(spread) >= 100
    assert 0.5 < np.concatenate(spread).std() < 2


@EVERY_PRESET
def test_offsets_are_float32_under_mixed_precision(preset):
    tf_keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        mixed = offsets(preset, drawings())
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    assert mixed.dtype == np.float32
    np.testing.assert_array_equal(mixed, offsets(preset, drawings()))


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="not one of"):
        StrokeOffsets("sketchy", name="offsets")


def test_mask_and_reading_at_a_point():
    np.testing.assert_array_equal(
        mask_of(tf.constant([2, 0, 3]), 3), [[True, True, False], [False] * 3, [True] * 3]
    )
    sequence = np.arange(24).reshape(2, 4, 3)
    np.testing.assert_array_equal(
        gather_at(tf.constant(sequence), tf.constant([3, 1])), [[9, 10, 11], [15, 16, 17]]
    )
