"""Files from outside that are spoilt at random: each is read, or refused in one printable line."""

from __future__ import annotations

import contextlib
import json
import resource
from pathlib import Path

import numpy as np
import pytest

from benchmarks.hostile import whole
from benchmarks.hostile.doors import DOORS
from benchmarks.hostile.knock import FINE, knock
from benchmarks.hostile.spoil_text import spoil_json
from sketchspace.encoder.embedder import Embedder
from sketchspace.errors import UserError
from tests.encoder_fixture import exported_encoder

FILES = {"mat73": 6}
"""How many files are tried at doors that take long; 40 at the others."""
SEED = 20
KNOWN = {"canvas": 1}
"""Whole files that are not read yet."""


@pytest.mark.parametrize("name", list(DOORS))
def test_whole_files_are_read(tmp_path, name):
    outcomes = [knock(name, data, tmp_path) for data in DOORS[name].whole()]
    assert [outcome.told for outcome in outcomes if outcome.what != "read"][KNOWN.get(name, 0) :] == []


@pytest.mark.parametrize("name", list(DOORS))
def test_hostile_files_are_read_or_refused_in_one_line(tmp_path, name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(FILES.get(name, 40)):
        outcome = knock(name, DOORS[name].input(name, SEED, number), tmp_path)
        assert outcome.what in FINE, f"file {number} of seed {SEED}: {outcome.told}"
        assert outcome.seconds < 30, f"file {number} of seed {SEED} takes very long"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20, "more than a gigabyte"


def test_the_same_number_is_the_same_file():
    for door in ("svg", "npz", "mat5"):
        assert DOORS[door].input(door, 1, 7) == DOORS[door].input(door, 1, 7) != DOORS[door].input(door, 2, 7)


def test_a_spoilt_card_does_not_open_an_encoder_or_opens_it_as_described(tmp_path):
    (tmp_path / "encoder.tflite").symlink_to(exported_encoder() / "encoder.tflite")
    card = (exported_encoder() / "encoder.json").read_bytes()
    card = json.dumps(json.loads(card) | {"run": "r", "fingerprint": ""}).encode()
    rng = np.random.default_rng(SEED)
    for _ in range(40):
        (tmp_path / "encoder.json").write_bytes(spoil_json(rng, card))
        with contextlib.suppress(UserError):
            Embedder.open(tmp_path, threads=1)


def test_an_outcome_says_what_broke_out(tmp_path, monkeypatch):
    def broken(folder: Path, path: Path) -> None:
        raise RuntimeError("broke out")

    door = DOORS["svg"]
    monkeypatch.setitem(DOORS, "svg", type(door)(door.suffix, door.whole, door.spoil, broken))
    outcome = knock("svg", whole.SVG[0], tmp_path)
    assert outcome.what == "RuntimeError" and "broke out" in outcome.told
