"""EfficientNet-Lite as an encoder of drawings and photos: ImageNet weights, cut, pooled or as a grid."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras import layers

from models import recipes
from models.efficientnet_lite.network import WHOLE, stages
from models.layers import image_input, plain_or_unit
from models.spec import ModelSpec, Options, Shapes, Stage

DEFAULTS: Options = {
    "preset": "default",
    "variant": 0,
    "cut": 5,
    "second_cut": 0,
    "pool": "grid",
    "grid_channels": 0,
    "embedding_size": 0,
    "head": "none",
    "batch_norm": "frozen",
    "weights": "imagenet",
    "pixels": "imagenet",
    "normalize": True,
}
LIMITS: Mapping[str, tuple[Any, ...]] = {
    "variant": (0, 2),
    "cut": (1, WHOLE),
    "second_cut": (0, WHOLE),
    "pool": ("grid", "mean"),
    "grid_channels": (0, 4096),
    "embedding_size": (0, 65_536),
    "head": ("none", "classes", "imagenet"),
    "batch_norm": ("frozen", "trained"),
    "weights": ("imagenet", "none"),
    "pixels": ("imagenet",),
}
PRESETS: Mapping[str, Options] = {
    "imagenet": {"cut": WHOLE, "pool": "mean", "head": "imagenet", "normalize": False},
    "classes": {"cut": WHOLE, "pool": "mean", "head": "classes"},
}
IMAGENET_CLASSES = 1000
COSINE_SCALE = 20.0


class CosineClassifier(layers.Layer):
    """Cosines of an embedding `[batch, D]` with a direction for each class, times `COSINE_SCALE`.

    Embedding and directions have unit length, so that drawings and photos meet on one sphere (Wang et al.
    2018, "CosFace", section 3, without its margin).
    """

    def __init__(self, classes: int, name: str) -> None:
        super().__init__(name=name, dtype="float32")
        self.classes = classes

    def build(self, input_shape: tf.TensorShape) -> None:
        """Create the directions, `[D, classes]`."""
        self.kernel = self.add_weight("kernel", (input_shape[-1], self.classes), initializer="glorot_uniform")

    def call(self, embedding: tf.Tensor) -> tf.Tensor:
        """Logits `[batch, classes]` in -`COSINE_SCALE`..`COSINE_SCALE`."""
        unit = tf.math.l2_normalize(embedding, axis=-1), tf.math.l2_normalize(self.kernel, axis=0)
        return COSINE_SCALE * tf.matmul(*unit)


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """A network cut after stage `cut` (and `second_cut`), whose features are the embedding.

    Input `image` `[batch, size, size, channels]`, 0 paper .. 1 ink (1 - level / 255 of a photo); grey
    pictures are three equal channels. Output `embedding` `[batch, D]`: the grid of features flattened
    (`pool=grid`: where on the object something is tells two shoes apart) or its mean, after a linear map
    of each place to `grid_channels` and one of everything to `embedding_size` where these are not 0; of
    unit length with `normalize`. `head=classes` adds `logits` by `CosineClassifier`; `head=imagenet` has the
    1,000 published ones.
    """
    image, x = image_input(shapes.image_size, "ink", shapes.channels)
    if shapes.channels == 1:
        x = layers.Concatenate(name="grey")([x, x, x])
    x = layers.Rescaling(-255.0 / 128.0, 1.0, name="pixels")(x)  # (level - 127) / 128
    cuts = [options["cut"], *([options["second_cut"]] if options["second_cut"] else [])]
    found = stages(x, options["variant"], max(cuts), options["batch_norm"] == "frozen")
    parts = [_flat(found[cut], options, f"stage{cut}") for cut in cuts]
    features = parts[0]
    if len(parts) > 1:
        parts = [
            layers.UnitNormalization(name=f"unit{cut}")(part) for cut, part in zip(cuts, parts, strict=True)
        ]
        features = layers.Concatenate(name="both")(parts)
    if options["embedding_size"]:
        features = layers.Dense(options["embedding_size"], use_bias=False, dtype="float32", name="project")(
            features
        )
    outputs = {"embedding": plain_or_unit(features, options["normalize"])}
    if options["head"] == "classes":
        outputs["logits"] = CosineClassifier(shapes.num_classes, name="logits")(features)
    if options["head"] == "imagenet":
        outputs["logits"] = layers.Dense(IMAGENET_CLASSES, dtype="float32", name="imagenet")(features)
    return tf_keras.Model({"image": image}, outputs, name="efficientnet_lite")


def _flat(grid: tf.Tensor, options: Options, name: str) -> tf.Tensor:
    """Features `[batch, h, w, c]` as one row each."""
    if options["grid_channels"]:
        grid = layers.Conv2D(options["grid_channels"], 1, use_bias=False, name=f"{name}_reduce")(grid)
    if options["pool"] == "mean":
        return layers.GlobalAveragePooling2D(name=f"{name}_mean")(grid)
    return layers.Flatten(name=f"{name}_flat")(grid)


def pretrained(encoder: tf_keras.Model, options: Options) -> Iterator[str]:
    """Give a fresh encoder the published weights, and say so; `UserError` where they are not to be had."""
    if options["weights"] == "none":
        return
    from models.efficientnet_lite.weights import FILES, assign, published_weights

    count = assign(encoder, published_weights(options["variant"]))
    yield f"begins with the ImageNet weights of {FILES[options['variant']][0]}: {count:,} numbers"


def recipe(options: Options) -> tuple[Stage, ...]:
    """Pairs by InfoNCE; with a classifier also cross-entropy over both domains."""
    pairs = recipes.modern(
        name="pairs",
        learner="pairs",
        loss_weights={"info_nce": 1.0},
        settings={"temperature": 0.05},
        grouping="pairs:32",
        batch_size=64,
        max_steps=300,
        warmup_steps=30,
        optimizer="adamw",
        learning_rate=3e-4,
        weight_decay=0.01,
        clip=1.0,
        augment="pairs",
        average=0.99,
    )
    if options["head"] == "none":
        return (pairs,)
    return (dataclasses.replace(pairs, loss_weights={"info_nce": 1.0, "cross_entropy": 1.0}, max_steps=400),)


SPEC = ModelSpec(
    name="efficientnet_lite",
    inputs=("image",),
    build=build,
    recipe=recipe,
    defaults=DEFAULTS,
    presets=PRESETS,
    limits=LIMITS,
    pretrained=pretrained,
)
