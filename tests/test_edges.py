"""Edge maps of photos: contours, no texture, about as much ink as the published maps."""

from __future__ import annotations

import zipfile

import cv2
import numpy as np
import pytest
from scipy.io import loadmat
from scipy.ndimage import distance_transform_edt

from sketchspace.pictures.decode import decode
from sketchspace.pictures.edges import edge_map


def disc(side: int = 200, inside: int = 90, outside: int = 255) -> np.ndarray:
    photo = np.full((side, side, 3), outside, np.uint8)
    cv2.circle(photo, (side // 2, side // 2), side // 3, (inside,) * 3, cv2.FILLED, cv2.LINE_AA)
    return photo


def test_a_disc_becomes_its_outline():
    edges = edge_map(disc(256))
    assert edges.dtype == np.uint8 and edges.shape == (256, 256) and set(np.unique(edges)) == {0, 255}
    rows, columns = np.nonzero(edges == 0)
    radius = np.hypot(rows - 128, columns - 128)
    assert np.abs(radius - 256 // 3).max() < 3
    assert len(np.unique(np.round(np.arctan2(rows - 128, columns - 128), 1))) > 60  # all around


@pytest.mark.parametrize(("height", "width"), [(60, 90), (900, 300), (256, 256), (5, 400)])
def test_maps_have_256_px_at_the_longer_side(height, width):
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    edges = edge_map(noise)
    assert max(edges.shape) == 256
    assert edges.shape[0] / edges.shape[1] == pytest.approx(height / width, rel=0.05, abs=0.01)


def test_lines_are_equally_wide_in_small_and_large_photos():
    small, large = edge_map(disc(128)), edge_map(disc(1024))
    assert (small == 0).sum() == pytest.approx((large == 0).sum(), rel=0.1)


def test_grey_photos_and_their_rgb_copies_have_the_same_edges():
    photo = disc()
    assert np.array_equal(edge_map(photo), edge_map(photo[..., 0]))


def test_colours_of_equal_brightness_have_an_edge_between_them():
    photo = np.full((128, 128, 3), (200, 60, 60), np.uint8)
    photo[:, 64:] = (30, 116, 116)
    brightness = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    assert int(brightness.max()) - int(brightness.min()) < 20
    assert (edge_map(photo)[64] == 0).any()


def test_a_single_tone_and_a_faint_shadow_have_none():
    assert edge_map(np.full((80, 80, 3), 77, np.uint8)).min() == 255
    shadow = np.tile(np.linspace(120, 140, 256), (256, 1)).astype(np.uint8)
    assert edge_map(shadow).min() == 255


def test_texture_is_quieter_than_a_contour():
    """A tweed of the same contrast as the contour between two of its halves and white."""
    rng = np.random.default_rng(1)
    photo = np.full((256, 256, 3), 255, np.uint8)
    photo[64:192, 64:192] = rng.integers(60, 140, (128, 128, 1), dtype=np.uint8)
    edges = edge_map(photo) == 0
    assert edges[80:176, 80:176].mean() < 0.01
    assert edges[60:68, 64:192].any(axis=0).mean() > 0.8


def f_measure(found: np.ndarray, published: np.ndarray) -> tuple[float, float]:
    """Agreement within 2 px, and how many times the published ink there is; outer 4 px apart."""
    inner = (slice(4, -4),) * 2
    mine, theirs = found[inner] < 128, published[inner] < 128
    precision = (distance_transform_edt(~theirs)[mine] <= 2).mean()
    recall = (distance_transform_edt(~mine)[theirs] <= 2).mean()
    return 2 * precision * recall / (precision + recall), mine.sum() / theirs.sum()


def test_shoes_and_chairs_look_as_their_published_edge_maps(shared_data):
    agreement = []
    for word, first in (("shoes", 1), ("chairs", 1)):
        folder = shared_data / "qmul_shoes_chairs"
        published = loadmat(folder / "edge_maps" / f"{word}_edge_db_train.mat")["data"]
        with zipfile.ZipFile(folder / f"{word}.zip") as archive:
            for number in range(0, 100, 20):
                photo = decode(archive.read(f"{word}/train/images/{first + number}.jpg")).pixels
                agreement.append(f_measure(edge_map(photo), published[number]))
    agrees, ink = np.mean(agreement, axis=0)
    assert agrees > 0.8
    assert 0.8 < ink < 1.3
