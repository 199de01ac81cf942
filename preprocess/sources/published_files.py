"""Files of published data sets, wherever they lie: loose, in zip archives, or in zip archives in a folder."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from preprocess.sources.archives import Listed, list_files
from preprocess.spec import Options

SPLITS = {"train": 0, "test": 2}
"""The published splits, and their numbers in `SPLIT_NAMES`."""


def listed_files(sources: list[Path]) -> Iterator[tuple[str, Listed]]:
    """Every file of the sources with its path inside, which begins with the folder's name; loose ones first.

    Archives that lie in a folder are looked into. Raises `UserError` as `list_files` does.
    """
    for source in sources:
        archives = [] if source.is_dir() or not zipfile.is_zipfile(source) else [source]
        for file in list_files(source, "") if not archives else []:
            if file.path.suffix.lower() == ".zip" and zipfile.is_zipfile(file.path):
                archives.append(file.path)
            else:
                yield f"{source.name}/{file.origin}", file
        for archive in archives:
            for file in list_files(archive, ""):
                yield file.origin, file


def source_of(file: Listed) -> tuple[Path, str]:
    """What stands in the list of sources for a file: its archive, the folder of a picture, or the file."""
    if file.member is not None:
        return file.path, file.path.name
    if file.path.suffix.lower() in (".jpg", ".jpeg", ".png"):
        return file.path.parent, file.origin.rpartition("/")[0] or "."
    return file.path, file.origin


def validation_objects(word: str, numbers: Iterable[int], options: Options) -> set[int]:
    """The share of the published training objects that is for validation, drawn by seed."""
    ranked = sorted(numbers, key=lambda number: options.rank(f"{word}/{number}"))
    return set(ranked[: round(options.validation_share * len(ranked))])
