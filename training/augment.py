"""Random changes of a batch, drawn from a seed: the same seed gives the same change."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from common.errors import unknown_name

Batch = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Affine:
    """Random affine maps of `image` `[batch, h, w, 1]`, one for every picture; new area is paper (0).

    Bounds, drawn uniformly: rotation in degrees to both sides; scale as a factor between 1/`scale` and
    `scale` (log-uniform), and `stretch` likewise for x against y; shear and shift as shares of the side;
    mirrored left to right with probability `flip`; with probability `erase` a square of 10 to 30 % of the
    side becomes paper.
    """

    rotate: float = 15.0
    scale: float = 1.15
    stretch: float = 1.15
    shear: float = 0.1
    shift: float = 0.06
    flip: float = 0.5
    erase: float = 0.0

    def __call__(self, batch: Batch, seed: tf.Tensor) -> Batch:
        """The batch with `image` mapped; the other entries are untouched."""
        image = batch["image"]
        count, size = tf.shape(image)[0], image.shape[1]
        maps = self._maps(count, float(size), seed)
        image = tf.raw_ops.ImageProjectiveTransformV3(
            images=image,
            transforms=maps,
            output_shape=tf.shape(image)[1:3],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="CONSTANT",
        )
        if self.erase:
            image = image * self._kept(count, size, seed)
        return {**batch, "image": image}

    def _maps(self, count: tf.Tensor, size: float, seed: tf.Tensor) -> tf.Tensor:
        """Output-to-input maps about the centre, float32 `[count, 8]`."""
        u = tf.random.stateless_uniform([7, count], seed, -1.0, 1.0)
        angle = u[0] * self.rotate * math.pi / 180
        zoom, stretch = tf.exp(u[1] * math.log(self.scale)), tf.exp(u[2] * math.log(self.stretch) / 2)
        mirror = tf.where(u[6] < 2 * self.flip - 1, -1.0, 1.0)
        shear, cos, sin = u[3] * self.shear, tf.cos(angle), tf.sin(angle)
        a0, a1 = mirror * zoom * stretch * cos, mirror * zoom * stretch * (shear * cos - sin)
        b0, b1 = zoom / stretch * sin, zoom / stretch * (shear * sin + cos)
        middle = (size - 1) / 2
        a2 = middle * (1 - a0 - a1) + u[4] * self.shift * size
        b2 = middle * (1 - b0 - b1) + u[5] * self.shift * size
        zero = tf.zeros_like(a0)
        return tf.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1)

    def _kept(self, count: tf.Tensor, size: int, seed: tf.Tensor) -> tf.Tensor:
        """1 where a picture is kept, 0 inside its erased square; `[count, size, size, 1]`."""
        u = tf.random.stateless_uniform([4, count, 1, 1], seed + 1)
        half = tf.where(u[2] < self.erase, 0.05 + 0.1 * u[3], -1.0)
        at = (tf.range(size, dtype=tf.float32) + 0.5) / size
        inside_x = tf.abs(at[None, None, :] - u[0]) < half
        inside_y = tf.abs(at[None, :, None] - u[1]) < half
        return 1.0 - tf.cast(inside_x & inside_y, tf.float32)[..., None]


AUGMENTS: dict[str, Callable[[Batch, tf.Tensor], Batch] | None] = {
    "none": None,
    "affine": Affine(),
    "strong": Affine(rotate=20, scale=1.25, stretch=1.3, shear=0.15, shift=0.08, erase=0.5),
}


def augment_named(name: str) -> Callable[[Batch, tf.Tensor], Batch] | None:
    """The augmentation called `name`, or None for `none`; an unknown name is a `UserError`."""
    if name not in AUGMENTS:
        raise unknown_name("augmentation", name, AUGMENTS)
    return AUGMENTS[name]
