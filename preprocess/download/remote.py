"""What a server says about a file, and how long to insist on an answer."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import requests

from sketchspace.errors import UserError

Result = TypeVar("Result")

TIMEOUT = (10.0, 30.0)  # seconds to connect, and between two pieces of the answer
ENOUGH_PROGRESS = 1 << 20


class Stopped(Exception):
    """The transfer was told to stop; what came so far is kept."""


class Broken(Exception):
    """An answer that is worth asking for again."""


@dataclass(frozen=True)
class Remote:
    """A file to fetch: where it is, and its name in the local folder (no path)."""

    url: str
    name: str


@dataclass(frozen=True)
class Facts:
    """What a server says about a file: bytes, hexadecimal MD5, and the validator for `If-Range`."""

    size: int | None
    md5: str | None
    validator: str | None

    @staticmethod
    def of(response: requests.Response) -> Facts:
        """Read the headers; an ETag of 32 hexadecimal digits counts as MD5 where none is given."""
        headers = response.headers
        length, etag = headers.get("Content-Length", ""), headers.get("ETag", "")
        stored = re.search(r"\bmd5=([A-Za-z0-9+/]{22}==)", headers.get("x-goog-hash", ""))
        plain = re.fullmatch(r'"([0-9a-fA-F]{32})"', etag)
        md5 = base64.b64decode(stored[1]).hex() if stored else plain[1].lower() if plain else None
        validator = etag if etag.startswith('"') else headers.get("Last-Modified")
        return Facts(int(length) if length.isdigit() else None, md5, validator)

    def fault(self, path: Path) -> str | None:
        """What is wrong with a finished file, as "expected ..., received ...", or None."""
        size = path.stat().st_size
        if self.size is not None and size != self.size:
            return f"expected {self.size:,} bytes, received {size:,}"
        if self.md5 is None:
            return None
        with path.open("rb") as file:
            md5 = hashlib.file_digest(file, "md5").hexdigest()
        return None if md5 == self.md5 else f"expected MD5 {self.md5}, received {md5}"


@dataclass(frozen=True)
class Patience:
    """How long to insist: seconds to wait after each failure in a row, and the signal to give up."""

    waits: Sequence[float]
    stop: threading.Event

    def insist(self, url: str, action: Callable[[], Result], progress: Callable[[], int]) -> Result:
        """Call `action` until it succeeds; failures count anew after a megabyte of `progress`.

        Raises `UserError` when the failures in a row outnumber `waits`, and `Stopped`.
        """
        failures, mark = 0, progress()
        while True:
            try:
                return action()
            except requests.exceptions.InvalidSchema:
                raise UserError(f"{url} leads to an address that is neither http nor https") from None
            except (requests.exceptions.InvalidURL, requests.TooManyRedirects) as error:
                raise UserError(f"{url} cannot be fetched: {error}") from None
            except (requests.RequestException, Broken) as error:
                reason = _plain(error)
            if (reached := progress()) >= mark + ENOUGH_PROGRESS:
                failures, mark = 0, reached
            if failures == len(self.waits):
                tried = f"{url} failed {failures + 1} times"
                raise UserError(f"{tried}: {reason}; the same command goes on where it stopped")
            if self.stop.wait(self.waits[failures]):
                raise Stopped
            failures += 1


def look(remote: Remote, patience: Patience) -> Facts | None:
    """Ask for the headers alone; None where the server answers no such question."""

    def ask() -> Facts | None:
        headers = {"Accept-Encoding": "identity"}
        with requests.head(remote.url, headers=headers, allow_redirects=True, timeout=TIMEOUT) as response:
            if response.status_code in (400, 401, 403, 405, 501):
                return None
            check_answer(response, (200,))
            return Facts.of(response)

    return patience.insist(remote.url, ask, lambda: 0)


def check_answer(response: requests.Response, expected: tuple[int, ...]) -> None:
    """Sort answers: expected, worth another try (`Broken`), or final (`UserError`)."""
    hops, status = [*response.history, response], response.status_code
    if hops[0].url.startswith("https:") and any(hop.url.startswith("http:") for hop in hops):
        raise UserError(f"{hops[0].url} leads to {response.url}, away from https; that is refused")
    if status in (408, 425, 429) or status >= 500:
        raise Broken(f"the server answered {status} {response.reason}")
    if status not in expected:
        raise UserError(f"{response.url} answered {status} {response.reason}; check the name and the address")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise UserError(f"{response.url} comes only compressed, so it cannot be verified; fetch it by hand")


def _plain(error: Exception) -> str:
    """A network error in words; the libraries' own texts are nested representations."""
    if isinstance(error, Broken):
        return str(error)
    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "no secure connection could be made"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    return "the connection failed" if isinstance(error, requests.ConnectionError) else str(error)
