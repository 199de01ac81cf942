"""train.py as a user meets it: what it prints, and one clear line for every mistake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.registry import MODELS
from tests.tiny_dataset import write_tiny_dataset
from tests.training_process import run

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_tiny_dataset(tmp_path_factory.mktemp("command") / "tiny")


def command(*arguments: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, ROOT / "train.py", *arguments], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--model is missing"),
        (("--model=sknet",), "--data is missing"),
        (("--model=sknet", "--data=x"), "--run is missing"),
        (("--model=sknet", "cat"), "unexpected argument 'cat'"),
        (("--max_steps=-1",), "max_steps"),
        (("--max_steps=many",), "max_steps"),
        (("--batch_size=0.5",), "batch_size"),
        (("--steps_per_execution=0",), "steps_per_execution"),
        (("--virtual_devices=99",), "virtual_devices"),
        (("--precision=float64",), "precision"),
        (("--seed=-1",), "seed"),
        (("--modle=sknet",), "modle"),
    ],
)
def test_a_wrong_flag_is_one_line_before_tensorflow_is_loaded(arguments, message):
    done = command(*arguments)
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("flags", [["--list_models"], ["--help"], ["--model=sknett"], []])
def test_lists_and_first_mistakes_do_not_wait_for_tensorflow(flags):
    code = (
        "import sys, train\nfrom sketchspace import cli\n"
        "try: cli.run(train.main)\n"
        "except SystemExit: pass\n"
        "print('loaded:', sorted({'tensorflow', 'tf_keras', 'numpy', 'models.sknet'} & set(sys.modules)))"
    )
    good = [*flags, "--data=x", "--run=y"] if flags == ["--model=sknett"] else flags
    done = subprocess.run([sys.executable, "-c", code, *good], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "loaded: []", done.stderr
    assert "sknett" not in str(flags) or "did you mean 'sknet'" in done.stderr


def test_models_are_listed_and_mistakes_in_names_and_values_are_one_line_each(data, tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.tex").write_text("x")
    (tmp_path / "file").write_text("x")
    good = ["--model=sknet", f"--data={data}", f"--run={tmp_path / 'run'}"]
    cases = [
        (["--model=sknett", *good[1:]], "unknown model 'sknett'; did you mean 'sknet'?"),
        ([*good, "--set=widht=0.5"], "unknown setting 'widht'; did you mean 'width'?"),
        ([*good, "--set=learning_rat=0.5"], "did you mean 'learning_rate'?"),
        ([*good, "--set=preset=faithfull"], "did you mean 'faithful'?"),
        ([*good, "--set=augment=afine"], "did you mean 'affine'?"),
        ([*good, "--set=optimizer=adan"], "did you mean 'adam'?"),
        ([*good, "--set=width"], "expected key=value"),
        ([*good, "--set=width=-1"], "expected a number from"),
        ([*good, "--set=max_steps=0"], "max_steps=0: expected a number from 1"),
        ([*good, "--set=learning_rate=nan"], "learning_rate=nan: expected a number"),
        ([*good, "--batch_size=1000"], "batch_size=1000 is more than the 60 examples of 'train'"),
        (["--model=sknet", f"--data={tmp_path / 'no'}", good[2]], "no data set folder"),
        (["--model=sknet", f"--data={tmp_path / 'file'}", good[2]], "no data set folder"),
        (["--model=sknet", f"--data={tmp_path / 'papers'}", good[2]], "no manifest.json"),
        ([*good[:2], "--batch_size=12", f"--run={tmp_path / 'papers'}"], "is no run"),
        ([*good[:2], "--batch_size=12", f"--run={tmp_path / 'file'}"], "is a file"),
        ([*good[:2], "--set=width=0.5"], "--run is missing"),
    ]  # fmt: skip
    done = run(ROOT, "train.py", "--list_models")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert (done.returncode, names, done.stderr) == (0, list(MODELS), "")
    assert {"sknet", "lstm", "siamese"} < set(MODELS)
    for arguments, message in cases:
        done = run(ROOT, "train.py", *arguments)
        assert done.returncode == 1, arguments
        assert done.stdout == "", arguments
        assert message in done.stderr, arguments
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1, done.stderr
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "papers"]
