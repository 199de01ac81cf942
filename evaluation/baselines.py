"""Encoders that need no training, to measure networks against.

Images are uint8 `[n, size, size]`, 255 = paper, 0 = ink.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]

PIXELS_SIDE = 16
CELLS_SIDE = 8
ORIENTATIONS = 9
CLIP = 0.2
EPSILON = 1e-5
IMAGES_AT_ONCE = 256


def pixel_features(images: Images) -> Floats:
    """Ink on a 16 x 16 grid, float32 `[n, 256]`, 0 = paper .. 1 = ink.

    Each value is the mean ink of its part of the image, pixels on a border shared by area.
    """
    _check(images, 1)
    shares = _area_shares(images.shape[1])
    found = np.empty((len(images), PIXELS_SIDE, PIXELS_SIDE), np.float32)
    for start in range(0, len(images), IMAGES_AT_ONCE):
        ink = 1 - images[start : start + IMAGES_AT_ONCE] / np.float32(255)
        found[start : start + IMAGES_AT_ONCE] = shares @ ink @ shares.T
    return found.reshape(len(images), PIXELS_SIDE**2)


def hog_features(images: Images) -> Floats:
    """Histograms of oriented gradients, float32 `[n, 1764]` (Dalal & Triggs 2005, section 6), values 0 .. 1.

    8 x 8 cells whatever the size (8 x 8 pixels each at 64), 9 unsigned orientations, blocks of 2 x 2 cells
    one cell apart, each scaled to length 1, clipped at 0.2 and scaled again. Pixels vote for one
    orientation and one cell, with the magnitude of the central difference; the outermost differences are 0.
    Raises ValueError below 16 pixels.
    """
    _check(images, 2 * CELLS_SIDE)
    found = np.empty((len(images), (CELLS_SIDE - 1) ** 2 * 4 * ORIENTATIONS), np.float32)
    for start in range(0, len(images), IMAGES_AT_ONCE):
        block = images[start : start + IMAGES_AT_ONCE]
        found[start : start + len(block)] = _normalised_blocks(_cell_histograms(block))
    return found


def hog_blurred_features(images: Images) -> Floats:
    """`hog_features` of softened lines, float32 `[n, 1764]`: ink blurred with a sigma of 1/64 of the side.

    Lines that do not lie on each other then still meet in the same cells, which matters between drawings
    and edges of photos.
    """
    _check(images, 2 * CELLS_SIDE)
    sigma = images.shape[1] / 64
    blurred = [cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) for image in images]
    return hog_features(np.stack(blurred).astype(np.uint8))


def _check(images: Images, smallest: int) -> None:
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise ValueError(f"images are {images.dtype} {images.shape}, expected uint8 [n, size, size]")
    if images.shape[1] < smallest:
        raise ValueError(f"images are {images.shape[1]} pixels wide, expected {smallest} or more")


def _area_shares(size: int) -> Floats:
    """Which share of each grid cell every pixel row covers, float32 `[16, size]`, rows sum to 1."""
    edges = np.arange(PIXELS_SIDE + 1) * size / PIXELS_SIDE
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (np.maximum(overlap, 0) * PIXELS_SIDE / size).astype(np.float32)


@cache
def _gradient_table() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Orientation bin and magnitude of every pair of 8-bit differences, each `[511 * 511]` by (dy, dx)."""
    steps = np.arange(-255.0, 256.0)
    down, right = steps[:, None], steps[None, :]
    degrees = np.rad2deg(np.arctan2(down, right)) % 180
    bins = np.minimum(degrees * ORIENTATIONS // 180, ORIENTATIONS - 1)
    return bins.astype(np.int64).ravel(), np.hypot(down, right).ravel()


def _cell_histograms(images: Images) -> NDArray[np.float64]:
    """Gradient magnitude by cell and orientation, float64 `[n, 8, 8, 9]`, grey levels per pixel."""
    values, size = images.astype(np.int32), images.shape[1]
    differences = np.zeros((2, *images.shape), np.int32)
    differences[0, :, 1:-1, :] = values[:, 2:, :] - values[:, :-2, :]
    differences[1, :, :, 1:-1] = values[:, :, 2:] - values[:, :, :-2]
    place = np.flatnonzero(differences.any(axis=0))
    down, right = differences.reshape(2, -1)[:, place]
    pair = (down + 255) * 511 + right + 255
    bins, magnitudes = _gradient_table()
    cell_of = np.arange(size) * CELLS_SIDE // size
    image, row, column = np.unravel_index(place, images.shape)
    cell = (image * CELLS_SIDE + cell_of[row]) * CELLS_SIDE + cell_of[column]
    shape = (len(images), CELLS_SIDE, CELLS_SIDE, ORIENTATIONS)
    votes = np.bincount(cell * ORIENTATIONS + bins[pair], magnitudes[pair], minlength=int(np.prod(shape)))
    return votes.reshape(shape) * (CELLS_SIDE / size) ** 2


def _normalised_blocks(histograms: NDArray[np.float64]) -> Floats:
    """Overlapping 2 x 2 blocks of cells, each of length 1 after clipping, float32 `[n, 1764]`."""
    views = np.lib.stride_tricks.sliding_window_view(histograms, (2, 2), axis=(1, 2))
    blocks = np.moveaxis(views, 3, -1).reshape(*views.shape[:3], 4 * ORIENTATIONS)
    blocks = np.minimum(_unit(blocks), CLIP)
    return _unit(blocks).astype(np.float32).reshape(len(histograms), -1)


def _unit(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = np.einsum("...d,...d->...", blocks, blocks)[..., None]
    return blocks / np.sqrt(squares + EPSILON**2)
