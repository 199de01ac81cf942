"""One process trains: what a run folder holds, what is refused, and stops that look like accidents."""

from __future__ import annotations

import csv
import dataclasses
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from common.errors import UserError
from common.files import read_json, whole_folder, write_json
from models.registry import MODELS
from tests import toy_model
from tests.tiny_dataset import write_tiny_dataset
from tfrecords.dataset import DatasetFolder
from training import callbacks, session
from training.export import export_run
from training.progress import Progress
from training.runs import Run
from training.session import Request, dry_run, open_session
from training.state import State
from training.strategy import make_strategy


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_tiny_dataset(tmp_path_factory.mktemp("training") / "tiny")


def quick_export(run: Run) -> Path:
    """Stands for the export, which takes seconds and has its own tests."""
    with whole_folder(run.export) as folder:
        write_json(folder / "encoder.json", {})
    return run.export


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """The toy model in the list, and no waiting for the input's own speed or the export."""
    monkeypatch.setitem(MODELS, toy_model.NAME, toy_model.SPEC)
    monkeypatch.setattr("training.inputs.input_rate", lambda source: 1000.0)
    monkeypatch.setattr(session, "export_run", quick_export)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory) -> Path:
    """A run that nothing interrupted."""
    request = Request("toy", data, tmp_path_factory.mktemp("whole") / "run", save_steps=4, deterministic=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, toy_model.NAME, toy_model.SPEC)
        patch.setattr("training.inputs.input_rate", lambda source: 1000.0)
        patch.setattr(session, "export_run", quick_export)
        train(request)
    return request.run


@pytest.fixture
def request_of(data, tmp_path):
    """A request for the toy model; keyword arguments change it, `set_` is what --set takes."""

    def make(set_: dict[str, str] | None = None, **changes) -> Request:
        return dataclasses.replace(
            Request("toy", data, tmp_path / "run", set_ or {}, save_steps=4), **changes
        )

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


def test_a_run_holds_all_that_was_promised(request_of, monkeypatch, capsys):
    monkeypatch.setattr(session, "export_run", export_run)
    request = request_of(set_={"max_steps": "10"})
    lines = train(request)
    run = request.run
    assert [int(row["step"]) for row in rows_of(run)] == [4, 8, 10]
    assert [int(row["examples"]) for row in rows_of(run)] == [48, 96, 120]
    names = set(rows_of(run)[0])
    assert names >= {"stage", "learning_rate", "train_loss", "train_cross_entropy", "validation_accuracy"}
    assert sorted(p.stem for p in (run / "checkpoints" / "train").glob("*.index")) == ["step-10", "step-8"]
    assert {item.name for item in run.iterdir()} == {
        "config.json", "metrics.csv", "tensorboard", "checkpoints", "best", "export",
    }  # fmt: skip
    assert {item.name for item in (run / "export").iterdir()} == {
        "encoder.json",
        "encoder.tflite",
        "saved_model",
    }
    config = read_json(run / "config.json")
    assert config["dataset"]["fingerprint"] == DatasetFolder.open(request.data).manifest.fingerprint
    assert config["stages"][0]["max_steps"] == 10
    assert lines[-1] == f"wrote {run / 'export'}"
    errors = capsys.readouterr().err.strip().splitlines()
    assert [line.split()[1] for line in errors if line.startswith("step")] == ["4/10", "8/10", "10/10"]
    assert "\r" not in "".join(errors)


def test_validation_numbers_are_those_of_the_whole_split(request_of):
    request = request_of(set_={"max_steps": "4", "dropout": "0"})
    train(request)
    encoder = Run(request.run).load_best()
    images, labels, _ = DatasetFolder.open(request.data).images("validation")
    logits = encoder({"image": 1 - images[..., None].astype(np.float32) / 255})["logits"].numpy()
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    losses = -np.log((shifted / shifted.sum(axis=1, keepdims=True))[np.arange(len(labels)), labels])
    row = rows_of(request.run)[0]
    assert float(row["validation_loss"]) == pytest.approx(losses.mean(), rel=1e-4)
    assert float(row["validation_accuracy"]) == pytest.approx((logits.argmax(axis=1) == labels).mean())


