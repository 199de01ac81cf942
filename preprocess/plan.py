"""From a catalogue to shards: which example goes into which split and which file."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from preprocess.catalogue import Catalogue
from preprocess.classes import choose_classes
from preprocess.spec import ROW, SPLIT_NAMES, DatasetSpec, Found, Kept, Options, Rows
from preprocess.splits import Given, HeldOut, Splitter, make_splitter
from sketchspace.errors import UserError, unknown_name
from sketchspace.files import read_json, write_json
from sketchspace.json_schema import Fields, ListOf, MapOf, Text, Whole
from tfrecords.schema import DOMAINS

EXAMPLES_PER_SHARD = 2048
_FILE = "plan.json"
_BLOCK = 1 << 16
_COUNTS = MapOf(Whole())
_SCHEMA = Fields(
    {
        "classes": ListOf(Text()),
        "counts": _COUNTS,
        "files": ListOf(ListOf(Text(), 2, 2)),
        "dropped": _COUNTS,
        "first": MapOf(Text()),
        "notes": _COUNTS,
        "fingerprint": Text(),
    }
)


@dataclass(frozen=True)
class Plan:
    """What is to be written, stored in the folder `path`: `plan.json` and a file of rows for each split.

    `counts` is examples by split; rows stand in the order in which they are written, their `word` is the
    label. `files` are pairs of path and origin. `notes` counts what is fewer than asked. `fingerprint` is the
    identity of the splits.
    """

    path: Path
    classes: tuple[str, ...]
    counts: dict[str, int]
    files: tuple[tuple[str, str], ...]
    dropped: dict[str, int]
    first: dict[str, str]
    notes: dict[str, int]
    fingerprint: str

    def shards(self, split: str, num_shards: int) -> list[tuple[int, int]]:
        """Rows (start, stop) of each of a split's shards; 0 means one for every 2,048 examples."""
        total = self.counts[split]
        number = min(num_shards, total) or -(-total // EXAMPLES_PER_SHARD)
        edges = [total * shard // number for shard in range(number + 1)]
        return list(pairwise(edges))

    def rows(self, split: str, start: int, stop: int) -> Rows:
        """A split's rows `start`..`stop`."""
        offset = start * ROW.itemsize
        return np.fromfile(rows_path(self.path, split), ROW, count=stop - start, offset=offset)

    def save(self) -> None:
        """Write `plan.json`; it is there only when the rows are complete."""
        values = dataclasses.asdict(self)
        del values["path"]
        write_json(self.path / _FILE, values)

    @staticmethod
    def load(path: Path) -> Plan | None:
        """The plan that an earlier run stored in a folder, or None where there is none that can be read."""
        try:
            values = read_json(path / _FILE, _SCHEMA)
        except UserError:
            return None
        values["classes"] = tuple(values["classes"])
        values["counts"] = {name: values["counts"][name] for name in SPLIT_NAMES if name in values["counts"]}
        values["files"] = tuple((file, origin) for file, origin in values["files"])
        return Plan(path, **values)


def rows_path(folder: Path, split: str) -> Path:
    """Where a split's rows are kept."""
    return folder / f"{split}.rows"


def make_plan(
    catalogue: Catalogue, options: Options, folder: Path, named: tuple[str, ...] = (), example: str = ""
) -> Plan:
    """Choose classes and splits and write the rows into `folder`; a pure function of keys and options.

    `named` are classes that are known to exist from the names of files; `example` shows what is read.
    Raises UserError where a class is unknown or empty, nothing is usable, or a split would be empty.
    """
    catalogue.drop_duplicates()
    classes = _choose(catalogue, options, named, example)
    _count_empty_classes(catalogue, options)
    label = {name: number for number, name in enumerate(classes)}
    lookup = np.array([label.get(word, -1) for word in catalogue.words], np.int32)
    splitter = _splitter(catalogue, classes, options)
    counts = _write_rows(catalogue, lookup, splitter, folder)
    for split, count in counts.items():
        if count == 0 and not catalogue.is_split:
            raise UserError(
                f"split '{split}' would be empty with --splits={options.splits}; the source has "
                f"{sum(counts.values()):,} usable drawings of these classes; ask for counts, such as "
                "--splits=train:8,validation:1,test:1"
            )
    plan = Plan(
        path=folder,
        classes=classes,
        counts={split: count for split, count in counts.items() if count},
        files=tuple(catalogue.files),
        dropped=dict(sorted(catalogue.dropped.items())),
        first=catalogue.first,
        notes=splitter.short(),
        fingerprint="",
    )
    plan = dataclasses.replace(plan, fingerprint=_fingerprint(plan))
    plan.save()
    return plan


def _count_empty_classes(catalogue: Catalogue, options: Options) -> None:
    """Classes of which nothing is left are counted and named like whatever else is left out."""
    empty = sorted(word for word in catalogue.words if not catalogue.counts[word])
    if empty and not options.classes:
        more = f" and {len(empty) - 12:,} more" if len(empty) > 12 else ""
        catalogue.dropped["empty_class"] += len(empty)
        catalogue.first["empty_class"] = f"{', '.join(empty[:12])}{more}: nothing in it can be used"


def _choose(catalogue: Catalogue, options: Options, named: tuple[str, ...], example: str) -> tuple[str, ...]:
    """Classes with drawings, or those asked for, which must have some."""
    seen = {*catalogue.words, *named}
    classes = choose_classes(seen, options) if options.classes and seen else ()
    for name in classes:
        if not catalogue.counts[name]:
            raise UserError(f"class '{name}' has no usable drawing; leave it out, or see why with --strict")
    if not catalogue.counts:
        reasons = [f"{count:,} x {reason}" for reason, count in catalogue.dropped.items()]
        first = next(
            (f", first in {catalogue.first[r]}" for r in catalogue.dropped if r in catalogue.first), ""
        )
        raise UserError(
            f"the source has no usable drawing ({', '.join(reasons) or 'no lines'}{first}); "
            f"expected {example or 'one of the formats in --help'}"
        )
    return classes or choose_classes(catalogue.counts, options)


def _splitter(catalogue: Catalogue, classes: tuple[str, ...], options: Options) -> Splitter:
    """The split that the source has or the user asks for, and the classes that are kept out of it."""
    held = np.isin(classes, options.holdout_classes)
    for name in options.holdout_classes:
        if name not in classes:
            raise unknown_name("held-out class", name, list(classes))
    if held.all():
        raise UserError("--holdout_classes names every class; leave some to train on")
    others = len(classes) - int(held.sum())
    splitter: Splitter = Given() if catalogue.is_split else make_splitter(options.splits, others)
    return HeldOut(splitter, held) if held.any() else splitter


def _write_rows(
    catalogue: Catalogue, lookup: NDArray[np.int32], splitter: Splitter, folder: Path
) -> dict[str, int]:
    """Write each split's rows in order of rank, with labels for words; returns how many, by split."""
    counts = dict.fromkeys(splitter.names, 0)
    files: dict[str, BinaryIO] = {}
    try:
        for split in splitter.names:
            files[split] = rows_path(folder, split).open("wb")
        for rows in catalogue.buckets():
            rows["word"] = lookup[rows["word"]]
            rows = rows[rows["word"] >= 0]
            part = splitter.assign(rows, rows["word"])
            for split, file in files.items():
                chosen = rows[part == SPLIT_NAMES.index(split)]
                file.write(chosen.tobytes())
                counts[split] += len(chosen)
    finally:
        for file in files.values():
            file.close()
    return counts


def _fingerprint(plan: Plan) -> str:
    """16 hex digits of SHA-256 over classes and, by split, the ranks and labels in order."""
    digest = hashlib.sha256("\n".join(plan.classes).encode())
    for split in plan.counts:
        digest.update(split.encode())
        for column, kind in (("rank", "<u8"), ("word", "<i4")):
            for rows in _blocks(plan, split):
                digest.update(rows[column].astype(kind).tobytes())
    return digest.hexdigest()[:16]


def _blocks(plan: Plan, split: str) -> Iterator[Rows]:
    for start in range(0, plan.counts[split], _BLOCK):
        yield plan.rows(split, start, min(start + _BLOCK, plan.counts[split]))


def annotate(spec: DatasetSpec, found: Found, plan: Plan, options: Options) -> dict[str, Any]:
    """The annotations of a planned data set, {} where its source has none."""
    return spec.annotate(found, kept_objects(plan), options) if spec.annotate else {}


def kept_objects(plan: Plan) -> Kept:
    """Which objects a plan has in each split, by class and domain."""
    found: list[dict[str, dict[str, frozenset[int]]]] = [{}, {}]
    for split, count in plan.counts.items():
        rows = plan.rows(split, 0, count)
        for number, objects in enumerate(found):
            mine = rows[rows["domain"] == number]
            objects[split] = {
                name: frozenset(np.unique(mine["instance"][mine["word"] == label]).tolist())
                for label, name in enumerate(plan.classes)
            }
    by_domain = dict(zip(DOMAINS, found, strict=True))
    return Kept(by_domain["sketch"], by_domain["photo"])
