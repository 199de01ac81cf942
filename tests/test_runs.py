"""A run folder: what is refused, and what is damaged."""

# Fixtures are imported by name.
# ruff: noqa: F811

from __future__ import annotations

import dataclasses

import pytest
import tensorflow as tf

from sketchspace.errors import UserError
from tests.tiny_dataset import write_tiny_dataset
from tests.training_fixture import (  # noqa: F401
    data,
    finished,
    half,
    listing,
    prepared,
    request_of,
    toy,
    train,
)
from training import session
from training.runs import Run
from training.session import open_session
from training.strategy import make_strategy


def test_a_finished_run_says_so_and_changes_nothing(finished, monkeypatch):
    before = listing(finished.run)
    monkeypatch.setattr(session.Session, "build_encoder", lambda self: pytest.fail("nothing must be built"))
    lines = train(finished)
    assert "is finished" in lines[0]
    assert "step 12" in lines[0]
    assert listing(finished.run) == before


def test_another_configuration_is_refused_with_the_difference(half):
    before = listing(half.run)
    changed = dataclasses.replace(half, settings={"learning_rate": "0.5", "dropout": "0.1"}, seed=3)
    with pytest.raises(UserError) as caught:
        train(changed)
    message = str(caught.value)
    for part in ("learning_rate: 0.02 -> 0.5", "dropout: 0.25 -> 0.1", "seed: 0 -> 3", "another --run"):
        assert part in message
    assert "max_steps" not in message
    assert listing(half.run) == before


def test_data_with_other_splits_is_refused_and_moved_data_is_not(finished, tmp_path):
    moved = write_tiny_dataset(tmp_path / "moved")
    assert "is finished" in train(dataclasses.replace(finished, data=moved))[0]
    other = write_tiny_dataset(tmp_path / "other", salt="x")
    with pytest.raises(UserError, match=r"dataset\.fingerprint: .* -> "):
        train(dataclasses.replace(finished, data=other))


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


def test_a_damaged_checkpoint_is_named(half):
    file = half.run / "checkpoints" / "train" / "step-8.data-00000-of-00001"
    good = file.read_bytes()
    for bad in (good[: len(good) // 2], b"", bytes(255 - byte for byte in good)):
        file.write_bytes(bad)
        with pytest.raises(UserError, match="step-8"):
            train(half)
    file.unlink()
    with pytest.raises(UserError, match="step-8"):
        train(half)


@pytest.mark.parametrize("content", [b"\x00\xffnonsense {{{", b"nonsense {{{", b""])
def test_a_damaged_list_of_checkpoints_does_not_start_the_run_again(half, content):
    (half.run / "checkpoints" / "train" / "checkpoint").write_bytes(content)
    with pytest.raises(UserError, match="list 'checkpoint' cannot be read"):
        train(half)


@pytest.mark.parametrize("text", ["", "stage,step\n0,4\n", "stage,step\n0,four\n", "a,b\n1,2\n", "\x00\x01"])
def test_a_damaged_journal_is_named(half, text):
    (half.run / "metrics.csv").write_text(text)
    with pytest.raises(UserError, match=r"metrics\.csv"):
        train(half)


def test_two_processes_do_not_train_one_run(finished):
    with Run(finished.run).only_here(), pytest.raises(UserError, match="another process"):
        train(finished)
    train(finished)


def test_damaged_data_is_a_clear_error(request_of, tmp_path):
    folder = write_tiny_dataset(tmp_path / "damaged")
    shard = next(folder.glob("tiny-train*00001-of-00002"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0xFF
    shard.write_bytes(content)
    with pytest.raises(UserError, match="damaged records"):
        train(request_of(data=folder, set_={"max_steps": "8"}))


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


@pytest.mark.parametrize("keep", [1, 3])
def test_so_many_checkpoints_stay(request_of, keep):
    request = request_of(set_={"max_steps": "10"}, save_steps=2, keep_checkpoints=keep)
    train(request)
    kept = {path.stem for path in (request.run / "checkpoints" / "train").glob("*.index")}
    assert kept == {f"step-{step}" for step in (10, 8, 6)[:keep]}
