"""Files of a kind from folders, zip archives and single paths; an archive is not trusted."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sketchspace.errors import UserError, shown

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 8 << 30
MAX_RATIO = 200
"""How many times larger a member may unpack; ndjson packs to about a quarter."""
_FREE_RATIO = 16 << 20  # below this size the ratio is nobody's concern


@dataclass(frozen=True)
class Listed:
    """A file that can be read, `path`, or a member of the archive `path` that must be unpacked first.

    `origin` is how the user knows it: relative to the folder or archive that was given.
    """

    path: Path
    origin: str
    member: zipfile.ZipInfo | None = None


def unpack(files: list[Listed], folder: Path) -> list[Path]:
    """The paths to read, in the same order; members are copied into `folder` under names of our own.

    Raises `UserError` for a damaged archive and where the members would not fit on the disk.
    """
    _check_room(files, folder)
    archives: dict[Path, zipfile.ZipFile] = {}
    paths = []
    with ExitStack() as stack:
        for number, file in enumerate(files):
            if file.member is None:
                paths.append(file.path)
                continue
            if file.path not in archives:
                archives[file.path] = stack.enter_context(zipfile.ZipFile(file.path))
            target = folder / f"{number:05d}"
            try:
                _copy(archives[file.path], file.member, target)
            except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
                raise UserError(
                    f"{file.origin} cannot be unpacked ({shown(error, 200)}); get the archive again"
                ) from None
            paths.append(target)
    return paths


def list_files(source: Path, suffix: str, suffixes: tuple[str, ...] = (), most: int = 0) -> list[Listed]:
    """The files with a suffix in a folder (with its subfolders) or zip archive, sorted, or the file itself.

    With `suffixes` (in small letters) those files are listed, and `suffix` only says what they are. An
    archive may have `most` of them (0: 20,000). Raises `UserError` where there is nothing to read or an
    archive is hostile.
    """
    if source.is_dir():
        paths = [path for path in source.rglob("*") if _fits(path.name, suffix, suffixes) and path.is_file()]
        found = [Listed(path, path.relative_to(source).as_posix()) for path in paths]
    elif not source.is_file():
        raise UserError(f"no source {source}; give a folder, a .zip or {suffix} files")
    elif not zipfile.is_zipfile(source):
        return [Listed(source, source.name)]
    else:
        found = _members(source, suffix, suffixes, most or MAX_MEMBERS)
    shown = sorted((file for file in found if not is_hidden(file.origin)), key=lambda file: file.origin)
    for file in shown:
        if not file.origin.isprintable():
            raise UserError(f"{source} holds {file.origin!a}, a name that cannot be printed; rename it")
    if not shown:
        raise UserError(f"{source} holds no {suffix} file; give the folder or archive that does")
    return shown


def _fits(name: str, suffix: str, suffixes: tuple[str, ...]) -> bool:
    return name.lower().endswith(suffixes) if suffixes else name.endswith(suffix)


def _members(source: Path, suffix: str, suffixes: tuple[str, ...], most: int) -> list[Listed]:
    try:
        with zipfile.ZipFile(source) as archive:
            members = [
                m for m in archive.infolist() if _fits(m.filename, suffix, suffixes) and not m.is_dir()
            ]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UserError(f"{source} cannot be read as a zip archive ({shown(error)}); get it again") from None
    if len(members) > most:
        raise UserError(f"{source} has {len(members):,} {suffix} members, at most {most:,} are read")
    for member in members:
        _check_member(source, member)
    return [Listed(source, f"{source.name}/{member.filename}", member) for member in members]


def _check_room(files: list[Listed], folder: Path) -> None:
    needed = sum(file.member.file_size for file in files if file.member)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"the archive unpacks to {needed / 1e6:,.0f} MB and {folder.parent} has {free / 1e6:,.0f} MB "
            "free; make room, or unpack a part of it and give the folder"
        )


def _check_member(source: Path, member: zipfile.ZipInfo) -> None:
    size, packed = member.file_size, max(member.compress_size, 1)
    if size > MAX_MEMBER_BYTES or (size > _FREE_RATIO and size / packed > MAX_RATIO):
        raise UserError(
            f"{source.name}/{member.filename} unpacks from {packed:,} to {size:,} bytes, which no archive of "
            "drawings does; if you trust it, unpack it yourself and give the folder"
        )


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    with archive.open(member) as packed, target.open("wb") as file:
        left = member.file_size
        while piece := packed.read(1 << 20):
            left -= len(piece)
            if left < 0:
                raise zipfile.BadZipFile("it is larger than it says")
            file.write(piece)


def is_hidden(origin: str) -> bool:
    """Whether a file is not meant for the user, such as the `__MACOSX/._cat.ndjson` of a Mac's archives."""
    parts = [part for part in origin.split("/") if part != ".."]
    return any(part.startswith((".", "__MACOSX")) for part in parts)
