"""One file over HTTP: asked for, gone on with, verified, and only then under its final name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import requests

from preprocess.download.remote import TIMEOUT, Broken, Facts, Patience, Remote, Stopped, check_answer
from sketchspace.errors import UserError
from sketchspace.files import read_json, write_json

PIECE = 1 << 16


@dataclass(frozen=True)
class Transfer:
    """The way of one file into `folder`: `<name>.part` with its `<name>.state.part`, then `<name>`.

    `advance` is told how many bytes were added to the partial file, negative where it was thrown away.
    """

    remote: Remote
    folder: Path
    patience: Patience
    advance: Callable[[int], None]

    @property
    def part(self) -> Path:
        """The unfinished file."""
        return self.folder / f"{self.remote.name}.part"

    @property
    def state(self) -> Path:
        """What the server said about the unfinished file."""
        return self.folder / f"{self.remote.name}.state.part"

    def run(self) -> tuple[Path, Facts]:
        """Fetch or go on, verify, rename; returns the final path and what it was verified against.

        A file that fails its check is thrown away and fetched once more. Raises `UserError` and `Stopped`.
        """
        fault: str | None = None
        self.advance(self._have())
        for _ in range(2):
            self.patience.insist(self.remote.url, self._receive, self._have)
            facts = self._facts()
            fault = facts.fault(self.part) if facts else "expected a record of the transfer, received none"
            if facts and not fault:
                self.part.replace(self.folder / self.remote.name)
                self.state.unlink()
                return self.folder / self.remote.name, facts
            self._discard()
        raise UserError(f"{self.remote.url} is not what it should be: {fault}, twice; try again later")

    def _receive(self) -> None:
        """One request that leaves the partial file complete, or raises."""
        facts, have = self._facts(), self._have()
        if facts and self.part.exists() and have == facts.size:
            return
        headers = {"Accept-Encoding": "identity"}
        if facts and facts.validator and have:
            headers |= {"Range": f"bytes={have}-", "If-Range": facts.validator}
        with requests.get(self.remote.url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            self._accept(response, facts, have)
            self._append(response)

    def _accept(self, response: requests.Response, facts: Facts | None, have: int) -> None:
        """Bring the partial file into the state that the answer goes on from."""
        if response.status_code == 416 and have:
            self._discard()
            raise Broken(f"the server has nothing after byte {have:,}")
        check_answer(response, (200, 206) if have else (200,))
        if response.status_code == 200:
            fresh = Facts.of(response)
            if fresh.size is None and fresh.md5 is None:
                raise UserError(f"{self.remote.url} comes without length and MD5, so it cannot be verified")
            self._discard()
            write_json(self.state, {"url": self.remote.url, **asdict(fresh)})
        elif not facts or not _continues(response, facts, have):
            self._discard()
            raise Broken("the file changed on the server")

    def _append(self, response: requests.Response) -> None:
        with self.part.open("ab") as file:
            for piece in response.iter_content(PIECE):
                if self.patience.stop.is_set():
                    raise Stopped
                file.write(piece)
                self.advance(len(piece))
            file.flush()
            os.fsync(file.fileno())
        facts, have = self._facts(), self._have()
        if facts and facts.size is not None and have < facts.size:
            raise Broken(f"the answer ended after {have:,} of {facts.size:,} bytes")

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _facts(self) -> Facts | None:
        """What is known about the partial file; nothing if it is of another address or cannot be read."""
        try:
            state = read_json(self.state)
            facts = Facts(state["size"], state["md5"], state["validator"])
            texts = isinstance(facts.md5, str | None) and isinstance(facts.validator, str | None)
            ours = state["url"] == self.remote.url
            return facts if ours and texts and isinstance(facts.size, int | None) else None
        except (UserError, KeyError):
            return None

    def _discard(self) -> None:
        self.advance(-self._have())
        self.part.unlink(missing_ok=True)
        self.state.unlink(missing_ok=True)


def _continues(response: requests.Response, facts: Facts, have: int) -> bool:
    """Whether a 206 answer goes on exactly where the partial file of the same version ends."""
    where = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    etag = response.headers.get("ETag", facts.validator)
    same = etag == facts.validator or not str(facts.validator).startswith('"')
    return bool(where and int(where[1]) == have and where[2] in ("*", str(facts.size)) and same)
