"""Measure a trained run on a split: classification, retrieval, photos found by drawing, baselines."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Any

from absl import flags

from evaluation.class_names import match_classes
from evaluation.paired import PairedReport, Side, evaluate_pairs
from evaluation.paired_report import write_paired_report
from evaluation.report import Examples, Report, evaluate, write_report
from sketchspace import cli
from sketchspace.encoder.embedder import Embedder
from sketchspace.encoder.inputs import Drawings
from sketchspace.errors import UserError
from tfrecords.dataset import DatasetFolder
from tfrecords.gallery_items import check_pictures
from training.run_config import read_origin

FLAGS = flags.FLAGS
Config = dict[str, Any]
flags.DEFINE_string("run", None, "Run folder made by train.py. Example: --run=runs/sknet")
flags.DEFINE_string("data", None, "Data set folder; by default the run's own. Example: --data=data/quickdraw")
flags.DEFINE_string("split", "test", "Which split to measure on. Example: --split=validation")
flags.DEFINE_bool(
    "allow_other_data", False, "Measure on data that the run was not trained on. Example: --allow_other_data"
)
flags.DEFINE_bool("baselines", True, "Also measure nearest neighbours on pixels and on HOG.")


def main(argv: list[str]) -> None:
    """Check the flags, measure, write `eval-<split>/` into the run folder, print the table."""
    cli.check_flags(argv, "run")
    config = read_config(run := Path(FLAGS.run))
    data = FLAGS.data or config["dataset"].get("path")
    if not data:
        raise UserError(f"{run} was not trained on a data set here, so --data is needed")
    folder, embedder = DatasetFolder.open(Path(data)), Embedder.open(run / "export")
    own = check_data(config, embedder, folder)
    out = run / (f"eval-{FLAGS.split}" if own else f"eval-{folder.manifest.name}-{FLAGS.split}")
    measure = measure_pairs if folder.manifest.counts.get(FLAGS.split, {}).get("photo") else measure_drawings
    print(measure(embedder, folder, config, out).table())
    print(f"wrote {out}")
    split = "" if FLAGS.split == "test" else f" --split={FLAGS.split}"
    print(f"next: python retrieve.py --run={run} --index={folder.path}{split}")


def measure_drawings(embedder: Embedder, folder: DatasetFolder, config: Config, out: Path) -> Report:
    """Classification, and retrieval where every drawing queries all others."""
    read = folder.pictures(FLAGS.split, strokes=embedder.card.reads_strokes)
    classes = embedder.card.classes
    if not classes:
        raise UserError(f"{out.parent} is no classifier; expected an encoder with logits, such as sknet")
    matched = match_classes(read.labels, folder.manifest.classes, classes)
    if note := matched.note(len(read.labels)):
        print(f"note: {note}", file=sys.stderr)
    examples = Examples(read.images[matched.rows], matched.labels)
    strokes = read.strokes and [read.strokes[row] for row in matched.rows]
    began = time.monotonic()
    encoded = embedder.encode(Drawings(examples.images, strokes))
    origin = provenance(config, folder, len(examples.labels), time.monotonic() - began)
    origin |= {"classes_left_out": list(matched.unknown), "classes_without_drawings": list(matched.missing)}
    if encoded.logits is None:
        raise UserError(f"{out.parent} is no classifier; expected an encoder with logits, such as sknet")
    reference = None
    if FLAGS.baselines and "train" in folder.manifest.counts:
        train = folder.pictures("train")
        known = match_classes(train.labels, folder.manifest.classes, classes)
        reference = Examples(train.images[known.rows], known.labels)
    report = evaluate(examples, encoded.logits, encoded.embedding, classes, reference, FLAGS.baselines)
    write_report(report, out, origin)
    return report


def measure_pairs(embedder: Embedder, folder: DatasetFolder, config: Config, out: Path) -> PairedReport:
    """Photos found by drawing them, and drawings found by photos."""
    sketches, photos = (side(folder, domain) for domain in ("sketch", "photo"))
    began = time.monotonic()
    queries, gallery = embedder.embed_all_ways(sketches.images), embedder.embed_all_ways(photos.images)
    origin = provenance(config, folder, len(sketches.keys + photos.keys), time.monotonic() - began)
    report = evaluate_pairs(
        sketches,
        photos,
        {mode: (queries[mode], gallery[mode]) for mode in queries},
        embedder.card.usual_views,
        folder.manifest.classes,
        folder.annotations().get("triplets", {}).get(FLAGS.split),
        FLAGS.baselines,
    )
    write_paired_report(report, out, origin, lambda keys: folder.shown(FLAGS.split, keys))
    return report


def read_config(run: Path) -> Config:
    """A run's configuration; a folder that is no finished run is a `UserError`."""
    if not run.is_dir():
        raise UserError(f"no run folder {run}; train one with: python train.py --run={run}")
    if not (run / "export").is_dir():
        raise UserError(f"{run} is not trained to its end; give the same train.py command again")
    return read_origin(run)


def check_data(config: Config, embedder: Embedder, folder: DatasetFolder) -> bool:
    """Whether these are the run's first data; data of other splits or pictures than it knows are refused."""
    trained, given = embedder.card.fingerprint, folder.manifest.fingerprint
    others = [data["fingerprint"] for stage in config.get("stage_data", {}).values() for data in stage]
    if not trained or FLAGS.allow_other_data:
        print("note: whether the run was trained on some of these is not known", file=sys.stderr)
    elif given not in (trained, *others):
        known = ", ".join(dict.fromkeys((trained, *others)))
        raise UserError(
            f"the run was trained on splits {known}, {folder.path} has {given}; test drawings "
            "may have been trained on: give data of the run, or --allow_other_data"
        )
    check_pictures(folder.manifest, embedder.card)
    return given == trained or not trained


def side(folder: DatasetFolder, domain: str) -> Side:
    """The split's sketches or photos."""
    found = folder.pictures(FLAGS.split, domain)
    if not found.keys:
        raise UserError(f"split '{FLAGS.split}' of {folder.path} has no {domain}; give another --split")
    return Side(found.images, found.labels, found.instances, found.keys)


def provenance(config: Config, folder: DatasetFolder, count: int, seconds: float) -> dict[str, Any]:
    """Where the figures come from; says on standard error how fast the pictures were embedded."""
    print(f"embedded {count:,} drawings, {count / seconds:,.0f}/s", file=sys.stderr)
    return {
        "fingerprint": folder.manifest.fingerprint,
        "dataset": folder.manifest.name,
        "split": FLAGS.split,
        "model": config["model"],
        "seed": config.get("seed"),
        "image_size": folder.manifest.image_size,
        "embeddings_per_second": count / seconds,
        "command": shlex.join(["python", "evaluate.py", *sys.argv[1:]]),
    }


if __name__ == "__main__":
    cli.run(main)
