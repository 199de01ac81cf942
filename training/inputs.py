"""A stage's training input, and how fast it is without the model."""

from __future__ import annotations

import sys
import time

import tensorflow as tf
import tf_keras

from models.spec import ModelSpec, Options, Shapes, Stage
from sketchspace.errors import UserError
from tfrecords.dataset import DatasetFolder
from tfrecords.grouped import Grouping
from tfrecords.model_inputs import Wanted
from tfrecords.paired import Pairing, grouping_of
from tfrecords.reader import IMAGES, TrainingInput, eval_batches, fixed_batches
from tfrecords.sequences import count_longer
from training.augmentation.named import augment_named
from training.mixed_batches import Mixture
from training.stage_data import evaluated_on, sources_of

Input = TrainingInput | Mixture
LEAST_PAIRED_INTERVAL = 200
ADAPT_BATCH = 256
_APART = 7919  # the seeds of data sets that are mixed


def wanted_by(spec: ModelSpec, options: Options, shapes: Shapes) -> Wanted:
    """What a model reads: its inputs, the options that say in which form, the part that it sees."""
    known = {name: options[name] for name in ("max_points", "long_strokes", "snapshots") if name in options}
    side = spec.input_size(options, shapes)
    return Wanted(spec.inputs, **known, input_size=0 if side == shapes.image_size else side)


def stage_grouping(stage: Stage) -> Grouping | Pairing | None:
    """What makes a stage's batches: its `grouping`, and its learner's `match` and `hard_ratio`."""
    chosen = {name: stage.settings[name] for name in ("match", "hard_ratio") if name in stage.settings}
    return grouping_of(stage.grouping, **chosen)


def training_input(folder: DatasetFolder, stage: Stage, seed: int, wanted: Wanted = IMAGES) -> Input:
    """Batches of the training split as a stage of a run with data set `folder` wants them.

    Zero is not given as a seed: tf.data takes a pair of zeros for "draw another one every time".
    """
    augment = augment_named(stage.augment)
    grouping = stage_grouping(stage)
    size = grouping.size if grouping else stage.batch_size
    sources = sources_of(stage, folder)
    parts = tuple(
        TrainingInput(
            source.folder, size, seed + 1 + _APART * place, augment, wanted=wanted, grouping=grouping
        )
        for place, source in enumerate(sources)
    )
    return parts[0] if len(parts) == 1 else Mixture(parts, tuple(s.weight for s in sources), seed + 1)


def evaluation_input(
    folder: DatasetFolder, stage: Stage, wanted: Wanted, replicas: int = 1
) -> tuple[tf.data.Dataset, int] | None:
    """The validation split as a stage is judged by it, and its number of batches; None where there is none.

    Stages of tuples of sketches and photos have a set of tuples that is always the same.
    """
    judge = evaluated_on(sources_of(stage, folder), folder)
    if not judge.manifest.counts.get("validation"):
        return None
    grouping = stage_grouping(stage)
    if not isinstance(grouping, Pairing):
        steps = -(-judge.manifest.num_examples("validation") // stage.batch_size)
        return eval_batches(judge, "validation", stage.batch_size, wanted), steps
    annotated = judge.annotations().get("triplets", {})
    if grouping.kind == "triplets" and not annotated.get("validation"):
        return None
    return fixed_batches(judge, "validation", grouping, wanted, replicas)


def check_input(folder: DatasetFolder, stage: Stage, wanted: Wanted, replicas: int) -> None:
    """Raise UserError where the data cannot be cut into a stage's batches, or these by the replicas."""
    source = training_input(folder, stage, 0, wanted)
    source.batches()
    tuples = source.grouping.count if isinstance(source.grouping, Pairing) else source.batch_size
    if tuples % replicas:
        raise UserError(
            f"{f'grouping={stage.grouping}' if source.grouping else f'batch_size={tuples}'} cannot be shared "
            f"evenly by {replicas} replicas; give a multiple of {replicas}"
        )
    if isinstance(source.grouping, Pairing):
        evaluation_input(folder, stage, wanted, replicas)


def interval_of(source: Input) -> int:
    """Steps between evaluations where nobody asked for a number: one pass over the data, at most 1,000.

    Paired data are few and passes short; there it is 200 at least.
    """
    least = LEAST_PAIRED_INTERVAL if isinstance(source.grouping, Pairing) else 1
    return min(max(source.steps_per_epoch, least), 1000)


def report_long_drawings(folder: DatasetFolder, wanted: Wanted) -> None:
    """Say on standard error how many training drawings are longer than the model reads, and what is done."""
    if not wanted.strokes:
        return
    count = count_longer(folder, "train", wanted.max_points)
    if count:
        done = {"truncate": "cut off there", "resample": "resampled to that many"}[wanted.long_strokes]
        total = folder.manifest.num_examples("train")
        print(
            f"{count:,} of {total:,} drawings have more than {wanted.max_points} points: {done}",
            file=sys.stderr,
        )


def without_strings(batches: tf.data.Dataset) -> tf.data.Dataset:
    """The batches without keys, which no learner needs and XLA cannot take."""
    names = [name for name, spec in batches.element_spec.items() if spec.dtype != tf.string]
    return batches.map(lambda batch: {name: batch[name] for name in names})


def input_rate(source: Input, seconds: float = 0.5) -> float:
    """Examples a second that the input gives when nothing else runs, measured for about `seconds`."""
    batches = iter(source.batches())
    next(batches)
    began, steps = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        next(batches)
        steps += 1
    return steps * source.batch_size / (time.monotonic() - began)


def report_input_share(source: Input, steps_per_second: float) -> None:
    """Say on standard error which share of a step's time its input costs by itself."""
    if steps_per_second:
        alone = input_rate(source)
        share = steps_per_second * source.batch_size / alone
        print(
            f"input alone gives {alone:,.0f} examples/s: {share:.0%} of the time of a step", file=sys.stderr
        )


def adapt_layers(encoder: tf_keras.Model, source: Input) -> None:
    """Show every layer that has `adapt(batches)` the split once: plain batches, in stored order."""
    for layer in encoder.submodules:
        if hasattr(layer, "adapt"):
            layer.adapt(eval_batches(source.folder, source.split, ADAPT_BATCH, source.wanted))
