"""Measure a trained run on a split: classification, retrieval, baselines, pictures."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Any

from absl import flags

from common import cli
from common.errors import UserError
from common.files import read_json
from evaluation.report import Examples, evaluate, write_report
from retrieval.embedder import Drawings, Embedder
from tfrecords.dataset import DatasetFolder

FLAGS = flags.FLAGS
flags.DEFINE_string("run", None, "Run folder made by train.py. Example: --run=runs/sknet")
flags.DEFINE_string(
    "data", None, "Data set folder; the run's own if left out. Example: --data=data/quickdraw"
)
flags.DEFINE_string("split", "test", "Which split to measure on. Example: --split=validation")
flags.DEFINE_bool("baselines", True, "Also measure nearest neighbours on pixels and on HOG.")


def main(argv: list[str]) -> None:
    """Check the flags, measure, write `eval-<split>/` into the run folder, print the table."""
    if argv:
        raise UserError(f"unexpected argument '{argv[0]}'; every argument is a flag, see --help")
    if not FLAGS.run:
        raise UserError(f"--run is missing; {FLAGS['run'].help}")
    run = Path(FLAGS.run)
    config = read_config(run)
    folder = DatasetFolder.open(Path(FLAGS.data or config["dataset"]["path"]))
    check_same_data(config, folder)
    embedder = Embedder.open(run / "export")
    examples = load(folder, FLAGS.split)
    began = time.monotonic()
    points = folder.strokes(FLAGS.split) if embedder.card.reads_strokes else None
    encoded = embedder.encode(Drawings(examples.images, points))
    seconds = time.monotonic() - began
    print(
        f"embedded {len(examples.labels):,} drawings, {len(examples.labels) / seconds:,.0f}/s",
        file=sys.stderr,
    )
    if encoded.logits is None:
        raise UserError(f"{run} is no classifier; expected an encoder with logits, such as sknet")
    reference = load(folder, "train") if FLAGS.baselines and "train" in folder.manifest.counts else None
    report = evaluate(
        examples, encoded.logits, encoded.embedding, folder.manifest.classes, reference, FLAGS.baselines
    )
    out = run / f"eval-{FLAGS.split}"
    write_report(report, out, provenance(config, folder, len(examples.labels) / seconds))
    print(report.table())
    print(f"wrote {out}")
    print(f"next: python retrieve.py --run={run} --index={folder.path}")


def read_config(run: Path) -> dict[str, Any]:
    """A run's configuration; a folder that is no finished run is a `UserError`."""
    if not run.is_dir():
        raise UserError(f"no run folder {run}; train one with: python train.py --run={run}")
    if not (run / "export").is_dir():
        raise UserError(f"{run} is not trained to its end; give the same train.py command again")
    return read_json(run / "config.json")


def check_same_data(config: dict[str, Any], folder: DatasetFolder) -> None:
    """Refuse data with other splits or another image size than the run was trained on."""
    trained, given = config["dataset"], folder.manifest
    if trained["fingerprint"] != given.fingerprint:
        raise UserError(
            f"the run was trained on splits {trained['fingerprint']}, {folder.path} has {given.fingerprint}; "
            "test drawings may have been trained on: give the data set of the run"
        )
    if trained["image_size"] != given.image_size:
        raise UserError(
            f"the run takes {trained['image_size']} px pictures, {folder.path} holds {given.image_size} px; "
            f"make the data set with --image_size={trained['image_size']}"
        )


def load(folder: DatasetFolder, split: str) -> Examples:
    """A split's drawings and labels."""
    images, labels, _ = folder.images(split)
    return Examples(images, labels)


def provenance(config: dict[str, Any], folder: DatasetFolder, rate: float) -> dict[str, Any]:
    """Where the figures come from."""
    return {
        "fingerprint": folder.manifest.fingerprint,
        "dataset": folder.manifest.name,
        "split": FLAGS.split,
        "model": config["model"],
        "seed": config["seed"],
        "image_size": folder.manifest.image_size,
        "embeddings_per_second": rate,
        "command": shlex.join(["python", "evaluate.py", *sys.argv[1:]]),
    }


def console() -> None:
    """Entry point of `sketchspace-evaluate`."""
    cli.run(main)


if __name__ == "__main__":
    console()
