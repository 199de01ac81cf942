"""Files of published data sets, wherever they lie: loose, in zip archives, or in zip archives in a folder."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from preprocess.sources.archives import Listed, list_files
from preprocess.spec import SPLIT_NAMES, Options

SPLITS = {name: SPLIT_NAMES.index(name) for name in ("train", "test")}
"""The published splits, and their numbers in `SPLIT_NAMES`."""
VALIDATION = SPLIT_NAMES.index("validation")


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


def with_validation(
    word: str, published: Iterable[tuple[int, int]], options: Options
) -> dict[tuple[int, int], int]:
    """The split of every object of a class, where some of the published training objects are for validation.

    `published` is pairs of an object's number and its published split, as `SPLIT_NAMES` numbers them, -1 for
    none; a pair may come often. The answer has each pair once. Validation takes `options.validation_share` of
    the training objects, drawn by seed; all others stay where they are.
    """
    pairs = set(published)
    train = [number for number, split in pairs if split == SPLITS["train"]]
    train.sort(key=lambda number: options.rank(f"{word}/{number}"))
    held = set(train[: round(options.validation_share * len(train))])
    return {
        (number, split): VALIDATION if split == SPLITS["train"] and number in held else split
        for number, split in pairs
    }
