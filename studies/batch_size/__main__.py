"""Does accuracy depend on the batch size? ResNet-v2 with controls: norm, learning-rate rule, seeds.

Every run sees equally many drawings and is measured on held-out ones with moving statistics; with batch norm
also with each batch's own statistics. Writes `runs.csv`, `batch_size.md` and `batch_size.png`. A run
that is done is a line of `runs.jsonl`; the same command again makes only the missing ones.
Example: python -m studies.batch_size --data=data/quickdraw16 --out=studies-out/batch_size
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from absl import flags

from preprocess.processes import Workers
from sketchspace import cli
from sketchspace.errors import UserError
from sketchspace.files import read_json, write_json
from studies.batch_size.report import write
from studies.batch_size.runs import RULES, Job, Setting, Trial, make, read_lines, trial_of, trials
from tfrecords.dataset import DatasetFolder

FLAGS = flags.FLAGS
if __name__ == "__main__":
    flags.DEFINE_string("data", None, "Data set folder. Example: --data=data/quickdraw16")
    flags.DEFINE_string("out", "studies-out/batch_size", "Folder for runs, tables and picture.")
    flags.DEFINE_string("split", "test", "Held-out drawings to measure on. Example: --split=validation")
    flags.DEFINE_list("batches", ["16", "32", "64", "128"], "Batch sizes. Example: --batches=16,128")
    flags.DEFINE_list("rules", list(RULES), "Learning-rate rules. Example: --rules=fixed")
    flags.DEFINE_integer("seeds", 3, "Runs of each cell. Example: --seeds=5", 1, 1000)
    flags.DEFINE_integer("pictures", 38_400, "Drawings that each run sees. Example: --pictures=96000", 1)
    flags.DEFINE_float("width", 0.25, "Width of the network. Example: --width=0.5", 1 / 64, 8.0)
    flags.DEFINE_float("learning_rate", 1e-3, "Rate at the reference batch. Example: --learning_rate=4e-4", 0)
    flags.DEFINE_integer("reference", 32, "Batch at which both rules agree. Example: --reference=64", 1)
    flags.DEFINE_float(
        "power", 0.5, "Scaled rate: times (batch / reference) to this power. 1 is linear.", 0, 2
    )
    flags.DEFINE_float("warmup", 0.05, "Share of the steps that raise the rate. Example: --warmup=0", 0, 0.9)
    flags.DEFINE_integer("statistics", 1600, "Drawings that moving statistics average over.", 1)
    flags.DEFINE_string("augment", "none", "Augmentation. Example: --augment=affine")
    flags.DEFINE_enum("precision", "float32", ["float32", "mixed_bfloat16"], "Float type of the layers.")
    flags.DEFINE_integer("workers", 0, "Runs at once, one thread each; 0 takes every core.", 0, 256)


def main(argv: list[str]) -> None:
    """Check the flags, make the missing runs, write tables and picture, print the conclusion."""
    cli.check_flags(argv, "data")
    folder, out = DatasetFolder.open(Path(FLAGS.data)), Path(FLAGS.out)
    setting = _setting(folder)
    wanted = trials(_batches(), _rules(), FLAGS.seeds, setting)
    facts = claim(out, setting, folder)
    make_missing(wanted, setting, out, FLAGS.workers or len(os.sched_getaffinity(0)))
    facts["command"] = shlex.join(["python", "-m", "studies.batch_size", *sys.argv[1:]])
    done = {trial_of(row): row for row in read_lines(out / "runs.jsonl")}
    rows = [done[trial] for trial in wanted]
    print(write(out, rows, setting, facts))
    print(f"wrote {out}")


def _batches() -> list[int]:
    try:
        batches = sorted({int(text) for text in FLAGS.batches})
    except ValueError:
        batches = []
    if not batches or batches[0] < 2:
        raise UserError(f"--batches={','.join(FLAGS.batches)}: expected numbers from 2 on, such as 16,32,64")
    return batches


def _rules() -> list[str]:
    if not FLAGS.rules or not set(FLAGS.rules) <= set(RULES):
        raise UserError(f"--rules={','.join(FLAGS.rules)}: expected {' or '.join(RULES)}, or both")
    return [rule for rule in RULES if rule in FLAGS.rules]


def _setting(folder: DatasetFolder) -> Setting:
    """The flags that all runs share; raises UserError where the data does not have the split."""
    if not folder.manifest.num_examples(FLAGS.split):
        raise UserError(f"split '{FLAGS.split}' of {folder.path} is empty; choose another --split")
    given: dict[str, Any] = {name: FLAGS[name].value for name in Setting.__dataclass_fields__}
    return Setting(**given | {"data": str(folder.path)})


def claim(out: Path, setting: Setting, folder: DatasetFolder) -> dict[str, Any]:
    """Write what all runs of `out` share, or check that it is the same as before; returns it.

    Raises UserError where the folder was begun with other settings or data.
    """
    now = asdict(setting) | {"fingerprint": folder.manifest.fingerprint, "dataset": folder.manifest.name}
    del now["data"]  # The same data may lie elsewhere.
    file = out / "settings.json"
    if not file.is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_json(file, now)
    before = read_json(file)
    changed = [
        f"{key}: {before.get(key)} -> {value}" for key, value in now.items() if before.get(key) != value
    ]
    if changed:
        raise UserError(f"{out} was begun with other settings ({'; '.join(changed)}); give another --out")
    return now


def make_missing(wanted: list[Trial], setting: Setting, out: Path, workers: int) -> None:
    """Make the runs that have no line yet, `workers` at once; each adds its line when it is done."""
    results = out / "runs.jsonl"
    done = {trial_of(row) for row in read_lines(results)}
    missing = [Job(trial, setting, results, 1) for trial in wanted if trial not in done]
    print(f"{len(wanted) - len(missing)} of {len(wanted)} runs are done", file=sys.stderr)
    with Workers(min(workers, max(1, len(missing)))) as pool:
        for number, row in enumerate(pool.map(make, missing, "runs"), start=1):
            trial = trial_of(row)
            print(
                f"{number}/{len(missing)} batch {trial.batch}, {trial.norm} norm, {trial.rule} rate, seed "
                f"{trial.seed}: accuracy {row['accuracy']:.3f}, {row['seconds']:.0f} s",
                file=sys.stderr,
            )


if __name__ == "__main__":
    cli.run(main)
