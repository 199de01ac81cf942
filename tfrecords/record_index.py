"""Where every record of a split is, and what is needed to choose among them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tfrecords.dataset import DatasetFolder, sized_records
from tfrecords.schema import DOMAINS
from tfrecords.wire import FRAME_HEAD, FRAME_TAIL

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RecordIndex:
    """A split's records in stored order: `shard`, `start`, `size` (bytes), `label`, `instance`, `domain`.

    Each is int64 `[n]`; `domain` is as `tfrecords.schema.DOMAINS` numbers them.
    """

    folder: DatasetFolder
    split: str
    shard: Rows
    start: Rows
    size: Rows
    label: Rows
    instance: Rows
    domain: Rows

    @staticmethod
    def of(folder: DatasetFolder, split: str) -> RecordIndex:
        """Look through all shards of a split once, checking every record; what is wrong is a `UserError`."""
        rows = []
        for number, path in enumerate(folder.shard_paths(split)):
            at = FRAME_HEAD
            for record, size in sized_records(path):
                domain = DOMAINS.index(record.domain)
                rows.append((number, at, size, record.label, record.instance, domain))
                at += size + FRAME_TAIL + FRAME_HEAD
        folder.check_count(split, len(rows))
        return RecordIndex(folder, split, *np.array(rows, np.int64).reshape(-1, 6).T.copy())

    @cached_property
    def _maps(self) -> list[np.memmap]:
        return [np.memmap(path, np.uint8, mode="r") for path in self.folder.shard_paths(self.split)]

    def serialised(self, rows: Rows) -> NDArray[np.object_]:
        """The records at `rows` int64 `[m]` as the shards hold them, bytes `[m]`."""
        found = [
            self._maps[shard][start : start + size].tobytes()
            for shard, start, size in zip(self.shard[rows], self.start[rows], self.size[rows], strict=True)
        ]
        return np.array(found, object)