def test_steps_per_execution_changes_nothing(request_of, whole):
    request = request_of(steps_per_execution=1, deterministic=True)
    train(request)
    assert same(weights_of(request.run), weights_of(whole))


def test_without_validation_training_scores_decide(request_of, tmp_path):
    folder = write_tiny_dataset(tmp_path / "train only", validation=0)
    request = request_of(data=folder)
    train(request)
    rows = rows_of(request.run)
    assert not [name for name in rows[0] if name.startswith("validation")]
    best = max(rows, key=lambda row: float(row["train_accuracy"]))
    assert read_json(request.run / "best" / "best.json")["step"] == int(best["step"])


@pytest.mark.parametrize("keep", [1, 3])
def test_so_many_checkpoints_stay(request_of, keep):
    request = request_of(set_={"max_steps": "10"}, save_steps=2, keep_checkpoints=keep)
    train(request)
    kept = {path.stem for path in (request.run / "checkpoints" / "train").glob("*.index")}
    assert kept == {f"step-{step}" for step in (10, 8, 6)[:keep]}


def test_best_weights_are_those_of_the_best_row_not_the_last(request_of, monkeypatch):
    scores = iter([0.2, 0.9, 0.9, 0.4])
    original = callbacks.Interval._row

    def row(self, logs):
        return original(self, logs) | {"validation_accuracy": next(scores)}

    monkeypatch.setattr(callbacks.Interval, "_row", row)
    request = request_of(set_={"max_steps": "16"}, keep_checkpoints=9)
    train(request)
    assert read_json(request.run / "best" / "best.json")["step"] == 8
    reader = tf.train.load_checkpoint(str(request.run / "checkpoints" / "train" / "step-8"))
    best = tf.train.load_checkpoint(str(request.run / "best" / "weights"))
    name = next(n for n in best.get_variable_to_shape_map() if "kernel" in n)
    np.testing.assert_array_equal(best.get_tensor(name), reader.get_tensor(name))
    last = tf.train.load_checkpoint(str(request.run / "checkpoints" / "train" / "step-16"))
    assert not np.array_equal(best.get_tensor(name), last.get_tensor(name))


class Accident(Exception):
    """Stands for a kill at a certain line."""


def stop_at(monkeypatch, owner, name: str, call: int, after: bool = False) -> None:
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

    monkeypatch.setattr(owner, name, broken)


@pytest.mark.parametrize(
    ("owner", "name", "call", "after"),
    [
        (callbacks.Interval, "_row", 1, False),
        (callbacks.Journal, "add", 2, True),
        (State, "save", 1, False),
        (State, "save", 2, True),
        (Run, "save_best", 1, False),
        (Run, "save_best", 1, True),
        (session, "export_run", 1, False),
    ],
)
def test_an_accident_at_any_line_leaves_no_trace(request_of, whole, monkeypatch, owner, name, call, after):
    request = request_of(deterministic=True)
    with monkeypatch.context() as patch:
        stop_at(patch, owner, name, call, after)
        with pytest.raises(Accident):
            train(request)
    train(request)
    assert rows_of(request.run) == rows_of(whole)
    assert same(weights_of(request.run), weights_of(whole))
    for a, b in zip(best_weights(request.run), best_weights(whole), strict=True):
        np.testing.assert_array_equal(a, b)
    best, expected = (read_json(run / "best" / "best.json") for run in (request.run, whole))
    assert best["step"] == expected["step"]


def test_a_best_folder_that_was_being_exchanged_is_made_again(request_of, tmp_path):
    request = request_of(set_={"max_steps": "4"}, deterministic=True)
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


