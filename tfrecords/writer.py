"""Shards: written under a temporary name, kept when whole, found again after an interruption."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sketchspace.errors import UserError
from sketchspace.files import read_json, sha256_of, write_json
from sketchspace.json_schema import Fields, MapOf, Text, Whole
from tfrecords.schema import Record, serialize
from tfrecords.wire import frame

_SUMMARY = Fields({"examples": Whole(), "bytes": Whole(), "sha256": Text(), "domains": MapOf(Whole())})


def shard_name(name: str, split: str, index: int, total: int) -> str:
    """The file name that TFDS expects: `quickdraw-train.tfrecord-00003-of-00016`."""
    return f"{name}-{split}.tfrecord-{index:05d}-of-{total:05d}"


def write_shard(path: Path, records: Iterable[Record], done: Path | None = None) -> dict[str, Any]:
    """Write one shard, whole or not at all, and return what it holds.

    The summary has `examples`, `bytes`, `sha256` and `domains` (domain -> examples). With `done` it is also
    stored there as JSON once the shard has its name, for `finished_shard`. An OSError names the shard.
    """
    partial = path.with_name(path.name + ".partial")
    digest, domains, size = hashlib.sha256(), Counter[str](), 0
    try:
        with partial.open("wb", buffering=1 << 20) as file:
            for record in records:
                framed = frame(serialize(record))
                file.write(framed)
                digest.update(framed)
                domains[record.domain] += 1
                size += len(framed)
        partial.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        partial.unlink(missing_ok=True)
    summary = {
        "examples": domains.total(),
        "bytes": size,
        "sha256": digest.hexdigest(),
        "domains": dict(sorted(domains.items())),
    }
    if done is not None:
        write_json(done, summary)
    return summary


def finished_shard(path: Path, done: Path) -> dict[str, Any] | None:
    """The summary of a shard that an earlier run finished, or None where it must be written.

    The bytes are compared with the stored checksum: after a power cut a file may be there and empty.
    """
    try:
        summary = read_json(done, _SUMMARY)
    except UserError:
        return None
    whole = path.is_file() and path.stat().st_size == summary.get("bytes")
    return summary if whole and sha256_of(path) == summary.get("sha256") else None
