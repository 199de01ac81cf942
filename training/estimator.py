"""The Estimator's vocabulary on `Model.fit`: a run config, a train spec, an eval spec, one call."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
import tf_keras

from learners.base import Learner
from learners.registry import build_learner
from models.spec import Stage
from sketchspace.errors import UserError
from training.callbacks import Interval
from training.checkpoints import State
from training.inputs import Input, adapt_layers, interval_of, report_input_share, without_strings
from training.metrics_csv import Row
from training.optimizers import build_optimizer
from training.progress import Progress
from training.runs import Run
from training.tensorflow_errors import explain
from training.weight_average import Average, average_of


@dataclass(frozen=True)
class RunConfig:
    """How and where to train.

    `save_checkpoints_steps` is the interval after which the run is evaluated and stored (0: as
    `training.inputs.interval_of` says). `steps_per_execution` steps run in one call of the graph.
    """

    model_dir: Path
    train_distribute: tf.distribute.Strategy
    tf_random_seed: int = 0
    save_checkpoints_steps: int = 0
    keep_checkpoint_max: int = 2
    steps_per_execution: int = 4
    jit_compile: bool = False


@dataclass(frozen=True)
class TrainSpec:
    """What to train on, for how long and by which stage of the recipe."""

    input: Input
    stage: Stage
    stage_number: int = 0

    @property
    def max_steps(self) -> int:
        """Steps after which the stage is done."""
        return self.stage.max_steps


@dataclass(frozen=True)
class EvalSpec:
    """What to evaluate on at the end of each interval (None: nothing), in how many batches.

    Training stops after `patience` intervals without a better score (0: never).
    """

    batches: tf.data.Dataset | None = None
    steps: int = 0
    patience: int = 0


def train_and_evaluate(
    encoder: tf_keras.Model, train_spec: TrainSpec, eval_spec: EvalSpec, config: RunConfig
) -> list[Row]:
    """Train one stage to its end, from where the run folder says it is; returns the journal's rows.

    `encoder` must have been built under the strategy's scope; it is changed in place. The state after
    step n depends on the configuration alone, not on interruptions. Raises UserError when a loss is
    not finite. A stage with an average hands the averaged weights on to the next one.
    """
    run, stage = Run(config.model_dir), train_spec.stage
    with config.train_distribute.scope():
        learner = compile_learner(encoder, stage, config)
    state = State(learner, run.checkpoints / stage.name, config.keep_checkpoint_max)
    if state.step == 0 and train_spec.stage_number == 0:
        adapt_layers(encoder, train_spec.input)
    average = average_of(learner)
    if average and state.step == 0:
        average.restart()
    interval = Interval(run, learner, state, train_spec.stage_number, stage, eval_spec.patience)
    interval.settle()
    if state.step < train_spec.max_steps and not interval.is_over:
        _fit(learner, train_spec, eval_spec, config, interval)
    if average:
        average.keep()
    return interval.rows


def compile_learner(encoder: tf_keras.Model, stage: Stage, config: RunConfig) -> Learner:
    """The stage's learner around `encoder`; its optimiser's variables are there, so they can be restored.

    Must be called in the strategy's scope. Raises UserError if the stage trains no layer.
    """
    for layer in encoder.layers:
        layer.trainable = re.fullmatch(stage.trainable, layer.name) is not None
    if not encoder.trainable_variables:
        raise UserError(f"stage {stage.name}: trainable={stage.trainable} names no layer with weights")
    learner = build_learner(
        stage.learner, encoder, stage.loss_weights, stage.settings, config.tf_random_seed, stage.anneal
    )
    learner.compile(
        optimizer=build_optimizer(stage),
        jit_compile=config.jit_compile,
        steps_per_execution=min(config.steps_per_execution, stage.max_steps),
    )
    learner.prepare(lambda: build_optimizer(stage))
    if stage.average:
        learner.follower = Average(encoder, stage.average)
    return learner


def _fit(
    learner: Learner, train_spec: TrainSpec, eval_spec: EvalSpec, config: RunConfig, interval: Interval
) -> None:
    """Whole intervals, then the rest; each call of `fit` takes its batches from the right step on."""
    state, last = interval.state, train_spec.max_steps
    every = config.save_checkpoints_steps or interval_of(train_spec.input)
    progress = Progress(last, train_spec.input.batch_size, state.step)
    for steps in (every, (last - state.step) % every):
        epochs = (last - state.step) // steps if steps else 0
        if not epochs or interval.is_over:
            continue
        try:
            learner.fit(
                without_strings(train_spec.input.batches(state.step)),
                steps_per_epoch=steps,
                epochs=epochs,
                validation_data=eval_spec.batches,
                validation_steps=eval_spec.steps or None,
                callbacks=[progress, interval],
                verbose=0,
            )
        except tf.errors.OpError as error:
            raise explain(error) from error
    report_input_share(train_spec.input, progress.rate)


def one_step(learner: Learner, train_spec: TrainSpec) -> dict[str, float]:
    """Make one step on the first batch and return its numbers; nothing is written."""
    history = learner.fit(without_strings(train_spec.input.batches()), steps_per_epoch=1, epochs=1, verbose=0)
    return {name: values[-1] for name, values in history.history.items()}
