"""Kills, full disks and changed sources: the same command goes on, and the result is the same."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from preprocess import pipeline, worker
from preprocess.pipeline import build
from preprocess.sources import quickdraw
from preprocess.spec import Options
from sketchspace.errors import UserError
from tests.ndjson_fixture import all_bytes, line, write_classes
from tfrecords import writer
from tfrecords.dataset import DatasetFolder
from tfrecords.verify import verify

ROOT = Path(__file__).resolve().parents[1]
SMALL = Options(image_size=16, splits="train:20,validation:5,test:5")


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[tuple[Path, Options, dict[str, bytes]]]:
    """A source, options with many shards, and the files that an undisturbed run makes."""
    source = write_classes(tmp_path / "source")
    options = Options(image_size=16, splits="train:20,validation:5,test:5", num_shards=6)
    build("quickdraw", [source], tmp_path / "calm" / "set", options)
    yield source, options, all_bytes(tmp_path / "calm" / "set")


def interrupt_after(monkeypatch: pytest.MonkeyPatch, shards: int, error: BaseException) -> list[str]:
    """Let writing fail in the middle of a shard after `shards` whole ones; lists what was begun."""
    begun: list[str] = []
    frame = writer.frame

    def failing(data: bytes) -> bytes:
        if len(begun) > shards:
            raise error
        return frame(data)

    real = worker.write_shard

    def noting(path: Path, *rest: Any) -> dict[str, Any]:
        begun.append(path.name)
        return real(path, *rest)

    monkeypatch.setattr(writer, "frame", failing)
    monkeypatch.setattr(worker, "write_shard", noting)
    return begun


def test_interrupted_run_goes_on_with_what_is_finished(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, options, expected = whole
    with monkeypatch.context() as patch:
        interrupt_after(patch, 7, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            build("quickdraw", [source], tmp_path / "set", options)
    assert not (tmp_path / "set").exists()
    with monkeypatch.context() as patch:
        begun = interrupt_after(patch, 99, KeyboardInterrupt())
        patch.setattr(quickdraw, "index", None)  # the plan is kept too
        build("quickdraw", [source], tmp_path / "set", options)
    assert len(begun) == 18 - 7
    assert "going on: 7 of 18 shards are already written" in capsys.readouterr().err
    assert all_bytes(tmp_path / "set") == expected
    assert not (tmp_path / ".set.partial").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_full_disk_is_told_and_the_same_command_goes_on(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    source, options, expected = whole
    with monkeypatch.context() as patch:
        interrupt_after(patch, 3, OSError(number, os.strerror(number)))
        with pytest.raises(
            UserError, match=f"^{os.strerror(number)} while writing .*finished shards are kept$"
        ):
            build("quickdraw", [source], tmp_path / "set", options)
    folder = tmp_path / ".set.partial" / "folder"
    assert {path.name for path in folder.iterdir()} == {
        path.name for path in folder.glob("*.tfrecord-000??-of-00006")
    }
    build("quickdraw", [source], tmp_path / "set", options)
    assert all_bytes(tmp_path / "set") == expected


def test_full_disk_at_the_very_end_leaves_no_folder(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, options, expected = whole

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "write_preview", full)
        with pytest.raises(UserError, match="No space left on device"):
            build("quickdraw", [source], tmp_path / "set", options)
    assert not (tmp_path / "set").exists()
    build("quickdraw", [source], tmp_path / "set", options)
    assert all_bytes(tmp_path / "set") == expected


def test_source_changed_between_attempts_starts_again(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, options, expected = whole
    with monkeypatch.context() as patch:
        interrupt_after(patch, 7, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            build("quickdraw", [source], tmp_path / "set", options)
    text = (source / "cat.ndjson").read_bytes()
    (source / "cat.ndjson").write_bytes(text.replace(b"[[[", b"[[[1,2],[3,4]],[[", 1))
    build("quickdraw", [source], tmp_path / "set", options)
    assert "going on" not in capsys.readouterr().err
    build("quickdraw", [source], tmp_path / "fresh" / "set", options)
    assert all_bytes(tmp_path / "set") == all_bytes(tmp_path / "fresh" / "set") != expected


@pytest.mark.parametrize("kind", ["longer", "shorter", "other"])
def test_source_changed_while_it_is_read_is_noticed(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    source, options, expected = whole
    path, real = source / "dog.ndjson", pipeline._write
    data = path.read_bytes()
    changed = {"longer": data + line(1), "shorter": data[:1000], "other": data.replace(b"[", b"{")}[kind]

    def change_first(*arguments: Any) -> Any:
        path.write_bytes(changed)
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_write", change_first)
        with pytest.raises(UserError, match=r"dog.ndjson was changed while it was being read"):
            build("quickdraw", [source], tmp_path / "set", options)
    assert not (tmp_path / "set").exists()
    path.write_bytes(data)
    build("quickdraw", [source], tmp_path / "set", options)
    assert all_bytes(tmp_path / "set") == expected


def start(*arguments: str, limit: int = 0) -> subprocess.Popen[str]:
    """The command in a process of its own; `limit` is the largest file that it may write, in bytes."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}

    def set_limit() -> None:
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, "-m", "preprocess", *arguments],
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=set_limit,
    )


