"""The wheel: what is in it, and whether it answers in an environment that has nothing else of ours."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import sketchspace
from tests.encoder_fixture import CLASSES, drawing, png_of, write_run

ROOT = Path(__file__).resolve().parents[1]


def succeed(*command: object, cwd: Path) -> str:
    """What a command prints on standard output; a failing one fails the test with what it said."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the files that git knows or would add."""
    where = tmp_path_factory.mktemp("wheel")
    listed = succeed("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).splitlines()
    for name in listed:
        if name.endswith((".py", ".typed", ".md", ".toml")) and (ROOT / name).is_file():
            (where / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (where / "source" / name).write_bytes((ROOT / name).read_bytes())
    pip = (
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        where,
        where / "source",
    )
    succeed(*pip, cwd=where)
    [path] = where.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_and_nothing_else_of_ours(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        meta = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
        scripts = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    info = f"sketchspace-{sketchspace.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"sketchspace", info}
    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "sketchspace").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == ours and "sketchspace/py.typed" in names
    assert scripts.split("\n")[:2] == ["[console_scripts]", "sketchspace = sketchspace.__main__:console"]
    needed = [
        line for line in meta.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line
    ]
    assert not [line for line in needed if "tensor" in line or "keras" in line or "matplotlib" in line]
    assert len(needed) <= 11


def test_it_answers_where_nothing_else_is_installed(wheel, tmp_path):
    """A photo is indexed and found by the installed command and library, without TensorFlow."""
    (tmp_path / "photos").mkdir()
    for number, name in enumerate(CLASSES):
        (tmp_path / "photos" / f"{name}.png").write_bytes(png_of(drawing(name, number), 64))
    (tmp_path / "sketch.png").write_bytes(png_of(drawing("cross", 9), 120))
    write_run(tmp_path / "run", "0123")
    succeed(sys.executable, "-m", "venv", "--without-pip", "env", cwd=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    succeed(*pip, "install", "--quiet", "--no-compile", wheel, cwd=tmp_path)
    installed = succeed(*pip, "list", "--format=json", cwd=tmp_path)
    names = {package["name"].lower() for package in json.loads(installed)}
    assert "sketchspace" in names and not names & {"tensorflow", "tf-keras", "matplotlib", "keras"}
    top = {path.name for path in next((tmp_path / "env" / "lib").glob("python*/site-packages")).iterdir()}
    rooms = ("common", "sketch", "retrieval", "models", "training", "evaluation", "preprocess", "tfrecords")
    assert not top & {*rooms, "learners", "studies", "tests", "benchmarks"}
    command = python.with_name("sketchspace")
    said = succeed(command, "index", "photos", "--run=run", cwd=tmp_path)
    assert "wrote galleries/photos with 3 items" in said and "next: sketchspace query" in said
    found = json.loads(succeed(command, "query", "sketch.png", "--json", cwd=tmp_path))
    assert found["hits"][0]["key"] == "cross.png" and (tmp_path / "hits.png").is_file()
    code = (
        "import sys, sketchspace; gallery = sketchspace.Gallery.open('galleries/photos');"
        "hit = gallery.search('sketch.png', k=1)[0];"
        "print(hit.key, sketchspace.__version__, 'tensorflow' in sys.modules)"
    )
    assert succeed(python, "-c", code, cwd=tmp_path).split() == [
        "cross.png",
        sketchspace.__version__,
        "False",
    ]
