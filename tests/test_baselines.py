"""Features without training against OpenCV and scikit-image."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.feature import hog

from evaluation.baselines import hog_features, pixel_features
from evaluation.ranking import rank_metrics
from evaluation.votes import knn_predict
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.readers import parse_quickdraw


def scribbles(num, size, seed=0):
    """Random zigzags in antialiased ink, uint8 `[num, size, size]`."""
    rng = np.random.default_rng(seed)
    images = np.full((num, size, size), 255, np.uint8)
    for image in images:
        points = rng.integers(0, size, (8, 1, 2)).astype(np.int32)
        cv2.polylines(image, [points], False, 0, 1, cv2.LINE_AA)
    return images


@pytest.mark.parametrize("size", [16, 28, 64, 100, 225])
def test_pixel_features_equal_opencv_area_resize(size):
    images = scribbles(8, size)
    ink = [
        cv2.resize(1 - image / np.float32(255), (16, 16), interpolation=cv2.INTER_AREA) for image in images
    ]
    features = pixel_features(images)
    assert features.shape == (8, 256) and features.dtype == np.float32
    np.testing.assert_allclose(features, np.reshape(ink, (8, 256)), atol=1e-6)


def test_pixel_features_by_hand():
    # 32 pixels, 2 x 2 a cell. One black pixel in the first cell, three in the last.
    image = np.full((1, 32, 32), 255, np.uint8)
    image[0, 0, 1] = image[0, 31, 31] = image[0, 31, 30] = image[0, 30, 31] = 0
    features = pixel_features(image)[0]
    assert (features[0], features[255], features[1:255].max()) == (0.25, 0.75, 0)
    assert pixel_features(np.zeros((1, 16, 16), np.uint8)).min() == 1


@pytest.mark.parametrize("size", [16, 64, 96, 128])
def test_hog_equals_scikit_image(size):
    images, cell = scribbles(6, size), size // 8
    expected = [
        hog(image, orientations=9, pixels_per_cell=(cell, cell), cells_per_block=(2, 2), block_norm="L2-Hys")
        for image in images
    ]
    features = hog_features(images)
    assert features.shape == (6, 1764) and features.dtype == np.float32
    np.testing.assert_allclose(features, expected, atol=1e-6)


def test_hog_of_grey_noise_equals_scikit_image():
    """Noise visits most of the pairs of differences, scribbles only some."""
    images = np.random.default_rng(1).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    expected = [
        hog(image, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2)) for image in images
    ]
    np.testing.assert_allclose(hog_features(images), expected, atol=1e-6)


def test_hog_uses_the_whole_image_at_sizes_that_are_no_multiple_of_eight():
    blank = np.full((2, 28, 28), 255, np.uint8)
    blank[1, 20:27, 25] = 0
    features = hog_features(blank).reshape(2, 7, 7, 4, 9)
    assert not features[0].any()
    assert features[1, -1, -1].any() and not features[1, :3].any()


def test_hog_of_a_vertical_edge_by_hand():
    # Ink from x = 32 on: differences are horizontal (0 degrees, first orientation), at columns 31 and 32.
    image = np.full((1, 64, 64), 255, np.uint8)
    image[0, :, 32:] = 0
    blocks = hog_features(image).reshape(7, 7, 4, 9)
    assert not blocks[..., 1:].any()
    # Block column 3 holds cells 3 and 4, four equal values: each 1/2, clipped to 0.2, scaled to 1/2 again.
    np.testing.assert_allclose(blocks[:, 3, :, 0], 0.5, atol=1e-6)
    assert not blocks[:, [0, 1, 5, 6]].any()


def test_features_do_not_depend_on_the_images_beside_them():
    images = scribbles(300, 16)
    for encode in (pixel_features, hog_features):
        features = encode(images)
        np.testing.assert_allclose(
            features[[0, 255, 256, 299]], encode(images[[0, 255, 256, 299]]), atol=1e-6
        )


def test_no_images_give_no_features():
    none = np.zeros((0, 64, 64), np.uint8)
    assert pixel_features(none).shape == (0, 256) and hog_features(none).shape == (0, 1764)


def test_other_images_are_refused():
    for encode in (pixel_features, hog_features):
        with pytest.raises(ValueError, match="expected uint8"):
            encode(np.zeros((1, 64, 64), np.float32))
        with pytest.raises(ValueError, match="expected uint8"):
            encode(np.zeros((1, 64, 32), np.uint8))
    with pytest.raises(ValueError, match="16 or more"):
        hog_features(np.zeros((1, 15, 15), np.uint8))


def test_both_baselines_know_something_about_real_drawings(shared_data):
    """16 classes, 60 drawings to learn from and 30 to ask, a class; chance is 6 %."""
    images, labels = [], []
    for label, path in enumerate(sorted((shared_data / "quickdraw_spg").glob("*_raw.ndjson"))):
        for line in path.read_bytes().splitlines()[:90]:
            images.append(rasterize(parse_quickdraw(line, path.stem).sketch, 64))
            labels.append(label)
    drawings, truth = np.stack(images), np.array(labels)
    asked = np.arange(len(truth)) % 90 >= 60
    accuracy, precision = {}, {}
    for encode in (pixel_features, hog_features):
        features = encode(drawings)
        predicted = knn_predict(features[~asked], truth[~asked], features[asked])
        accuracy[encode] = np.mean(predicted == truth[asked])
        ranking = rank_metrics(features, features, truth, truth, exclude_self=True, ks=(10,))
        precision[encode] = ranking.summary()["precision_at_10"]
    assert 0.45 < accuracy[pixel_features] < accuracy[hog_features] - 0.05
    assert 0.3 < precision[pixel_features] < precision[hog_features] - 0.05
    assert accuracy[hog_features] > 0.75
