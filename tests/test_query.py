# ruff: noqa: F811 (an imported fixture is an argument by the same name)
"""The command retrieve.py, run as a user runs it: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from sketchspace.sketch.raster import rasterize
from tests.encoder_fixture import CLASSES, SIZE, drawing, gallery_folder, run_and_data  # noqa: F401
from tests.training_process import run

ROOT = Path(__file__).resolve().parents[1]


def retrieve(folder, *arguments):
    """Run the command in `folder`; returns the finished process with its text."""
    command = [sys.executable, str(ROOT / "retrieve.py"), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def write_queries(folder):
    """The same circle as a file of every kind; returns their names."""
    sketch = drawing("circle", 5000)
    picture = rasterize(sketch, 300, pen_width=0.03)
    for suffix in ("png", "jpg", "webp", "bmp", "gif"):
        Image.fromarray(picture).save(folder / f"circle.{suffix}")
    [stroke] = [points.tolist() for points in sketch.strokes]
    xs, ys = zip(*stroke, strict=True)
    line = json.dumps({"word": "circle", "key_id": "1", "recognized": True, "drawing": [[xs, ys]]})
    cross = json.dumps({"drawing": [[[0, 99], [0, 99]], [[99, 0], [0, 99]]]})
    (folder / "circle.ndjson").write_text(f"{line}\n\n{cross}\n")
    (folder / "circle.json").write_text(json.dumps({"strokes": [stroke]}))
    path = "M" + " L".join(f"{x:.2f},{y:.2f}" for x, y in stroke)
    line = f'<path d="{path}" fill="none" stroke="#123"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-20 -20 140 140">{line}</svg>'
    (folder / "circle.svg").write_text(svg)
    return [f"circle.{s}" for s in ("png", "jpg", "webp", "bmp", "gif", "ndjson", "json", "svg")]


def test_queries_of_every_kind_find_circles_first(gallery_folder, tmp_path):
    names = write_queries(tmp_path)
    flags = [f"--query={name}" for name in names]
    done = retrieve(tmp_path, *flags, f"--gallery={gallery_folder}", "--json", "--top=3", "--label=circle")
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["query"].split(",")[0] for answer in answers] == names
    for answer in answers:
        assert [hit["class"] for hit in answer["hits"]] == ["circle"] * 3
        assert [hit["right"] for hit in answer["hits"]] == [True] * 3
    strokes = [answer["hits"][0]["distance"] for answer in answers[5:]]
    assert max(strokes) - min(strokes) < 0.05 * max(strokes)


def test_json_has_everything_and_nothing_else_is_on_standard_output(gallery_folder, run_and_data, tmp_path):
    write_queries(tmp_path)
    done = retrieve(tmp_path, "--query=circle.png", f"--gallery={gallery_folder}", "--json", "--top=4")
    found = json.loads(done.stdout)
    assert found["query"] == "circle.png"
    assert found["gallery"] == str(gallery_folder)
    assert (found["model"], found["num_items"], found["label"]) == ("tiny", 60, None)
    assert found["fingerprint"] == json.loads((run_and_data[1] / "manifest.json").read_text())["fingerprint"]
    assert sorted(guess["class"] for guess in found["predicted"]) == sorted(CLASSES)
    assert sum(guess["probability"] for guess in found["predicted"]) == pytest.approx(1, abs=1e-5)
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3, 4]
    assert found["hits"] == sorted(found["hits"], key=lambda hit: hit["distance"])
    for hit in found["hits"]:
        assert set(hit) == {"rank", "distance", "key", "label", "class", "path", "right"}
        assert CLASSES[hit["label"]] == hit["class"]
        assert hit["right"] is None
        assert Image.open(hit["path"]).size == (SIZE, SIZE)


def test_a_table_for_people_is_aligned_and_ends_with_what_to_do_next(gallery_folder, tmp_path):
    write_queries(tmp_path)
    done = retrieve(
        tmp_path, "--query=circle.svg", f"--gallery={gallery_folder}", "--label=circle", "--top=12"
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith("circle.svg: ")
    assert lines[1].split() == ["rank", "distance", "class", "key"]
    assert len(lines) == 16
    start = lines[1].index("class")
    for rank, line in enumerate(lines[2:14], start=1):
        assert line.split()[0] == str(rank)
        assert line[start:].split()[0] in CLASSES
        assert line.split()[-1] == ("right" if line[start:].startswith("circle") else "wrong")
    assert lines[14] == "wrote hits.png"
    assert lines[15].startswith("next: python retrieve.py --query=circle.svg")
    Image.open(tmp_path / "hits.png").verify()


def test_the_newest_gallery_is_taken_and_named(gallery_folder, tmp_path):
    write_queries(tmp_path)
    done = retrieve(tmp_path, "--query=circle.png", "--out=")
    assert done.returncode == 0, done.stderr
    assert "gallery: galleries/shapes (the newest" in done.stderr
    assert not (tmp_path / "hits.png").exists()


def test_another_line_of_an_ndjson_is_another_query(gallery_folder, tmp_path):
    write_queries(tmp_path)
    done = retrieve(tmp_path, "--query=circle.ndjson", "--line=2", "--json", "--top=1", "--out=")
    assert json.loads(done.stdout)["hits"][0]["class"] == "cross"
    done = retrieve(tmp_path, "--query=circle.ndjson", "--line=3", "--out=")
    assert_one_line_error(done, 1, "line")


def test_indexing_by_the_command_makes_a_gallery_that_answers(run_and_data, tmp_path):
    run, data = run_and_data
    write_queries(tmp_path)
    done = retrieve(tmp_path, f"--run={run}", f"--index={data}", "--normalize")
    assert done.returncode == 0, done.stderr
    written, following = done.stdout.splitlines()
    assert written.startswith("wrote galleries/shapes with 60 items")
    assert following == "next: python retrieve.py --query=sketch.png --gallery=galleries/shapes"
    done = retrieve(tmp_path, "--query=circle.png", "--json", "--top=100")
    assert len(json.loads(done.stdout)["hits"]) == 60


@pytest.mark.parametrize("pictures", [True, False])
def test_a_query_imports_neither_tensorflow_nor_matplotlib_nor_the_network(
    gallery_folder, tmp_path, pictures
):
    """And a picture needs no reader of strokes or of SVG."""
    names = write_queries(tmp_path)
    more = ["resvg_py", "svgelements", "h5py"]
    if pictures:
        names = [name for name in names if name.endswith(".png")]
        more += ["sketchspace.sketch.readers", "sketchspace.sketch.svg_source", "sketchspace.arrays.shells"]
    else:
        more = ["h5py"]
    code = (
        "import sys, retrieve\n"
        "from sketchspace import cli\n"
        "try: cli.run(retrieve.main)\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "banned = {'tensorflow', 'tf_keras', 'keras', 'matplotlib', 'tensorflow_datasets', 'scipy', 'pandas',"
        f" 'models', 'training', 'learners', *{more}}}\n"
        "loaded = {name.split('.')[0] for name in sys.modules} | set(sys.modules)\n"
        "print('imported:', sorted(banned & loaded))\n"
    )
    flags = [f"--query={name}" for name in names]
    done = subprocess.run(
        [sys.executable, "-c", code, *flags],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.splitlines()[-1] == "imported: []", done.stderr
    assert (tmp_path / "hits.png").is_file()


def assert_one_line_error(done, status, message):
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("gallery:", "note:"))]
    assert done.returncode == status, done.stderr
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert done.stdout == ""


MISTAKES: list[tuple[list[str], int, str]] = [
    (["--query=circle.png", "--top=0"], 2, "top"),
    (["--query=circle.png", "--top=many"], 2, "top"),
    (["--query=circle.png", "--tops=3"], 2, "tops"),
    (["--query=nothing.png"], 1, "no file nothing.png"),
    (["--query=thesis.pdf"], 1, "no drawing that can be read"),
    (["--query=circle.png", "--gallery=elsewhere"], 1, "no gallery elsewhere"),
    (["--query=circle.png", "--label=circel"], 1, "did you mean 'circle'"),
    (["--query=circle.png", "--label=circle", "--label=cross"], 1, "2 times for 1 queries"),
    (["--query=circle.png", "--out=sheet.jpg"], 1, "sheet.jpg"),
    (["--query=circle.png", "--out=circle.png/hits.png"], 1, "circle.png"),
    (["--query=circle.png", "--run=runs/tiny"], 1, "--query=DRAWING"),
    (["--query=blank.png"], 1, "nothing is drawn"),
    (["--query=blank.ndjson"], 1, "drawn"),
    (["--query=text.png"], 1, "text.png"),
    (["--query=text.svg"], 1, "text.svg"),
    (["--query=text.json"], 1, "text.json"),
    (["--run=runs/tiny"], 1, "--index is missing"),
    (["--index=data/shapes"], 1, "--run is missing"),
    (["--run=runs/tiny", "--index=data/nothing"], 1, "data/nothing"),
    (["--run=runs/nothing", "--index=data/shapes"], 1, "runs/nothing"),
    (["--run=runs/tiny", "--index=data/shapes", "--gallery=circle.png/new"], 1, "circle.png"),
    ([], 1, "--query=DRAWING"),
    (["circle.png"], 1, "unexpected argument 'circle.png'"),
]


def test_mistakes_are_one_clear_line(gallery_folder, tmp_path):
    write_queries(tmp_path)
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    (tmp_path / "blank.ndjson").write_text('{"word": "circle", "key_id": "1", "drawing": []}\n')
    for suffix in ("png", "svg", "json", "pdf"):
        (tmp_path / f"text.{suffix}").write_text("once upon a time")
    for arguments, status, message in MISTAKES:
        assert_one_line_error(run(tmp_path, "retrieve.py", *arguments), status, message)


def test_without_a_gallery_the_answer_is_how_to_make_one(tmp_path):
    write_queries(tmp_path)
    assert_one_line_error(retrieve(tmp_path, "--query=circle.png"), 1, "make one with: ")


def test_help_gives_an_example_for_every_flag(tmp_path):
    text = retrieve(tmp_path, "--help").stdout
    for flag in (
        "run",
        "index",
        "split",
        "gallery",
        "query",
        "line",
        "label",
        "top",
        "out",
        "json",
        "normalize",
    ):
        entry = text.split(f"--{flag}:" if f"--{flag}:" in text else f"--[no]{flag}:")[1].split("\n  -")[0]
        assert f"Example: --{flag}" in " ".join(entry.split())
