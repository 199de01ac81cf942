"""An HTTP server on loopback that misbehaves on demand, for the tests of the downloader."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from preprocess.download.fetch import Remote, fetch_all

WAITS = (0.0, 0.01, 0.02)
DATA = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)


@dataclass
class File:
    """What the server has under one path, and how it behaves, one entry of `mood` for each GET."""

    data: bytes = DATA
    etag: str | None = '"v1"'
    md5_of: bytes | None = None
    mood: list[str] = field(default_factory=list)
    head: int = 200
    claims: int | None = None
    cut: int = 150_000
    goog: bool = True
    where: str = ""


class Server(ThreadingHTTPServer):
    """Files by path, and a record of (method, path, Range, If-Range)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, File] = {}
        self.asked: list[tuple[str, str, str | None, str | None]] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up in the middle is part of these tests."""

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def ranges(self, path: str = "/a") -> list[str | None]:
        return [span for method, at, span, _ in self.asked if method == "GET" and at == path]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        file = self._file()
        self._answer(file.head, file, len(file.data) if file.claims is None else file.claims)

    def do_GET(self) -> None:
        file = self._file()
        mood = file.mood.pop(0) if file.mood else "fine"
        if mood.isdigit():
            return self._answer(int(mood), file, 0)
        if mood == "redirect":
            return self._answer(302, file, 0)
        if mood == "change":
            file.data, file.etag = OTHER, '"v2"'
        start, status = 0, 200
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        heeds = mood == "ignore if-range" or self.headers.get("If-Range") in (None, file.etag)
        if span and heeds and mood != "ignore range":
            start, status = (int(span[1]) if mood != "other range" else 1000), 206
            if start >= len(file.data):
                return self._answer(416, file, 0)
        rest = file.data[start:]
        self._answer(status, file, len(rest) if file.claims is None else file.claims - start, start)
        if mood == "stall":
            time.sleep(2)
        elif mood == "slowly":
            for at in range(0, len(rest), 4096):
                self.wfile.write(rest[at : at + 4096])
                time.sleep(0.02)
        else:
            self.wfile.write(rest[: file.cut] if mood == "break" else rest)

    def _file(self) -> File:
        path = unquote(self.path)
        self.server.asked.append(
            (self.command, path, self.headers.get("Range"), self.headers.get("If-Range"))
        )
        return self.server.files.get(path, File(head=404, mood=["404"]))

    def _answer(self, status: int, file: File, length: int, start: int = 0) -> None:
        self.close_connection = True
        self.send_response(status)
        if file.where and status == 302:
            self.send_header("Location", file.where)
        if file.claims != -1:
            self.send_header("Content-Length", str(length))
        if file.etag:
            self.send_header("ETag", file.etag)
        if file.goog and status in (200, 206):
            self.send_header("x-goog-hash", "crc32c=AAAAAA==")
            self.send_header("x-goog-hash", f"md5={_md5(file.md5_of or file.data)}")
        if status == 206:
            total = len(file.data) if file.claims is None else file.claims
            self.send_header("Content-Range", f"bytes {start}-{start + length - 1}/{total}")
        self.end_headers()


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


@contextmanager
def running() -> Iterator[Server]:
    """A server that answers while the block runs."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def fetch(server: Server, folder: Path, *paths: str) -> list[Path]:
    remotes = [Remote(server.url(path), f"{path[1:]}.ndjson") for path in paths or ("/a",)]
    return fetch_all(remotes, folder, quiet=True, waits=WAITS)


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
