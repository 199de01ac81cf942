"""The list of learners."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tf_keras

from learners.annotated import Annotated
from learners.base import Learner
from learners.classify import Classify
from learners.contrastive import Contrastive
from learners.pairs import Pairs
from learners.triplet import Triplet
from sketchspace.errors import unknown_name

LEARNERS: dict[str, tuple[Callable[..., Learner], tuple[str, ...]]] = {
    "classify": (Classify, ("label_smoothing", "anneal")),
    "triplet": (Triplet, ("margin", "mining", "triplet_loss", "anneal")),
    "contrastive": (Contrastive, ("margin", "match", "anneal")),
    "pairs": (Pairs, ("temperature", "margin", "mining", "label_smoothing", "anneal")),
    "annotated": (Annotated, ("margin", "anneal")),
}


def build_learner(
    name: str,
    encoder: tf_keras.Model,
    loss_weights: Mapping[str, float],
    settings: Mapping[str, Any],
    seed: int = 0,
) -> Learner:
    """The learner called `name` around an encoder; it takes what it knows from `settings`.

    `seed` decides what the encoder's random layers draw. An unknown name is a `UserError` with the
    nearest known one.
    """
    if name not in LEARNERS:
        raise unknown_name("learner", name, LEARNERS)
    kind, keys = LEARNERS[name]
    return kind(encoder, loss_weights, seed, **{key: settings[key] for key in keys if key in settings})
