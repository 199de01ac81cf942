"""A stage's training input, and how fast it is without the model."""

from __future__ import annotations

import sys
import time

import tensorflow as tf

from models.spec import ModelSpec, Options, Stage
from tfrecords.dataset import DatasetFolder
from tfrecords.grouped import Grouping
from tfrecords.reader import IMAGES, TrainingInput
from tfrecords.sequences import count_longer
from tfrecords.wanted import Wanted
from training.augment import augment_named


def wanted_by(spec: ModelSpec, options: Options) -> Wanted:
    """What a model reads: its inputs, and the options that say in which form."""
    known = {name: options[name] for name in ("max_points", "long_strokes", "snapshots") if name in options}
    return Wanted(spec.inputs, **known)


def training_input(folder: DatasetFolder, stage: Stage, seed: int, wanted: Wanted = IMAGES) -> TrainingInput:
    """Batches of the training split as a stage wants them.

    Zero is not given as a seed: tf.data takes a pair of zeros for "draw another one every time".
    """
    augment, grouping = augment_named(stage.augment), Grouping.parse(stage.grouping)
    return TrainingInput(folder, stage.batch_size, seed + 1, augment, wanted=wanted, grouping=grouping)


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


def input_rate(source: TrainingInput, seconds: float = 1.0) -> float:
    """Examples a second that the input gives when nothing else runs, measured for about `seconds`."""
    batches = iter(source.batches())
    next(batches)
    began, steps = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        next(batches)
        steps += 1
    return steps * source.batch_size / (time.monotonic() - began)


def report_input_share(source: TrainingInput, steps_per_second: float) -> None:
    """Say on standard error which share of a step's time its input costs by itself."""
    if steps_per_second:
        alone = input_rate(source)
        share = steps_per_second * source.batch_size / alone
        print(
            f"input alone gives {alone:,.0f} examples/s: {share:.0%} of the time of a step", file=sys.stderr
        )
