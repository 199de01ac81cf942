"""The items of a gallery: one line of JSON each, read only where needed."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

from sketchspace.errors import UserError, shown

FILE_NAME = "items.jsonl"
THUMBNAILS = "thumbnails"
PER_FOLDER = 1000
_BLOCK_BYTES = 1 << 24
_MAX_LINE_BYTES = 1 << 16


@dataclass(frozen=True)
class Item:
    """One indexed drawing or photo: where it came from, and its class.

    `instance` is -1 without pairs. A photo of a plain folder has its path there as `key`, the SHA-256 of its
    file as `checksum`, label -1 and no class name.
    """

    index: int
    key: str
    label: int
    class_name: str
    domain: str
    instance: int
    checksum: str = ""

    @property
    def path(self) -> str:
        """Its thumbnail, relative to the gallery's folder."""
        return thumbnail_path(self.index)

    def to_line(self) -> bytes:
        """One line for `items.jsonl`, newline included."""
        values = {name: value for name, value in vars(self).items() if name != "checksum" or value}
        return orjson.dumps({**values, "path": self.path}, option=orjson.OPT_APPEND_NEWLINE)


def thumbnail_path(index: int) -> str:
    """Where thumbnail `index` lies: a thousand a folder, as `thumbnails/00012/00012345.png`."""
    return f"{THUMBNAILS}/{index // PER_FOLDER:05d}/{index:08d}.png"


class ItemFile:
    """`items.jsonl` on disk; a line is parsed and checked when it is asked for.

    A gallery of a million items opens without a million Python objects. The file stays open, so that its
    items can be read after the gallery's folder was replaced by a newer one.
    """

    def __init__(
        self, path: Path, file: BinaryIO, starts: NDArray[np.int64], classes: tuple[str, ...]
    ) -> None:
        self._path, self._file, self._starts, self._classes = path, file, starts, classes

    @staticmethod
    def open(path: Path, num_items: int, classes: tuple[str, ...]) -> ItemFile:
        """Find the lines of a file; another number of them than `num_items` is a `UserError`."""
        try:
            file = path.open("rb")
            starts = _line_starts(file, path)
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read ({error}); build the gallery again") from None
        if len(starts) - 1 != num_items:
            raise UserError(
                f"{path} has {len(starts) - 1} items, expected {num_items}; build the gallery again"
            )
        return ItemFile(path, file, starts, classes)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[Item]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Item:
        """Item `index`; raises `UserError` where its line is not what a gallery writes."""
        start, end = (int(value) for value in self._starts[index : index + 2])
        if end - start > _MAX_LINE_BYTES:
            raise UserError(
                f"{self._path} line {index + 1} has {end - start:,} bytes; build the gallery again"
            )
        return self._parse(index, os.pread(self._file.fileno(), end - start, start))

    def _parse(self, index: int, line: bytes) -> Item:
        try:
            values = orjson.loads(line)
            path = values.pop("path")
            item = Item(**values)
            sound = all(
                isinstance(text, str)
                for text in (item.key, item.class_name, item.domain, item.checksum, path)
            )
            sound = sound and type(item.label) is int and type(item.instance) is int
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
            raise UserError(
                f"{self._path} line {index + 1} is not an item; build the gallery again"
            ) from None
        # The path is checked, never followed: a thumbnail's place follows from its number alone.
        if not sound or item.index != index or path != thumbnail_path(index):
            raise UserError(
                f"{self._path} line {index + 1} does not describe item {index}; build the gallery again"
            )
        known = 0 <= item.label < len(self._classes) and self._classes[item.label] == item.class_name
        if not self._classes:
            known = (item.label, item.class_name) == (-1, "")
        if not known:
            name, label = shown(item.class_name), shown(item.label)
            raise UserError(f"{self._path} line {index + 1}: class '{name}' is not number {label}")
        return item


def _line_starts(file: BinaryIO, path: Path) -> NDArray[np.int64]:
    """Offset of each line and of the end, int64 `[lines + 1]`; every line must end with a newline."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        size = len(data)
        ends = [
            np.flatnonzero(np.frombuffer(data[start : start + _BLOCK_BYTES], np.uint8) == ord("\n"))
            + start
            + 1
            for start in range(0, size, _BLOCK_BYTES)
        ]
    starts = np.concatenate([np.zeros(1, np.int64), *ends])
    if starts[-1] != size:
        raise UserError(f"{path} breaks off in the middle of a line; build the gallery again")
    return starts
