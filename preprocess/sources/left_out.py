"""Files that are not read for their kind: counted by suffix, so that nothing vanishes silently."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from preprocess.sources.archives import is_hidden
from preprocess.spec import Bad, drop

_OF_THE_SYSTEM = ("thumbs.db", "desktop.ini")
_ARCHIVES = (".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip")


def drop_unread(origin: str, dropped: Counter[str], bad: list[Bad]) -> None:
    """Count a file under `not_read_<suffix>`; what systems leave in folders is passed over."""
    name = PurePosixPath(origin).name
    if is_hidden(origin) or name.lower() in _OF_THE_SYSTEM:
        return
    suffix = PurePosixPath(name).suffix.lower()
    plain = suffix[1:] if suffix[1:].isalnum() and suffix.isascii() and len(suffix) < 10 else "other"
    detail = "files of this kind are not read"
    if suffix in _ARCHIVES:
        detail = "an archive within is not read; unpack it"
    drop(Bad(f"not_read_{plain}", detail, origin if origin.isprintable() else ascii(origin)), dropped, bad)


def drop_others(source: Path, suffixes: tuple[str, ...], dropped: Counter[str], bad: list[Bad]) -> None:
    """Count the files of a folder or zip archive that end in none of `suffixes` (in small letters)."""
    for origin in sorted(_names(source)):
        if not origin.lower().endswith(suffixes):
            drop_unread(origin, dropped, bad)


def _names(source: Path) -> Iterator[str]:
    if source.is_dir():
        for parent, _, files in os.walk(source):
            yield from (Path(parent, name).relative_to(source).as_posix() for name in files)
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            yield from (f"{source.name}/{m.filename}" for m in archive.infolist() if not m.is_dir())
