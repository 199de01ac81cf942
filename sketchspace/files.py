"""Writing that never leaves half a file under a final name."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from sketchspace.errors import UserError, shown
from sketchspace.json_schema import Free, Kind

MAX_JSON_BYTES = 32 << 20
_ANYTHING = Free()


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes, read in one-megabyte pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file or nothing: under a temporary name, flushed, then renamed."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys and a final newline, whole or not at all.

    Raises ValueError for NaN and infinity, which are not JSON.
    """
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path, kind: Kind = _ANYTHING, again: str = "make the folder again") -> dict[str, Any]:
    """Read a JSON object of the given kind; a missing, broken, far too large or other file is a `UserError`.

    Whatever the kind, it nests no deeper than `Free` allows, and holds no NaN and no number of more than 64
    bits. `again` says what the user may try.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_JSON_BYTES + 1)
    except FileNotFoundError:
        raise UserError(f"no {path.name} in {path.parent}; is this the right folder?") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read as JSON ({error.strerror}); {again}") from None
    if len(text) > MAX_JSON_BYTES:
        raise UserError(f"{path} has more than {MAX_JSON_BYTES >> 20} MB; {again}")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UserError(f"{path} cannot be read as JSON ({shown(error)}); {again}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} holds {type(value).__name__}, expected a JSON object")
    check_json(path, value, kind, again)
    return value


def check_json(path: Path, value: object, kind: Kind, again: str = "make the folder again") -> None:
    """Raise `UserError` naming `path` and the first thing in which a value is not of the given kind."""
    wrong = kind.wrong(value, "")
    if wrong:
        raise UserError(f"{path} is wrong: {wrong}; {again}")


@contextmanager
def partial_folder(path: Path) -> Iterator[Path]:
    """Yield a fresh temporary folder `.NAME.PID.partial` beside `path`, which is removed in the end.

    What a killed process has left of one is removed by the next that writes the same `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a fresh temporary folder beside `path`; it becomes `path` only if the block succeeds.

    An existing `path` is replaced as a whole. After an error the temporary folder is removed.
    """
    with partial_folder(path) as partial:
        yield partial
        replace_folder(partial, path)


def replace_folder(source: Path, target: Path) -> None:
    """Rename folder `source` to `target`, moving an older `target` out of the way first."""
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    if target.exists():
        target.rename(old)
    source.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _sweep(path: Path) -> None:
    """Remove what processes that are gone have left beside `path`, and bring back what one had put aside."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.([1-9]\d{{0,9}})\.(partial|old)")
    for left in list(path.parent.iterdir()):
        match = ours.fullmatch(left.name)
        if match is None or left.is_symlink() or not left.is_dir() or _is_running(int(match[1])):
            continue
        if match[2] == "old" and not path.exists():
            left.rename(path)  # it was killed between the two renames
        else:
            shutil.rmtree(left, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
