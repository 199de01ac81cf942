"""The contract of a model: a batch dictionary in, an output dictionary with `embedding` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tf_keras

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Shapes:
    """What a model must fit: side of the pictures in pixels, number of classes, 1 (grey) or 3 (RGB) channels.

    A model with an `input_size` of its own gets pictures cropped to that side.
    """

    image_size: int
    num_classes: int
    channels: int = 1


@dataclass(frozen=True)
class Stage:
    """One stretch of training in a model's recipe.

    `learner` names the losses and the update; `loss_weights` weighs each named loss;
    `learning_rate` falls along half a cosine to zero if `schedule` is `cosine`; `warmup_steps` raise
    it linearly first; `weight_decay` is decoupled (AdamW) if not zero; `clip` bounds the global norm
    of the gradients if not zero, `clip_value` each of their numbers; `trainable` is a regular expression
    over layer names. `average` is the decay of a moving average of the weights (0: none), which then is what
    is evaluated and used. `anneal` maps a loss's name to `[share, steps]`: in training its weight rises
    linearly from that share of it to the whole over so many steps.

    `data` names what the stage learns from: empty for the run's own data set, else folders such as
    `.,data/sketchy*0.5`, where `.` is the run's own; at every step one of them is drawn by its weight (1
    where none is given). All have pictures of the same size and channels.

    `grouping` says what makes a batch; it decides the number of examples, and `batch_size` follows it:
    `none` for single examples, each once an epoch; `8x4` for 8 classes with 4 examples of each;
    `pairs:48` for 48 different objects, a sketch and a photo of each; `balanced:32` for 32 sketches, each
    with a photo, that matches for every other one; `triplets:128` for 128 annotated triplets: a sketch, and
    two photos of which the first was called closer, drawn as Yu et al. 2016 did with `hard_ratio` (0 to 1,
    theirs is 0.75) of pairs that were compared and other photos for the rest. Rows of a tuple follow each
    other. `match` says what matches: photos of the same `class`, or of the same `instance`.

    `margin`, `mining`, `triplet_loss`, `temperature` and `match` are settings of learners that have them.
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
    data: str = ""
    match: str = "class"
    hard_ratio: float = 0.75
    temperature: float = 0.07
    average: float = 0.0


def whole_picture(options: Options, shapes: Shapes) -> int:
    """The input side of a model that sees pictures as they are."""
    del options
    return shapes.image_size


@dataclass(frozen=True)
class ModelSpec:
    """A named architecture.

    `build(options, shapes)` gives a functional `tf_keras.Model` from a dictionary of `inputs` to a
    dictionary that always has `embedding` `[batch, D]`; with `logits` `[batch, classes]` where it
    classifies. `presets` are named sets of options that change `defaults`. `limits` gives for an option
    its lowest and highest number, or the texts that it may be. `recipe(options)` lists the stages of
    training. `input_size(options, shapes)` is the side of the pictures that the model sees, at most
    `shapes.image_size`: training takes a part at random, everything else the centre.

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
    input_size: Callable[[Options, Shapes], int] = whole_picture
