"""The named augmentations: random changes of a batch, functions of the batch and a seed."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from sketchspace.errors import unknown_name
from training.augmentation.affine import Affine, Batch
from training.augmentation.elastic import Warp

PAIRS = Warp(
    rotate=10, scale=1.12, stretch=1.12, shear=0.08, shift=0.05, shared_flip=True,
    erase=0.35, squares=2, bend=0.02, nodes=5, bolder=0.25, thinner=0.1,
)  # fmt: skip
PAIRS_STRONG = Warp(
    rotate=18, scale=1.22, stretch=1.25, shear=0.15, shift=0.08, shared_flip=True,
    erase=0.4, squares=4, bend=0.03, nodes=6, bolder=0.35, thinner=0.25,
)  # fmt: skip

AUGMENTS: dict[str, Callable[[Batch, tf.Tensor], Batch] | None] = {
    "none": None,
    "affine": Affine(),
    "strong": Affine(rotate=20, scale=1.25, stretch=1.3, shear=0.15, shift=0.08, erase=0.5, jitter=0.01),
    "crop_flip": Affine(rotate=0, scale=1, stretch=1, shear=0, shift=0, flip=0.5, jitter=0),
    "pairs": PAIRS,
    "pairs_strong": PAIRS_STRONG,
}


def augment_named(name: str) -> Callable[[Batch, tf.Tensor], Batch] | None:
    """The augmentation called `name`, or None for `none`; an unknown name is a `UserError`."""
    if name not in AUGMENTS:
        raise unknown_name("augmentation", name, AUGMENTS)
    return AUGMENTS[name]
