"""What faulty drawings in training cost: one model trained with more and more of them, and with fewer.

The training split gets 0, 5, 10 and 20 % faulty drawings of each kind (studies/refine.py); with `--drop`, one
more has the drawings taken out that `python -m studies.faulty` marks, and a control as many at random. All
runs have the same steps and seeds and are measured on the same, unchanged test drawings. What is finished is
kept; the same command goes on.
Example: python -m studies.faulty_training --data=data/quickdraw --model=sknet --max_steps=600
"""

from __future__ import annotations

import functools
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from evaluation.bootstrap import interval
from evaluation.faulty import REASONS
from evaluation.plots.lines import Line, Words, save_lines
from evaluation.votes import knn_leave_one_out
from sketchspace import cli
from sketchspace.errors import UserError
from sketchspace.files import write_json
from sketchspace.tables import columns
from studies.examples import data_identity, load, open_encoders
from studies.faulty.changes import KINDS, Changes, as_many_at_random
from studies.faulty.marks import faulty_keys
from studies.found_numbers import measured_once
from studies.refine import refine
from studies.tables import rows_as_csv
from tfrecords.dataset import DatasetFolder
from training.tensorflow_import import import_tensorflow

FLAGS = flags.FLAGS
if __name__ == "__main__":
    flags.DEFINE_string("data", None, "Data set folder. Example: --data=data/quickdraw")
    flags.DEFINE_string("model", "sknet", "Which model. Example: --model=lstm")
    flags.DEFINE_integer("max_steps", 600, "Steps of every run. Example: --max_steps=6000", 1)
    flags.DEFINE_multi_string("set", [], "An option of the model or its recipe. Example: --set width=0.25")
    flags.DEFINE_multi_integer("seed", [0], "Seed of a run; may be repeated.", 0)
    flags.DEFINE_multi_float("share", [0.05, 0.1, 0.2], "Share put in; may be repeated.")
    flags.DEFINE_multi_enum("kind", list(KINDS), KINDS, "What is put in; may be repeated.")
    flags.DEFINE_string("drop", None, "Table of python -m studies.faulty; what it marks is taken out.")
    flags.DEFINE_multi_enum("reason", list(REASONS), REASONS, "Marks that count; may be repeated.")
    flags.DEFINE_string("out", "studies-out/faulty_training", "Folder for runs, table and picture.")

SAME, REMOVED, CONTROL = "unchanged", "removed", "removed_at_random"
HEADER = ("training", "share", "seed", "drawings", "accuracy", "low", "high", "knn_3_accuracy")


@dataclass(frozen=True)
class Variant:
    """One training split: its `name`, the share put in, and the changes that make it (None: none)."""

    name: str
    share: float = 0.0
    changes: Changes | None = None


@dataclass(frozen=True)
class Budget:
    """What all runs have in common."""

    model: str
    max_steps: int
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """One run: its variant, and what it reaches on the test drawings (shares 0..1)."""

    training: str
    share: float
    seed: int
    drawings: int
    accuracy: float
    low: float
    high: float
    knn_3_accuracy: float


def main(argv: list[str]) -> None:
    """Check the flags, make what is missing, write and print the table."""
    cli.check_flags(argv, "data")
    folder, out = DatasetFolder.open(Path(FLAGS.data)), Path(FLAGS.out)
    drop = frozenset(faulty_keys(Path(FLAGS.drop), FLAGS.reason)) if FLAGS.drop else None
    wanted = variants(FLAGS.share, FLAGS.kind, drop, folder)
    import_tensorflow()
    from training.recipe import parse_settings

    budget = Budget(FLAGS.model, FLAGS.max_steps, parse_settings(FLAGS.set))
    found = list(run_all(folder, wanted, budget, FLAGS.seed, out))
    facts = {"command": shlex.join(["python", "-m", "studies.faulty_training", *sys.argv[1:]])}
    facts |= {"fingerprint": folder.manifest.fingerprint, "model": FLAGS.model}
    write(out, found, facts)
    print(table(found))
    print(f"wrote {out}")


def variants(
    shares: Sequence[float], kinds: Sequence[str], drop: frozenset[str] | None, folder: DatasetFolder
) -> list[Variant]:
    """The training splits that are compared. Raises `UserError` for shares that are none.

    Where marked drawings are taken out, a control loses as many of each class at random.
    """
    made = [Variant(SAME)]
    for kind in kinds:
        for share in sorted({*shares} - {0.0}):
            changes = Changes(inject=share, kind=kind)
            changes.check()
            made.append(Variant(f"{kind}-{100 * share:g}", share, changes))
    if drop is not None:
        records = [(record.key, record.label) for record in folder.records("train")]
        keys, labels = [key for key, _ in records], np.array([label for _, label in records], np.int32)
        made.append(Variant(REMOVED, 0.0, Changes(drop)))
        made.append(Variant(CONTROL, 0.0, Changes(as_many_at_random(keys, labels, drop))))
    return made


