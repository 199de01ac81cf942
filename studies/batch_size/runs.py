"""The runs of the batch-size study: which there are, how one is made, which are done."""

from __future__ import annotations

import fcntl
import functools
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import UserError
from training.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    import tf_keras

    from tfrecords.dataset import DatasetFolder

NORMS = ("batch", "group")
RULES = ("fixed", "scaled")
EVALUATION_BATCH = 200


@dataclass(frozen=True)
class Setting:
    """What all runs share.

    Each sees `pictures` drawings, so a run of smaller batches makes more steps. The rate falls along half a
    cosine from `learning_rate` after a warm-up over `warmup` of the steps; by the rule `scaled` it is
    multiplied by (batch / `reference`) ** `power`: 0.5 suits Adam (Malladi et al. 2022), 1 suits SGD.
    The moving statistics of batch norm average over about `statistics` drawings at every batch size.
    """

    data: str
    split: str
    pictures: int
    width: float
    learning_rate: float
    reference: int
    power: float
    warmup: float
    statistics: int
    augment: str
    precision: str


@dataclass(frozen=True)
class Trial:
    """One cell of the study with one seed. At the reference batch both rules are the same run."""

    batch: int
    norm: str
    rule: str
    seed: int


@dataclass(frozen=True)
class Job:
    """One run to be made: a trial, what all share, where its line is added, and its threads."""

    trial: Trial
    setting: Setting
    results: Path
    threads: int


def trials(batches: Iterable[int], rules: Iterable[str], seeds: int, setting: Setting) -> list[Trial]:
    """Every run once, seeds outermost: a study that was stopped has something of every cell.

    Raises UserError for a batch that does not divide the number of pictures.
    """
    batches, rules = list(batches), list(rules)
    for batch in batches:
        if setting.pictures % batch:
            raise UserError(
                f"--pictures={setting.pictures} cannot be cut into batches of {batch}; "
                f"give a multiple of {np.lcm.reduce(batches)}"
            )
    found = [
        own(Trial(batch, norm, rule, seed), setting)
        for seed in range(seeds)
        for batch in batches
        for rule in rules
        for norm in NORMS
    ]
    return list(dict.fromkeys(found))


def own(trial: Trial, setting: Setting) -> Trial:
    """The run that answers for a trial: itself, or at the reference batch that of the fixed rate."""
    if trial.batch != setting.reference:
        return trial
    return Trial(trial.batch, trial.norm, "fixed", trial.seed)


def rate_of(trial: Trial, setting: Setting) -> float:
    """A trial's highest learning rate."""
    if trial.rule == "fixed":
        return setting.learning_rate
    return setting.learning_rate * (trial.batch / setting.reference) ** setting.power


def momentum_of(batch: int, statistics: int) -> float:
    """The momentum with which a moving mean averages over about `statistics` drawings."""
    return max(0.0, 1 - batch / statistics)


def read_lines(file: Path) -> Iterator[dict[str, Any]]:
    """The runs that are done, oldest first; a line that a killed process left half-written is passed over."""
    if not file.is_file():
        return
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row


def add_line(file: Path, row: Mapping[str, Any]) -> None:
    """Append one line; several processes may do so at once, and one that was cut off spoils no other."""
    with file.open("ab+") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)
        if lines.tell():
            lines.seek(-1, 2)
            if lines.read(1) != b"\n":
                lines.write(b"\n")
        lines.write(json.dumps(row, allow_nan=False).encode() + b"\n")


def trial_of(row: Mapping[str, Any]) -> Trial:
    """The trial that a line tells of."""
    return Trial(row["batch"], row["norm"], row["rule"], row["seed"])


@functools.cache
def _start(threads: int, precision: str) -> None:
    """TensorFlow in this process, once for all of its runs."""
    import_tensorflow()
    import tf_keras

    from training.strategy import set_threads

    set_threads(threads, 1)
    tf_keras.mixed_precision.set_global_policy(precision)


