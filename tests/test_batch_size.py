"""The batch-size study: its grid, its list of runs, one run on bars, its numbers, sentences and files."""

from __future__ import annotations

import dataclasses
import itertools
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from models import resnet_v2
from sketchspace.errors import UserError
from studies.batch_size import __main__ as batch_size
from studies.batch_size import runs
from studies.batch_size.numbers import Estimate, conclusion, mean_of, published_slope, slopes
from studies.batch_size.report import findings, write
from studies.batch_size.runs import (
    RULES,
    Job,
    Setting,
    Trial,
    add_line,
    make,
    momentum_of,
    own,
    rate_of,
    read_lines,
    trials,
)
from tests.tiny_dataset import write_tiny_dataset
from tests.training_process import run
from tfrecords.dataset import DatasetFolder

SETTING = Setting("data", "validation", 1280, 0.0625, 1e-3, 32, 0.5, 0.05, 640, "none", "float32")
BATCHES = [16, 32, 64, 128]


def row_of(trial: Trial, accuracy: float) -> dict:
    row = dataclasses.asdict(trial) | {
        "learning_rate": 1e-3,
        "steps": 10,
        "accuracy": accuracy,
        "seconds": 1.0,
    }
    return row | ({"accuracy_batch_statistics": accuracy - 0.125} if trial.norm == "batch" else {})


def rows_of(accuracy_of) -> list[dict]:
    return [row_of(trial, accuracy_of(trial)) for trial in trials(BATCHES, RULES, 3, SETTING)]


def test_the_grid_has_every_run_once_and_rules_agree_at_the_reference():
    grid = trials(BATCHES, RULES, 3, SETTING)
    assert len(grid) == len(set(grid)) == 4 * 2 * 2 * 3 - 2 * 3
    assert {trial.seed for trial in grid[:14]} == {0}
    for cell in itertools.product(BATCHES, ("batch", "group"), RULES, range(3)):
        trial = Trial(*cell)
        assert own(trial, SETTING) in grid
        assert rate_of(own(trial, SETTING), SETTING) == rate_of(trial, SETTING)


def test_rates_are_scaled_by_a_power_of_the_batch():
    assert rate_of(Trial(128, "batch", "fixed", 0), SETTING) == 1e-3
    assert rate_of(Trial(128, "batch", "scaled", 0), SETTING) == pytest.approx(2e-3)
    linear = dataclasses.replace(SETTING, power=1.0)
    assert rate_of(Trial(16, "batch", "scaled", 0), linear) == pytest.approx(5e-4)


@pytest.mark.parametrize("batch", BATCHES)
def test_moving_statistics_average_over_equally_many_drawings(batch):
    momentum = momentum_of(batch, 1600)
    weights = (1 - momentum) * momentum ** np.arange(10_000)
    mean_age = batch * (weights * np.arange(1, 10_001)).sum()
    assert mean_age == pytest.approx(1600, rel=1e-6)


def test_pictures_that_a_batch_does_not_divide_are_refused():
    with pytest.raises(UserError, match="give a multiple of 48"):
        trials([16, 24], ["fixed"], 1, SETTING)


def test_lines_of_several_writers_and_of_a_killed_one_are_read(tmp_path):
    file = tmp_path / "runs.jsonl"
    assert list(read_lines(file)) == []
    file.write_text('{"batch": 1}\n{"batch": 2, "no')
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: add_line(file, {"batch": number}), range(3, 43)))
    assert sorted(row["batch"] for row in read_lines(file)) == [1, *range(3, 43)]


def test_the_same_command_makes_only_what_is_missing(tmp_path, monkeypatch):
    made: list[Trial | None] = []

    def fake(job: Job) -> dict:
        if len(made) == 3:
            made.append(None)
            raise KeyboardInterrupt
        made.append(job.trial)
        add_line(job.results, row_of(job.trial, 0.5))
        return row_of(job.trial, 0.5)

    monkeypatch.setattr(batch_size, "make", fake)
    wanted = trials([16, 32], RULES, 1, SETTING)
    with pytest.raises(KeyboardInterrupt):
        batch_size.make_missing(wanted, SETTING, tmp_path, 1)
    batch_size.make_missing(wanted, SETTING, tmp_path, 1)
    assert [trial for trial in made if trial] == wanted


def test_a_folder_of_other_settings_is_refused(tmp_path):
    folder = DatasetFolder.open(write_tiny_dataset(tmp_path / "tiny"))
    facts = batch_size.claim(tmp_path / "out", SETTING, folder)
    assert facts["fingerprint"] == folder.manifest.fingerprint
    moved = dataclasses.replace(SETTING, data="elsewhere")
    assert batch_size.claim(tmp_path / "out", moved, folder) == facts
    with pytest.raises(UserError, match=r"width: 0\.0625 -> 0\.5"):
        batch_size.claim(tmp_path / "out", dataclasses.replace(SETTING, width=0.5), folder)


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_a_run_learns_bars_and_writes_its_line(norm, tmp_path, monkeypatch):
    monkeypatch.setattr(resnet_v2, "STAGES", ((64, 2, 1),))
    monkeypatch.setattr("training.strategy.set_threads", lambda *threads: None)
    data = write_tiny_dataset(tmp_path / "tiny", train=180, validation=30)
    setting = dataclasses.replace(SETTING, data=str(data), width=0.25, learning_rate=5e-3)
    row = make(Job(Trial(16, norm, "fixed", 1), setting, tmp_path / "runs.jsonl", 1))
    assert list(read_lines(tmp_path / "runs.jsonl")) == [row]
    assert row["steps"] == 80
    assert row["accuracy"] > 0.8
    assert ("accuracy_batch_statistics" in row) == (norm == "batch")


