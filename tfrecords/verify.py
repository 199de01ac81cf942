"""Is a data set folder what its manifest says? Every byte is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sketchspace.errors import UserError, shown
from sketchspace.files import read_json, sha256_of
from tfrecords.dataset import DatasetFolder, decode_image, decode_shown, shard_records
from tfrecords.manifest import SHARD_NAME, Manifest
from tfrecords.schema import Record


def verify(folder: DatasetFolder) -> None:
    """Read every shard of a folder; the first thing that is wrong is a `UserError`.

    Checked are: names, sizes and SHA-256 of shards, the CRCs of records, that each record parses, its label,
    class, picture and strokes, counts by shard, split and domain, that no key occurs twice in the folder,
    and the shard lengths that TensorFlow Datasets goes by. Memory grows by 8 bytes a record.
    """
    manifest = folder.manifest
    _check_files(folder)
    keys: list[np.ndarray] = []
    with tqdm(total=len(manifest.shards), desc="checking", unit="shard", disable=None, leave=False) as bar:
        for split, expected in manifest.counts.items():
            domains = Counter[str]()
            for name in manifest.shard_files(split):
                keys.append(_check_shard(folder, name, domains))
                bar.update()
            if dict(domains) != {domain: count for domain, count in expected.items() if count}:
                raise _wrong(
                    folder.path, f"split '{split}' holds {dict(domains)}, its manifest says {expected}"
                )
    _check_keys(folder, np.concatenate(keys) if keys else np.zeros(0, np.uint64))


def _wrong(path: Path, what: str) -> UserError:
    return UserError(f"{path}: {what}; make the data set again")


def _check_files(folder: DatasetFolder) -> None:
    """Shards on disk are those of the manifest, with its checksums; TFDS is told the same lengths."""
    manifest = folder.manifest
    stray = sorted(
        p.name
        for p in folder.path.iterdir()
        if SHARD_NAME.fullmatch(p.name) and p.name not in manifest.shards
    )
    if stray:
        raise _wrong(folder.path, f"{stray[0]} is not in the manifest")
    for split in manifest.counts:
        for path in folder.shard_paths(split):
            if sha256_of(path) != manifest.shards[path.name]["sha256"]:
                raise _wrong(path, "its SHA-256 is not the manifest's")
    _check_tfds(folder.path, manifest)


def _check_tfds(path: Path, manifest: Manifest) -> None:
    info = read_json(path / "dataset_info.json")
    read_json(path / "features.json")
    try:
        told = {split["name"]: [int(n) for n in split["shardLengths"]] for split in info["splits"]}
    except (KeyError, TypeError, ValueError):
        raise _wrong(path / "dataset_info.json", "it does not list splits and shard lengths") from None
    known = {
        split: [manifest.shards[name]["examples"] for name in manifest.shard_files(split)]
        for split in manifest.counts
    }
    if told != known:
        raise _wrong(path / "dataset_info.json", "its shard lengths are not the manifest's")


def _check_shard(folder: DatasetFolder, name: str, domains: Counter[str]) -> np.ndarray:
    """Check a shard's records; counts their domains and returns their keys as uint64 hashes."""
    path, hashes = folder.path / name, []
    for index, record in enumerate(shard_records(path)):
        for complaint in _complaints(record, folder.manifest):
            raise _wrong(path, f"record {index} {complaint}")
        if folder.manifest.has_images:
            decode_image(record, folder.manifest.image_size, folder.manifest.channels)
        if record.shown is not None:
            decode_shown(record, folder.manifest.image_size)
        domains[record.domain] += 1
        hashes.append(int.from_bytes(blake2b(record.key.encode(), digest_size=8).digest(), "little"))
    expected = folder.manifest.shards[name]["examples"]
    if len(hashes) != expected:
        raise _wrong(path, f"{len(hashes):,} records, the manifest says {expected:,}")
    return np.array(hashes, np.uint64)


def _complaints(record: Record, manifest: Manifest) -> Iterator[str]:
    if not 0 <= record.label < manifest.num_classes:
        yield f"has label {record.label}, there are {manifest.num_classes} classes"
    elif record.class_name != manifest.classes[record.label]:
        yield f"is a '{record.class_name}' with the label of '{manifest.classes[record.label]}'"
    if (record.strokes is not None) != manifest.has_strokes:
        yield "has strokes" if record.strokes is not None else "has no strokes"
    elif record.strokes is not None and not (len(record.strokes) and np.isfinite(record.strokes).all()):
        yield "has strokes that cannot be drawn"
    if (record.image is not None) != manifest.has_images:
        yield "has a picture" if record.image is not None else "has no picture"
    if (record.shown is not None) != (manifest.shows_photos and record.domain == "photo"):
        yield "has a photo to be shown" if record.shown is not None else "has no photo to be shown"


def _check_keys(folder: DatasetFolder, hashes: np.ndarray) -> None:
    hashes.sort()
    twice = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
    if not twice:
        return
    seen: set[str] = set()
    for split in folder.manifest.counts:
        for record in folder.records(split):
            if record.key in seen:
                raise _wrong(folder.path, f"key {shown(record.key)} is there twice, again in split '{split}'")
            if int.from_bytes(blake2b(record.key.encode(), digest_size=8).digest(), "little") in twice:
                seen.add(record.key)
