"""Random elastic warps and line widths of pictures, in one resampling with the affine map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.augmentation.affine import Affine


@dataclass(frozen=True)
class Warp(Affine):
    """Affine maps that bend pictures too, and draw them with another pen.

    Every pixel is moved by a smooth random field (Simard et al. 2003, section 2, here from a coarse grid):
    normal numbers at `nodes` x `nodes` points, with deviation `bend` as a share of the side, and a bicubic
    between them. The affine map and the field are one bilinear resampling. Before it, with
    probability `bolder`, ink spreads by up to a pixel to all sides, or else with probability `thinner`
    it recedes, by up to half of what a pixel takes. Points of strokes follow the affine map alone.
    """

    bend: float = 0.02
    nodes: int = 5
    bolder: float = 0.0
    thinner: float = 0.0

    def _mapped(self, pictures: tf.Tensor, maps: tf.Tensor, seed: tf.Tensor, copies: int = 1) -> tf.Tensor:
        """Pictures `[n, size, size, c]` with another pen, under the maps `[n, 8]` and a random field."""
        size, count = pictures.shape[1], tf.shape(pictures)[0] // copies
        normals = tf.random.stateless_normal([2, count, self.nodes, self.nodes], seed + 3)
        normals = tf.repeat(self.bend * size * normals, copies, axis=1)
        if self.bolder or self.thinner:
            pictures = self._inked(pictures, tf.random.stateless_uniform([2, count], seed + 4), copies)
        return resample(pictures, affine_places(maps, size) + displacements(normals, size))

    def _inked(self, pictures: tf.Tensor, u: tf.Tensor, copies: int) -> tf.Tensor:
        """Pictures whose ink spreads or recedes, as the numbers `u` `[2, drawings]` in 0..1 say."""
        kind, share = tf.unstack(tf.repeat(u, copies, axis=1)[..., None, None, None])
        bold = tf.where(kind < self.bolder, share, 0.0)
        thin = tf.where((kind >= self.bolder) & (kind < self.bolder + self.thinner), share / 2, 0.0)
        spread = neighbours(pictures, tf.maximum) - pictures if self.bolder else 0.0
        recede = neighbours(pictures, tf.minimum) - pictures if self.thinner else 0.0
        return pictures + bold * spread + thin * recede


def affine_places(maps: tf.Tensor, size: int) -> tf.Tensor:
    """Where each pixel comes from under maps `[n, 8]`: x and y in pixels, `[2, n, size, size]`."""
    at = tf.range(size, dtype=tf.float32)
    a = tf.stack([maps[:, 0:3], maps[:, 3:6]])[..., None, None]
    return a[:, :, 0] * at + (a[:, :, 1] * at[:, None] + a[:, :, 2])


def displacements(coarse: tf.Tensor, size: int) -> tf.Tensor:
    """A coarse field `[2, n, nodes, nodes]` (x and y, in pixels) at every pixel: `[2, n, size, size]`."""
    basis = tf.constant(bicubic_basis(size, coarse.shape[-1]))
    return tf.matmul(tf.einsum("sg,kngh->knsh", basis, coarse), basis, transpose_b=True)


def bicubic_basis(size: int, nodes: int) -> NDArray[np.float32]:
    """Weight of each node for each of `size` pixels along one axis, `[size, nodes]`; rows sum to 1.

    Cubic convolution with a = -1/2 (Keys 1981); the nodes are middles of equal parts of the side, and
    beyond the outer ones the field goes on as if these were repeated.
    """
    at = (np.arange(size) + 0.5) * nodes / size - 0.5
    first = np.floor(at).astype(int) - 1
    basis = np.zeros((size, nodes))
    for number in range(4):
        t = np.abs(at - first - number)
        inner, outer = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
        node = np.clip(first + number, 0, nodes - 1)
        np.add.at(basis, (np.arange(size), node), np.where(t <= 1, inner, outer))
    return basis.astype(np.float32)


def resample(pictures: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Pictures `[n, size, size, c]` read bilinearly at `places` `[2, n, size, size]` (x, y); outside is 0."""
    size, channels = pictures.shape[1], pictures.shape[3]
    wide = size + 2  # Cells between the pixel before the first one and that after the last one.
    inside = tf.clip_by_value(places + 1.0, 0.0, wide - 1.0)
    corner = tf.floor(inside)
    cell = tf.reshape(tf.cast(corner[1] * wide + corner[0], tf.int32), [-1, size * size])
    # A tile is faster than the broadcast over so few channels in each of the sums below.
    x, y = tf.unstack(tf.tile((inside - corner)[..., None], [1, 1, 1, 1, channels]))
    padded = tf.pad(pictures, [[0, 0], [1, 2], [1, 2], [0, 0]])

    def read(down: int, right: int) -> tf.Tensor:
        shifted = padded[:, down : down + wide, right : right + wide]
        found = tf.gather(tf.reshape(shifted, [-1, wide * wide, channels]), cell, batch_dims=1)
        return tf.reshape(found, [-1, size, size, channels])

    top, low = read(0, 0), read(1, 0)
    top += x * (read(0, 1) - top)
    low += x * (read(1, 1) - low)
    return top + y * (low - top)


def neighbours(pictures: tf.Tensor, best: tf.types.experimental.GenericFunction) -> tf.Tensor:
    """`best` (`tf.maximum` or `tf.minimum`) over 3 x 3 pixels; the border is repeated.

    Far faster than a max pool, which TensorFlow does pixel by pixel for so few channels.
    """
    for axis in (1, 2):
        side = pictures.shape[axis]
        at = [slice(None)] * axis
        first, last = pictures[(*at, slice(0, 1))], pictures[(*at, slice(side - 1, side))]
        before = tf.concat([first, pictures[(*at, slice(0, side - 1))]], axis)
        after = tf.concat([pictures[(*at, slice(1, side))], last], axis)
        pictures = best(best(before, after), pictures)
    return pictures