def test_accuracy_counts_every_drawing_once_and_fills_the_last_batch():
    seen = []

    def encoder(inputs, training):
        seen.append(tuple(inputs["image"].shape))
        return {"logits": tf.one_hot(tf.cast(inputs["image"][:, 0, 0, 0], tf.int32), 3)}

    images = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0], np.float32)[:, None, None, None]
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 1], np.int32)
    assert runs._accuracy(encoder, images, labels, 4, training=True) == pytest.approx(0.9)
    assert set(seen) == {(4, 1, 1, 1)}


def test_slopes_are_those_of_numpy_and_intervals_those_of_scipy():
    rng = np.random.default_rng(0)
    values = {batch: rng.random(3) for batch in BATCHES}
    for seed, slope in enumerate(slopes(values)):
        line = np.polyfit([4, 5, 6, 7], [values[batch][seed] for batch in BATCHES], 1)
        assert slope == pytest.approx(line[0])
    found = mean_of(values[16])
    low, high = stats.ttest_1samp(values[16], 0).confidence_interval(0.95)
    assert (found.value, found.low, found.high) == pytest.approx((values[16].mean(), low, high))
    assert mean_of([0.5]) == Estimate(0.5, -np.inf, np.inf)


def test_published_slope_is_that_of_the_figure():
    assert published_slope() == pytest.approx(np.polyfit([4, 5, 6, 7], [0.369, 0.674, 0.744, 0.764], 1)[0])


def sentences(accuracy_of) -> str:
    found = findings(rows_of(accuracy_of), SETTING)
    return "\n".join(conclusion(found.lines, found.control))


def test_the_conclusion_follows_the_numbers():
    wobble = {0: -0.002, 1: 0.0, 2: 0.002}

    def rising_and_falling(trial: Trial) -> float:
        slope = 0.03 if trial.norm == "batch" else -0.02
        return 0.6 + (slope + wobble[trial.seed]) * np.log2(trial.batch / 32)

    text = sentences(rising_and_falling)
    assert "Batch norm, fixed rate: accuracy rises with the batch, +3.00 points" in text
    assert "Group norm, scaled rate: accuracy falls with the batch, -2.00 points" in text
    assert "Batch norm's slope less group norm's, fixed rate: +5.00 points" in text
    assert "batch 128: evaluated with each batch's own statistics -12.50 points" in text
    assert "outside the interval of every line" in text
    assert "no sure trend" not in text

    noise = np.random.default_rng(0)
    text = sentences(lambda trial: 0.6 + noise.normal(0, 0.05))
    assert "shows no sure trend" in text
    text = sentences(lambda trial: 0.5 + (0.1246 + wobble[trial.seed]) * np.log2(trial.batch / 32))
    assert "inside the interval of batch norm, fixed rate; batch norm, scaled rate; group norm" in text


def test_one_seed_and_one_batch_give_no_interval_and_no_trend():
    grid = trials([16], ["fixed"], 1, SETTING)
    found = findings([row_of(trial, 0.5) for trial in grid], SETTING)
    text = "\n".join(conclusion(found.lines, found.control))
    assert "one seed, no interval" in text
    assert "per doubling" not in text


def test_tables_and_picture_are_written(tmp_path):
    rows = rows_of(lambda trial: 0.5 + 0.01 * trial.seed + trial.batch / 1000)
    text = write(tmp_path, rows, SETTING, {"fingerprint": "abc"})
    assert (tmp_path / "batch_size.md").read_text() == text + "\n"
    assert text.count("\n| batch |") == text.count("\n| group |") == 8
    assert "| batch | fixed | 64 | 0.001 | 20 | 57.4% (54.9% to 59.9%) |" in text
    assert "- fingerprint: abc" in text
    assert len((tmp_path / "runs.csv").read_text().splitlines()) == 1 + len(rows)
    picture = cv2.imread(str(tmp_path / "batch_size.png"))
    assert picture is not None
    assert picture.shape[0] > 400
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--data is missing"),
        (["--data={data}", "--split=validation", "--batches=16,x"], "expected numbers from 2 on"),
        (["--data={data}", "--split=tset"], "split 'tset'"),
    ],
)
def test_wrong_flags_are_one_line(flags, message, tmp_path):
    data = write_tiny_dataset(tmp_path / "tiny")
    done = run(tmp_path, "-m", "studies.batch_size", *(flag.format(data=data) for flag in flags))
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
