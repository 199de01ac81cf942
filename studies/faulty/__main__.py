"""Which drawings of a data set are faulty, how many in each class, and how many in a batch.

Writes `faulty.csv` (every drawing with its marks), `summary.json`, pictures of the shares by class and by
batch, and `worst.png`, the worst drawings of every class. What the networks say is kept; the same command
again goes on. Networks have seen the training drawings, so that they doubt these less; `seen` says which.
Example: python -m studies.faulty --data=data/quickdraw --run=runs/sknet --out=studies-out/faulty
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from evaluation.faulty import BATCH_SIZES, REASONS, BatchShare, batch_share
from evaluation.plots.faulty import save_batch_shares, save_class_shares
from sketchspace import cli
from sketchspace.answers.grid import GridBlock, GridRow, GridTile, write_grid
from sketchspace.files import write_json
from sketchspace.tables import columns
from studies.examples import drawn, open_encoders
from studies.faulty.marks import HEADER, Suspects, gather
from studies.tables import rows_as_csv
from tfrecords.dataset import DatasetFolder
from training.tensorflow_import import import_tensorflow

CLASSES_ON_SHEET = 40

FLAGS = flags.FLAGS
if __name__ == "__main__":
    flags.DEFINE_string("data", None, "Data set folder. Example: --data=data/quickdraw")
    flags.DEFINE_multi_string("run", [], "Run of the ensemble; may be repeated. Example: --run=runs/sknet")
    flags.DEFINE_multi_string(
        "recognized", [], "Quick, Draw! ndjson files, folder or zip that tell what the game recognised."
    )
    flags.DEFINE_integer("worst", 8, "How many drawings of each class the sheet shows.", 1, 16)
    flags.DEFINE_integer("epochs", 3, "Epochs of training batches that are counted.", 1, 100)
    flags.DEFINE_integer("seed", 0, "Seed of the training order. Example: --seed=1", 0, 2**31 - 2)
    flags.DEFINE_string("out", "studies-out/faulty", "Folder for tables and pictures.")


def main(argv: list[str]) -> None:
    """Check the flags, mark every drawing, write tables and pictures, print the shares."""
    cli.check_flags(argv, "data")
    folder, out = DatasetFolder.open(Path(FLAGS.data)), Path(FLAGS.out)
    encoders = open_encoders(FLAGS.run, folder)
    suspects = gather(folder, encoders, FLAGS.recognized, out / "parts")
    facts = {
        "command": shlex.join(["python", "-m", "studies.faulty", *sys.argv[1:]]),
        "seed": FLAGS.seed,
    }
    facts |= {"fingerprint": folder.manifest.fingerprint, "runs": [encoder.name for encoder in encoders]}
    shares = count_batches(folder, suspects, FLAGS.seed, FLAGS.epochs)
    write(out, suspects, shares, facts, FLAGS.worst)
    print(table(suspects))
    print(batch_table(shares))
    print(f"wrote {out}")


def count_batches(folder: DatasetFolder, suspects: Suspects, seed: int, epochs: int) -> list[BatchShare]:
    """Faulty drawings in the batches of training, in the order of a run with this seed.

    Batch sizes larger than the training split are left out; without a training split there is none.
    """
    if "train" not in folder.manifest.counts:
        return []
    orders = training_orders(folder, suspects, seed, epochs)
    faulty = suspects.marks.faulty[suspects.seen]
    return [batch_share(faulty, orders, size) for size in BATCH_SIZES if size <= len(orders[0])]


def training_orders(folder: DatasetFolder, suspects: Suspects, seed: int, epochs: int) -> list[np.ndarray]:
    """The order in which training reads the drawings, int64 indices into the training split, by epoch."""
    import_tensorflow()
    from tfrecords.model_inputs import Wanted
    from tfrecords.reader import TrainingInput

    places = {key: place for place, key in enumerate(np.array(suspects.examples.keys)[suspects.seen])}
    size = min(BATCH_SIZES[0], len(places))
    source = TrainingInput(folder, size, seed + 1, wanted=Wanted(()))
    steps = source.steps_per_epoch
    found = [
        np.array([places[key.decode()] for key in batch["key"].numpy()])
        for batch in source.batches().take(epochs * steps)
    ]
    return [np.concatenate(found[start : start + steps]) for start in range(0, len(found), steps)]


def write(
    out: Path, suspects: Suspects, shares: Sequence[BatchShare], facts: dict[str, Any], worst: int
) -> None:
    """Write all files of the study into `out`."""
    rows_as_csv(out / "faulty.csv", HEADER, suspects.rows())
    write_json(out / "summary.json", facts | summary(suspects, shares))
    save_class_shares(out / "classes.png", class_shares(suspects), suspects.classes, _note(suspects))
    if shares:
        save_batch_shares(out / "batches.png", shares, _note(suspects))
    write_sheet(out / "worst.png", suspects, worst)


def class_shares(suspects: Suspects) -> dict[str, np.ndarray]:
    """Reason -> share of each class, float64 `[classes]`, every drawing under its first reason."""
    labels, taken = suspects.marks.labels, np.zeros(len(suspects.splits), np.bool_)
    totals = np.maximum(np.bincount(labels, minlength=len(suspects.classes)), 1)
    shares = {}
    for reason in REASONS:
        own = suspects.marks.reason(reason) & ~taken
        shares[reason] = np.bincount(labels[own], minlength=len(totals)) / totals
        taken |= own
    return shares


def summary(suspects: Suspects, shares: Sequence[BatchShare]) -> dict[str, Any]:
    """Shares by split and reason, by class, and by batch size."""
    marks, shown = suspects.marks, {}
    for split in dict.fromkeys(suspects.splits.tolist()):
        own = suspects.splits == split
        shown[split] = {reason: float(marks.reason(reason)[own].mean()) for reason in REASONS}
        shown[split] |= {"faulty": float(marks.faulty[own].mean()), "drawings": int(own.sum())}
        shown[split]["recognized_known"] = float((marks.recognized[own] >= 0).mean())
    by_class = sum(class_shares(suspects).values())
    return {
        "splits": shown,
        "classes": dict(zip(suspects.classes, np.asarray(by_class).tolist(), strict=True)),
        "batches": [vars(share) | _chances(share) for share in shares],
    }


def _chances(share: BatchShare) -> dict[str, float]:
    names = {"observed": True, "expected": False}
    return {
        f"{what}_{name}": value
        for name, counted in names.items()
        for what, value in (
            ("mean", share.mean_share(counted)),
            ("quarter_or_more", share.at_least(4, counted)),
            ("half_or_more", share.at_least(2, counted)),
        )
    }


def write_sheet(path: Path, suspects: Suspects, count: int) -> None:
    """One row a class: its worst drawings, with the probability of the class and the entropy under each.

    Of more than 40 classes those with the largest share of faulty drawings are shown.
    """
    marks, share = suspects.marks, sum(class_shares(suspects).values())
    order = np.argsort(-np.asarray(share), kind="stable")[:CLASSES_ON_SHEET]
    rows = []
    for label in sorted(order.tolist()):
        own, total = int(marks.faulty[marks.labels == label].sum()), int((marks.labels == label).sum())
        tiles = tuple(
            GridTile(drawn(suspects.examples, item), _caption(suspects, item), _verdict(suspects, item))
            for item in marks.worst_first(label, count)
        )
        rows.append(GridRow(suspects.classes[label], (tiles,), f"{own} of {total} marked"))
    left_out = len(suspects.classes) - len(rows)
    title = "The worst drawings of every class" if not left_out else "The worst drawings of the worst classes"
    note = "crossed: p under 1 % for its class, or not recognised by the game; H: entropy in bits"
    if any(row.groups[0] for row in rows):
        write_grid(path, [GridBlock(tuple(rows))], title, note=note)


def _caption(suspects: Suspects, item: int) -> str:
    marks, bits = suspects.marks, f"H {suspects.marks.entropy[item]:.2f}"
    if marks.probability is None:
        return bits
    chance = marks.probability[item]
    return f"p {chance:.2g} · {bits}" if chance >= 0.001 else f"p <0.001 · {bits}"


def _verdict(suspects: Suspects, item: int) -> Any:
    return "wrong" if suspects.marks.unlikely[item] or suspects.marks.unrecognized[item] else "neutral"


def _note(suspects: Suspects) -> str:
    known = int((suspects.marks.recognized >= 0).sum())
    return (
        f"{len(suspects.splits):,} drawings; whether the game recognised it is known of {known:,}\n"
        "the limits of entropy leave out a tenth by construction"
    )


def table(suspects: Suspects) -> str:
    """Shares by split, for people."""
    rows = [["split", "drawings", *REASONS, "faulty"]]
    for split, shares in summary(suspects, ())["splits"].items():
        cells = (f"{100 * shares[name]:.2f} %" for name in (*REASONS, "faulty"))
        rows.append([split, f"{shares['drawings']:,}", *cells])
    return columns(rows)


def batch_table(shares: Sequence[BatchShare]) -> str:
    """What batches of each size hold, counted and by chance alone, for people."""
    rows = [["batch", "mean", "quarter or more", "by chance", "half or more", "by chance"]]
    for share in shares:
        cells = (f"{100 * share.at_least(part, seen):.3g} %" for part in (4, 2) for seen in (True, False))
        rows.append([str(share.batch_size), f"{100 * share.mean_share():.1f} %", *cells])
    return columns(rows)


if __name__ == "__main__":
    cli.run(main)
