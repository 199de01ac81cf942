"""One process trains: what it reports and what it stores."""

# Fixtures are imported by name.
# ruff: noqa: F811

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

from models.spec import Stage
from sketchspace.errors import UserError
from sketchspace.files import read_json
from tests.tiny_dataset import write_tiny_dataset
from tests.training_fixture import (  # noqa: F401
    copy_at,
    data,
    listing,
    prepared,
    request_of,
    rows_of,
    same,
    toy,
    train,
    weights_of,
    whole,
)
from tfrecords.dataset import DatasetFolder
from training import callbacks, session
from training.checkpoints import State
from training.export import export_run
from training.inputs import training_input
from training.progress import Progress
from training.runs import Run
from training.session import dry_run, open_session


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


def test_validation_numbers_are_those_of_the_whole_split_and_the_input_s_share_is_told(request_of, capsys):
    request = request_of(set_={"max_steps": "4", "dropout": "0"}, steps_per_execution=1)
    train(request)
    assert "input alone gives 1,000 examples/s: " in capsys.readouterr().err
    encoder = Run(request.run).load_best()
    images, labels, _ = DatasetFolder.open(request.data).images("validation")
    logits = encoder({"image": 1 - images[..., None].astype(np.float32) / 255})["logits"].numpy()
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    losses = -np.log((shifted / shifted.sum(axis=1, keepdims=True))[np.arange(len(labels)), labels])
    row = rows_of(request.run)[0]
    assert float(row["validation_loss"]) == pytest.approx(losses.mean(), rel=1e-4)
    assert float(row["validation_accuracy"]) == pytest.approx((logits.argmax(axis=1) == labels).mean())


def test_without_validation_training_scores_decide(request_of, tmp_path):
    folder = write_tiny_dataset(tmp_path / "train only", validation=0)
    request = request_of(data=folder)
    train(request)
    rows = rows_of(request.run)
    assert not [name for name in rows[0] if name.startswith("validation")]
    best = max(rows, key=lambda row: float(row["train_accuracy"]))
    assert read_json(request.run / "best" / "best.json")["step"] == int(best["step"])


@pytest.mark.parametrize(("select", "expected"), [("best", 8), ("last", 16)])
def test_weights_for_use_are_those_that_the_stage_selects(request_of, monkeypatch, select, expected):
    scores = iter([0.2, 0.9, 0.9, 0.4])
    original = callbacks.Interval._row

    def row(self, logs):
        return original(self, logs) | {"validation_accuracy": next(scores)}

    monkeypatch.setattr(callbacks.Interval, "_row", row)
    request = request_of(set_={"max_steps": "16", "select": select, "average": "0"}, keep_checkpoints=9)
    train(request)
    assert read_json(request.run / "best" / "best.json")["step"] == expected
    stored = tf.train.load_checkpoint(str(request.run / "best" / "weights"))
    name = next(n for n in stored.get_variable_to_shape_map() if "kernel" in n)
    for step in (4, 8, 12, 16):
        reader = tf.train.load_checkpoint(str(request.run / "checkpoints" / "train" / f"step-{step}"))
        equal = np.array_equal(stored.get_tensor(name), reader.get_tensor(name))
        assert equal == (step == expected)


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


def test_stages_follow_each_other_and_a_stage_trains_what_it_names(request_of, tmp_path, monkeypatch):
    """The second starts from the first one's averages and has none itself."""
    whole = request_of(set_={"stages": "2"}, run=tmp_path / "whole", deterministic=True)
    broken = dataclasses.replace(whole, run=tmp_path / "broken")
    with monkeypatch.context() as patch:
        copy_at(patch, State, "save", 4, True, whole.run, broken.run)
        lines = train(whole)
    assert [line.split(":")[0] for line in lines[:2]] == ["stage train", "stage head"]
    assert [(row["stage"], row["step"]) for row in rows_of(whole.run)] == [
        ("0", "4"), ("0", "8"), ("0", "12"), ("1", "4"), ("1", "6"),
    ]  # fmt: skip
    first, second = weights_of(whole.run), weights_of(whole.run, "head")
    norm = [f"1/{name}" for name in ("gamma", "beta", "moving_mean", "moving_variance")]
    names = ["0/kernel", "0/bias", *norm, "2/kernel", "2/bias"]
    moved = []
    for number, name in enumerate(names):
        mean = first[f"average/{number}/.ATTRIBUTES/VARIABLE_VALUE"]
        own, after = (
            w[f"encoder/layer_with_weights-{name}/.ATTRIBUTES/VARIABLE_VALUE"] for w in (first, second)
        )
        assert not np.array_equal(own, mean)
        moved += [] if np.array_equal(after, mean) else [name]
    assert moved == ["2/kernel", "2/bias"]
    assert not [name for name in second if name.startswith("average")]
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
    request = request_of({"batch_size": "4"}, model="sknet", data=folder, run=tmp_path / "dry")
    lines = list(dry_run(open_session(request)))
    assert "parameters: 18,322,468" in lines
    assert "non-trainable parameters: 2,304" in lines
    assert "shape of image: (None, 128, 128, 1)" in lines
    assert "shape of embedding: (None, 1024)" in lines
    loss = float(lines[-1].removeprefix("one step: loss ").split(",")[0])
    assert loss == pytest.approx(np.log(100), rel=0.5)
    assert listing(tmp_path) == before


def test_every_pass_of_the_input_is_the_same(data):
    folder = DatasetFolder.open(data)
    passes = []
    for _ in range(8):
        batches = training_input(folder, Stage(batch_size=20), seed=0).batches().take(4)
        passes.append(b" ".join(key for batch in batches for key in batch["key"].numpy()))
    assert len(set(passes)) == 1


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


def test_tensorboard_gets_the_rows(whole):
    found = {}
    for file in sorted((whole / "tensorboard").iterdir()):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    rows = rows_of(whole)
    assert {step for _, step in found} == {4, 8, 12}
    assert found["train/loss", 8] == pytest.approx(float(rows[1]["train_loss"]))
    assert found["validation/accuracy", 12] == pytest.approx(float(rows[2]["validation_accuracy"]))
    assert ("learning_rate", 4) in found