def run_all(
    folder: DatasetFolder, wanted: Sequence[Variant], budget: Budget, seeds: Sequence[int], out: Path
) -> Iterator[Outcome]:
    """Train and measure every variant with every seed; what is finished is not made again."""
    for variant in wanted:
        data = prepare(folder, variant, out / "data")
        for seed in seeds:
            run = out / "runs" / f"{variant.name}-seed{seed}"
            _train(data, run, budget, seed)
            identity = f"{data_identity(data)}/{budget}/{seed}"
            file = out / "parts" / f"{run.name}.json"
            kept = measured_once(file, identity, functools.partial(_measure, data, run))
            kind = variant.changes.kind if variant.share and variant.changes else variant.name
            figures = {name: kept[name] for name in ("accuracy", "low", "high", "knn_3_accuracy")}
            yield Outcome(kind, variant.share, seed, data.manifest.num_examples("train"), **figures)


def prepare(folder: DatasetFolder, variant: Variant, place: Path) -> DatasetFolder:
    """The variant's data set folder, made now or by an earlier command.

    Raises `UserError` where the folder that is there came from other data or other changes.
    """
    if variant.changes is None:
        return folder
    path, changes = place / variant.name, variant.changes
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        print(f"writing {path} ...", file=sys.stderr)
        refine(folder, path, changes)
    made = DatasetFolder.open(path)
    done = made.manifest.options.get("refined", {})
    left = {record.key for record in made.records("train")} if changes.drop else set()
    same = done.get("from") == folder.manifest.fingerprint and done.get("inject") == changes.inject
    if not same or left & changes.drop:
        raise UserError(f"{path} was made of other data or marks; remove it, or give another --out")
    return made


def _train(data: DatasetFolder, run: Path, budget: Budget, seed: int) -> None:
    if (run / "export" / "encoder.json").is_file():
        return
    import tf_keras

    from training.session import Request, open_session, train

    tf_keras.backend.clear_session()
    settings = {**budget.settings, "max_steps": str(budget.max_steps)}
    print(f"training {run} ...", file=sys.stderr)
    for line in train(open_session(Request(budget.model, data.path, run, settings, seed))):
        print(line, file=sys.stderr)


def _measure(data: DatasetFolder, run: Path) -> dict[str, Any]:
    """Accuracy on the test split with its 95 % interval, and the vote of the three nearest."""
    (encoder,), examples = open_encoders([str(run)], data), load(data, "test")
    encoded = encoder.encode(examples)
    if encoded.logits is None:
        raise UserError(f"{encoder.config['model']} is no classifier; give a --model with logits")
    right = encoded.logits.argmax(axis=1) == examples.labels
    low, high = interval(right)
    voted = knn_leave_one_out(encoded.embedding, examples.labels) == examples.labels
    return {"accuracy": right.mean(), "low": low, "high": high, "knn_3_accuracy": voted.mean()}


def write(out: Path, found: Sequence[Outcome], facts: Mapping[str, Any]) -> None:
    """Write table and picture into `out`."""
    rows_as_csv(out / "faulty_training.csv", HEADER, [tuple(vars(outcome).values()) for outcome in found])
    write_json(out / "faulty_training.json", {**facts, "runs": [vars(outcome) for outcome in found]})
    kinds = [kind for kind in KINDS if any(outcome.training == kind for outcome in found)]
    lines = [_line(kind, found, number) for number, kind in enumerate(kinds)]
    for number, (kind, name) in enumerate([(REMOVED, "marked ones removed"), (CONTROL, "as many at random")]):
        removed = [outcome.accuracy for outcome in found if outcome.training == kind]
        if removed:
            ends = np.array([0.0, 100 * max(outcome.share for outcome in found)])
            level = np.full(2, np.mean(removed))
            lines.append(Line(name, ends, level, colour=len(kinds) + number, dashed=True))
    seeds = len({outcome.seed for outcome in found})
    runs = f"means over {seeds} seeds" if seeds > 1 else "one seed"
    note = f"test drawings unchanged; {runs}; shades: 95 % bootstrap over drawings"
    if lines:
        words = Words("Training with faulty drawings", "share of faulty training drawings", "accuracy", note)
        ticks = sorted({100 * outcome.share for outcome in found})
        save_lines(out / "faulty_training.png", lines, words, ticks=ticks, bottom=None)


def _line(kind: str, found: Sequence[Outcome], colour: int) -> Line:
    """A kind's mean accuracy over seeds by share, from the unchanged split on."""
    own = [outcome for outcome in found if outcome.training in (kind, SAME)]
    shares = sorted({outcome.share for outcome in own})
    figures = np.array(
        [np.mean([(o.accuracy, o.low, o.high) for o in own if o.share == share], axis=0) for share in shares]
    )
    name = kind.replace("_", " ")
    return Line(name, 100 * np.array(shares), figures[:, 0], figures[:, 1:], colour=colour)


def table(found: Sequence[Outcome]) -> str:
    """One line a run, for people."""
    rows = [["training", "share", "seed", "drawings", "accuracy", "95 % interval", "knn_3_accuracy"]]
    for run in found:
        span = f"{100 * run.low:.1f} to {100 * run.high:.1f}"
        figures = [f"{100 * run.accuracy:.1f} %", span, f"{100 * run.knn_3_accuracy:.1f} %"]
        rows.append([run.training, f"{100 * run.share:g} %", str(run.seed), f"{run.drawings:,}", *figures])
    return columns(rows)


if __name__ == "__main__":
    cli.run(main)
