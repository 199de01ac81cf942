"""How ResNet-v2 is trained: as a classifier, as published, or by triplets and then a probe."""

from __future__ import annotations

from models.spec import Options, Stage

HEAD_LAYERS = "head|logits"


def recipe(options: Options) -> tuple[Stage, ...]:
    """Published presets: Adam 4e-4, batch 30, gradients clipped by value. Default: cosine, affine maps.

    With `objective=triplet` a stage of triplets comes first, over batches of classes x examples, and the
    head is then trained on the embedding as it is.
    """
    published = options["preset"] != "default"
    if options["objective"] == "triplet":
        return _published_triplets() if published else triplet_stages(HEAD_LAYERS)
    if published:
        return (Stage(max_steps=250_000, batch_size=30, learning_rate=4e-4, clip_value=1.0),)
    return (
        Stage(
            max_steps=6_000,
            batch_size=64,
            schedule="cosine",
            warmup_steps=100,
            augment="affine",
            select="last",
        ),
    )


def triplet_stages(head_layers: str) -> tuple[Stage, ...]:
    """Triplets over batches of 8 classes x 8 examples, then the layers `head_layers` on frozen embeddings."""
    triplets = Stage(
        name="triplet",
        learner="triplet",
        loss_weights={"triplet": 1.0},
        max_steps=6_000,
        batch_size=64,
        grouping="8x8",
        schedule="cosine",
        warmup_steps=100,
        augment="affine",
        select="last",
    )
    probe = Stage(
        name="probe", max_steps=1_000, batch_size=64, schedule="cosine", trainable=head_layers, select="last"
    )
    return triplets, probe


def _published_triplets() -> tuple[Stage, ...]:
    """3 classes x 10 examples, semi-hard, hinge with margin 1; then 300 steps of a new classifier."""
    triplets = Stage(
        name="triplet",
        learner="triplet",
        loss_weights={"triplet": 1.0},
        max_steps=50_000,
        batch_size=30,
        grouping="3x10",
        learning_rate=1e-4,
        clip_value=1.0,
    )
    probe = Stage(
        name="probe", max_steps=300, batch_size=30, learning_rate=1e-4, clip_value=1.0, trainable=HEAD_LAYERS
    )
    return triplets, probe
