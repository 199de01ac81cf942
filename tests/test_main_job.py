"""The whole path as a user types it, on the embedded sample set, in real processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import cv2
import numpy as np
import pytest

from sketchspace.sketch.strokes import Sketch
from tests.training_process import run
from tfrecords.dataset import DatasetFolder

ROOT = Path(__file__).resolve().parents[1]
NOISE = re.compile(r"warning|^[IWE]\d{4} |traceback|cuda", re.IGNORECASE | re.MULTILINE)


def typed(where: Path, *arguments: str) -> CompletedProcess[str]:
    """Run `python *arguments` in the folder `where`, as from a checkout."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    env["PYTHONPATH"] = str(ROOT)
    script = [str(ROOT / arguments[0])] if arguments[0].endswith(".py") else [arguments[0]]
    done = subprocess.run(
        [sys.executable, *script, *arguments[1:]],
        cwd=where,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def command(where: Path, *arguments: str, status: int = 0) -> CompletedProcess[str]:
    """As `typed`, but forked from a process that has the imports, and with the status that is expected."""
    done = run(where, *arguments)
    assert done.returncode == status, done.stderr
    return done


def train(where: Path, *arguments: str) -> str:
    """What train.py says in the folder `where`."""
    done = command(where, "train.py", *arguments)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, CompletedProcess[str]]]:
    """A folder in which preprocess, train, evaluate and index have been run, and what each of them said."""
    where, said = tmp_path_factory.mktemp("job"), {}
    steps = [
        ("-m", "preprocess", "--dataset=sample", "--out=data/sample", "--per_class=60"),
        ("train.py", "--model=sknet", "--data=data/sample", "--run=runs/demo"),
        ("evaluate.py", "--run=runs/demo"),
        ("retrieve.py", "--run=runs/demo", "--index=data/sample"),
    ]
    more = {
        "preprocess": ["--splits=train:40,validation:10,test:10", "--image_size=32"],
        "train.py": ["--max_steps=100", "--set", "width=0.125", "--set", "embedding_size=64"],
    }
    for step in steps:
        name = step[1] if step[0] == "-m" else step[0]
        said[name] = typed(where, *step, *more.get(name, []))
    return where, said


@pytest.fixture(scope="module")
def job(done: tuple[Path, dict[str, CompletedProcess[str]]]) -> Path:
    """The folder of these commands."""
    return done[0]


def test_commands_say_what_they_wrote_and_what_is_next_and_no_noise(
    done: tuple[Path, dict[str, CompletedProcess[str]]],
) -> None:
    for name, process in done[1].items():
        assert not NOISE.search(process.stderr), f"{name}: {process.stderr}"
        assert "\nwrote " in f"\n{process.stdout}" and "\nnext: python " in process.stdout
    trained = done[1]["train.py"]
    first, *others = trained.stdout.splitlines()
    assert first.startswith("stage train: step 100, examples 6400, ")
    assert others == ["wrote runs/demo/export", "next: python evaluate.py --run=runs/demo"]
    progress = trained.stderr.splitlines()
    assert all(re.match(r"step \d+/100 |input alone gives ", line) for line in progress)
    assert any(line.startswith("step 100/100 ") for line in progress)


def test_evaluation_writes_contract_figures(job: Path) -> None:
    metrics = json.loads((job / "runs/demo/eval-test/metrics.json").read_text())
    manifest = json.loads((job / "data/sample/manifest.json").read_text())
    for name in (
        "accuracy",
        "top_5_accuracy",
        "map_all",
        "precision_at_10",
        "recall_at_10",
        "acc_at_1",
        "acc_at_10",
    ):
        assert 0 <= metrics[name] <= 1
        assert len(metrics["definitions"][name]) > 20
        low, high = metrics["intervals"][name]
        assert low <= metrics[name] <= high
    tested = manifest["counts"]["test"]["sketch"]
    assert metrics["num_queries"] == tested and metrics["num_gallery"] == tested - 1
    assert metrics["fingerprint"] == manifest["fingerprint"]
    assert metrics["accuracy"] > 3 / len(manifest["classes"]), (
        "a hundred steps are clearly better than chance"
    )
    for picture in ("confusion.png", "class_accuracy.png", "mistakes.png"):
        assert cv2.imread(str(job / "runs/demo/eval-test" / picture)) is not None


def test_query_answers_with_a_sheet_and_json(job: Path) -> None:
    query = str(ROOT / "docs/images/query.png")
    done = typed(job, "retrieve.py", f"--query={query}", "--out=hits.png", "--json", "--top=5")
    answer = json.loads(done.stdout)
    distances = [hit["distance"] for hit in answer["hits"]]
    assert len(distances) == 5 and distances == sorted(distances)
    assert cv2.imread(str(job / "hits.png")) is not None


def test_gallery_answers_when_run_and_data_are_gone(job: Path) -> None:
    query = str(ROOT / "docs/images/query.png")
    before = command(job, "retrieve.py", f"--query={query}", "--top=3").stdout
    for name in ("runs", "data"):
        (job / name).rename(job / f"{name}-away")
    try:
        assert command(job, "retrieve.py", f"--query={query}", "--top=3").stdout == before
    finally:
        for name in ("runs", "data"):
            (job / f"{name}-away").rename(job / name)


