"""Accuracy by the share of points that are drawn, for several runs.

Writes `half_sketch.csv`, `half_sketch.json` and `half_sketch.png`. Each run's numbers are kept as they are
found; the same command again measures only what is missing.
Example: python -m studies.half_sketch --run=runs/lstm --run=runs/sknet --out=studies-out/half_sketch
"""

from __future__ import annotations

import functools
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from evaluation import partial
from evaluation.plots.lines import Line, Words, save_lines
from sketchspace import cli
from sketchspace.errors import UserError
from sketchspace.files import write_json
from sketchspace.tables import columns
from studies.examples import Encoder, Examples, data_identity, load, open_data, open_encoders
from studies.found_numbers import measured_once
from studies.tables import rows_as_csv
from tfrecords.dataset import DatasetFolder

Ask = Callable[..., partial.Curve]

FLAGS = flags.FLAGS
if __name__ == "__main__":
    flags.DEFINE_multi_string("run", [], "Run folder; may be repeated. Example: --run=runs/lstm")
    flags.DEFINE_string("data", None, "Data set folder; the first run's own if left out.")
    flags.DEFINE_string("split", "test", "Which split to measure on. Example: --split=validation")
    flags.DEFINE_string("out", "studies-out/half_sketch", "Folder for table and picture.")


@dataclass(frozen=True)
class Found:
    """One run asked in one mode: accuracy and its 95 % interval at each share."""

    run: str
    model: str
    mode: str
    percents: tuple[int, ...]
    accuracy: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]


def main(argv: list[str]) -> None:
    """Check the flags, measure what is missing, write and print the table."""
    cli.check_flags(argv, "run")
    folder, out = open_data(FLAGS.run, FLAGS.data), Path(FLAGS.out)
    encoders, examples = open_encoders(FLAGS.run, folder), load(folder, FLAGS.split)
    found = list(measure(encoders, examples, folder, FLAGS.split, out))
    facts = {"command": shlex.join(["python", "-m", "studies.half_sketch", *sys.argv[1:]])}
    facts |= {"dataset": folder.manifest.name, "fingerprint": folder.manifest.fingerprint}
    write(out, found, facts | {"split": FLAGS.split, "drawings": len(examples.labels)})
    print(table(found))
    print(f"wrote {out}")


def measure(
    encoders: Sequence[Encoder], examples: Examples, folder: DatasetFolder, split: str, out: Path
) -> Iterator[Found]:
    """Ask every encoder in every mode that it has; what `out` already holds is not measured again."""
    if examples.points is None:
        raise UserError(f"{folder.path} has pictures only; give data with strokes")
    parts = out / "parts"
    for encoder in encoders:
        modes: dict[str, Ask] = {"truncated": partial.truncated}
        if encoder.reads_anywhere:
            modes["untrained read-out"] = partial.read_out
        for mode, ask in modes.items():
            kept = measured_once(
                parts / f"{encoder.name.replace('/', '-')}.{mode.replace(' ', '-')}.json",
                f"{encoder.identity()}/{data_identity(folder)}/{split}/{mode}",
                functools.partial(_measured, ask, encoder, examples),
            )
            yield Found(
                encoder.name,
                encoder.config["model"],
                mode,
                tuple(kept["percents"]),
                tuple(kept["accuracy"]),
                tuple((low, high) for low, high in kept["intervals"]),
            )


def _measured(ask: Ask, encoder: Encoder, examples: Examples) -> dict[str, Any]:
    print(f"{encoder.name}, {ask.__name__} ...", file=sys.stderr)
    curve = ask(encoder.logits, examples.points, examples.labels)
    figures = {"accuracy": curve.accuracy.tolist(), "intervals": curve.intervals().tolist()}
    return figures | {"percents": list(curve.percents)}


def write(out: Path, found: Sequence[Found], facts: dict[str, Any]) -> None:
    """Write the table as csv and json and the picture into `out`; `facts` say where the figures come from."""
    header = ("run", "model", "mode", "percent", "accuracy", "low", "high")
    rows = [
        (line.run, line.model, line.mode, percent, f"{accuracy:.4f}", f"{low:.4f}", f"{high:.4f}")
        for line in found
        for percent, accuracy, (low, high) in zip(line.percents, line.accuracy, line.intervals, strict=True)
    ]
    rows_as_csv(out / "half_sketch.csv", header, rows)
    write_json(out / "half_sketch.json", facts | {"curves": [vars(line) for line in found]})
    runs = list(dict.fromkeys(line.run for line in found))
    several = {line.mode for line in found} != {"truncated"}
    lines = [
        Line(
            f"{line.run}, {'read-out' if line.mode != 'truncated' else 'truncated'}" if several else line.run,
            np.array(line.percents, np.float64),
            np.array(line.accuracy),
            np.array(line.intervals),
            colour=runs.index(line.run),
            dashed=line.mode != "truncated",
        )
        for line in found
    ]
    note = f"{facts['drawings']:,} drawings of {facts['dataset']} ({facts['split']}); shades: 95 % bootstrap"
    note += " over drawings" + ("; dashed: untrained read-out of the whole drawing" if several else "")
    words = Words("Accuracy by how much is drawn", "share of the points given", "accuracy", note)
    save_lines(out / "half_sketch.png", lines, words, ticks=partial.PERCENTS, top=1.0)


def table(found: Sequence[Found]) -> str:
    """Accuracy at each share, one line a run and mode, for people."""
    head = ["run", "mode", *(f"{percent} %" for percent in partial.PERCENTS)]
    return columns(
        [head, *([line.run, line.mode, *(f"{100 * a:.1f}" for a in line.accuracy)] for line in found)], (0, 1)
    )


if __name__ == "__main__":
    cli.run(main)
