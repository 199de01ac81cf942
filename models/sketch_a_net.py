"""Sketch-a-Net for retrieval: the network of "Sketch Me That Shoe" (Yu et al. 2016; 225 px of 256)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models import recipes
from models.layers import PIXELS, Dropout, image_input, plain_or_unit, scaled
from models.spec import ModelSpec, Options, Shapes, Stage

CONVS = (("conv1_s1", 64, 15), ("conv2_s1", 128, 5), *((f"conv{n}_s1", 256, 3) for n in (3, 4, 5)))
"""Name, filters at width 1 and side of the kernel of every convolution."""
POOLED = {"conv1_s1": "pool1", "conv2_s1": "pool2", "conv5_s1": "pool3"}
LOSSES = ("annotated", "batch_hard", "semi_hard", "all", "info_nce", "multi_similarity")
MARGIN = 0.3

DEFAULTS: Options = {
    "preset": "default",
    "crop": 0.88,
    "stride": 3,
    "width": 1.0,
    "embedding_size": 256,
    "dropout": 0.5,
    "pixels": "ink",
    "normalize": True,
    "init": "he",
    "pretrain": "",
    "loss": "annotated",
}
PUBLISHED: Options = {"pixels": "mean_level", "init": "published", "dropout": 0.0}
LIMITS: Mapping[str, tuple[Any, ...]] = {
    "crop": (0.5, 1.0),
    "stride": (1, 4),
    "width": (1 / 64, 8.0),
    "embedding_size": (1, 65_536),
    "dropout": (0.0, 0.99),
    "pixels": PIXELS,
    "init": ("he", "published"),
    "loss": LOSSES,
}


def input_size(options: Options, shapes: Shapes) -> int:
    """Side in pixels of what the network sees of a picture: 225 of 256 with `crop` 0.88."""
    return max(1, round(options["crop"] * shapes.image_size))


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """The trunk, `fc6_s1` with ReLU, linear `fc7_sketch`.

    Input `image` `[batch, side, side, channels]` of `input_size`, 0 paper .. 1 ink; outputs `embedding`
    `[batch, embedding_size]`, of unit length with `normalize`, and, where the recipe classifies first
    (`pretrain`), `logits` `[batch, classes]` of `fc7_sketch`.
    """
    image, x = image_input(input_size(options, shapes), options["pixels"], shapes.channels)
    x = fully_connected(trunk(x, options), options)
    outputs = {"embedding": plain_or_unit(x, options["normalize"])} | logits(x, options, shapes.num_classes)
    return tf_keras.Model({"image": image}, outputs, name="sketch_a_net")


def trunk(x: tf.Tensor, options: Options) -> tf.Tensor:
    """Pictures `[batch, side, side, channels]` to the maps after `pool3`: `[batch, 7, 7, 256]` of 225 px.

    Of smaller pictures the maps are smaller: 2x2 of 128 px, 1x1 of 96 px. Give `stride=1` (of the first
    convolution; 3 as published) to keep places apart there: 8x8 of 96 px, 4x4 of 64 px. A window that is
    larger than what is left of the picture is padded instead of failing.
    """
    for name, filters, side in CONVS:
        x = layers.Conv2D(
            scaled(filters, options["width"]),
            side,
            options["stride"] if name == "conv1_s1" else 1,
            padding="same" if side == 3 else _padding(x, side),
            activation="relu",
            kernel_initializer=_kernel(options["init"]),
            name=name,
        )(x)
        if name in POOLED:
            x = layers.MaxPool2D(3, 2, padding=_padding(x, 3), name=POOLED[name])(x)
    return x


def fully_connected(maps: tf.Tensor, options: Options) -> tf.Tensor:
    """Maps `[batch, h, w, c]`, flattened in this order, through `fc6_s1` and `fc7_sketch`: `[batch, D]`."""
    x = layers.Flatten(name="flatten")(maps)
    kernel = options["init"]
    x = layers.Dense(
        scaled(512, options["width"]), activation="relu", kernel_initializer=_kernel(kernel), name="fc6_s1"
    )(x)
    return layers.Dense(options["embedding_size"], kernel_initializer=_kernel(kernel), name="fc7_sketch")(x)


def logits(x: tf.Tensor, options: Options, num_classes: int) -> dict[str, tf.Tensor]:
    """`logits` float32 `[batch, classes]` of `[batch, D]` after dropout; nothing without `pretrain`."""
    if not options["pretrain"]:
        return {}
    x = Dropout(options["dropout"], name="dropout")(x)
    return {"logits": layers.Dense(num_classes, dtype="float32", name="logits")(x)}


def _padding(x: tf.Tensor, side: int) -> str:
    """No padding where a window of this side fits."""
    return "valid" if x.shape[1] >= side else "same"


def _kernel(init: str) -> tf_keras.initializers.Initializer:
    """He's normal values, or the published ones: normal, 0.1, cut at two deviations."""
    if init == "he":
        return tf_keras.initializers.HeNormal()
    return tf_keras.initializers.TruncatedNormal(stddev=0.1)


def recipe(options: Options, published_layers: str = "fc6_s1|fc7_sketch") -> tuple[Stage, ...]:
    """Published: SGD 1e-3 with momentum 0.9 on 128 annotated triplets a step, of `published_layers` alone.

    That stage needs trained convolutions to start from. Default: all layers from scratch, Adam with a rate
    that falls along a cosine. With `pretrain` (a data set folder, or `.` for the run's own) the network
    classifies its pictures first.
    """
    last = Stage(
        name="triplet",
        max_steps=20_000,
        optimizer="sgd",
        learning_rate=1e-3,
        trainable=published_layers,
        **_objective(options["loss"]),
    )
    if options["preset"] != "published":
        last = recipes.modern(
            name="triplet", learning_rate=3e-4, weight_decay=0.0, clip=1.0, **_objective(options["loss"])
        )
    if not options["pretrain"]:
        return (last,)
    first = recipes.modern(name="classify", data=options["pretrain"], learning_rate=5e-4, clip=1.0)
    return first, last


def _objective(loss: str) -> dict[str, Any]:
    """The fields of a stage that follow from `loss`: annotated triplets, or a loss over the batch."""
    if loss == "annotated":
        grouping, size, weights = "triplets:128", 3 * 128, {"triplet": 1.0}
        return {
            "learner": "annotated",
            "loss_weights": weights,
            "grouping": grouping,
            "batch_size": size,
            "settings": {"margin": MARGIN, "hard_ratio": 0.75},
        }
    mined = loss in ("batch_hard", "semi_hard", "all")
    return {
        "learner": "pairs",
        "loss_weights": {"triplet" if mined else loss: 1.0},
        "grouping": "pairs:64",
        "batch_size": 2 * 64,
        "settings": {"margin": MARGIN} | ({"mining": loss} if mined else {}),
    }


SPEC = ModelSpec(
    name="sketch_a_net",
    inputs=("image",),
    build=build,
    recipe=recipe,
    input_size=input_size,
    defaults=DEFAULTS,
    presets={"published": PUBLISHED},
    limits=LIMITS,
)
