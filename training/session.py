"""One training session: from what was asked for to an exported run. Flags end above this file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tf_keras

from models.registry import model_spec
from models.spec import Stage
from tfrecords.dataset import DatasetFolder
from tfrecords.model_inputs import Wanted
from training.estimator import EvalSpec, RunConfig, TrainSpec, compile_learner, one_step, train_and_evaluate
from training.export import export_run
from training.inputs import (
    Input,
    adapt_layers,
    check_input,
    evaluation_input,
    report_long_drawings,
    training_input,
    wanted_by,
    without_strings,
)
from training.metrics_csv import Journal
from training.recipe import make_config, make_recipe
from training.runs import Run, classes_of, flat, shapes_of
from training.strategy import make_strategy, set_numerics
from training.warm_start import warm_start


@dataclass(frozen=True)
class Request:
    """What a user asks for. `settings` are texts by key, as `--set` takes them."""

    model: str
    data: Path
    run: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    save_steps: int = 0
    patience: int = 0
    keep_checkpoints: int = 2
    steps_per_execution: int = 4
    virtual_devices: int = 0
    precision: str = "float32"
    xla: bool = False
    deterministic: bool = False
    warm_start_from: Path | None = None


@dataclass(frozen=True)
class Session:
    """A request made concrete: configuration, stages, data and how to run."""

    config: dict[str, Any]
    stages: tuple[Stage, ...]
    folder: DatasetFolder
    run_config: RunConfig
    patience: int

    @property
    def wanted(self) -> Wanted:
        """What the model reads of every record."""
        options = self.config["model_options"]
        return wanted_by(model_spec(self.config["model"]), options, shapes_of(self.config))

    def training_input(self, stage: Stage) -> Input:
        """A stage's batches."""
        return training_input(self.folder, stage, self.run_config.tf_random_seed, self.wanted)

    def build_encoder(self) -> tf_keras.Model:
        """A fresh encoder under the run's strategy; its weights follow from the seed."""
        spec = model_spec(self.config["model"])
        set_numerics(self.config["seed"], self.config["deterministic"], self.config["precision"])
        with self.run_config.train_distribute.scope():
            return spec.build(self.config["model_options"], shapes_of(self.config))

    def warm_start(self, encoder: tf_keras.Model) -> Iterator[str]:
        """Give an encoder its model's published weights, then those of the run that was named, if any.

        Yields what was done.
        """
        spec = model_spec(self.config["model"])
        with self.run_config.train_distribute.scope():
            yield from spec.pretrained(encoder, self.config["model_options"])
            if "warm_start_from" in self.config:
                yield from warm_start(encoder, Path(self.config["warm_start_from"]), classes_of(self.config))


def open_session(request: Request) -> Session:
    """Check a request against model and data; nothing is built and nothing is written."""
    spec = model_spec(request.model)
    options, stages = make_recipe(spec, request.settings)
    folder = DatasetFolder.open(request.data)
    strategy = make_strategy(request.virtual_devices)
    warm = {"warm_start_from": str(request.warm_start_from)} if request.warm_start_from else {}
    config = make_config(
        spec,
        options,
        stages,
        folder,
        seed=request.seed,
        replicas=strategy.num_replicas_in_sync,
        precision=request.precision,
        xla=request.xla,
        deterministic=request.deterministic,
        save_steps=request.save_steps,
        patience=request.patience,
        **warm,
    )
    run_config = RunConfig(
        model_dir=request.run,
        train_distribute=strategy,
        tf_random_seed=request.seed,
        save_checkpoints_steps=request.save_steps,
        keep_checkpoint_max=request.keep_checkpoints,
        steps_per_execution=request.steps_per_execution,
        jit_compile=request.xla,
    )
    session = Session(config, stages, folder, run_config, request.patience)
    for stage in stages:
        check_input(folder, stage, session.wanted, strategy.num_replicas_in_sync)
    return session


def dry_run(session: Session) -> Iterator[str]:
    """Lines that say what a run would be, and the numbers of one step of its first stage."""
    encoder, stage = session.build_encoder(), session.stages[0]
    yield from (f"{key}: {value}" for key, value in flat(session.config).items())
    for name, shape in {**encoder.input_shape, **encoder.output_shape}.items():
        yield f"shape of {name}: {shape}"
    yield f"parameters: {count(encoder.trainable_weights):,}"
    yield f"non-trainable parameters: {count(encoder.non_trainable_weights):,}"
    yield from session.warm_start(encoder)
    with session.run_config.train_distribute.scope():
        learner = compile_learner(encoder, stage, session.run_config)
    source = session.training_input(stage)
    adapt_layers(encoder, source)
    numbers = one_step(learner, TrainSpec(source, stage))
    yield "one step: " + _listed(numbers)


def count(weights: list[Any]) -> int:
    """How many numbers a list of weights holds."""
    return int(sum(weight.shape.num_elements() for weight in weights))


def train(session: Session) -> Iterator[str]:
    """Run the stages that are not done yet and export the best weights; yields lines of results."""
    run = Run(session.run_config.model_dir)
    run.claim(session.config)
    with run.only_here():
        if run.is_finished:
            last = Journal(run.metrics_file).rows[-1:]
            yield f"{run.path} is finished: {_listed(last[0]) if last else 'its metrics.csv is gone'}"
            yield f"wrote {run.export} when it ended"
            return
        report_long_drawings(session.folder, session.wanted)
        encoder = session.build_encoder()
        if not run.checkpoints.exists():
            yield from session.warm_start(encoder)
        for number, stage in enumerate(session.stages):
            spec = TrainSpec(session.training_input(stage), stage, number)
            rows = train_and_evaluate(encoder, spec, _eval_spec(session, stage), session.run_config)
            yield f"stage {stage.name}: {_listed(rows[-1])}"
        yield f"wrote {export_run(run)}"


def _listed(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.6g}" for name, value in numbers.items() if name != "stage")


def _eval_spec(session: Session, stage: Stage) -> EvalSpec:
    """Evaluation on the validation split, where there is one."""
    replicas = session.run_config.train_distribute.num_replicas_in_sync
    found = evaluation_input(session.folder, stage, session.wanted, replicas)
    if found is None:
        return EvalSpec(patience=session.patience)
    return EvalSpec(without_strings(found[0]), found[1], session.patience)
