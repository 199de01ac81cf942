"""Fetch files over HTTP: several at once, resumably, verified by size and MD5, with one progress bar.

A finished file is remembered in a hidden `.<name>.verified` beside it (size, time, MD5), so that fetching it
again asks the network nothing. A file without that record is hashed and compared with what the server says.
"""

from __future__ import annotations

import errno
import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

from tqdm import tqdm

from preprocess.download.remote import Facts, Patience, Remote, look
from preprocess.download.transfer import Transfer
from sketchspace.errors import UserError
from sketchspace.files import read_json, write_json

Result = TypeVar("Result")

WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
SIMPLIFIED = "https://storage.googleapis.com/quickdraw_dataset/full/simplified/"


def quickdraw_urls(classes: Iterable[str]) -> list[Remote]:
    """Google's official simplified files of the Quick, Draw! classes, each to be kept as `<class>.ndjson`."""
    return [Remote(f"{SIMPLIFIED}{quote(name, safe='')}.ndjson", f"{name}.ndjson") for name in classes]


def fetch_all(
    remotes: Sequence[Remote],
    folder: Path,
    *,
    parallel: int = 4,
    quiet: bool = False,
    waits: Sequence[float] = WAITS,
) -> list[Path]:
    """Fetch every remote into `folder`, `parallel` at a time; returns the local paths in the same order.

    What is complete and verified stays as it is; what was broken off goes on. The bar of bytes is on standard
    error, only if that is a terminal and not `quiet`. `waits`: seconds before each new try after failures in
    a row. Raises `UserError` for bad names or addresses, a refusing or lying server, a wrong checksum, a full
    disk, and a folder in use by another download; partial files (`*.part`) are kept for the next time.
    """
    for remote in remotes:
        _check_remote(remote)
    if len({remote.name for remote in remotes}) < len(remotes):
        raise UserError("two addresses were given for one file name; give each file a name of its own")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            _fetch_missing([r for r in remotes if not _remembered(r, folder)], folder, parallel, quiet, waits)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(f"the disk of {folder} is full; make room, and the same command goes on") from None
    return [folder / remote.name for remote in remotes]


def _fetch_missing(
    remotes: list[Remote], folder: Path, parallel: int, quiet: bool, waits: Sequence[float]
) -> None:
    patience = Patience(waits, threading.Event())
    facts = _run([lambda r=r: look(r, patience) for r in remotes], parallel, patience.stop)  # type: ignore[misc]
    missing = [(r, f) for r, f in zip(remotes, facts, strict=True) if not _adopted(r, f, folder)]
    total = sum(fact.size or 0 for _, fact in missing if fact)
    _check_room(folder, total - sum(_size(folder / f"{remote.name}.part") for remote, _ in missing))
    lock = threading.Lock()
    with tqdm(
        total=total or None, unit="B", unit_scale=True, desc="download", disable=True if quiet else None
    ) as bar:

        def advance(count: int) -> None:
            with lock:
                bar.update(count)

        def fetch(remote: Remote) -> None:
            _remember(remote, *Transfer(remote, folder, patience, advance).run())

        _run([lambda r=r: fetch(r) for r, _ in missing], parallel, patience.stop)  # type: ignore[misc]


def _check_remote(remote: Remote) -> None:
    name, scheme = remote.name, urlsplit(remote.url).scheme
    if not name or name.startswith(".") or name.endswith(".part") or any(c in "/\\:\0\n" for c in name):
        raise UserError(f"{name!r} cannot be a file name; give a plain name without folders")
    if scheme not in ("http", "https"):
        raise UserError(f"{remote.url} is not an http or https address; nothing else is fetched")


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"the files need {needed / 1e6:,.1f} MB more, and {folder} has {free / 1e6:,.1f} MB free; "
            "choose fewer classes or another folder"
        )


def _record(remote: Remote, folder: Path) -> Path:
    return folder / f".{remote.name}.verified"


def _remember(remote: Remote, path: Path, facts: Facts) -> None:
    stat = path.stat()
    known = {"url": remote.url, "size": stat.st_size, "modified_ns": stat.st_mtime_ns, "md5": facts.md5}
    write_json(_record(remote, path.parent), known)


def _remembered(remote: Remote, folder: Path) -> bool:
    """Whether the file is there as it was when it was verified."""
    path = folder / remote.name
    try:
        known, stat = read_json(_record(remote, folder)), path.stat()
    except (UserError, OSError):
        return False
    same = (remote.url, stat.st_size, stat.st_mtime_ns)
    return (known.get("url"), known.get("size"), known.get("modified_ns")) == same


def _adopted(remote: Remote, facts: Facts | None, folder: Path) -> bool:
    """Whether an unremembered file turns out to be what the server has; it is remembered then."""
    path = folder / remote.name
    if facts is None or not path.is_file() or facts.fault(path):
        return False
    _remember(remote, path, facts)
    return True


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock on the folder itself, which leaves no file behind and ends with the process."""
    try:
        import fcntl
    except ImportError:  # a system without it trusts its user
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise UserError(
            f"{folder} is in use by another download; wait for it or take another folder"
        ) from None
    finally:
        os.close(handle)


def _run(jobs: Sequence[Callable[[], Result]], parallel: int, stop: threading.Event) -> list[Result]:
    """Results of all jobs in order, from daemon threads, which do not hold up a program that is interrupted.

    The first error, and an interrupt, set `stop` and are raised here.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Result | BaseException]] = queue.SimpleQueue()
    for number in range(len(jobs)):
        waiting.put(number)

    def work() -> None:
        while not stop.is_set():
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, jobs[number]()))
            except BaseException as error:
                done.put((number, error))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(max(parallel, 1), len(jobs)))]
    for thread in threads:
        thread.start()
    results: dict[int, Result] = {}
    try:
        while len(results) < len(jobs):
            number, result = done.get()
            if isinstance(result, BaseException):
                raise result
            results[number] = result
    finally:
        if len(results) < len(jobs):
            stop.set()
        for thread in threads:
            thread.join(timeout=1)
    return [results[number] for number in range(len(jobs))]
