"""skNet: a plain VGG-like network for Quick, Draw! pictures (128 px, 100 classes as published)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tf_keras

from models import recipes
from models.layers import PIXELS, classifier_head, conv_bn_relu, image_input, pool, scaled
from models.spec import ModelSpec, Options, Shapes, Stage

DEFAULTS: Options = {
    "preset": "default",
    "width": 1.0,
    "embedding_size": 1024,
    "dropout": 0.25,
    "pixels": "ink",
    "normalize": True,
    "bn_momentum": 0.9,
}
FAITHFUL: Options = {"pixels": "mean_image", "normalize": False, "bn_momentum": 0.99}
LIMITS: Mapping[str, tuple[Any, ...]] = {
    "width": (1 / 64, 8.0),
    "embedding_size": (1, 65_536),
    "dropout": (0.0, 0.99),
    "pixels": PIXELS,
    "bn_momentum": (0.0, 0.9999),
}
BLOCKS = (64, 128, 128, 256)


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """Four blocks of two convolutions and a pool, then `fc_1` (embedding) and `fc_2` (logits).

    Input `image` `[batch, size, size, 1]`, 0 paper .. 1 ink; outputs `embedding`
    `[batch, embedding_size]` (>= 0, of unit length with `normalize`) and `logits` `[batch, classes]`.
    """
    image, x = image_input(shapes.image_size, options["pixels"], shapes.channels)
    for block, filters in enumerate(BLOCKS, start=1):
        for conv in (1, 2):
            x = conv_bn_relu(
                x, scaled(filters, options["width"]), f"conv{block}_{conv}", options["bn_momentum"]
            )
        x = pool(x, f"pool{block}")
    outputs = classifier_head(x, options, shapes.num_classes)
    return tf_keras.Model({"image": image}, outputs, name="sknet")


def recipe(options: Options, published_batch_size: int = 200) -> tuple[Stage, ...]:
    """Published: Adam 1e-3 constant, 14,000 steps. Default: cosine fall and random affine maps."""
    if options["preset"] == "faithful":
        return (Stage(max_steps=14_000, batch_size=published_batch_size),)
    return (recipes.modern(),)


SPEC = ModelSpec(
    name="sknet",
    inputs=("image",),
    build=build,
    recipe=recipe,
    defaults=DEFAULTS,
    presets={"faithful": FAITHFUL},
    limits=LIMITS,
)
