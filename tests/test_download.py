"""What the downloader accepts, verifies and refuses, against a real server on loopback."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from preprocess.download import fetch as download
from preprocess.download import remote
from preprocess.download.fetch import Remote, fetch_all, quickdraw_urls
from sketchspace.errors import UserError
from tests.misbehaving_server import DATA, OTHER, File, Server, fetch, running, visible


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as one:
        yield one


def test_several_files_arrive_whole_in_order_and_are_not_asked_for_again(server, tmp_path):
    contents = {f"/{name}": name.encode() * 1000 for name in "abcdefg"}
    server.files = {path: File(data) for path, data in contents.items()}
    paths = fetch(server, tmp_path / "new" / "folder", *contents)
    assert [path.read_bytes() for path in paths] == list(contents.values())
    assert visible(tmp_path / "new" / "folder") == [f"{name}.ndjson" for name in "abcdefg"]
    server.asked.clear()
    assert fetch(server, tmp_path / "new" / "folder", *contents) == paths
    assert server.asked == []


def test_an_empty_file_is_a_file(server, tmp_path):
    server.files["/a"] = File(b"")
    assert fetch(server, tmp_path)[0].read_bytes() == b""


def test_a_missing_file_is_told_at_once(server, tmp_path):
    with pytest.raises(UserError, match=r"http://127.0.0.1:\d+/nothing answered 404"):
        fetch(server, tmp_path, "/nothing")
    assert len(server.asked) == 1 and visible(tmp_path) == []


def test_a_server_without_head_still_serves(server, tmp_path):
    server.files["/a"] = File(head=405)
    assert fetch(server, tmp_path)[0].read_bytes() == DATA


def test_a_wrong_checksum_is_tried_once_more_and_then_named(server, tmp_path):
    server.files["/a"] = File(md5_of=OTHER)
    expected, received = hashlib.md5(OTHER).hexdigest(), hashlib.md5(DATA).hexdigest()
    with pytest.raises(UserError, match=rf"/a is not .*expected MD5 {expected}, received {received}"):
        fetch(server, tmp_path)
    assert server.ranges() == [None, None] and visible(tmp_path) == []


def test_a_server_that_promises_too_much_is_given_up_on(server, tmp_path):
    server.files["/a"] = File(claims=len(DATA) + 5000)
    with pytest.raises(UserError, match="/a failed 4 times"):
        fetch(server, tmp_path)
    assert len(server.ranges()) == 4 and "a.ndjson" not in visible(tmp_path)


def test_a_server_that_promises_too_little_is_found_out_by_the_checksum(server, tmp_path):
    server.files["/a"] = File(claims=len(DATA) - 5000)
    with pytest.raises(UserError, match=f"received {hashlib.md5(DATA[:-5000]).hexdigest()}"):
        fetch(server, tmp_path)
    assert visible(tmp_path) == []


@pytest.mark.parametrize("claimed", [DATA, OTHER])
def test_an_etag_that_looks_like_an_md5_is_checked_as_one(server, tmp_path, claimed):
    server.files["/a"] = File(goog=False, etag=f'"{hashlib.md5(claimed).hexdigest().upper()}"')
    if claimed is DATA:
        assert fetch(server, tmp_path)[0].read_bytes() == DATA
    else:
        with pytest.raises(UserError, match="expected MD5"):
            fetch(server, tmp_path)


def test_a_file_that_cannot_be_checked_is_refused(server, tmp_path):
    server.files["/a"] = File(goog=False, etag=None, claims=-1)
    with pytest.raises(UserError, match="without length and MD5"):
        fetch(server, tmp_path)
    assert visible(tmp_path) == []


def test_a_file_from_elsewhere_is_hashed_and_kept_or_replaced(server, tmp_path):
    server.files = {"/a": File(), "/b": File()}
    (tmp_path / "a.ndjson").write_bytes(DATA)
    (tmp_path / "b.ndjson").write_bytes(OTHER)
    paths = fetch(server, tmp_path, "/a", "/b")
    assert [path.read_bytes() for path in paths] == [DATA, DATA]
    assert server.ranges("/a") == [] and server.ranges("/b") == [None]


def test_a_finished_file_that_was_changed_is_fetched_again(server, tmp_path):
    server.files["/a"] = File()
    path = fetch(server, tmp_path)[0]
    path.write_bytes(OTHER)
    assert fetch(server, tmp_path)[0].read_bytes() == DATA


def test_no_server_at_all_is_one_clear_sentence(tmp_path):
    with Server() as gone:
        url = gone.url("/a")
    with pytest.raises(UserError, match="/a failed 2 times: the connection failed"):
        fetch_all([Remote(url, "a")], tmp_path, quiet=True, waits=(0.0,))


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/a"])
def test_redirects_to_other_schemes_are_refused(server, tmp_path, target):
    server.files["/a"] = File(mood=["redirect"], where=target, head=405)
    with pytest.raises(UserError, match="neither http nor https"):
        fetch(server, tmp_path)


def test_redirects_within_http_are_followed(server, tmp_path):
    server.files = {"/a": File(mood=["redirect"], where=server.url("/b")), "/b": File()}
    assert fetch(server, tmp_path)[0].read_bytes() == DATA


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", "a\\b", "/a", ".hidden", "a\0", "a.part"])
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(UserError, match="cannot be a file name"):
        fetch_all([Remote("http://127.0.0.1:1/a", name)], tmp_path, waits=())


def test_other_schemes_and_double_names_are_refused(tmp_path):
    with pytest.raises(UserError, match="not an http or https address"):
        fetch_all([Remote("file:///etc/passwd", "a")], tmp_path)
    with pytest.raises(UserError, match="one file name"):
        fetch_all([Remote("http://127.0.0.1:1/a", "a"), Remote("http://127.0.0.1:1/b", "a")], tmp_path)


def test_a_disk_without_room_is_told_before_anything_is_fetched(server, tmp_path, monkeypatch):
    server.files["/a"] = File()
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match=r"need 0\.3 MB more, and .* has 0\.0 MB free"):
        fetch(server, tmp_path)
    assert server.ranges() == [] and visible(tmp_path) == []


def test_a_disk_that_fills_up_is_a_clean_error(server, tmp_path, monkeypatch):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full to write to")
    server.files["/a"] = File()
    monkeypatch.setattr(download.Transfer, "part", property(lambda self: Path("/dev/full")))
    monkeypatch.setattr(download.Transfer, "_discard", lambda self: None)
    with pytest.raises(UserError, match=r"the disk of .* is full; make room"):
        fetch(server, tmp_path)
    assert "a.ndjson" not in visible(tmp_path)


def test_two_downloads_into_one_folder_do_not_meet(server, tmp_path):
    server.files["/a"] = File()
    with download._alone(tmp_path), pytest.raises(UserError, match="in use by another download"):
        fetch(server, tmp_path)
    assert fetch(server, tmp_path)[0].read_bytes() == DATA


@pytest.mark.parametrize(("start", "end", "refused"), [("https", "http", True), ("http", "https", False)])
def test_an_encrypted_address_does_not_lead_to_an_open_one(start, end, refused):
    hops = [requests.Response(), requests.Response()]
    for hop, scheme in zip(hops, (start, end), strict=True):
        hop.url, hop.status_code = f"{scheme}://host/a", 200
    hops[1].history = hops[:1]
    if refused:
        with pytest.raises(UserError, match="away from https"):
            remote.check_answer(hops[1], (200,))
    else:
        remote.check_answer(hops[1], (200,))


def test_the_official_addresses_are_percent_encoded():
    assert quickdraw_urls(["cat", "The Eiffel Tower"]) == [
        Remote("https://storage.googleapis.com/quickdraw_dataset/full/simplified/cat.ndjson", "cat.ndjson"),
        Remote(
            "https://storage.googleapis.com/quickdraw_dataset/full/simplified/The%20Eiffel%20Tower.ndjson",
            "The Eiffel Tower.ndjson",
        ),
    ]