def make(job: Job) -> dict[str, Any]:
    """Train one encoder, measure it on held-out drawings, add its line to the results; returns the line."""
    _start(job.threads, job.setting.precision)
    from tfrecords.dataset import DatasetFolder

    began, folder = time.monotonic(), DatasetFolder.open(Path(job.setting.data))
    encoder = _trained(job.trial, job.setting, folder)
    images, labels = _held_out(job.setting.data, job.setting.split)
    row: dict[str, Any] = asdict(job.trial) | {"learning_rate": rate_of(job.trial, job.setting)}
    row["steps"] = job.setting.pictures // job.trial.batch
    row["accuracy"] = _accuracy(encoder, images, labels, EVALUATION_BATCH, training=False)
    if job.trial.norm == "batch":
        mixed = np.random.default_rng(job.trial.seed).permutation(len(labels))
        row["accuracy_batch_statistics"] = _accuracy(
            encoder, images[mixed], labels[mixed], job.trial.batch, training=True
        )
    row["seconds"] = round(time.monotonic() - began, 1)
    add_line(job.results, row)
    return row


def _trained(trial: Trial, setting: Setting, folder: DatasetFolder) -> tf_keras.Model:
    """A new encoder after its share of pictures."""
    import tensorflow as tf
    import tf_keras

    from models.spec import Shapes, Stage
    from training.estimator import RunConfig, compile_learner
    from training.inputs import training_input, without_strings
    from training.tensorflow_errors import explain

    tf_keras.backend.clear_session()
    tf_keras.utils.set_random_seed(trial.seed)
    steps = setting.pictures // trial.batch
    stage = Stage(
        max_steps=steps,
        batch_size=trial.batch,
        learning_rate=rate_of(trial, setting),
        schedule="cosine",
        warmup_steps=round(setting.warmup * steps),
        augment=setting.augment,
    )
    config = RunConfig(Path("unused"), tf.distribute.get_strategy(), trial.seed, steps_per_execution=20)
    shapes = Shapes(folder.manifest.image_size, folder.manifest.num_classes)
    learner = compile_learner(_encoder(trial, setting, shapes), stage, config)
    batches = without_strings(training_input(folder, stage, trial.seed).batches())
    try:
        learner.fit(batches, steps_per_epoch=steps, epochs=1, verbose=0)
    except tf.errors.OpError as error:
        raise explain(error) from error
    return learner.encoder


def _encoder(trial: Trial, setting: Setting, shapes: Any) -> tf_keras.Model:
    """ResNet-v2 of the published layout at a smaller width, as random as the seed says."""
    from models.resnet_v2 import DEFAULTS, PUBLISHED, build

    changes = {
        "width": setting.width,
        "norm": trial.norm,
        "bn_momentum": momentum_of(trial.batch, setting.statistics),
        "embedding_size": 256,
    }
    return build(dict(DEFAULTS) | dict(PUBLISHED) | changes, shapes)


@functools.cache
def _held_out(data: str, split: str) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The drawings to measure on, ink `[n, size, size, 1]`, and labels `[n]`; read once in a process."""
    from tfrecords.dataset import DatasetFolder

    images, labels, _ = DatasetFolder.open(Path(data)).images(split)
    return np.float32(1) - images.astype(np.float32)[..., None] / np.float32(255), labels


def _accuracy(
    encoder: tf_keras.Model,
    images: NDArray[np.float32],
    labels: NDArray[np.int32],
    batch: int,
    training: bool,
) -> float:
    """Share of right answers; with `training` each batch is normalised by its own statistics.

    The last batch is filled up with the first drawings, whose second answers are not counted.
    """
    import tensorflow as tf

    answer = tf.function(lambda ink: tf.argmax(encoder({"image": ink}, training=training)["logits"], -1))
    order = np.arange(-(-len(labels) // batch) * batch) % len(labels)
    found = [answer(images[order[start : start + batch]]) for start in range(0, len(order), batch)]
    return float(np.mean(np.concatenate(found)[: len(labels)] == labels))
