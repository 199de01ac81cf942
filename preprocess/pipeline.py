"""Index, plan, write: from a source to a finished data set folder."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from preprocess.catalogue import Catalogue
from preprocess.classes import same_but_for_case
from preprocess.plan import Plan, annotate, make_plan
from preprocess.processes import Workers
from preprocess.registry import dataset_spec
from preprocess.source_files import Source, stamps, used_sources
from preprocess.spec import Chunk, DatasetSpec, Found, Index, Options, new_rows
from preprocess.splits import parse_splits
from preprocess.worker import ShardTask, changed, index_chunk, write_task
from preprocess.workspace import WorkFolder, work_folder
from sketchspace.errors import UserError
from sketchspace.files import write_json
from tfrecords.dataset import ANNOTATIONS, DatasetFolder
from tfrecords.manifest import Manifest
from tfrecords.preview import write_preview
from tfrecords.schema import DOMAINS, SCHEMA_VERSION
from tfrecords.writer import finished_shard, shard_name

Summaries = dict[str, dict[str, Any]]


def build(dataset: str, sources: Sequence[Path], out: Path, options: Options, workers: int = 1) -> Manifest:
    """Make the data set folder `out` and return its manifest.

    Work goes on in `.<name>.partial` beside `out`: the plan and the shards that an interrupted run finished
    there are kept if sources and options are the same. The bytes do not depend on `workers`, and memory does
    not grow with the source. Raises UserError where the source is unusable, `out` is something else than
    a data set, another process is making it, or the disk is full.
    """
    spec = dataset_spec(dataset)
    parse_splits(options.splits)
    with _told_when_full(out), work_folder(out) as work, Workers(workers) as pool:
        return _build(spec, list(sources), work, options, pool)


def _build(
    spec: DatasetSpec, given: list[Path], work: WorkFolder, options: Options, pool: Workers
) -> Manifest:
    work.clear_scratch()
    found = spec.find(given, options, work.scratch)
    sources = used_sources(given, found)
    before = list(stamps(sources))
    entries = [source.entry() for source in sources]
    work.keep_matching(_identity(spec.name, entries, options))
    chosen = dataclasses.replace(options, classes=found.classes, num_classes=0) if found.classes else options
    plan = Plan.load(work.state) or _index(spec, found, work, chosen, pool)
    try:
        _check_both_domains(found.chunks, plan)
        annotations = annotate(spec, found, plan, chosen)
    except UserError:
        work.keep_matching("")
        raise
    shards = _write(spec, plan, work, chosen, pool)
    if list(stamps(sources)) != before:
        work.keep_matching("")
        raise changed(_first_difference(sources, before))
    manifest = _manifest(spec, work.out, entries, plan, options, shards)
    _finish(work, manifest, annotations)
    _say_what_is_missing(plan)
    return manifest


def _index(spec: DatasetSpec, found: Found, work: WorkFolder, options: Options, pool: Workers) -> Plan:
    """Look through all chunks and plan the shards."""
    chunks, named = found.chunks, found.classes
    size = sum(chunk.end - chunk.start for chunk in chunks)
    catalogue = Catalogue(work.scratch / "rows", size, options.strict)
    try:
        catalogue.add(Index(new_rows(0), (), (), found.dropped, found.bad))
        for index in pool.map(partial(index_chunk, spec.name, options), chunks, "reading"):
            catalogue.add(index)
        return make_plan(catalogue, options, work.state, named, spec.example)
    finally:
        catalogue.close()


def _check_both_domains(chunks: Sequence[Chunk], plan: Plan) -> None:
    """Raise `UserError` where photos and sketches were found, and of one of them none is left."""
    given = {picture.domain for chunk in chunks for picture in chunk.pictures}
    left = {
        domain
        for split, count in plan.counts.items()
        for domain in plan.rows(split, 0, count)["domain"].tolist()
    }
    for domain in given - left if len(given) > 1 else ():
        reasons = [
            f"{count:,} x {reason}, first in {plan.first.get(reason, '?')}"
            for reason, count in plan.dropped.items()
        ]
        raise UserError(
            f"no {DOMAINS[domain]} of the pairs can be used ({'; '.join(reasons[:3])}); "
            "mend the files and try again"
        )


def _write(spec: DatasetSpec, plan: Plan, work: WorkFolder, options: Options, pool: Workers) -> Summaries:
    """Write the shards that are not there yet; returns the summaries by file name."""
    name = dataset_name(work.out)
    plan_id = (plan.path / "plan.json").stat().st_mtime_ns
    summaries: Summaries = {}
    tasks = []
    for split in plan.counts:
        parts = plan.shards(split, options.num_shards)
        for number, (start, stop) in enumerate(parts):
            path = work.folder / shard_name(name, split, number, len(parts))
            done = work.done(path.name)
            summary = finished_shard(path, done)
            if summary is None:
                tasks.append(
                    ShardTask(spec.name, options, plan.path, plan_id, split, start, stop, path, done)
                )
            else:
                summaries[path.name] = summary
    if summaries:
        total = len(summaries) + len(tasks)
        print(f"going on: {len(summaries)} of {total} shards are already written", file=sys.stderr)
    for task, summary in zip(tasks, pool.map(write_task, tasks, "writing"), strict=True):
        summaries[task.path.name] = summary
        import_module("tfrecords.tfds_info")  # takes a fifth of a second, best spent while workers are busy
    return dict(sorted(summaries.items()))


def _identity(dataset: str, entries: list[dict[str, Any]], options: Options) -> str:
    """Changes with anything that could change a shard's bytes."""
    parts = [dataset, entries, dataclasses.asdict(options), SCHEMA_VERSION]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _manifest(
    spec: DatasetSpec,
    out: Path,
    entries: list[dict[str, Any]],
    plan: Plan,
    options: Options,
    shards: Summaries,
) -> Manifest:
    name = dataset_name(out)
    counts: dict[str, dict[str, int]] = {}
    for split in plan.counts:
        domains = Counter[str]()
        for file, summary in shards.items():
            if file.startswith(f"{name}-{split}.tfrecord-"):
                domains.update(summary["domains"])
        counts[split] = dict(sorted(domains.items()))
    kept = ("examples", "bytes", "sha256")
    photos = any("photo" in domains for domains in counts.values())
    made = {"dataset": spec.name, **dataclasses.asdict(options), "classes": list(options.classes)}
    made |= {"holdout_classes": list(options.holdout_classes), "photo_as": options.photo_as if photos else ""}
    return Manifest(
        name=name,
        classes=plan.classes,
        counts=counts,
        dropped=plan.dropped,
        dropped_first={reason: plan.first[reason] for reason in plan.dropped if reason in plan.first},
        image_size=options.image_size,
        seed=options.seed,
        options=made,
        sources=entries,
        licence=spec.licence,
        citation=spec.citation,
        fingerprint=plan.fingerprint,
        shards={file: {key: summary[key] for key in kept} for file, summary in shards.items()},
        has_strokes=spec.has_strokes,
        notes=plan.notes,
        channels=3 if made["photo_as"] == "rgb" else 1,
    )


