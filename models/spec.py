"""The contract of a model: a batch dictionary in, an output dictionary with `embedding` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tf_keras

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Shapes:
    """What a model must fit: side of the pictures in pixels and number of classes."""

    image_size: int
    num_classes: int


@dataclass(frozen=True)
class Stage:
    """One stretch of training in a model's recipe.

    `learner` names the losses and the update; `loss_weights` weighs each named loss;
    `learning_rate` falls along half a cosine to zero if `schedule` is `cosine`; `warmup_steps` raise
    it linearly first; `weight_decay` is decoupled (AdamW) if not zero; `clip` bounds the global norm
    of the gradients if not zero, `clip_value` each of their numbers; `trainable` is a regular expression
    over layer names. `anneal` maps a loss's name to `[share, steps]`: in training its weight rises linearly
    from that share of it to the whole over so many steps. `grouping` is `none`, or `8x4` for batches of 8
    classes with 4 examples of each.
    `margin`, `mining` and `triplet_loss` are settings of the learner `triplet`.
    `select` says which weights are for use: those of the `best` evaluation, or the `last` ones, which serve
    better after a rate that falls to zero, where the best of many evaluations is mostly a lucky one.
    """

    name: str = "train"
    learner: str = "classify"
    loss_weights: Mapping[str, float] = field(default_factory=lambda: {"cross_entropy": 1.0})
    max_steps: int = 1000
    batch_size: int = 64
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    warmup_steps: int = 0
    weight_decay: float = 0.0
    clip: float = 0.0
    clip_value: float = 0.0
    label_smoothing: float = 0.0
    augment: str = "none"
    trainable: str = ".*"
    select: str = "best"
    grouping: str = "none"
    anneal: Mapping[str, list[float]] = field(default_factory=dict)
    margin: float = 1.0
    mining: str = "semi_hard"
    triplet_loss: str = "hinge"


@dataclass(frozen=True)
class ModelSpec:
    """A named architecture.

    `build(options, shapes)` gives a functional `tf_keras.Model` from a dictionary of `inputs` to a
    dictionary that always has `embedding` `[batch, D]`; with `logits` `[batch, classes]` where it
    classifies. `presets` are named sets of options that change `defaults`. `limits` gives for an option
    its lowest and highest number, or the texts that it may be. `recipe(options)` lists the stages of
    training.

    Two kinds of layers are told more than their input: one with `adapt(batches)` sees the training
    split once before the first step; one with `draw_from(source)` gets the seed of every step.
    """

    name: str
    paper: str
    inputs: tuple[str, ...]
    build: Callable[[Options, Shapes], tf_keras.Model]
    recipe: Callable[[Options], tuple[Stage, ...]]
    defaults: Options
    presets: Mapping[str, Options] = field(default_factory=dict)
    limits: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
