"""What the pages say of the code: functions and modules that are there, commands that can be typed."""

from __future__ import annotations

import ast
import re
import shlex
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from models.registry import model_spec
from training.recipe import make_recipe, parse_settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
STEP = re.compile(r"`([\w/]+\.py): (\w+)`")


def test_the_tour_names_functions_that_are_there():
    text = (ROOT / "docs/tour.md").read_text()
    assert 1 < len(re.findall(r"^\d+\. ", text, re.MULTILINE)) <= 15
    steps = STEP.findall(text)
    assert len(steps) >= 15
    for path, name in steps:
        tree = ast.parse((ROOT / path).read_text())
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_modules_that_a_page_names_are_there(page):
    text = page.read_text()
    rooms = "sketchspace|preprocess|models|tfrecords|learners|training|evaluation|studies"
    files = set(re.findall(rf"(?<![\w./])((?:{rooms}|benchmarks|scripts|tests)/[\w/]+\.(?:py|sh))\b", text))
    assert [path for path in sorted(files) if not (ROOT / path).is_file()] == []
    modules = set(re.findall(r"python -m ([a-z_.0-9]+)\b(?!\.\w)", text)) - {
        "studies.",
        "pip",
        "venv",
        "http.server",
    }
    assert [name for name in sorted(modules) if find_spec(name.rstrip(".")) is None] == []


def commands_of(text: str, program: str) -> list[list[str]]:
    """The arguments of every `python program ...` in code blocks, without those that stand for something."""
    blocks = re.findall(r"^```(?:bash)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
    found = [line.split("#")[0].partition(f"python {program} ")[2] for line in lines]
    return [shlex.split(line) for line in found if line]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_of_training_commands_are_known(page):
    """Every `train.py` command of a page is a recipe: model, keys and values are those of today."""
    for arguments in commands_of(page.read_text(), "train.py"):
        flags = [text.split("=", 1) for text in arguments if text.startswith("--model=")]
        if not flags or "$" in " ".join(arguments):
            continue
        settings = [value for key, value in pairwise(arguments) if key == "--set"]
        settings += [text[6:] for text in arguments if text.startswith("--set=")]
        settings += [text[2:] for text in arguments if re.match(r"--(max_steps|batch_size)=\d+$", text)]
        make_recipe(model_spec(flags[0][1]), parse_settings(settings))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_name_only_flags_that_exist(page):
    text = page.read_text()
    sources = {f"{name}.py": f"{name}.py" for name in ("train", "evaluate", "retrieve")}
    sources |= {f"-m {name}": f"{name}/__main__.py" for name in ("preprocess", "tfrecords")}
    sources |= {
        f"-m studies.{name}": f"studies/{name}/__main__.py" for name in ("batch_size", "draw", "faulty")
    }
    for name in ("half_sketch", "suggestions", "refine", "faulty_training"):
        sources[f"-m studies.{name}"] = f"studies/{name}.py"
    for name in ("models.convert", "sketchspace.mat_features"):
        sources[f"-m {name}"] = f"{name.replace('.', '/')}.py"
    shared = (ROOT / "sketchspace/__main__.py").read_text()
    for program, source in sources.items():
        code = (ROOT / source).read_text()
        known = set(re.findall(r'DEFINE_\w+\(\s*"(\w+)"', code + shared * ("sketchspace.__main__" in code)))
        known |= set(re.findall(r'"--?(\w+)"', code))
        for arguments in commands_of(text, program):
            given = [re.sub("^--(no)?", "", text).split("=")[0] for text in arguments if text[:2] == "--"]
            wrong = [name for name in given if name not in known and f"no{name}" not in known]
            assert not wrong, f"python {program} has no --{wrong[0]}"
