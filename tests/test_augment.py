"""Augmentation against a slow map of single pixels, and against its own bounds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from sketchspace.errors import UserError
from training.augmentation.named import AUGMENTS, Affine, augment_named

STILL = Affine(rotate=0, scale=1, stretch=1, shear=0, shift=0, flip=0)
SEED = tf.constant([3, 4])


def pictures(count: int = 3, size: int = 9, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, size, size, 1)).astype(np.float32)


def apply(augment, images: np.ndarray, seed=SEED) -> np.ndarray:
    return augment({"image": tf.constant(images)}, seed)["image"].numpy()


def slow_map(image: np.ndarray, coefficients) -> np.ndarray:
    """Bilinear, one output pixel at a time; outside is paper (0)."""
    a0, a1, a2, b0, b1, b2 = coefficients[:6]
    size = len(image)
    result = np.zeros_like(image)

    def pixel(y: int, x: int) -> float:
        return float(image[y, x, 0]) if 0 <= x < size and 0 <= y < size else 0.0

    for y in range(size):
        for x in range(size):
            u, v = a0 * x + a1 * y + a2, b0 * x + b1 * y + b2
            left, top = math.floor(u), math.floor(v)
            for dy in (0, 1):
                for dx in (0, 1):
                    share = (1 - abs(u - left - dx)) * (1 - abs(v - top - dy))
                    result[y, x, 0] += share * pixel(top + dy, left + dx)
    return result


def test_pixels_equal_a_slow_bilinear_map():
    images = pictures()
    augment = Affine()
    maps = augment._maps(3, 9.0, SEED).numpy()
    expected = [slow_map(image, row) for image, row in zip(images, maps, strict=True)]
    np.testing.assert_allclose(apply(augment, images), expected, atol=1e-4)


def test_no_bounds_change_nothing():
    images = pictures()
    np.testing.assert_allclose(apply(STILL, images), images, atol=1e-6)


def test_flip_mirrors_left_and_right():
    images = pictures()
    np.testing.assert_allclose(apply(replace(STILL, flip=1), images), images[:, :, ::-1], atol=1e-5)


def test_flip_happens_as_often_as_asked():
    maps = replace(STILL, flip=0.3)._maps(4000, 9.0, SEED).numpy()
    assert (maps[:, 0] < 0).mean() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("size", [8, 9])
def test_rotations_keep_the_centre(size):
    middle = (size - 1) / 2
    maps = replace(STILL, rotate=180)._maps(200, float(size), SEED).numpy()
    for a, b, c in (maps[:, 0:3].T, maps[:, 3:6].T):
        np.testing.assert_allclose(a * middle + b * middle + c, middle, atol=1e-4)
    np.testing.assert_allclose(maps[:, 0] * maps[:, 4] - maps[:, 1] * maps[:, 3], 1.0, atol=1e-5)


def test_maps_stay_within_their_bounds_and_reach_them():
    count, size = 5000, 64.0
    maps = replace(STILL, rotate=20)._maps(count, size, SEED).numpy()
    angles = np.degrees(np.arctan2(maps[:, 3], maps[:, 0]))
    assert 19.5 < np.abs(angles).max() <= 20.001
    zooms = replace(STILL, scale=1.5)._maps(count, size, SEED).numpy()[:, 0]
    assert (zooms.min(), zooms.max()) == (pytest.approx(1 / 1.5, abs=0.01), pytest.approx(1.5, abs=0.01))
    assert (zooms < 1).mean() == pytest.approx(0.5, abs=0.03)
    stretched = replace(STILL, stretch=1.3)._maps(count, size, SEED).numpy()
    ratios = stretched[:, 0] / stretched[:, 4]
    assert (ratios.min(), ratios.max()) == (pytest.approx(1 / 1.3, abs=0.01), pytest.approx(1.3, abs=0.01))
    shifts = replace(STILL, shift=0.1)._maps(count, size, SEED).numpy()[:, [2, 5]]
    assert 6.3 < np.abs(shifts).max() <= 6.4001
    shears = replace(STILL, shear=0.2)._maps(count, size, SEED).numpy()[:, 1]
    assert 0.195 < np.abs(shears).max() <= 0.2001


def test_the_same_seed_gives_the_same_pictures_and_another_step_others():
    images = pictures()
    augment = augment_named("strong")
    first = apply(augment, images)
    np.testing.assert_array_equal(first, apply(augment, images))
    assert np.abs(first - apply(augment, images, tf.constant([3, 5]))).max() > 0.1
    assert np.abs(first - apply(augment, images, tf.constant([4, 4]))).max() > 0.1


def test_every_picture_of_a_batch_is_changed_in_its_own_way():
    one = pictures(1)
    changed = apply(augment_named("affine"), np.repeat(one, 6, axis=0))
    assert len(np.unique(changed.reshape(6, -1).round(4), axis=0)) == 6


def test_new_area_is_paper_and_ink_stays_between_0_and_1():
    changed = apply(Affine(scale=3.0, shift=0.3), np.ones((50, 9, 9, 1), np.float32))
    assert changed.min() == 0.0
    assert changed.max() <= 1.0 + 1e-6


def test_erasing_clears_squares_of_the_promised_size_and_share():
    ones = np.ones((2000, 40, 40, 1), np.float32)
    kept = apply(replace(STILL, erase=0.5), ones)[..., 0]
    erased = kept.min(axis=(1, 2)) == 0
    assert erased.mean() == pytest.approx(0.5, abs=0.05)
    sides = [np.ptp(np.nonzero(row == 0)[0]) + 1 for row in kept[erased]]
    assert max(sides) <= 0.3 * 40 + 1
    for row in kept[erased][:50]:
        rows, columns = np.nonzero(row == 0)
        assert (row[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] == 0).all()


def test_other_entries_are_untouched():
    batch = {"image": tf.constant(pictures()), "label": tf.constant([1, 2, 3])}
    changed = Affine()(batch, SEED)
    assert changed["label"] is batch["label"]
    assert changed["image"].shape == batch["image"].shape


def test_names():
    assert augment_named("none") is None
    assert set(AUGMENTS) == {"none", "affine", "strong", "crop_flip", "pairs", "pairs_strong"}
    with pytest.raises(UserError, match="did you mean 'affine'"):
        augment_named("afine")


def strokes_of(count: int = 4, steps: int = 9) -> dict[str, tf.Tensor]:
    """Drawings of 2 to `steps` points in a 256 px square, padded with zeros."""
    rng = np.random.default_rng(2)
    length = np.linspace(2, steps, count).astype(np.int32)
    points = rng.uniform(0, 255, (count, steps, 3)).astype(np.float32)
    points[..., 2] = rng.random((count, steps)) < 0.4
    points *= (np.arange(steps) < length[:, None])[..., None]
    return {"strokes": tf.constant(points), "length": tf.constant(length)}


def test_points_go_where_their_ink_goes():
    """A picture is mapped from output to input, points from input to output, about the drawing's middle."""
    augment, size = Affine(shift=0, jitter=0), 101
    points = np.array([[0, 50, 1], [100, 50, 1], [50, 0, 1], [50, 100, 1], [70, 65, 1]], np.float32)
    image = np.zeros((size, size), np.float32)
    image[65, 70] = 1
    batch = {
        "image": tf.constant(image[None, :, :, None]),
        "strokes": tf.constant(points[None]),
        "length": tf.constant([5]),
    }
    for seed in range(8):
        after = augment(batch, tf.constant([seed, 1]))
        ink = after["image"][0, :, :, 0].numpy()
        ys, xs = np.mgrid[:size, :size]
        middle = [(ink * xs).sum() / ink.sum(), (ink * ys).sum() / ink.sum()]
        np.testing.assert_allclose(after["strokes"][0, 4, :2], middle, atol=0.6)


