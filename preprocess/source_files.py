"""What the examples come from: names, sizes and checksums for the manifest, and whether they have changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocess.spec import Found
from sketchspace.files import sha256_of

Stamp = tuple[str, int, int]


@dataclass(frozen=True)
class Source:
    """A file or a folder of images that is read, under the name that the user knows."""

    name: str
    path: Path

    def files(self) -> list[Path]:
        """The file itself, or those of the folder."""
        return sorted(p for p in self.path.iterdir() if p.is_file()) if self.path.is_dir() else [self.path]

    def entry(self) -> dict[str, Any]:
        """Name, bytes and SHA-256; for a folder, of the names and checksums of its files."""
        files = self.files()
        size = sum(path.stat().st_size for path in files)
        if not self.path.is_dir():
            return {"name": self.name, "bytes": size, "sha256": sha256_of(self.path)}
        digest = hashlib.sha256()
        for path in files:
            digest.update(f"{path.name}\0{sha256_of(path)}\n".encode(errors="surrogateescape"))
        return {"name": f"{self.name}/", "files": len(files), "bytes": size, "sha256": digest.hexdigest()}


def used_sources(given: Sequence[Path], found: Found) -> list[Source]:
    """The files and folders that are read, archives as a whole, sorted by name."""
    read = {chunk.path: chunk.origin for chunk in found.chunks if not chunk.pictures}
    for chunk in found.chunks:
        for picture in chunk.pictures:
            read.setdefault(picture.path.parent, picture.origin.rpartition("/")[0] or ".")
    read.update(dict(found.extra_files))
    used = {path: path.name for path in given if path.is_file()}
    for path, origin in read.items():
        if path not in used and (not given or any(path.is_relative_to(folder) for folder in given)):
            used[path] = origin
    return sorted((Source(name, path) for path, name in used.items()), key=lambda source: source.name)


def stamps(sources: Iterable[Source]) -> Iterator[Stamp]:
    """Path, size and time of change of every file."""
    for source in sources:
        for path in source.files():
            stat = path.stat()
            yield str(path), stat.st_size, stat.st_mtime_ns