def test_a_finished_run_says_so_and_changes_nothing(request_of, monkeypatch):
    request = request_of(set_={"max_steps": "4"})
    train(request)
    before = listing(request.run)
    monkeypatch.setattr(session.Session, "build_encoder", lambda self: pytest.fail("nothing must be built"))
    lines = train(request)
    assert "is finished" in lines[0]
    assert "step 4" in lines[0]
    assert listing(request.run) == before


def test_another_configuration_is_refused_with_the_difference(request_of):
    request = request_of(set_={"max_steps": "4"})
    train(request)
    before = listing(request.run)
    changed = request_of(set_={"max_steps": "4", "learning_rate": "0.5", "dropout": "0.1"}, seed=3)
    with pytest.raises(UserError) as caught:
        train(changed)
    message = str(caught.value)
    for part in ("learning_rate: 0.02 -> 0.5", "dropout: 0.25 -> 0.1", "seed: 0 -> 3", "another --run"):
        assert part in message
    assert "max_steps" not in message
    assert listing(request.run) == before


def test_data_with_other_splits_is_refused_and_moved_data_is_not(request_of, data, tmp_path):
    request = request_of(set_={"max_steps": "4"})
    train(request)
    moved = write_tiny_dataset(tmp_path / "moved")
    assert "is finished" in train(dataclasses.replace(request, data=moved))[0]
    other = write_tiny_dataset(tmp_path / "other", salt="x")
    with pytest.raises(UserError, match=r"dataset\.fingerprint: .* -> "):
        train(dataclasses.replace(request, data=other))


