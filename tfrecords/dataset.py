"""A data set folder, read without TensorFlow."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import UserError, shown
from sketchspace.files import read_json
from sketchspace.json_schema import Fields, ListOf, MapOf, Whole
from tfrecords.manifest import Manifest
from tfrecords.png import decode_png
from tfrecords.schema import DOMAINS, Record, parse
from tfrecords.wire import read_records

ANNOTATIONS = "annotations.json"
_TRIPLETS = MapOf(MapOf(ListOf(ListOf(Whole(), 3, 3))))
_ANNOTATED = Fields({}, {"triplets": _TRIPLETS}, others=True)


@dataclass(frozen=True, eq=False)
class Pictures:
    """Examples in memory: `images` uint8 `[n, size, size]` or `[n, size, size, 3]`, 255 paper.

    `labels` and `instances` int32 `[n]`; `domains` uint8 `[n]`, as `tfrecords.schema.DOMAINS` numbers them;
    `keys`, `n` of them; `strokes`, where they were asked for, float32 `[points, 3]` each.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]
    instances: NDArray[np.int32]
    domains: NDArray[np.uint8]
    keys: list[str]
    strokes: list[NDArray[np.float32]] | None = None


@dataclass(frozen=True)
class DatasetFolder:
    """A folder written by `python -m preprocess`: shards and their manifest."""

    path: Path
    manifest: Manifest

    @staticmethod
    def open(path: Path) -> DatasetFolder:
        """Open a folder; a missing or foreign folder is a `UserError`."""
        return DatasetFolder(path, Manifest.load(path))

    def next_command(self) -> str:
        """What a user types next: train the network that serves such data best."""
        model = "twin_resnet" if self.manifest.has_photos else "sknet"
        return f"python train.py --model={model} --data={self.path} --run=runs/{model}"

    def shard_paths(self, split: str) -> list[Path]:
        """Paths of a split's shards in order; a missing shard, or one of another size, is a `UserError`.

        Every reader begins here, so none reads a part of a split without a word.
        """
        paths = [self.path / name for name in self.manifest.shard_files(split)]
        for path in paths:
            if not path.is_file():
                raise UserError(f"shard {path} is missing; make the data set again")
            size, expected = path.stat().st_size, self.manifest.shards[path.name]["bytes"]
            if size != expected:
                raise UserError(
                    f"{path}: {size:,} bytes, the manifest says {expected:,}; make the data set again"
                )
        return paths

    def records(self, split: str) -> Iterator[Record]:
        """Yield a split's records in stored order, checking every checksum."""
        for path in self.shard_paths(split):
            yield from shard_records(path)

    def whole(self, split: str) -> Iterator[Record]:
        """As `records`, a `UserError` at the end unless they are as many as the manifest says; never more."""
        total, count = self.manifest.num_examples(split), 0
        for count, record in enumerate(self.records(split), 1):
            if count <= total:
                yield record
        self.check_count(split, count)

    def check_count(self, split: str, count: int, domain: str | None = None) -> None:
        """Raise `UserError` unless a split has `count` records, or so many of a domain, by the manifest."""
        total = self.manifest.num_examples(split, domain)
        if count != total:
            raise UserError(
                f"split '{split}' of {self.path} holds {count:,} {f'{domain}s' if domain else 'records'}, "
                f"its manifest says {total:,}; make the data set again"
            )

    def strokes_of(self, record: Record) -> NDArray[np.float32]:
        """The strokes of one of the folder's records, as in `Record`; a record without is a `UserError`."""
        if record.strokes is None or not len(record.strokes):
            raise UserError(
                f"record {shown(record.key)} of {self.path} has no strokes; make the data set again"
            )
        return record.strokes

    def images(self, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int32], list[str]]:
        """A split in memory: images uint8 `[n, size, size]` (255 paper), labels int32 `[n]`, keys.

        Raises `UserError` where the shards hold another number of records than the manifest says.
        """
        found = self.pictures(split)
        return found.images, found.labels, found.keys

    def pictures(self, split: str, domain: str | None = None, strokes: bool = False) -> Pictures:
        """A split, or its sketches or photos alone, in memory and in stored order; with `strokes`, those too.

        Raises `UserError` where the shards hold another number of records than the manifest says, and for a
        record without strokes where they are asked for.
        """
        manifest, row = self.manifest, 0
        size, channels = manifest.image_size, manifest.channels
        total = manifest.num_examples(split, domain)
        images = np.empty((total, size, size, channels)[: 3 if channels == 1 else 4], np.uint8)
        numbers = np.empty((3, total), np.int32)
        keys: list[str] = []
        points: list[NDArray[np.float32]] | None = [] if strokes else None
        for record in self.whole(split):
            if domain in (None, record.domain) and row < total:
                images[row] = decode_image(record, size, channels)
                numbers[:, row] = record.label, record.instance, DOMAINS.index(record.domain)
                keys.append(record.key)
                if points is not None:
                    points.append(self.strokes_of(record))
                row += 1
        self.check_count(split, row, domain)
        return Pictures(images, numbers[0], numbers[1], numbers[2].astype(np.uint8), keys, points)

    def shown(self, split: str, keys: Collection[str]) -> dict[str, NDArray[np.uint8]]:
        """Photos as people see them, uint8 `[size, size, 3]` by key, for those of `keys` that have one."""
        chosen = (record for record in self.records(split) if record.shown is not None and record.key in keys)
        return {record.key: decode_shown(record, self.manifest.image_size) for record in chosen}

    def annotations(self) -> dict[str, Any]:
        """What people said of the examples, from `annotations.json`; empty where there is none.

        `triplets`: split -> class -> `[[anchor, closer, farther], ...]`, the sketch's and two photos'
        instances; `attributes`: class -> `names`, and `values` instance -> 0 or 1 for each name. Raises
        UserError where triplets are stored otherwise.
        """
        file = self.path / ANNOTATIONS
        return read_json(file, _ANNOTATED, "make the data set again") if file.is_file() else {}


def shard_records(path: Path) -> Iterator[Record]:
    """Yield one shard's records; what cannot be read is a `UserError` naming the record."""
    return (record for record, _ in sized_records(path))


def sized_records(path: Path) -> Iterator[tuple[Record, int]]:
    """As `shard_records`, each record with how many bytes it has without the frame around it."""
    for index, data in enumerate(read_records(path)):
        try:
            yield parse(data), len(data)
        except ValueError as error:
            raise UserError(
                f"{path}: record {index} cannot be read ({shown(error)}); make the data set again"
            ) from None


def decode_image(record: Record, size: int, channels: int = 1) -> NDArray[np.uint8]:
    """A record's picture, uint8 `[size, size]`, or `[size, size, 3]` of three channels.

    A missing, damaged or other-sized one is a `UserError`.
    """
    if record.image is None:
        raise UserError(f"record {shown(record.key)} has no image; make the data set again")
    return _decoded(record.image, record.key, size, channels)


def decode_shown(record: Record, size: int) -> NDArray[np.uint8]:
    """A record for people, uint8 `[size, size, 3]`: `shown`, or else `image`; errors as `decode_image`."""
    if record.shown is None:
        return decode_image(record, size, 3)
    return _decoded(record.shown, record.key, size, 3)


def _decoded(png: bytes, key: str, size: int, channels: int) -> NDArray[np.uint8]:
    try:
        return decode_png(png, size, channels)
    except ValueError as error:
        raise UserError(f"the picture of record {shown(key)} is {error}; make the data set again") from None
