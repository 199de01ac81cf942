"""Stages that several models share."""

from __future__ import annotations

import dataclasses
from typing import Any

from models.spec import Stage

_MODERN = Stage(
    max_steps=6_000, batch_size=64, schedule="cosine", warmup_steps=100, augment="affine", select="last"
)
_PUBLISHED = Stage(max_steps=250_000, batch_size=30, learning_rate=4e-4, clip_value=1.0)
HEAD_LAYERS = "head|logits"


def modern(**changes: Any) -> Stage:
    """A rate that rises for 100 steps and falls along a cosine, random affine maps, the last weights."""
    return dataclasses.replace(_MODERN, **changes)


def published(**changes: Any) -> Stage:
    """As the representation models were trained: Adam 4e-4, batch 30, gradients clipped by value to +-1."""
    return dataclasses.replace(_PUBLISHED, **changes)


def triplet_stages(head_layers: str = HEAD_LAYERS) -> tuple[Stage, ...]:
    """Triplets over batches of 8 classes x 8 examples, then the layers `head_layers` on frozen embeddings."""
    triplets = modern(
        name="triplet",
        learner="triplet",
        loss_weights={"triplet": 1.0},
        grouping="8x8",
        settings={"margin": 0.2},
    )
    probe = modern(name="probe", max_steps=1_000, warmup_steps=0, augment="none", trainable=head_layers)
    return triplets, probe


def published_triplet_stages(head_layers: str = HEAD_LAYERS) -> tuple[Stage, ...]:
    """3 classes x 10 examples, semi-hard, hinge with margin 1; then 300 steps of a new classifier."""
    triplets = published(
        name="triplet",
        learner="triplet",
        loss_weights={"triplet": 1.0},
        max_steps=50_000,
        grouping="3x10",
        learning_rate=1e-4,
    )
    return triplets, published(name="probe", max_steps=300, learning_rate=1e-4, trainable=head_layers)
