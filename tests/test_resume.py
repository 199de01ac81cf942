"""A run that is stopped at any moment and started again ends as if nothing had happened."""

# Fixtures are imported by name.
# ruff: noqa: F811

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest

from sketchspace.files import read_json
from tests.training_fixture import (  # noqa: F401
    PLACES,
    Accident,
    best_weights,
    data,
    half,
    listing,
    prepared,
    request_of,
    rows_of,
    same,
    stop_at,
    toy,
    train,
    weights_of,
    whole,
)
from tests.training_process import start
from tfrecords.dataset import DatasetFolder
from training import callbacks
from training.checkpoints import State
from training.runs import Run


@pytest.mark.parametrize("place", PLACES, ids=[f"{name}-{call}-{after}" for _, name, call, after in PLACES])
def test_a_kill_at_any_line_leaves_no_trace(request_of, prepared, whole, place):
    request = request_of(deterministic=True)
    shutil.copytree(prepared / f"killed-{PLACES.index(place)}", request.run)
    assert listing(request.run) != listing(whole)
    train(request)
    assert rows_of(request.run) == rows_of(whole)
    assert same(weights_of(request.run), weights_of(whole))
    for a, b in zip(best_weights(request.run), best_weights(whole), strict=True):
        np.testing.assert_array_equal(a, b)
    best, expected = (read_json(run / "best" / "best.json") for run in (request.run, whole))
    assert best["step"] == expected["step"]


def test_a_best_folder_that_was_being_exchanged_is_made_again(request_of):
    request = request_of(set_={"max_steps": "4"})
    train(request)
    expected = best_weights(request.run)
    (request.run / "best").rename(request.run / ".best.123.old")
    (request.run / ".export.123.partial").mkdir()
    (request.run / "export" / "encoder.json").unlink()
    train(request)
    for a, b in zip(best_weights(request.run), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not list(request.run.glob(".*"))


def test_early_stop_counts_over_interruptions(request_of, monkeypatch):
    scores = [0.5, 0.7, 0.6, 0.7, 0.1, 0.9, 0.9]
    original = callbacks.Interval._row

    def row(self, logs):
        made = original(self, logs)
        return made | {"validation_accuracy": scores[int(made["step"]) // 4 - 1]}

    monkeypatch.setattr(callbacks.Interval, "_row", row)
    request = request_of(set_={"max_steps": "28"}, patience=3)
    with monkeypatch.context() as patch:
        stop_at(patch, State, "save", 4, True)
        with pytest.raises(Accident):
            train(request)
    train(request)
    assert [int(row["step"]) for row in rows_of(request.run)] == [4, 8, 12, 16, 20]
    assert read_json(request.run / "best" / "best.json")["step"] == 8
    before = listing(request.run)
    assert "is finished" in train(request)[0]
    assert listing(request.run) == before


def test_after_a_checkpoint_nothing_is_lost_and_what_a_killed_save_left_is_swept_away(half, whole):
    folder = half.run / "checkpoints" / "train"
    (folder / "step-12_temp").mkdir()
    (folder / "step-12_temp" / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"x")
    (folder / "step-99.index").write_bytes(b"x")
    train(half)
    assert {path.name.split(".")[0] for path in folder.iterdir()} == {"checkpoint", "step-8", "step-12"}
    assert rows_of(half.run) == rows_of(whole)
    assert same(weights_of(half.run), weights_of(whole))


def test_the_mean_image_is_taken_once_and_kept(request_of, monkeypatch):
    request = request_of(set_={"preset": "faithful"})
    images, _, _ = DatasetFolder.open(request.data).images("train")
    with monkeypatch.context() as patch, pytest.raises(Accident):
        stop_at(patch, State, "save", 2, after=True)
        train(request)
    monkeypatch.setattr("training.estimator.adapt_layers", lambda *args: pytest.fail("adapted again"))
    train(request)
    encoder = Run(request.run).load_best()
    mean = images.astype(np.float64).mean(axis=0)[..., None]
    np.testing.assert_allclose(encoder.get_layer("pixel_mean").mean_level, mean, atol=1e-3)


def test_steps_per_execution_changes_nothing(request_of, whole):
    request = request_of(steps_per_execution=4, deterministic=True)
    train(request)
    assert same(weights_of(request.run), weights_of(whole))


SETTINGS = ("width=0.0625", "embedding_size=16", "augment=strong", "dropout=0.5")
COMMAND = (
    "--model=sknet", "--max_steps=13", "--save_steps=2", "--batch_size=12", "--deterministic", "--seed=7",
    *(f"--set={setting}" for setting in SETTINGS),
)  # fmt: skip


def start_in(data: Path, run: Path) -> BaseProcess:
    """The real command, in a process of its own."""
    return start((f"--data={data}", f"--run={run}", *COMMAND), run.with_suffix(".txt"))


def said_in(run: Path) -> str:
    return run.with_suffix(".txt").read_text()


def kill_when(process: BaseProcess, moment: Callable[[], bool], run: Path) -> None:
    """SIGKILL as soon as `moment()` is true; it must come before the process ends by itself."""
    deadline = time.monotonic() + 240
    while not moment():
        assert process.is_alive(), said_in(run)
        assert time.monotonic() < deadline, "the moment never came"
        time.sleep(0.002)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def names_in(folder: Path) -> list[str]:
    return [item.name for item in folder.iterdir()] if folder.is_dir() else []


def test_a_process_killed_again_and_again_ends_with_the_very_same_weights(data, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    checkpoints = broken / "checkpoints" / "train"
    rng = random.Random(time.time_ns())
    seen: list[float] = []
    later, pause = rng.randint(3, 5), rng.uniform(0, 0.3)
    print(f"killed after row {later} and {pause:.3f} s")  # Shown if the test fails.

    def in_a_checkpoint() -> bool:
        """While a checkpoint is being written, or just after where that was too quick to see."""
        return any("temp" in name for name in names_in(checkpoints)) or "step-4.index" in names_in(
            checkpoints
        )

    def some_time_later() -> bool:
        rows = len((broken / "metrics.csv").read_text().splitlines()) - 1
        if rows >= later and not seen:
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() - seen[0] > pause

    def in_the_export() -> bool:
        return any(name.startswith(".export.") for name in names_in(broken))

    undisturbed = start_in(data, whole)
    for moment in (in_a_checkpoint, some_time_later, in_the_export):
        kill_when(start_in(data, broken), moment, broken)
    last = start_in(data, broken)
    for process, run in ((undisturbed, whole), (last, broken)):
        process.join(240)
        assert process.exitcode == 0, said_in(run)
    assert rows_of(broken) == rows_of(whole)
    assert [int(row["step"]) for row in rows_of(whole)] == [*range(2, 13, 2), 13]
    assert same(weights_of(broken), weights_of(whole))
    for a, b in zip(best_weights(broken), best_weights(whole), strict=True):
        np.testing.assert_array_equal(a, b)
    assert sorted(names_in(broken)) == sorted(names_in(whole))
    assert sorted(names_in(broken / "export")) == ["encoder.json", "encoder.tflite", "saved_model"]
    before, again = listing(broken), start_in(data, broken)
    again.join(240)
    assert again.exitcode == 0 and "is finished" in said_in(broken)
    assert listing(broken) == before
