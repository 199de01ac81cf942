"""How the downloader goes on after breaks, kills and changes, against a real server on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from preprocess.download import remote
from preprocess.download.fetch import Remote, fetch_all
from sketchspace.errors import UserError
from tests.misbehaving_server import DATA, OTHER, WAITS, File, Server, fetch, running, visible


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as one:
        yield one


SCRIPT = """
import sys
from pathlib import Path
from preprocess.download.fetch import Remote, fetch_all
fetch_all([Remote(sys.argv[1], "a.ndjson")], Path(sys.argv[2]))
"""
ROOT = Path(__file__).resolve().parents[1]


def test_a_broken_connection_goes_on_where_it_ended(server, tmp_path):
    server.files["/a"] = File(mood=["break", "break"], cut=140_000)
    assert fetch(server, tmp_path)[0].read_bytes() == DATA
    first, second, third = server.ranges()
    assert first is None
    begins = [int(str(span).removeprefix("bytes=").removesuffix("-")) for span in (second, third)]
    assert 65_536 <= begins[0] <= 140_000 < begins[1] <= 280_000
    assert [asked[3] for asked in server.asked if asked[0] == "GET"] == [None, '"v1"', '"v1"']


def test_a_later_call_goes_on_with_the_partial_file(server, tmp_path):
    server.files["/a"] = File(mood=["break", "503", "503", "503"])
    with pytest.raises(UserError, match=r"/a failed 4 times: the server answered 503.*goes on"):
        fetch(server, tmp_path)
    part = (tmp_path / "a.ndjson.part").stat().st_size
    assert visible(tmp_path) == ["a.ndjson.part", "a.ndjson.state.part"] and part >= 65_536
    server.asked.clear()
    assert fetch(server, tmp_path)[0].read_bytes() == DATA
    assert server.ranges() == [f"bytes={part}-"]
    assert visible(tmp_path) == ["a.ndjson"]


def test_a_server_that_ignores_ranges_is_read_from_the_start(server, tmp_path):
    server.files["/a"] = File(mood=["break", "ignore range"])
    assert fetch(server, tmp_path)[0].read_bytes() == DATA
    assert len(server.ranges()) == 2 and server.ranges()[1] is not None


@pytest.mark.parametrize("next_mood", ["change", "ignore if-range"])
def test_a_file_that_changes_between_attempts_is_never_mixed(server, tmp_path, next_mood):
    file = server.files["/a"] = File(mood=["break", "503", "503", "503"], goog=False)
    with pytest.raises(UserError):
        fetch(server, tmp_path)
    file.data, file.etag, file.mood = OTHER, '"v2"', [next_mood]
    assert fetch(server, tmp_path)[0].read_bytes() == OTHER, "and no MD5 was there to find it out"


def test_a_file_that_became_shorter_is_fetched_anew(server, tmp_path):
    file = server.files["/a"] = File(mood=["break", "503", "503", "503"])
    with pytest.raises(UserError):
        fetch(server, tmp_path)
    file.data = OTHER[:1000]
    assert fetch(server, tmp_path)[0].read_bytes() == OTHER[:1000]
    assert [span is None for span in server.ranges()[-2:]] == [False, True]


def test_an_answer_to_another_range_is_not_appended(server, tmp_path):
    """Noticed from the headers, before the check of the whole file has to."""
    server.files["/a"] = File(mood=["break", "other range"] * 2, goog=False)
    remotes = [Remote(server.url("/a"), "a")]
    assert fetch_all(remotes, tmp_path, quiet=True, waits=[0.0] * 4)[0].read_bytes() == DATA
    assert [span is None for span in server.ranges()] == [True, False, True, False, True]


def test_a_partial_file_of_another_address_is_not_gone_on_with(server, tmp_path):
    server.files = {"/a": File(mood=["break", "503", "503", "503"]), "/b": File(OTHER)}
    with pytest.raises(UserError):
        fetch(server, tmp_path)
    (path,) = fetch_all([Remote(server.url("/b"), "a.ndjson")], tmp_path, quiet=True, waits=WAITS)
    assert path.read_bytes() == OTHER and server.ranges("/b") == [None]


def test_a_partial_file_of_unknown_origin_is_not_trusted(server, tmp_path):
    server.files["/a"] = File()
    (tmp_path / "a.ndjson.part").write_bytes(OTHER[:1000])
    assert fetch(server, tmp_path)[0].read_bytes() == DATA
    assert server.ranges() == [None]


def test_a_damaged_partial_file_is_found_out_and_fetched_anew(server, tmp_path):
    server.files["/a"] = File(mood=["break", "503", "503", "503"])
    with pytest.raises(UserError):
        fetch(server, tmp_path)
    part = tmp_path / "a.ndjson.part"
    part.write_bytes(bytes(part.stat().st_size))
    server.asked.clear()
    assert fetch(server, tmp_path)[0].read_bytes() == DATA
    assert [span is None for span in server.ranges()] == [False, True]


def test_a_complete_partial_file_is_only_verified(server, tmp_path):
    server.files["/a"] = File(mood=["break", "503", "503", "503"])
    with pytest.raises(UserError):
        fetch(server, tmp_path)
    (tmp_path / "a.ndjson.part").write_bytes(DATA)
    server.asked.clear()
    assert fetch(server, tmp_path)[0].read_bytes() == DATA
    assert server.ranges() == []


@pytest.mark.parametrize("status", ["500", "503", "429"])
def test_passing_trouble_is_waited_out(server, tmp_path, status):
    server.files["/a"] = File(mood=[status, status])
    assert fetch(server, tmp_path)[0].read_bytes() == DATA
    assert len(server.ranges()) == 3


def test_a_silent_server_is_not_waited_for_without_end(server, tmp_path, monkeypatch):
    monkeypatch.setattr("preprocess.download.transfer.TIMEOUT", (1.0, 0.1))
    server.files["/a"] = File(mood=["stall", "fine"])
    assert fetch(server, tmp_path)[0].read_bytes() == DATA


def command_for(server: Server, folder: Path) -> list[str]:
    return [sys.executable, "-c", SCRIPT, server.url("/a"), str(folder)]


def heed_interrupts() -> None:
    """A suite that runs in the background of a shell hands SIGINT on as ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_process_leaves_partial_files_that_are_gone_on_with(server, tmp_path, how):
    server.files["/a"] = File(mood=["slowly"])
    process = subprocess.Popen(
        command_for(server, tmp_path), cwd=ROOT, stderr=subprocess.PIPE, preexec_fn=heed_interrupts
    )
    part, patience = tmp_path / "a.ndjson.part", time.monotonic() + 20
    while not (part.exists() and part.stat().st_size) and time.monotonic() < patience:
        time.sleep(0.01)
    process.send_signal(how)
    _, errors = process.communicate(timeout=10)
    assert process.returncode != 0
    assert visible(tmp_path) == ["a.ndjson.part", "a.ndjson.state.part"]
    assert b"download:" not in errors, "no progress bar where standard error is not a terminal"
    have = part.stat().st_size
    assert fetch(server, tmp_path)[0].read_bytes() == DATA
    assert server.ranges()[-1] == f"bytes={have}-" and visible(tmp_path) == ["a.ndjson"]


def test_failures_count_anew_after_a_megabyte():
    patience = remote.Patience((0.0,), threading.Event())
    reached = iter([0, 2 << 20, 4 << 20, 6 << 20, (6 << 20) + 1000])
    calls = []

    def fail() -> None:
        calls.append(1)
        raise remote.Broken("no")

    with pytest.raises(UserError, match="u failed 2 times: no"):
        patience.insist("u", fail, lambda: next(reached))
    assert len(calls) == 4


def test_the_bar_on_a_terminal_counts_bytes_up_to_all_of_them(server, tmp_path):
    pty = pytest.importorskip("pty")
    server.files["/a"] = File(mood=["break", "ignore range"])
    ours, theirs = pty.openpty()
    pytest.importorskip("termios").tcsetwinsize(theirs, (24, 100))
    with subprocess.Popen(command_for(server, tmp_path), cwd=ROOT, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
    os.close(ours)
    assert process.returncode == 0
    assert b"download: 100%" in shown and b"300k/300k" in shown


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 4096)
    except OSError:  # the other end of a terminal closes with an error on Linux
        return b""
