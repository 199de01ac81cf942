"""Entropy against scikit-image and by hand, limits against a sorted list."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import shannon_entropy

from evaluation import noise
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch


def test_entropy_by_hand():
    assert noise.entropy(np.full((9, 9), 255, np.uint8)) == 0
    assert noise.entropy(np.array([[0, 255]], np.uint8)) == 1
    assert noise.entropy(np.arange(256, dtype=np.uint8).reshape(16, 16)) == 8


def test_entropy_agrees_with_scikit_image():
    rng = np.random.default_rng(0)
    for levels in (2, 5, 256):
        image = rng.integers(0, levels, (64, 64)).astype(np.uint8)
        assert noise.entropy(image) == pytest.approx(shannon_entropy(image, base=2))


def test_entropy_of_drawings_is_that_of_their_picture_and_grows_with_ink():
    line = Sketch.of([[[0, 0], [100, 100]]])
    rng = np.random.default_rng(0)
    scribble = Sketch.of([rng.uniform(0, 100, (200, 2))])
    found = noise.entropies([line.to_points(), scribble.to_points()])
    assert found[0] == noise.entropy(rasterize(line, 256)) < 0.6 < 1.5 < found[1]


def test_other_images_are_refused():
    for shape, kind in (((0, 3), "uint8"), ((3, 3), "float64")):
        with pytest.raises(ValueError, match="expected uint8"):
            noise.entropy(np.zeros(shape, kind))


def test_limits_keep_the_middle_of_each_class():
    # 0..100 in class 0 in any order: 5 and 95; class 1 has one value; class 2 has none.
    values = np.append(np.random.default_rng(0).permutation(101), 7.0)
    labels = np.append(np.zeros(101, int), 1)
    limits = noise.class_limits(values, labels, 3)
    assert limits.tolist() == [[5.0, 95.0], [7.0, 7.0], [-np.inf, np.inf]]
    with pytest.raises(ValueError, match="expected finite"):
        noise.class_limits([np.nan], [0], 1)
    with pytest.raises(ValueError, match="expected finite"):
        noise.class_limits([1.0, 2.0], [0], 1)
