"""The contract of a model: a batch dictionary in, an output dictionary with `embedding` out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from learners.settings import setting

if TYPE_CHECKING:
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

    `learner` names the losses and the update, `settings` changes its settings (`learners.settings`),
    `loss_weights` weighs each named loss. `anneal` maps a loss's name to `[share, steps]`: in training its
    weight rises linearly from that share of it to the whole over so many steps.

    `data` names what the stage learns from: empty for the run's own data set, else folders such as
    `.,data/sketchy*0.5`, where `.` is the run's own; at every step one of them is drawn by its weight (1
    where none is given). All have pictures of the same size and channels.

    `grouping` says what makes a batch; it decides the number of examples, and `batch_size` follows it:
    `none` for single examples, each once an epoch; `8x4` for 8 classes with 4 examples of each;
    `pairs:48` for 48 different objects, a sketch and a photo of each; `classes:32` for 32 different classes,
    a sketch and any photo of each; `balanced:32` for 32 sketches, each
    with a photo, that matches for every other one; `triplets:128` for 128 annotated triplets: a sketch, and
    two photos of which the first was called closer, drawn as Yu et al. 2016 did. Rows of a tuple follow each
    other. The learner's settings `match` and `hard_ratio` say what matches, and which triplets are drawn.
    """

    name: str = "train"
    learner: str = "classify"
    settings: Mapping[str, Any] = field(default_factory=dict)
    loss_weights: Mapping[str, float] = field(default_factory=lambda: {"cross_entropy": 1.0})
    max_steps: int = setting(1000, (1, 10**9), "how long the stage is", "steps")
    batch_size: int = setting(64, (1, 10**6), "examples a step, over all replicas", "examples")
    optimizer: str = setting("adam", (), "adam, adamw or sgd (momentum 0.9)")
    learning_rate: float = setting(1e-3, (1e-12, 1e6), "the rate, at its highest")
    schedule: str = setting("constant", (), "constant, or cosine: half a cosine down to zero")
    warmup_steps: int = setting(0, (0, 10**9), "over which the rate rises linearly first", "steps")
    weight_decay: float = setting(0.0, (0.0, 1e3), "decoupled weight decay (AdamW)")
    clip: float = setting(0.0, (0.0, 1e9), "bound of the gradients' global norm; 0 is none")
    clip_value: float = setting(0.0, (0.0, 1e9), "bound of each number of the gradients; 0 is none")
    augment: str = setting("none", (), "random changes of the training pictures and strokes")
    trainable: str = setting(".*", (), "regular expression over the names of the layers that learn")
    select: str = setting("best", (), "weights for use: of the best evaluation, or the last ones")
    grouping: str = setting(
        "none", (), "what makes a batch: none, 8x4, pairs:48, classes:32, balanced:32, triplets:128"
    )
    anneal: Mapping[str, list[float]] = field(default_factory=dict)
    data: str = setting("", (), "what it learns from: folders with weights, . is the run's own")
    average: float = setting(0.0, (0.0, 0.999999), "decay of a moving average of the weights; 0 is none")


def from_scratch(encoder: tf_keras.Model, options: Options) -> Iterable[str]:
    """The beginning of a model that has no published weights."""
    del encoder, options
    return ()


def whole_picture(options: Options, shapes: Shapes) -> int:
    """The input side of a model that sees pictures as they are."""
    del options
    return shapes.image_size


@dataclass(frozen=True)
class ModelSpec:
    """A named architecture; `models.registry` says in a line where it comes from.

    `build(options, shapes)` gives a functional `tf_keras.Model` from a dictionary of `inputs` to a
    dictionary that always has `embedding` `[batch, D]`; with `logits` `[batch, classes]` where it
    classifies. `presets` are named sets of options that change `defaults`. `limits` gives for an option
    its lowest and highest number, or the texts that it may be; `models.meanings` says what each is.
    `recipe(options)` lists the stages of
    training. `input_size(options, shapes)` is the side of the pictures that the model sees, at most
    `shapes.image_size`: training takes a part at random, everything else the centre.
    `pretrained(encoder, options)` gives a fresh encoder the published weights that it begins with, and
    yields lines that say which; `build` alone leaves it random.

    Two kinds of layers are told more than their input: one with `adapt(batches)` sees the training
    split once before the first step; one with `draw_from(source)` gets the seed of every step.
    """

    name: str
    inputs: tuple[str, ...]
    build: Callable[[Options, Shapes], tf_keras.Model]
    recipe: Callable[[Options], tuple[Stage, ...]]
    defaults: Options
    presets: Mapping[str, Options] = field(default_factory=dict)
    limits: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    input_size: Callable[[Options, Shapes], int] = whole_picture
    pretrained: Callable[[tf_keras.Model, Options], Iterable[str]] = from_scratch
