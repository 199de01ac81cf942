"""What worker processes do: look through a chunk, write a shard."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from preprocess.plan import Plan
from preprocess.registry import dataset_spec
from preprocess.spec import Chunk, Index, Options, Origin
from sketchspace.errors import UserError
from tfrecords.schema import DOMAINS, Domain, Record
from tfrecords.writer import write_shard

MAX_OPEN_FILES = 128


@dataclass(frozen=True)
class ShardTask:
    """All that a worker needs to write one shard: rows `start`..`stop` of a split of the plan in `plan`."""

    dataset: str
    options: Options
    plan: Path
    plan_id: int
    split: str
    start: int
    stop: int
    path: Path
    done: Path


def index_chunk(dataset: str, options: Options, chunk: Chunk) -> Index:
    """Look through one chunk of a source."""
    return dataset_spec(dataset).index(chunk, options)


def write_task(task: ShardTask) -> dict[str, Any]:
    """Write one shard and its summary; returns the summary."""
    return write_shard(task.path, _records(task), task.done)


def _records(task: ShardTask) -> Iterator[Record]:
    plan, read, options = _load(task.plan, task.plan_id), dataset_spec(task.dataset).read, task.options
    rows = plan.rows(task.split, task.start, task.stop)
    columns = [rows[name].tolist() for name in ("file", "offset", "length", "word", "domain", "instance")]
    with _SourceFiles() as files:
        for number, offset, length, label, domain, instance in zip(*columns, strict=True):
            path, name = plan.files[number]
            data = files.read(path, offset, length)
            if len(data) != length:
                raise changed(name)
            try:
                word, kind = plan.classes[label], cast(Domain, DOMAINS[domain])
                yield read(data, Origin(name, word, label, kind, instance), options)
            except (ValueError, UserError):
                raise changed(name) from None


def changed(name: str) -> UserError:
    """The error for a source that is not what it was when it was indexed."""
    return UserError(f"{name} was changed while it was being read; give the same command again")


@lru_cache(maxsize=1)
def _load(path: Path, plan_id: int) -> Plan:
    """The plan, once a process; `plan_id` tells plans in the same place apart."""
    plan = Plan.load(path)
    if plan is None:
        raise UserError(f"the plan in {path} is gone; give the same command again")
    return plan


class _SourceFiles:
    """Reads pieces of files and keeps the last few files open."""

    def __init__(self) -> None:
        self._handles: OrderedDict[str, int] = OrderedDict()

    def __enter__(self) -> _SourceFiles:
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles.values():
            os.close(handle)

    def read(self, path: str, offset: int, length: int) -> bytes:
        handle = self._handles.get(path)
        if handle is None:
            if len(self._handles) >= MAX_OPEN_FILES:
                os.close(self._handles.popitem(last=False)[1])
            handle = self._handles[path] = os.open(path, os.O_RDONLY)
        return os.pread(handle, length, offset)
