"""A toy model, a tiny data set, and runs that ended or were stopped, for the tests of training."""

from __future__ import annotations

import atexit
import csv
import dataclasses
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from models.registry import MODELS
from sketchspace.files import whole_folder, write_json
from tests import toy_model
from tests.tiny_dataset import write_tiny_dataset
from training import session
from training.checkpoints import State
from training.runs import Run
from training.session import Request, open_session


@cache
def shared_folder() -> Path:
    """A folder for what the tests of all files have in common; it goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="sketchspace-training-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def shared_data_set() -> Path:
    return write_tiny_dataset(shared_folder() / "tiny")


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


@cache
def prepared_runs() -> tuple[Path, Path]:
    folder, data = shared_folder(), shared_data_set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, toy_model.NAME, toy_model.LISTED)
        patch.setattr("training.inputs.input_rate", lambda source: 1000.0)
        patch.setattr(session, "export_run", quick_export)
        train(Request("toy", data, folder / "whole", **QUICK, deterministic=True))
        stop_at(patch, State, "save", 2, after=True)
        with pytest.raises(Accident):
            train(Request("toy", data, folder / "half", **QUICK, deterministic=True))
    return folder / "whole", folder / "half"


@pytest.fixture(scope="module")
def prepared() -> tuple[Path, Path]:
    """A run that nothing interrupted, and one of the same configuration that was stopped at step 8 of 12."""
    return prepared_runs()


@pytest.fixture
def whole(prepared) -> Path:
    """The uninterrupted run, to compare with."""
    return prepared[0]


@pytest.fixture
def finished(prepared, request_of) -> Request:
    """The request of a run that has ended."""
    request = request_of(deterministic=True)
    shutil.copytree(prepared[0], request.run)
    return request


@pytest.fixture
def half(prepared, request_of) -> Request:
    """The request of a run that was stopped after its second checkpoint."""
    request = request_of(deterministic=True)
    shutil.copytree(prepared[1], request.run)
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
