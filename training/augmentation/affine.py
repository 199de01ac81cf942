"""Random affine maps of a batch, drawn from a seed: the same seed gives the same maps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import tensorflow as tf

Batch = dict[str, tf.Tensor]
DRAWN = ("image", "snapshots", "strokes")


@dataclass(frozen=True)
class Affine:
    """Random affine maps of drawings, one for each; its picture, snapshots and strokes get the same.

    Bounds, drawn uniformly: rotation in degrees to both sides; scale as a factor between 1/`scale` and
    `scale` (log-uniform), and `stretch` likewise for x against y; shear and shift as shares of the side;
    mirrored left to right with probability `flip`; each of so many `squares` of 10 to 30 % of the side
    becomes paper with probability `erase`. New area of a picture is paper. Points are moved besides, by a
    normal distribution whose deviation is the share `jitter` of the drawing's larger side. With
    `shared_flip` rows 2i and 2i+1, a sketch and its photo, are mirrored both or neither.
    """

    rotate: float = 15.0
    scale: float = 1.15
    stretch: float = 1.15
    shear: float = 0.1
    shift: float = 0.06
    flip: float = 0.5
    erase: float = 0.0
    jitter: float = 0.004
    squares: int = 1
    shared_flip: bool = False

    def __call__(self, batch: Batch, seed: tf.Tensor) -> Batch:
        """The batch with `image`, `snapshots` and `strokes` mapped where they are; the rest is untouched."""
        count = tf.shape(batch[next(name for name in DRAWN if name in batch)])[0]
        changed = dict(batch)
        if "image" in batch:
            image = batch["image"]
            side = image.shape[1]
            changed["image"] = self._mapped(image, self._maps(count, float(side), seed), seed)
            if self.erase:
                changed["image"] *= self._kept(count, side, seed)
        if "snapshots" in batch:
            stacked = batch["snapshots"]
            copies = stacked.shape[1]
            maps = tf.repeat(self._maps(count, float(stacked.shape[2]), seed), copies, axis=0)
            pictures = self._mapped(tf.reshape(stacked, [-1, *stacked.shape[2:]]), maps, seed, copies)
            changed["snapshots"] = tf.reshape(pictures, tf.shape(stacked))
        if "strokes" in batch:
            changed["strokes"] = self._moved(
                batch["strokes"], batch["length"], self._maps(count, 1.0, seed), seed
            )
        return changed

    def _mapped(self, pictures: tf.Tensor, maps: tf.Tensor, seed: tf.Tensor, copies: int = 1) -> tf.Tensor:
        """Pictures `[n, h, w, c]` under output-to-input maps `[n, 8]`; `copies` of each drawing in a row."""
        del seed, copies
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=pictures,
            transforms=maps,
            output_shape=tf.shape(pictures)[1:3],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="CONSTANT",
        )

    def _moved(self, strokes: tf.Tensor, length: tf.Tensor, maps: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Points `[batch, T, 3]` under the inverse of the maps from output to input; padding stays zero."""
        there = tf.sequence_mask(length, tf.shape(strokes)[1])[..., None]
        xy = strokes[..., :2]
        low = tf.reduce_min(tf.where(there, xy, xy.dtype.max), axis=1, keepdims=True)
        high = tf.reduce_max(tf.where(there, xy, xy.dtype.min), axis=1, keepdims=True)
        middle, side = (low + high) / 2, tf.reduce_max(high - low, axis=2, keepdims=True)
        a0, a1, _, b0, b1 = tf.unstack(maps[:, :5, None], axis=1)
        x, y = tf.unstack(xy - middle, axis=-1)
        turned = tf.stack([b1 * x - a1 * y, a0 * y - b0 * x], axis=-1) / (a0 * b1 - a1 * b0)[..., None]
        shaken = self.jitter * side * tf.random.stateless_normal(tf.shape(xy), seed + 2)
        moved = tf.concat([turned + shaken + middle, strokes[..., 2:]], axis=-1)
        return tf.where(there, moved, 0.0)

    def _maps(self, count: tf.Tensor, size: float, seed: tf.Tensor) -> tf.Tensor:
        """Output-to-input maps about the centre, float32 `[count, 8]`."""
        u = tf.random.stateless_uniform([7, count], seed, -1.0, 1.0)
        angle = u[0] * self.rotate * math.pi / 180
        zoom, stretch = tf.exp(u[1] * math.log(self.scale)), tf.exp(u[2] * math.log(self.stretch) / 2)
        coin = tf.repeat(u[6, ::2], 2)[:count] if self.shared_flip else u[6]
        mirror = tf.where(coin < 2 * self.flip - 1, -1.0, 1.0)
        shear, cos, sin = u[3] * self.shear, tf.cos(angle), tf.sin(angle)
        a0, a1 = mirror * zoom * stretch * cos, mirror * zoom * stretch * (shear * cos - sin)
        b0, b1 = zoom / stretch * sin, zoom / stretch * (shear * sin + cos)
        middle = (size - 1) / 2
        a2 = middle * (1 - a0 - a1) + u[4] * self.shift * size
        b2 = middle * (1 - b0 - b1) + u[5] * self.shift * size
        zero = tf.zeros_like(a0)
        return tf.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1)

    def _kept(self, count: tf.Tensor, size: int, seed: tf.Tensor) -> tf.Tensor:
        """1 where a picture is kept, 0 inside its erased squares; `[count, size, size, 1]`."""
        u = tf.random.stateless_uniform([4, self.squares, count, 1, 1], seed + 1)
        half = tf.where(u[2] < self.erase, 0.05 + 0.1 * u[3], -1.0)
        at = (tf.range(size, dtype=tf.float32) + 0.5) / size
        inside_x = tf.abs(at[None, None, None, :] - u[0]) < half
        inside_y = tf.abs(at[None, None, :, None] - u[1]) < half
        return 1.0 - tf.cast(tf.reduce_any(inside_x & inside_y, axis=0), tf.float32)[..., None]