def _finish(work: WorkFolder, manifest: Manifest, annotations: dict[str, Any]) -> None:
    """Add metadata, annotations and preview, remove strangers, and give the folder its name."""
    from tfrecords.tfds_info import write_tfds_info

    for path in work.folder.iterdir():
        if path.name not in manifest.shards:
            path.unlink()
    write_tfds_info(work.folder, manifest)
    manifest.save(work.folder)
    if annotations:
        write_json(work.folder / ANNOTATIONS, annotations)
    write_preview(DatasetFolder(work.folder, manifest))
    work.finish()


def _say_what_is_missing(plan: Plan) -> None:
    for names in same_but_for_case(plan.classes):
        print(
            f"note: {' and '.join(map(repr, names))} are classes of their own; rename one to join them",
            file=sys.stderr,
        )
    for reason, count in plan.dropped.items():
        place = f", first in {plan.first[reason]}" if reason in plan.first else ""
        print(f"left out: {count:,} x {reason}{place}", file=sys.stderr)
    for note, count in plan.notes.items():
        if f"{note}_classes" in plan.notes:
            split, classes = note.removeprefix("short_"), plan.notes[f"{note}_classes"]
            where = f"{classes:,} class{'es' if classes > 1 else ''}"
            print(f"fewer than asked: {split} lacks {count:,} examples, in {where}", file=sys.stderr)


def _first_difference(sources: list[Source], before: list[tuple[str, int, int]]) -> str:
    known = set(before)
    return next((Path(stamp[0]).name for stamp in stamps(sources) if stamp not in known), "the source")


@contextmanager
def _told_when_full(out: Path) -> Iterator[None]:
    """A full disk is told as what it is; finished shards stay for the next attempt."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise UserError(
            f"{error.strerror} while writing {out}; make room and give the same command again, "
            "finished shards are kept"
        ) from None


def dataset_name(out: Path) -> str:
    """The folder's name in the letters that TFDS allows."""
    name = re.sub(r"[^a-z0-9_]+", "_", out.name.lower()).strip("_")
    return name if re.match(r"[a-z]", name) else f"data_{name}"
