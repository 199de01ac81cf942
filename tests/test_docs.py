"""What the pages say of the code: functions and modules that are there, commands that can be typed."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

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