def test_a_folder_of_something_else_is_refused(request_of, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("x")
    with pytest.raises(UserError, match=r"is no run: it holds thesis\.tex"):
        train(request_of())
    assert [item.name for item in (tmp_path / "run").iterdir()] == ["thesis.tex"]
    with pytest.raises(UserError, match="is a file"):
        train(request_of(run=tmp_path / "run" / "thesis.tex"))


def test_a_foreign_config_is_refused(request_of, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text('{"name": "package"}')
    with pytest.raises(UserError, match="another version"):
        train(request_of())
    (tmp_path / "run" / "config.json").write_text('{"schema')
    with pytest.raises(UserError, match="cannot be read as JSON"):
        train(request_of())


def half_trained(request: Request, monkeypatch) -> Path:
    """A run that was stopped after its second checkpoint."""
    with monkeypatch.context() as patch:
        stop_at(patch, State, "save", 2, True)
        with pytest.raises(Accident):
            train(request)
    return request.run / "checkpoints" / "train"


def test_a_damaged_checkpoint_is_named(request_of, monkeypatch):
    request = request_of()
    file = half_trained(request, monkeypatch) / "step-8.data-00000-of-00001"
    good = file.read_bytes()
    for bad in (good[: len(good) // 2], b"", bytes(255 - byte for byte in good)):
        file.write_bytes(bad)
        with pytest.raises(UserError, match="step-8"):
            train(request)
    file.unlink()
    with pytest.raises(UserError, match="step-8"):
        train(request)
    file.write_bytes(good)
    train(request)


def test_a_damaged_list_of_checkpoints_does_not_start_the_run_again(request_of, monkeypatch):
    request = request_of()
    (half_trained(request, monkeypatch) / "checkpoint").write_bytes(b"\x00\xffnonsense {{{")
    with pytest.raises(UserError, match="list 'checkpoint' cannot be read"):
        train(request)


@pytest.mark.parametrize("text", ["", "stage,step\n0,4\n", "stage,step\n0,four\n", "a,b\n1,2\n", "\x00\x01"])
def test_a_damaged_journal_is_named(request_of, monkeypatch, text):
    request = request_of()
    half_trained(request, monkeypatch)
    (request.run / "metrics.csv").write_text(text)
    with pytest.raises(UserError, match=r"metrics\.csv"):
        train(request)


def test_what_a_killed_save_left_is_swept_away(request_of, monkeypatch):
    request = request_of()
    folder = half_trained(request, monkeypatch)
    (folder / "step-12_temp").mkdir()
    (folder / "step-12_temp" / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"x")
    (folder / "step-99.index").write_bytes(b"x")
    train(request)
    assert {path.name.split(".")[0] for path in folder.iterdir()} == {"checkpoint", "step-8", "step-12"}


def test_two_processes_do_not_train_one_run(request_of):
    request = request_of(set_={"max_steps": "4"})
    opened = open_session(request)
    Run(request.run).claim(opened.config)
    with Run(request.run).only_here(), pytest.raises(UserError, match="another process"):
        train(request)
    train(request)


@pytest.mark.parametrize("xla", [False, True])
def test_a_loss_that_explodes_stops_and_nothing_broken_is_stored(request_of, xla):
    request = request_of(
        set_={"optimizer": "sgd", "learning_rate": "1e6", "max_steps": "40"}, save_steps=20, xla=xla,
        steps_per_execution=4,
    )  # fmt: skip
    with pytest.raises(UserError, match=r"loss 'cross_entropy' is not finite .*step \d+; .*learning_rate"):
        train(request)
    assert not (request.run / "best").exists()
    assert not (request.run / "metrics.csv").exists()


def test_weights_that_are_not_finite_are_never_stored(request_of, monkeypatch):
    request = request_of()
    original = callbacks.Interval._check_finite

    def spoil(self, logs):
        if self.state.step == 8:
            self.learner.encoder.get_layer("logits").kernel.assign(np.full((8, 6), np.nan))
        original(self, logs)

    monkeypatch.setattr(callbacks.Interval, "_check_finite", spoil)
    with pytest.raises(UserError, match="weight 'logits/kernel:0' is not finite"):
        train(request)
    assert [int(row["step"]) for row in rows_of(request.run)] == [4]


def test_the_mean_image_is_taken_once_and_kept(request_of, monkeypatch):
    request = request_of(set_={"preset": "faithful"}, deterministic=True)
    images, _, _ = DatasetFolder.open(request.data).images("train")
    half_trained(request, monkeypatch)
    monkeypatch.setattr("training.estimator.adapt_layers", lambda *args: pytest.fail("adapted again"))
    train(request)
    encoder = Run(request.run).load_best()
    mean = images.astype(np.float64).mean(axis=0)[..., None]
    np.testing.assert_allclose(encoder.get_layer("pixel_mean").mean_level, mean, atol=1e-3)


def test_stages_follow_each_other_and_a_stage_trains_what_it_names(request_of, tmp_path, monkeypatch):
    whole = request_of(set_={"stages": "2"}, run=tmp_path / "whole", deterministic=True)
    lines = train(whole)
    assert [line.split(":")[0] for line in lines[:2]] == ["stage train", "stage head"]
    assert [(row["stage"], row["step"]) for row in rows_of(whole.run)] == [
        ("0", "4"), ("0", "8"), ("0", "12"), ("1", "4"), ("1", "6"),
    ]  # fmt: skip
    first, second = weights_of(whole.run), weights_of(whole.run, "head")
    moved = {
        name
        for name in first
        if name.startswith("encoder/") and not np.array_equal(first[name], second[name])
    }
    assert len(moved) == 2
    assert all("layer_with_weights-2" in name for name in moved)
    broken = request_of(set_={"stages": "2"}, run=tmp_path / "broken", deterministic=True)
    with monkeypatch.context() as patch:
        stop_at(patch, State, "save", 4, True)
        with pytest.raises(Accident):
            train(broken)
    train(broken)
    assert rows_of(broken.run) == rows_of(whole.run)
    assert same(weights_of(broken.run, "head"), second)


def test_a_stage_that_trains_nothing_is_refused(request_of):
    with pytest.raises(UserError, match="names no layer"):
        train(request_of(set_={"trainable": "nothing"}))


def test_a_dry_run_prints_the_published_count_and_writes_nothing(request_of, tmp_path, monkeypatch):
    classes = tuple(f"class {number:03d}" for number in range(100))
    folder = write_tiny_dataset(tmp_path / "large", train=100, validation=0, size=128, classes=classes)
    monkeypatch.chdir(tmp_path)
    before = listing(tmp_path)
    request = request_of({"batch_size": "1"}, model="sknet", data=folder, run=tmp_path / "dry")
    lines = list(dry_run(open_session(request)))
    assert "parameters: 18,322,468" in lines
    assert "non-trainable parameters: 2,304" in lines
    assert "shape of image: (None, 128, 128, 1)" in lines
    assert "shape of embedding: (None, 1024)" in lines
    assert lines[-1].startswith("one step: loss 4.6")
    assert listing(tmp_path) == before


def test_too_large_or_uneven_batches_are_refused(request_of, monkeypatch):
    with pytest.raises(UserError, match="batch_size=61 is more than the 60"):
        train(request_of(set_={"batch_size": "61"}))
    monkeypatch.setattr(
        session, "make_strategy", lambda devices: type("Two", (), {"num_replicas_in_sync": 2})()
    )
    with pytest.raises(UserError, match="multiple of 2"):
        open_session(request_of(set_={"batch_size": "5"}))


def test_virtual_devices_after_the_start_of_the_devices_are_refused():
    tf.config.list_logical_devices()
    with pytest.raises(UserError, match="--virtual_devices=2 came too late"):
        make_strategy(2)


def test_damaged_data_is_a_clear_error(request_of, tmp_path):
    folder = write_tiny_dataset(tmp_path / "damaged")
    shard = next(folder.glob("tiny-train*00001-of-00002"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0xFF
    shard.write_bytes(content)
    with pytest.raises(UserError, match="damaged records"):
        train(request_of(data=folder, set_={"max_steps": "8"}))


def test_progress_rewrites_its_line_on_a_terminal_only(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    now = iter([0.0, 0.1, 1.1, 1.2, 2.2])
    monkeypatch.setattr("training.progress.time.monotonic", lambda: next(now))
    progress = Progress(max_steps=200, batch_size=10, start_step=100)
    progress.on_epoch_begin(0)
    for batch in range(4):
        progress.on_train_batch_end(batch, {"loss": 0.5})
    shown = capsys.readouterr().err
    assert shown.count("\r") == 2
    assert "\n" not in shown
    progress.on_epoch_end(0, {"loss": 0.25, "val_loss": 0.75})
    line = capsys.readouterr().err
    # Three steps were timed in 2.1 seconds; the first one is left out.
    assert "step 104/200  1.4 steps/s  14 examples/s  loss 0.25  validation_loss 0.75  1:07 left\n" in line


def test_progress_leaves_out_the_time_of_evaluations(monkeypatch):
    now = iter([0.0, 1.0, 2.0, 3.0, 100.0, 101.0, 102.0])
    monkeypatch.setattr("training.progress.time.monotonic", lambda: next(now))
    progress = Progress(max_steps=6, batch_size=1, start_step=0)
    for epoch in range(2):
        progress.on_epoch_begin(epoch)
        for batch in range(3):
            progress.on_train_batch_end(batch)
    assert progress.rate == pytest.approx(1.0)


def test_the_share_of_the_input_is_reported(request_of, capsys):
    train(request_of(steps_per_execution=1))
    assert "input alone gives 1,000 examples/s: " in capsys.readouterr().err


def test_tensorboard_gets_the_rows(request_of):
    request = request_of()
    train(request)
    found = {}
    for file in sorted((request.run / "tensorboard").iterdir()):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    rows = rows_of(request.run)
    assert {step for _, step in found} == {4, 8, 12}
    assert found["train/loss", 8] == pytest.approx(float(rows[1]["train_loss"]))
    assert found["validation/accuracy", 12] == pytest.approx(float(rows[2]["validation_accuracy"]))
    assert ("learning_rate", 4) in found


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_cannot_be_written_is_an_os_error_with_its_name(request_of, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        train(request_of())
