"""The list of learners."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tf_keras

from learners.annotated import Annotated
from learners.base import Learner
from learners.classify import Classify
from learners.contrastive import Contrastive
from learners.pairs import Pairs
from learners.settings import settings_of
from learners.triplet import Triplet

LEARNERS: dict[str, Callable[..., Learner]] = {
    "classify": Classify,
    "triplet": Triplet,
    "contrastive": Contrastive,
    "pairs": Pairs,
    "annotated": Annotated,
}


def build_learner(
    name: str,
    encoder: tf_keras.Model,
    loss_weights: Mapping[str, float],
    settings: Mapping[str, Any],
    seed: int = 0,
    anneal: Mapping[str, Sequence[float]] | None = None,
) -> Learner:
    """The learner called `name` around an encoder, with those of its settings that are given.

    `seed` decides what the encoder's random layers draw. An unknown name, setting or value is a `UserError`.
    """
    checked = settings_of(name, settings)
    return LEARNERS[name](encoder, loss_weights, seed, checked, anneal)
