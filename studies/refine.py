"""A copy of a data set whose training drawings are changed: faulty ones taken out, or put in.

All other splits are copied byte by byte, in the same order. The new folder is written whole or not at all,
has a fingerprint of its own, and says under `refined` in its manifest's options what was done and how often.
Example: python -m studies.refine --data=data/quickdraw --out=data/quickdraw_clean --drop=faulty.csv
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from numpy.typing import NDArray

from evaluation.faulty import REASONS
from sketchspace import cli
from sketchspace.errors import UserError
from sketchspace.files import whole_folder
from studies.faulty.changes import KINDS, Changes, choose, injected
from studies.faulty.marks import faulty_keys
from tfrecords.dataset import DatasetFolder
from tfrecords.manifest import Manifest
from tfrecords.preview import write_preview
from tfrecords.schema import Record
from tfrecords.verify import verify
from tfrecords.writer import write_shard

FLAGS = flags.FLAGS
if __name__ == "__main__":
    flags.DEFINE_string("data", None, "Data set folder. Example: --data=data/quickdraw")
    flags.DEFINE_string("out", None, "New folder. Example: --out=data/quickdraw_clean")
    flags.DEFINE_string("drop", None, "Table of python -m studies.faulty; what it marks is taken out.")
    flags.DEFINE_multi_enum("reason", list(REASONS), list(REASONS), "Marks that count; may be repeated.")
    flags.DEFINE_float(
        "inject", 0.0, "Share of the training drawings that is replaced. Example: --inject=0.1"
    )
    flags.DEFINE_enum("kind", KINDS[0], KINDS, "What they are replaced by.")
    flags.DEFINE_integer("seed", 0, "Decides which drawings, and by what. Example: --seed=1", 0)


def main(argv: list[str]) -> None:
    """Check the flags, write the folder, say what it holds."""
    cli.check_flags(argv, "data", "out")
    drop = frozenset(faulty_keys(Path(FLAGS.drop), FLAGS.reason)) if FLAGS.drop else frozenset()
    changes = Changes(drop, FLAGS.inject, FLAGS.kind, FLAGS.seed)
    manifest = refine(DatasetFolder.open(Path(FLAGS.data)), Path(FLAGS.out), changes)
    done = manifest.options["refined"]
    print(f"{'taken out':<20}{done['dropped']:>12,}")
    print(f"{'put in':<20}{done['injected']:>12,}  {done['kind']}")
    print(f"{'training drawings':<20}{manifest.num_examples('train'):>12,}")
    print(f"{'fingerprint':<20}{manifest.fingerprint:>16}")
    print(f"wrote {FLAGS.out}")


def refine(folder: DatasetFolder, out: Path, changes: Changes) -> Manifest:
    """Write the changed copy and return its manifest; the same changes give the same bytes.

    Raises `UserError` for an existing `out`, a folder without training drawings, and changes that make no
    sense; then nothing is written.
    """
    changes.check()
    if out.exists():
        raise UserError(f"--out={out} exists; give a new folder")
    manifest = folder.manifest
    if "train" not in manifest.counts or list(manifest.counts["train"]) != ["sketch"]:
        raise UserError(f"{folder.path} has no training split of drawings only; give another data set")
    records = list(folder.records("train"))
    keys = [record.key for record in records]
    stays, becomes = choose(keys, np.array([record.label for record in records], np.int32), changes)
    if changes.drop and stays.all():
        raise UserError(f"no marked drawing is in the training split of {folder.path}; give its own table")
    with whole_folder(out) as partial:
        shards = _copy_other_splits(folder, partial)
        shards |= _write_training(folder, partial, records, stays, becomes, changes)
        refined = _manifest(manifest, shards, keys, stays, becomes, changes)
        _finish(partial, refined)
    return refined


def _copy_other_splits(folder: DatasetFolder, partial: Path) -> dict[str, Any]:
    names = [
        name
        for split in folder.manifest.counts
        if split != "train"
        for name in folder.manifest.shard_files(split)
    ]
    for name in names:
        shutil.copyfile(folder.path / name, partial / name)
    return {name: folder.manifest.shards[name] for name in names}


def _write_training(
    folder: DatasetFolder,
    partial: Path,
    records: list[Record],
    stays: NDArray[np.bool_],
    becomes: NDArray[np.int64],
    changes: Changes,
) -> dict[str, Any]:
    """The training shards, each holding what is left of the old one, in the same order."""
    shards, start = {}, 0
    for name in folder.manifest.shard_files("train"):
        end = start + folder.manifest.shards[name]["examples"]
        rows = [number for number in range(start, end) if stays[number]]
        changed = _changed(records, rows, becomes, changes, folder.manifest.image_size)
        summary = write_shard(partial / name, changed)
        shards[name] = {key: summary[key] for key in ("examples", "bytes", "sha256")}
        start = end
    return shards


def _changed(
    records: list[Record], rows: list[int], becomes: NDArray[np.int64], changes: Changes, size: int
) -> Iterator[Record]:
    for number in rows:
        if becomes[number] < 0:
            yield records[number]
            continue
        donor = records[becomes[number]] if becomes[number] != number else None
        yield injected(records[number], changes.kind, donor, number, changes.seed, size)


def _manifest(
    old: Manifest,
    shards: dict[str, Any],
    keys: list[str],
    stays: NDArray[np.bool_],
    becomes: NDArray[np.int64],
    changes: Changes,
) -> Manifest:
    """The old manifest with the new training split and what was done to it."""
    done = {
        "from": old.fingerprint,
        "dropped": int((~stays).sum()),
        "inject": changes.inject,
        "injected": int((becomes >= 0).sum()),
        "kind": changes.kind if changes.inject else "",
        "seed": changes.seed,
    }
    digest = blake2b(json.dumps(done, sort_keys=True).encode(), digest_size=8)
    for key, stay, other in zip(keys, stays.tolist(), becomes.tolist(), strict=True):
        digest.update(f"{key} {stay} {keys[other] if other >= 0 else ''}\n".encode())
    dropped = Counter(old.dropped)
    dropped["faulty"] += int((~stays).sum())
    return dataclasses.replace(
        old,
        counts={**old.counts, "train": {"sketch": int(stays.sum())}},
        dropped={reason: count for reason, count in dropped.items() if count},
        options={**old.options, "refined": done},
        fingerprint=digest.hexdigest(),
        shards=dict(sorted(shards.items())),
    )


def _finish(partial: Path, manifest: Manifest) -> None:
    """Add metadata and preview, and check every byte against the manifest."""
    from tfrecords.tfds_info import write_tfds_info

    write_tfds_info(partial, manifest)
    manifest.save(partial)
    written = DatasetFolder(partial, manifest)
    write_preview(written)
    verify(written)


if __name__ == "__main__":
    cli.run(main)
