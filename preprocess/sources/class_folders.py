"""Folders and zip archives of class folders: which file belongs to which class, and which to none."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from preprocess.classes import clean_name
from preprocess.sources.archives import Listed, list_files, unpack
from preprocess.sources.drawn import SUFFIXES
from preprocess.sources.left_out import drop_unread
from preprocess.spec import Bad, Chunk, drop
from preprocess.splits import SPLIT_FOLDERS
from sketchspace.errors import UserError

MAX_MEMBERS = 400_000
MAX_DEPTH = 6
"""Of folders within folders; what lies deeper is not looked for."""


@dataclass(frozen=True)
class _Entry:
    """A file, or a folder without files (`file` None), by the parts of its path in the source."""

    parts: tuple[str, ...]
    path: Path
    file: Listed | None = None


@dataclass
class _Class:
    word: str
    split: int
    files: list[Listed]


def class_chunks(
    source: Path, several: bool, scratch: Path, dropped: Counter[str], bad: list[Bad]
) -> list[Chunk]:
    """One chunk for each class folder, also for those without a picture; where all are splits, those inside.

    A single folder around the class folders is passed over. Files and folders that are left out are counted
    in `dropped`. Members of an archive are unpacked into `scratch`, never under their own names. `several`
    sources are told apart by their names. Raises `UserError` for another layout and a name that is no class.
    """
    entries = list(_of_archive(source) if zipfile.is_zipfile(source) else _of_folder(source))
    depth = _depth_of_classes(entries)
    if depth is None:
        files = [entry.parts[-1] for entry in entries]
        held = f" but {len(files):,} files such as {files[0]!a}" if files else ""
        raise UserError(f"{source} has no class folders{held}; expected <class>/*.png inside it")
    classes = _sorted_out(entries, depth, dropped, bad)
    chunks, front = [], f"{source.name}/" if several else ""
    for number, (folder, found) in enumerate(classes.items()):
        place = scratch / f"{source.stem}-{number:05d}"
        packed = any(file.member for file in found.files)
        if packed:
            place.mkdir(parents=True)
        paths = unpack(found.files, place) if packed else [file.path for file in found.files]
        inside = [front + file.origin for file in found.files]
        members = tuple((str(path), origin) for path, origin in zip(paths, inside, strict=True))
        path = place if zipfile.is_zipfile(source) else source.joinpath(*folder)
        chunks.append(Chunk(path, front + "/".join(folder), found.word, split=found.split, members=members))
    return chunks


def _of_folder(source: Path) -> Iterator[_Entry]:
    if not source.is_dir():
        raise UserError(
            f"{source} is not a folder or zip archive; expected <class>/*.png inside --source, unpacked"
        )
    yield from _walk(source, ())


def _walk(folder: Path, parts: tuple[str, ...]) -> Iterator[_Entry]:
    children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    if not children and parts:
        yield _Entry(parts, folder)
    for child in children:
        inner = (*parts, child.name)
        if child.is_dir():
            yield from _walk(child, inner) if len(parts) < MAX_DEPTH else [_Entry(inner, child)]
        else:
            yield _Entry(inner, child, Listed(child, "/".join(inner)))


def _of_archive(source: Path) -> Iterator[_Entry]:
    """The members of an archive; those whose path leads out of it are at no place of a class."""
    for file in list_files(source, "picture", ("",), MAX_MEMBERS):
        inside = file.origin.removeprefix(f"{source.name}/")
        parts = tuple(inside.split("/"))
        lost = ".." in parts or "" in parts
        yield _Entry(("", *parts) if lost else parts, source, Listed(file.path, inside, file.member))


def _depth_of_classes(entries: list[_Entry]) -> int | None:
    """How many folders lead to a class, itself included; None where there are no folders at all."""
    depth = 1
    inner = [entry for entry in entries if entry.parts[0] and (len(entry.parts) > 1 or entry.file is None)]
    if not inner:
        return None
    while True:
        tops = {entry.parts[depth - 1] for entry in inner}
        if {top.lower() for top in tops} <= set(SPLIT_FOLDERS):
            return depth + 1
        pictures = [entry for entry in inner if entry.file and entry.parts[-1].lower().endswith(SUFFIXES)]
        wrapped = len(tops) == 1 and pictures and all(len(entry.parts) > depth + 1 for entry in pictures)
        deeper = [entry for entry in inner if len(entry.parts) > depth]
        if not wrapped or depth >= MAX_DEPTH or not deeper:
            return depth
        inner, depth = (
            [entry for entry in deeper if len(entry.parts) > depth + (entry.file is not None)],
            depth + 1,
        )


def _sorted_out(
    entries: list[_Entry], depth: int, dropped: Counter[str], bad: list[Bad]
) -> dict[tuple[str, ...], _Class]:
    """The classes by their folders, each with its pictures; whatever is no picture of a class is counted."""
    found: dict[tuple[str, ...], _Class] = {}
    for entry in entries:
        origin = "/".join(entry.parts)
        shown = origin if origin.isprintable() else ascii(origin)
        if entry.parts[0] and len(entry.parts) >= depth + (entry.file is not None):
            folder = entry.parts[:depth]
            if folder not in found:
                found[folder] = _class(folder, entry.path if entry.file is None else entry.path.parent)
        if entry.file is None:
            continue
        if not entry.parts[-1].lower().endswith(SUFFIXES):
            drop_unread(origin, dropped, bad)
        elif len(entry.parts) == depth + 1 and entry.parts[0]:
            found[folder].files.append(entry.file)
        elif len(entry.parts) > depth + 1 and entry.parts[0]:
            drop(Bad("nested_folder", "it lies in a folder inside a class folder", shown), dropped, bad)
        else:
            drop(Bad("misplaced", "it lies in no class folder", shown.lstrip("/")), dropped, bad)
    return dict(sorted(found.items()))


def _class(folder: tuple[str, ...], path: Path) -> _Class:
    word = clean_name(folder[-1].replace("_", " "))
    if word is None:
        raise UserError(f"the folder {str(path)!r} cannot name a class; rename it")
    split = SPLIT_FOLDERS.get(folder[-2].lower(), -1) if len(folder) > 1 else -1
    return _Class(word, split, [])


def domain_names(source: Path) -> set[str]:
    """The names of folders, in small letters, that an archive's members lie in, and its own."""
    with zipfile.ZipFile(source) as archive:
        folders = {part.lower() for name in archive.namelist() for part in name.split("/")[:-1]}
    return {*folders, source.stem.lower()}
