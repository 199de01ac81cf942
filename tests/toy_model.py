"""A model that is quick to build and has all that training must keep: batch norm, dropout, a mean image."""

from __future__ import annotations

import tf_keras
from tf_keras import layers

from models.layers import Dropout, image_input
from models.registry import Listed
from models.spec import ModelSpec, Options, Shapes, Stage

NAME = "toy"


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """Dense, batch norm, dropout, dense."""
    image, x = image_input(shapes.image_size, options["pixels"])
    x = layers.Dense(8, name="dense")(layers.Flatten()(x))
    embedding = layers.BatchNormalization(name="embedding")(x)
    logits = layers.Dense(shapes.num_classes, name="logits")(
        Dropout(options["dropout"], name="dropout")(embedding)
    )
    return tf_keras.Model({"image": image}, {"embedding": embedding, "logits": logits}, name="toy")


def recipe(options: Options) -> tuple[Stage, ...]:
    """One stage with averaged weights, or two of which the second trains the last layer alone."""
    first = Stage(max_steps=12, batch_size=12, learning_rate=0.02, augment=options["augmented"], average=0.8)
    second = Stage(name="head", max_steps=6, batch_size=12, learning_rate=0.02, trainable="logits")
    return (first, second) if options["stages"] == 2 else (first,)


SPEC = ModelSpec(
    name=NAME,
    inputs=("image",),
    build=build,
    recipe=recipe,
    defaults={"preset": "default", "pixels": "ink", "dropout": 0.25, "augmented": "affine", "stages": 1},
    presets={"faithful": {"pixels": "mean_image"}},
)
LISTED = Listed(NAME, "tests.toy_model", "none")
