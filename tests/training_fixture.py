"""A toy model, a tiny data set, and runs that ended or were stopped, for the tests of training."""

from __future__ import annotations

import csv
import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from models.registry import MODELS
from sketchspace.files import whole_folder, write_json
from tests import toy_model
from tests.made_once import made_once
from tests.tiny_dataset import write_tiny_dataset
from training import callbacks, session
from training.checkpoints import State
from training.runs import Run
from training.session import Request, open_session


def shared_data_set() -> Path:
    return made_once("tiny", lambda folder: write_tiny_dataset(folder / "tiny")) / "tiny"


@pytest.fixture(scope="module")
def data() -> Path:
    return shared_data_set()


def quick_export(run: Run) -> Path:
    """Stands for the export, which takes seconds and has its own tests."""
    with whole_folder(run.export) as folder:
        write_json(folder / "encoder.json", {})
    return run.export


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """The toy model in the list, and no waiting for the input's own speed or the export."""
    monkeypatch.setitem(MODELS, toy_model.NAME, toy_model.LISTED)
    monkeypatch.setattr("training.inputs.input_rate", lambda source: 1000.0)
    monkeypatch.setattr(session, "export_run", quick_export)


QUICK: dict[str, Any] = {"save_steps": 4, "steps_per_execution": 1}
"""One step a call of the graph, which is drawn up sooner; tests of several steps ask for them."""


class Accident(Exception):
    """Stands for a kill at a certain line."""


def stop_at(patch, owner, name: str, call: int, after: bool = False) -> None:
    """Let the `call`-th call of `owner.name` raise `Accident`, before or after its work."""
    original, calls = getattr(owner, name), []

    def broken(*args, **kwargs):
        calls.append(1)
        if len(calls) == call and not after:
            raise Accident
        result = original(*args, **kwargs)
        if len(calls) == call:
            raise Accident
        return result

    patch.setattr(owner, name, broken)


PLACES: tuple[tuple[Any, str, int, bool], ...] = (
    (callbacks.Interval, "_row", 1, False),
    (callbacks.Journal, "add", 2, True),
    (State, "save", 1, False),
    (Run, "save_best", 1, False),
    (Run, "save_best", 1, True),
    (session, "export_run", 1, False),
)
"""Lines at which a run may be killed: before or after the so-manieth call of a function."""


def copy_at(patch, owner, name: str, call: int, after: bool, run: Path, copy: Path) -> None:
    """What a kill before or after the `call`-th call of `owner.name` would leave of `run`, as `copy`."""
    original, calls = getattr(owner, name), []

    def copying(*args, **kwargs):
        calls.append(1)
        if len(calls) == call and not after:
            shutil.copytree(run, copy)
        result = original(*args, **kwargs)
        if len(calls) == call and after:
            shutil.copytree(run, copy)
        return result

    patch.setattr(owner, name, copying)


def _prepare(folder: Path) -> None:
    """One training, and copies of its run as it was at several moments."""
    run = folder / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, toy_model.NAME, toy_model.LISTED)
        patch.setattr("training.inputs.input_rate", lambda source: 1000.0)
        patch.setattr(session, "export_run", quick_export)
        for number, place in enumerate(PLACES):
            copy_at(patch, *place, run=run, copy=folder / f"killed-{number}")
        copy_at(patch, State, "save", 2, True, run=run, copy=folder / "half")
        train(Request("toy", shared_data_set(), run, **QUICK, deterministic=True))


def prepared_runs() -> Path:
    """Runs of one configuration: `whole`, `half` (stopped at step 8 of 12), and one for each of PLACES."""
    return made_once("runs", _prepare)


@pytest.fixture(scope="module")
def prepared() -> Path:
    """The folder of prepared runs."""
    return prepared_runs()


@pytest.fixture
def whole(prepared) -> Path:
    """The uninterrupted run, to compare with."""
    return prepared / "whole"


@pytest.fixture
def finished(prepared, request_of) -> Request:
    """The request of a run that has ended."""
    request = request_of(deterministic=True)
    shutil.copytree(prepared / "whole", request.run)
    return request


@pytest.fixture
def half(prepared, request_of) -> Request:
    """The request of a run that was stopped after its second checkpoint."""
    request = request_of(deterministic=True)
    shutil.copytree(prepared / "half", request.run)
    return request


@pytest.fixture
def request_of(data, tmp_path):
    """A request for the toy model; keyword arguments change it, `set_` is what --set takes."""

    def make(set_: dict[str, str] | None = None, **changes) -> Request:
        return dataclasses.replace(Request("toy", data, tmp_path / "run", set_ or {}, **QUICK), **changes)

    return make


def train(request: Request) -> list[str]:
    return list(session.train(open_session(request)))


def rows_of(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [
            {name: text for name, text in row.items() if name != "seconds"} for row in csv.DictReader(file)
        ]


def weights_of(run: Path, stage: str = "train") -> dict[str, np.ndarray]:
    """All numbers of the newest checkpoint by name."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(run / "checkpoints" / stage)))
    names = [
        n for n in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in n and "save_counter" not in n
    ]
    return {name: reader.get_tensor(name) for name in names}


def best_weights(run: Path) -> list[np.ndarray]:
    return [variable.numpy() for variable in Run(run).load_best().variables]


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