def test_a_model_of_strokes_goes_the_same_way(job: Path) -> None:
    """Its gallery is asked with the strokes of a drawing that is in it, and a study asks it too."""
    settings = ["units=24", "warmup_steps=10", "learning_rate=0.01"]
    flags = [
        "--model=lstm",
        "--data=data/sample",
        "--run=runs/strokes",
        "--max_steps=100",
        "--steps_per_execution=1",
    ]
    assert "warning" not in train(job, *flags, *(f"--set={text}" for text in settings)).lower()
    command(job, "evaluate.py", "--run=runs/strokes", "--nobaselines")
    metrics = json.loads((job / "runs/strokes/eval-test/metrics.json").read_text())
    assert metrics["accuracy"] > 1.5 / 16, "a hundred steps are better than chance"
    command(job, "retrieve.py", "--run=runs/strokes", "--index=data/sample", "--gallery=galleries/strokes")
    record = next(DatasetFolder.open(job / "data/sample").records("test"))
    assert record.strokes is not None
    strokes = [stroke.tolist() for stroke in Sketch.from_points(record.strokes).strokes]
    (job / "drawing.json").write_text(json.dumps({"strokes": strokes}))
    asked = ["--query=drawing.json", "--gallery=galleries/strokes", "--json", "--top=3", "--out=strokes.png"]
    answer = json.loads(command(job, "retrieve.py", *asked).stdout)
    assert answer["hits"][0]["class"] == record.class_name
    assert cv2.imread(str(job / "strokes.png")) is not None
    study = ["--run=runs/strokes", "--run=runs/demo", "--out=studies-out/half"]
    table = command(job, "-m", "studies.half_sketch", *study).stdout
    assert table.count("truncated") == 2 and table.count("read-out") == 1
    assert cv2.imread(str(job / "studies-out/half/half_sketch.png")) is not None
    command(job, "retrieve.py", "--query=hits.png", "--gallery=galleries/strokes", status=1)


def test_photos_are_found_by_drawing_them(job: Path) -> None:
    """Pairs go the same way, from rendering to a contact sheet with photos in colour."""
    made = ["--dataset=sample_pairs", "--photo_as=edges", "--per_class=24", "--image_size=32"]
    command(job, "-m", "preprocess", *made, "--out=data/pairs")
    settings = ["width=0.25", "grouping=pairs:16", "warmup_steps=5"]
    flags = [
        "--model=twin_resnet",
        "--data=data/pairs",
        "--run=runs/pairs",
        "--max_steps=60",
        "--steps_per_execution=1",
    ]
    assert "warning" not in train(job, *flags, *(f"--set={text}" for text in settings)).lower()
    command(job, "evaluate.py", "--run=runs/pairs", "--nobaselines")
    metrics = json.loads((job / "runs/pairs/eval-test/metrics.json").read_text())
    assert metrics["acc_at_1"] > 2 / metrics["num_gallery"], "sixty steps are better than chance"
    command(job, "retrieve.py", "--run=runs/pairs", "--index=data/pairs", "--gallery=galleries/pairs")
    asked = [f"--query={ROOT}/docs/images/boot.svg", "--gallery=galleries/pairs", "--json", "--out=boots.png"]
    hits = json.loads(command(job, "retrieve.py", *asked).stdout)["hits"]
    assert all(hit["key"].startswith("photo/") for hit in hits)
    sheet = cv2.imread(str(job / "boots.png"))
    assert sheet is not None and np.ptp(sheet.astype(int), axis=2).max() > 60, "photos are shown in colour"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("evaluate.py", "--run=runs/nothing"), "no run folder runs/nothing"),
        (("evaluate.py",), "--run is missing"),
        (("evaluate.py", "--run=runs/demo", "--split=tset"), "no split 'tset'"),
        (("evaluate.py", "--rnu=runs/demo"), "rnu"),
        (("retrieve.py", "--query=nothing.png"), "nothing.png"),
        (("-m", "preprocess", "--dataset=quickdrw", "--out=x"), "did you mean 'quickdraw'"),
        (("-m", "preprocess", "--dataset=quickdraw", "--out=x", "--source=nowhere"), "nowhere"),
    ],
)
def test_mistakes_are_one_line(job: Path, arguments: tuple[str, ...], says: str) -> None:
    done = command(job, *arguments, status=2 if "rnu" in says else 1)
    *before, error = done.stderr.strip().splitlines()
    assert error.startswith("error: ") and says in error
    assert all(line.startswith("gallery: ") for line in before), done.stderr
    assert not (job / "x").exists()


def test_readme_names_only_flags_that_exist() -> None:
    text = (ROOT / "README.md").read_text() + (ROOT / "docs/data.md").read_text()
    for script, source in {
        "-m preprocess": "preprocess/__main__.py",
        "train.py": "train.py",
        "evaluate.py": "evaluate.py",
        "retrieve.py": "retrieve.py",
        "-m sketchspace": "sketchspace/__main__.py",
    }.items():
        code = (ROOT / source).read_text()
        if "adopt_module_key_flags" in code:
            code += (ROOT / "sketchspace/__main__.py").read_text()
        known = set(re.findall(r'DEFINE_\w+\(\s*"(\w+)"', code))
        for line in re.findall(rf"python {script}((?:[^\n`]|\\\n)*)", text):
            for flag in re.findall(r"--(?:no)?(\w+)", line.replace("\\\n", " ")):
                assert flag in known, f"{script} has no --{flag}"