def test_killed_processes_leave_what_an_undisturbed_one_makes(tmp_path: Path) -> None:
    source = write_classes(tmp_path / "source", per_class=2000)
    flags = [f"--source={source}", "--dataset=quickdraw", "--image_size=128", "--num_shards=25"]
    flags += [f"--out={tmp_path / 'set'}", "--workers=2", "--splits=0.6,0.2,0.2"]
    state = tmp_path / ".set.partial" / "state"
    done = kills = 0
    for _ in range(2):
        process = start(*flags)
        deadline = time.monotonic() + 60
        while len(list(state.glob("*.done.json"))) < done + 3 and process.poll() is None:
            assert time.monotonic() < deadline, "no shard was written"
            time.sleep(0.002)
        if process.poll() is not None:
            break  # it was quicker than we could look; the first one never is
        workers = children(process.pid)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert len(workers) >= 2 and gone(workers), "workers end with their parent"
        done, kills = len(list(state.glob("*.done.json"))), kills + 1
        assert not (tmp_path / "set").exists()
    else:
        process = start(*flags)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and kills, err
    going_on = re.search(r"going on: (\d+) of 75 shards", err)
    assert going_on and int(going_on[1]) == done
    options = Options(image_size=128, splits="0.6,0.2,0.2", num_shards=25)
    build("quickdraw", [source], tmp_path / "calm" / "set", options)
    assert all_bytes(tmp_path / "set") == all_bytes(tmp_path / "calm" / "set")
    assert out.splitlines()[-2:] == [
        f"wrote {tmp_path / 'set'}",
        f"next: python train.py --model=sknet --data={tmp_path / 'set'} --run=runs/sknet",
    ]


def children(parent: int) -> list[int]:
    """Processes whose parent is `parent`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return found


def gone(processes: list[int], seconds: float = 5) -> bool:
    """Whether all of them end in time; a process that waits to be collected has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        alive = [
            pid for pid in processes if Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in status(pid)
        ]
        if not alive:
            return True
        time.sleep(0.02)
    return False


def status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "\nState:\tZ"


def test_real_limit_on_file_size_is_one_line_and_status_1(tmp_path: Path) -> None:
    source = write_classes(tmp_path / "source", per_class=100)
    flags = [f"--source={source}", "--dataset=quickdraw", f"--out={tmp_path / 'set'}", "--splits=1,0"]
    process = start(*flags, "--workers=2", limit=60_000)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1 and out == ""
    assert err.startswith("error: File too large while writing ") and len(err.splitlines()) == 1
    assert not (tmp_path / "set").exists()
    assert not list(tmp_path.rglob("*.tfrecord-*"))
    options = Options(image_size=64, splits="1,0")
    build("quickdraw", [source], tmp_path / "set", options)
    verify(DatasetFolder.open(tmp_path / "set"))
