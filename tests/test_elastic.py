"""Elastic warps, line widths and shared flips against maps of single pixels."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import tensorflow as tf

from tests.test_augment import SEED, STILL, apply, pictures
from training.augmentation.affine import Affine
from training.augmentation.elastic import (
    Warp,
    affine_places,
    bicubic_basis,
    displacements,
    neighbours,
    resample,
)
from training.augmentation.named import augment_named

UNBENT = Warp(**asdict(STILL), bend=0)


def keys(t: float) -> float:
    """The cubic convolution kernel, a = -1/2."""
    t = abs(t)
    if t < 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def slow_field(coarse: np.ndarray, size: int, y: int, x: int) -> float:
    """A coarse field `[nodes, nodes]` at one pixel, one node at a time."""
    nodes = len(coarse)
    u, v = ((place + 0.5) * nodes / size - 0.5 for place in (x, y))
    total = 0.0
    for row in range(math.floor(v) - 1, math.floor(v) + 3):
        for column in range(math.floor(u) - 1, math.floor(u) + 3):
            node = coarse[min(max(row, 0), nodes - 1), min(max(column, 0), nodes - 1)]
            total += node * keys(v - row) * keys(u - column)
    return total


def slow_read(picture: np.ndarray, v: float, u: float) -> np.ndarray:
    """A picture `[size, size, c]` at one place, bilinearly; outside is paper (0)."""
    size, total = len(picture), np.zeros(picture.shape[2])
    for y in (math.floor(v), math.floor(v) + 1):
        for x in (math.floor(u), math.floor(u) + 1):
            if 0 <= x < size and 0 <= y < size:
                total += picture[y, x] * (1 - abs(v - y)) * (1 - abs(u - x))
    return total


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_equal_a_slow_map_of_affine_places_and_field(channels):
    """One bilinear reading at the place that the affine map and the field give together."""
    size, warp = 11, Warp(bend=0.1, nodes=4)
    images = np.random.default_rng(0).random((2, size, size, channels)).astype(np.float32)
    coarse = 0.1 * size * tf.random.stateless_normal([2, 2, 4, 4], SEED + 3).numpy()
    maps = warp._maps(2, float(size), SEED).numpy()
    found = apply(warp, images)
    for number, (a0, a1, a2, b0, b1, b2, *_) in enumerate(maps):
        for y in range(size):
            for x in range(size):
                u = a0 * x + a1 * y + a2 + slow_field(coarse[0, number], size, y, x)
                v = b0 * x + b1 * y + b2 + slow_field(coarse[1, number], size, y, x)
                np.testing.assert_allclose(found[number, y, x], slow_read(images[number], v, u), atol=2e-4)


def test_the_basis_is_tensorflows_bicubic_away_from_the_border():
    coarse = np.random.default_rng(0).normal(size=(7, 7, 1)).astype(np.float32)
    expected = tf.image.resize(coarse, [35, 35], "bicubic", antialias=True).numpy()[..., 0]
    basis = bicubic_basis(35, 7)
    np.testing.assert_allclose(basis.sum(axis=1), 1, atol=1e-6)
    found = basis @ coarse[..., 0] @ basis.T
    np.testing.assert_allclose(found[8:-8, 8:-8], expected[8:-8, 8:-8], atol=1e-4)


def test_without_a_field_a_warp_is_the_affine_map():
    images = pictures(size=17)
    np.testing.assert_allclose(apply(Warp(bend=0), images), apply(Affine(), images), atol=1e-4)
    np.testing.assert_allclose(apply(UNBENT, images), images, atol=1e-6)


def test_far_places_are_paper_and_border_pixels_are_read_to_the_last():
    images = tf.ones([1, 4, 4, 1])
    places = tf.constant([[-50.0, -1.0, -0.5, 0.0], [3.0, 3.25, 4.0, 99.0]])
    there = tf.reshape(tf.concat([places, tf.zeros([2, 4])], axis=0), [1, 1, 4, 4])
    found = resample(images, tf.concat([there, tf.zeros_like(there)], axis=0)).numpy()[0, :2, :, 0]
    np.testing.assert_allclose(found, [[0, 0, 0.5, 1], [1, 0.75, 0, 0]], atol=1e-6)


def test_fields_are_smooth_and_as_large_as_asked():
    coarse = tf.random.stateless_normal([2, 400, 5, 5], [1, 2])
    field = displacements(coarse, 48).numpy()
    assert field.shape == (2, 400, 48, 48)
    assert 0.6 < field.std() < 1.0
    assert np.abs(np.diff(field, axis=3)).max() < 1
    assert affine_places(tf.constant([[1.0, 0, 5, 0, 1, 7, 0, 0]]), 3).numpy()[:, 0, 2, 1].tolist() == [6, 9]


def test_neighbours_are_the_best_of_3_x_3():
    images = pictures(2, 6)
    for best, slow in ((tf.maximum, np.max), (tf.minimum, np.min)):
        found = neighbours(tf.constant(images), best).numpy()
        for y in range(6):
            for x in range(6):
                part = images[:, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
                np.testing.assert_array_equal(found[:, y, x], slow(part, axis=(1, 2)))


def test_lines_become_bolder_and_thinner_as_often_as_asked():
    """A line two pixels wide: spread it is up to four wide, receded it loses up to half of its ink."""
    line = np.zeros((3000, 8, 8, 1), np.float32)
    line[:, :, 3:5] = 1
    ink = apply(replace(UNBENT, bolder=0.3, thinner=0.2), line).sum(axis=(1, 2, 3)) / 8
    assert (ink > 2.001).mean() == pytest.approx(0.3, abs=0.03)
    assert (ink < 1.999).mean() == pytest.approx(0.2, abs=0.03)
    assert (ink.min(), ink.max()) == (pytest.approx(1, abs=0.02), pytest.approx(4, abs=0.02))


def test_pairs_are_flipped_together_only_where_asked():
    for shared in (True, False):
        maps = replace(STILL, flip=0.5, shared_flip=shared)._maps(2001, 9.0, SEED).numpy()[:, 0]
        alike = (maps[0:2000:2] == maps[1:2000:2]).mean()
        assert alike == pytest.approx(1.0 if shared else 0.5, abs=0.0 if shared else 0.05)
        assert (maps < 0).mean() == pytest.approx(0.5, abs=0.05)


def test_the_published_flip_mirrors_about_half_and_changes_nothing_else():
    images = pictures(300)
    found = apply(augment_named("crop_flip"), images)
    mirrored = [np.allclose(a, b[:, ::-1], atol=1e-5) for a, b in zip(found, images, strict=True)]
    kept = [np.allclose(a, b, atol=1e-5) for a, b in zip(found, images, strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert np.mean(mirrored) == pytest.approx(0.5, abs=0.1)


def test_several_squares_are_erased_each_with_its_probability():
    ones = np.ones((2000, 30, 30, 1), np.float32)
    lost = [1 - apply(replace(STILL, erase=0.5, squares=n), ones).mean() for n in (1, 4)]
    assert 2.5 < lost[1] / lost[0] < 4
    untouched = (apply(replace(STILL, erase=0.5, squares=4), ones).min(axis=(1, 2, 3)) == 1).mean()
    assert untouched == pytest.approx(0.5**4, abs=0.02)


@pytest.mark.parametrize("name", ["pairs", "pairs_strong"])
def test_named_sets_are_functions_of_seed_and_step(name):
    images, augment = np.repeat(pictures(1, 24), 4, axis=0), augment_named(name)
    first = apply(augment, images)
    np.testing.assert_array_equal(first, apply(augment, images))
    assert np.abs(first - apply(augment, images, SEED + tf.constant([0, 1]))).max() > 0.1
    assert np.abs(first - apply(augment, images, SEED + tf.constant([1, 0]))).max() > 0.1
    assert len(np.unique(first.reshape(4, -1).round(4), axis=0)) == 4
    assert first.min() >= 0
    assert first.max() <= 1 + 1e-6


def test_snapshots_bend_like_the_picture_of_the_same_drawing():
    images = pictures(2, 20)
    warp = Warp(bolder=0.5)
    snapshots = np.stack([images, images], axis=1)
    found = warp({"image": tf.constant(images), "snapshots": tf.constant(snapshots)}, SEED)
    np.testing.assert_allclose(found["snapshots"][:, 0], found["image"], atol=1e-6)
    np.testing.assert_allclose(found["snapshots"][:, 1], found["image"], atol=1e-6)
