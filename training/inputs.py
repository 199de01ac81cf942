"""A stage's training input, and how fast it is without the model."""

from __future__ import annotations

import sys
import time

import tensorflow as tf

from models.spec import Stage
from tfrecords.dataset import DatasetFolder
from tfrecords.reader import TrainingInput
from training.augment import augment_named


def training_input(folder: DatasetFolder, stage: Stage, seed: int) -> TrainingInput:
    """Batches of the training split as a stage wants them.

    Zero is not given as a seed: tf.data takes a pair of zeros for "draw another one every time".
    """
    return TrainingInput(folder, stage.batch_size, seed + 1, augment_named(stage.augment))


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
