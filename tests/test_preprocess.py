"""The data set folder that comes out, and the command that makes it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from absl.testing import flagsaver

from preprocess import __main__ as command
from preprocess import plan, workspace
from preprocess.classes import draw_classes, official_names
from preprocess.download import fetch as download
from preprocess.pipeline import build, dataset_name
from preprocess.processes import Workers
from preprocess.sources import ndjson_lines
from preprocess.spec import Options
from sketchspace.errors import UserError
from tests.misbehaving_server import File, running
from tests.ndjson_fixture import all_bytes, die, line, refuse_three, square, write_classes
from tfrecords.dataset import DatasetFolder
from tfrecords.manifest import Manifest
from tfrecords.verify import verify

SMALL = Options(image_size=16, splits="train:20,validation:5,test:5")


def test_bytes_depend_neither_on_workers_nor_on_place_or_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ndjson_lines, "CHUNK_BYTES", 3000)
    monkeypatch.setattr(plan, "EXAMPLES_PER_SHARD", 16)
    one = write_classes(tmp_path / "one" / "source")
    two = Path(shutil.copytree(one, tmp_path / "two" / "elsewhere" / "source"))
    build("quickdraw", [one], tmp_path / "one" / "set", SMALL, workers=1)
    time.sleep(1.01)  # a time stamp in whole seconds would show
    build("quickdraw", [two], tmp_path / "two" / "set", SMALL, workers=2)
    files = all_bytes(tmp_path / "one" / "set")
    assert all_bytes(tmp_path / "two" / "set") == files
    assert len([name for name in files if "-train.tfrecord-" in name]) == 4
    assert {"manifest.json", "dataset_info.json", "features.json", "preview.png"} < files.keys()
    assert not any(str(tmp_path).encode() in data for data in files.values())
    verify(DatasetFolder.open(tmp_path / "one" / "set"))


def test_sources_and_options_are_in_the_manifest(tmp_path: Path) -> None:
    source = write_classes(tmp_path / "source", ("cat",))
    manifest = build("quickdraw", [source], tmp_path / "My Set-2", SMALL)
    data = (source / "cat.ndjson").read_bytes()
    assert manifest.sources == [
        {"name": "cat.ndjson", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    ]
    assert manifest.name == "my_set_2" and manifest.options["splits"] == SMALL.splits
    assert (manifest.licence, manifest.seed, manifest.image_size) == ("CC BY 4.0", 0, 16)
    assert manifest == Manifest.load(tmp_path / "My Set-2")


def test_names_become_ones_that_tfds_allows() -> None:
    assert [dataset_name(Path(name)) for name in ("a", "A b.c", "100", "_x_", "é")] == [
        "a",
        "a_b_c",
        "data_100",
        "x",
        "data_",
    ]


def test_older_data_set_is_replaced_whole_and_other_folders_are_left_alone(tmp_path: Path) -> None:
    source, out = write_classes(tmp_path / "source"), tmp_path / "out"
    build("quickdraw", [source], out, Options(image_size=16, num_shards=4))
    build("quickdraw", [source], out, SMALL)
    assert len(list(out.glob("*.tfrecord-*"))) == 3
    (out / "notes.txt").write_text("mine")
    before = all_bytes(out)
    with pytest.raises(UserError, match=r"it holds notes.txt; choose another --out"):
        build("quickdraw", [source], out, SMALL)
    assert all_bytes(out) == before
    (tmp_path / "link").symlink_to(out)
    for name, says in (
        ("source", "is not a data set folder"),
        ("link", "cannot be made"),
        ("out/notes.txt", "cannot be"),
        ("source/cat.ndjson/x", "a file is in its way"),
    ):
        with pytest.raises(UserError, match=says):
            build("quickdraw", [source], tmp_path / name, SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out", "source"]


def test_another_process_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    source, out = write_classes(tmp_path / "source"), tmp_path / "out"
    with workspace.work_folder(out), pytest.raises(UserError, match=f"another process is making {out}; wait"):
        build("quickdraw", [source], out, SMALL)
    build("quickdraw", [source], out, SMALL)


def test_lock_is_not_fooled_by_a_folder_that_was_renamed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, lock = tmp_path / ".x.partial", workspace._lock
    moved: list[Path] = []

    def slow_lock(handle: int, path: Path) -> None:
        if not moved:  # the other process finishes between our opening the folder and locking it
            moved.append(path.rename(tmp_path / "x"))
        lock(handle, path)

    monkeypatch.setattr(workspace, "_lock", slow_lock)
    handle = workspace._hold(place)
    assert os.path.samestat(os.fstat(handle), place.stat())
    os.close(handle)


def test_results_come_in_order_from_several_processes() -> None:
    with Workers(2) as pool:
        assert list(pool.map(square, list(range(50)), "testing")) == [n * n for n in range(50)]
        with pytest.raises(UserError, match=r"^three is refused$"):
            list(pool.map(refuse_three, [1, 2, 3, 4], "testing"))
        with pytest.raises(UserError, match="a worker process was killed"):
            list(pool.map(die, [1, 2, 3], "testing"))


def run(**flags: Any) -> None:
    command.FLAGS.mark_as_parsed()
    with flagsaver.as_parsed(**{name: str(value) for name, value in flags.items()}):
        command.main([])


def test_command_makes_a_folder_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_classes(tmp_path / "source")
    (source / "dog.ndjson").write_bytes(b"{\n" + line(5000, "dog") + b"\n")
    flags = {"source": f"{source / 'cat.ndjson'},{source / 'dog.ndjson'}", "splits": "train:9,test:1"}
    run(dataset="quickdraw", out=tmp_path / "set", image_size=16, workers=1, **flags)
    out, err = capsys.readouterr()
    fingerprint = Manifest.load(tmp_path / "set").fingerprint
    assert out.splitlines() == [
        f"train       {9:>10} examples in 1 shard",
        f"test        {2:>10} examples in 1 shard",
        f"classes     {2:>10}",
        f"fingerprint {fingerprint:>18}",
        f"wrote {tmp_path / 'set'}",
        f"next: python train.py --model=sknet --data={tmp_path / 'set'} --run=runs/sknet",
    ]
    assert err.splitlines() == [
        "left out: 1 x bad_json, first in dog.ndjson, line 1: "
        "'{' is no JSON: unexpected end of data: line 1 column 2 (char 1)",
        "fewer than asked: train lacks 9 examples, in 1 class",
    ]


def test_command_lists_its_data_sets(capsys: pytest.CaptureFixture[str]) -> None:
    run(list_datasets=True)
    lines = capsys.readouterr().out.splitlines()
    drawings, pairs = (
        {"quickdraw", "sample", "folder"},
        {"sketchy", "qmul", "shoev2", "chairv2", "sample_pairs"},
    )
    assert drawings | pairs <= {text.split()[0] for text in lines}
    assert "googlecreativelab/quickdraw-dataset" in lines[0]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({}, "--dataset is missing"),
        ({"dataset": "quickdraw"}, "--out is missing"),
        ({"dataset": "quickdrw", "out": "x"}, "unknown dataset 'quickdrw'; did you mean 'quickdraw'"),
        ({"dataset": "quickdraw", "out": "x"}, "needs --source"),
        ({"dataset": "sample", "out": "x", "source": "y"}, "leave out --source=y"),
        ({"dataset": "sample", "out": "x", "splits": "half"}, "--splits=half is neither"),
        ({"dataset": "sample", "out": "x", "download": True}, "--download knows Quick, Draw! only"),
        ({"dataset": "quickdraw", "out": "x", "download": True, "classes": "cta"}, "did you mean 'cat'"),
        (
            {"dataset": "quickdraw", "out": "x", "download": True, "source": "a,b"},
            "--source names 2; give one",
        ),
        ({"dataset": "quickdraw", "out": "x", "source": "nowhere"}, "no source nowhere"),
        ({"dataset": "sample", "out": "x", "classes": "catt", "per_class": 3}, "did you mean 'cat'"),
    ],
)
def test_mistakes_are_one_clear_error_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: dict[str, Any], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=re.escape(says)):
        run(workers=1, **flags)
    assert list(tmp_path.iterdir()) == []


def test_every_flag_has_an_example() -> None:
    source = Path(command.__file__).read_text()
    names = set(re.findall(r'DEFINE_\w+\(\s*"(\w+)"', source))
    assert names == set(re.findall(r"Example: [^\"]*?--(?:no)?(\w+)", source))


def test_sample_set_is_a_data_set_like_any_other(tmp_path: Path) -> None:
    run(
        dataset="sample",
        out=tmp_path / "sample",
        per_class=8,
        splits="train:5,test:2",
        image_size=16,
        workers=1,
    )
    manifest = Manifest.load(tmp_path / "sample")
    assert manifest.num_classes >= 12 and manifest.licence == "Apache-2.0"
    assert manifest.num_examples("train") == 5 * manifest.num_classes
    assert len(manifest.sources) == manifest.num_classes
    verify(DatasetFolder.open(tmp_path / "sample"))


def test_published_protocol_is_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of `--help` with small numbers, downloading from a server on loopback."""
    documented = " ".join((command.__doc__ or "").split())
    assert (
        "--download --source=downloads/quickdraw --num_classes=100 --seed=42 --splits=train:1000,"
        in documented
    )
    drawn = draw_classes(official_names(), 4, 42)
    with running() as server:
        for number, name in enumerate(drawn):
            lines = [line(1000 * number + key, name) for key in range(40)]
            server.files[f"/simplified/{quote(name)}.ndjson"] = File(b"\n".join(lines))
        monkeypatch.setattr(download, "SIMPLIFIED", server.url("/simplified/"))
        flags = {"splits": "train:20,validation:5,test:5", "num_classes": 4, "seed": 42, "image_size": 32}
        run(
            dataset="quickdraw",
            download=True,
            source=tmp_path / "fetched",
            out=tmp_path / "set",
            workers=1,
            **flags,
        )
    manifest = Manifest.load(tmp_path / "set")
    assert list(manifest.classes) == drawn
    assert manifest.counts == {"train": {"sketch": 80}, "validation": {"sketch": 20}, "test": {"sketch": 20}}
    assert (manifest.options["num_classes"], manifest.seed, manifest.image_size) == (4, 42, 32)
    assert len(manifest.sources) == 4
    run(dataset="quickdraw", source=tmp_path / "fetched", out=tmp_path / "again", workers=1, **flags)
    assert Manifest.load(tmp_path / "again").fingerprint == manifest.fingerprint
