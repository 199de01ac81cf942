"""A run folder: its configuration, checkpoints, best weights and exports."""

from __future__ import annotations

import dataclasses
import fcntl
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras

from learners.settings import SETTINGS, settings_of
from models.registry import model_spec
from models.spec import Shapes, Stage
from sketchspace.errors import UserError, shown, unknown_name
from sketchspace.files import read_json, whole_folder, write_json
from sketchspace.json_schema import Fields, Number
from training.run_config import SCHEMA_VERSION, read_config

__all__ = ["SCHEMA_VERSION", "Run", "classes_of", "flat", "shapes_of"]

_BEST = Fields({"stage": Number(), "step": Number()}, others=True)
_DRAWN_BY = {"balanced": ("match", "class"), "triplets": ("hard_ratio", 0.75)}
_MAY_DIFFER = re.compile(r"dataset\.path|paper|stages\.\d+\.data")  # data are compared by fingerprint


@dataclass(frozen=True)
class Run:
    """The layout of `runs/<name>/`."""

    path: Path

    @property
    def config_file(self) -> Path:
        """All that is needed to build the model again."""
        return self.path / "config.json"

    @property
    def metrics_file(self) -> Path:
        """One row an interval."""
        return self.path / "metrics.csv"

    @property
    def checkpoints(self) -> Path:
        """Full training state, one folder a stage."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The encoder's weights for use."""
        return self.path / "best"

    @property
    def export(self) -> Path:
        """SavedModel and LiteRT file of the best weights."""
        return self.path / "export"

    def config(self, *needed: str) -> dict[str, Any]:
        """The stored configuration with the fields called `needed`; see `run_config.read_config`.

        A folder that is no run, or of another version, is a `UserError`.
        """
        if not self.path.is_dir():
            raise UserError(f"no run folder {self.path}; train one with: python train.py --run={self.path}")
        return read_config(self.path, *needed)

    @property
    def is_finished(self) -> bool:
        """Whether the last thing that training writes is there."""
        return (self.export / "encoder.json").is_file()

    def claim(self, config: Mapping[str, Any]) -> None:
        """Store `config` in a new run, or check that an existing run has the same one.

        A difference is a `UserError` that prints it, and so is a folder that holds something else;
        paths of data are allowed to differ.
        """
        if self.config_file.is_file():
            self._check_same(config)
            return
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"--run={self.path} is a file; give a folder, new or of a run")
        self.path.mkdir(parents=True, exist_ok=True)
        found = [item.name for item in self.path.iterdir() if not item.name.startswith(".")]
        if found:
            raise UserError(
                f"{self.path} is no run: it holds {', '.join(sorted(found)[:3])} and no config.json; "
                "give a new folder"
            )
        write_json(self.config_file, config)

    @contextmanager
    def only_here(self) -> Iterator[None]:
        """Hold the run against other processes, and sweep away what a killed one left half-written.

        Raises UserError while another process trains it.
        """
        with self.config_file.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{self.path} is being trained by another process; wait or stop it") from None
            for path in self.path.glob(".*.*"):
                if path.suffix in (".partial", ".old"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            yield

    def _check_same(self, config: Mapping[str, Any]) -> None:
        before, now = flat(_as_newest(self.config("stages"))), flat(config)
        changed = [
            f"{shown(key)}: {_short(before.get(key))} -> {_short(now.get(key))}"
            for key in sorted(before.keys() | now.keys())
            if before.get(key) != now.get(key) and not _MAY_DIFFER.fullmatch(key)
        ]
        if changed:
            raise UserError(
                f"{self.path} was started with another configuration ({'; '.join(changed)}); "
                "give the same flags and data to go on, or another --run"
            )

    def build_encoder(self) -> tf_keras.Model:
        """The run's encoder with fresh weights."""
        config = self.config("model", "model_options", "dataset.image_size", "dataset.classes")
        return model_spec(config["model"]).build(config["model_options"], shapes_of(config))

    def load_best(self) -> tf_keras.Model:
        """The run's encoder with its best weights; a run without them is a `UserError`."""
        encoder = self.build_encoder()
        if not (self.best / "weights.index").is_file():
            raise UserError(
                f"{self.path} has no trained weights yet; run train.py with --run={self.path} first"
            )
        try:
            weights = tf.train.Checkpoint(encoder=encoder).read(str(self.best / "weights"))
            weights.assert_existing_objects_matched()
        except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{self.best} is damaged or of another program ({reason}); train again") from None
        return encoder

    def save_best(self, encoder: tf_keras.Model, facts: Mapping[str, Any]) -> None:
        """Store weights as the best so far, with `facts` (stage, step and scores) beside them."""
        with whole_folder(self.best) as folder:
            tf.train.Checkpoint(encoder=encoder).write(str(folder / "weights"))
            write_json(folder / "best.json", facts)

    def best_at(self) -> tuple[float, float] | None:
        """Stage and step of the stored best weights, or None."""
        file = self.best / "best.json"
        if not file.is_file():
            return None
        facts = read_json(file, _BEST, "train again")
        return facts["stage"], facts["step"]


def classes_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes that a run's logits stand for."""
    return tuple(config.get("logit_classes", config["dataset"]["classes"]))


def shapes_of(config: Mapping[str, Any]) -> Shapes:
    """What a run's encoder must fit."""
    dataset = config["dataset"]
    return Shapes(dataset["image_size"], len(classes_of(config)), dataset.get("channels", 1))


def _as_newest(config: dict[str, Any]) -> dict[str, Any]:
    """A stored configuration with what was not there to be said when it was stored."""
    stages = [_newest_stage(stage) for stage in config["stages"]]
    said = {"channels": 1, "photo_as": "", "fit": "box"}
    return {**config, "stages": stages, "dataset": {**said, **config["dataset"]}}


def _newest_stage(stage: dict[str, Any]) -> dict[str, Any]:
    """A stored stage as it is written now: the settings of its learner stood among its own fields once.

    What decided over its batches then, and cannot be set for its learner now, stays and is a difference.
    """
    if stage["learner"] not in SETTINGS:
        raise unknown_name("learner", stage["learner"], SETTINGS)
    mine = [field.name for field in dataclasses.fields(SETTINGS[stage["learner"]])]
    given = {**stage, **stage.get("settings", {})}
    settings = settings_of(stage["learner"], {name: given[name] for name in mine if name in given})
    known = dataclasses.asdict(Stage())
    drawn, usual = _DRAWN_BY.get(stage.get("grouping", "none").partition(":")[0], ("", None))
    lost = {drawn: given[drawn]} if drawn not in mine and given.get(drawn, usual) != usual else {}
    return {
        **known,
        **{name: value for name, value in stage.items() if name in known},
        "settings": dataclasses.asdict(settings) | lost,
    }


def _short(value: Any) -> str:
    return shown(str(value), 60)


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries and lists as one dictionary with dotted keys."""
    if isinstance(value, Mapping):
        pairs = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        pairs = [(str(number), item) for number, item in enumerate(value)]
    else:
        return {prefix: value}
    joined: dict[str, Any] = {}
    for key, item in pairs:
        joined.update(flat(item, f"{prefix}.{key}" if prefix else key))
    return joined
