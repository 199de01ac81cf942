"""A data set folder, read without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from tfrecords.manifest import Manifest
from tfrecords.png import decode_png
from tfrecords.schema import Record, parse
from tfrecords.wire import read_records


@dataclass(frozen=True)
class DatasetFolder:
    """A folder written by `python -m preprocess`: shards and their manifest."""

    path: Path
    manifest: Manifest

    @staticmethod
    def open(path: Path) -> DatasetFolder:
        """Open a folder; a missing or foreign folder is a `UserError`."""
        return DatasetFolder(path, Manifest.load(path))

    def shard_paths(self, split: str) -> list[Path]:
        """Paths of a split's shards in order; a missing shard is a `UserError`."""
        paths = [self.path / name for name in self.manifest.shard_files(split)]
        for path in paths:
            if not path.is_file():
                raise UserError(f"shard {path} is missing; make the data set again")
        return paths

    def records(self, split: str) -> Iterator[Record]:
        """Yield a split's records in stored order, checking every checksum."""
        for path in self.shard_paths(split):
            yield from shard_records(path)

    def images(self, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int32], list[str]]:
        """A split in memory: images uint8 `[n, size, size]` (255 paper), labels int32 `[n]`, keys.

        Raises `UserError` where the shards hold another number of records than the manifest says.
        """
        size, total = self.manifest.image_size, self.manifest.num_examples(split)
        images = np.empty((total, size, size), np.uint8)
        labels = np.empty(total, np.int32)
        keys: list[str] = []
        for row, record in enumerate(self._all(split)):
            images[row] = decode_image(record, size)
            labels[row] = record.label
            keys.append(record.key)
        return images, labels, keys

    def strokes(self, split: str) -> list[NDArray[np.float32]]:
        """The strokes of a split in the order of `images`: float32 `[points, 3]` each, as in `Record`.

        Raises `UserError` for a record without strokes, and as `images` does.
        """
        drawings = []
        for record in self._all(split):
            if record.strokes is None or not len(record.strokes):
                raise UserError(f"record {record.key} of {self.path} has no strokes; make the data set again")
            drawings.append(record.strokes)
        return drawings

    def _all(self, split: str) -> Iterator[Record]:
        """A split's records; a `UserError` unless they are as many as the manifest says."""
        total, count = self.manifest.num_examples(split), 0
        for count, record in enumerate(self.records(split), 1):
            if count <= total:
                yield record
        if count != total:
            raise UserError(
                f"split '{split}' of {self.path} holds {count:,} records, its manifest says {total:,}; "
                "make the data set again"
            )


def shard_records(path: Path) -> Iterator[Record]:
    """Yield one shard's records; what cannot be read is a `UserError` naming the record."""
    for index, data in enumerate(read_records(path)):
        try:
            yield parse(data)
        except ValueError as error:
            raise UserError(
                f"{path}: record {index} cannot be read ({error}); make the data set again"
            ) from None


def decode_image(record: Record, size: int) -> NDArray[np.uint8]:
    """A record's picture, uint8 `[size, size]`; a missing, damaged or other-sized one is a `UserError`."""
    if record.image is None:
        raise UserError(f"record {record.key} has no image; make the data set again")
    try:
        return decode_png(record.image, size)
    except ValueError as error:
        raise UserError(f"the picture of record {record.key} is {error}; make the data set again") from None