def test_strokes_keep_their_pen_and_their_padding():
    batch = strokes_of()
    after = Affine()(batch, SEED)["strokes"].numpy()
    np.testing.assert_array_equal(after[..., 2], batch["strokes"][..., 2])
    padding = np.arange(9) >= batch["length"].numpy()[:, None]
    assert not after[padding].any()
    assert (np.abs(after - batch["strokes"].numpy())[~padding].max(axis=1) > 0.1).any()


def test_points_are_shaken_by_a_share_of_the_larger_side():
    points = np.zeros((1, 20_000, 3), np.float32)
    points[0, :, 0] = np.linspace(0, 200, 20_000)
    batch = {"strokes": tf.constant(points), "length": tf.constant([20_000])}
    after = replace(STILL, jitter=0.01)(batch, SEED)["strokes"].numpy()
    np.testing.assert_allclose((after - points)[0, :, :2].std(axis=0), 2.0, rtol=0.05)


def test_snapshots_are_mapped_like_the_picture_of_the_same_drawing():
    images = pictures(2)
    snapshots = np.stack([images, 0.5 * images], axis=1)
    after = Affine()({"image": tf.constant(images), "snapshots": tf.constant(snapshots)}, SEED)
    np.testing.assert_allclose(after["snapshots"][:, 0], after["image"], atol=1e-6)
    np.testing.assert_allclose(after["snapshots"][:, 1], 0.5 * after["image"].numpy(), atol=1e-6)
