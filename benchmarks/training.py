"""How fast skNet trains here, beside the same network in PyTorch and beside other settings of our own.

    python benchmarks/training.py [--torch_python=PATH] [--width=1] [--batch_sizes=64,100] [--rounds=5]
        [--groups=peer,precision,execution,threads,onednn,strategy,input] [--data=DIR]

Every row is a process of its own; the rows of a group stay alive together and take turns, a few steps at a
time, so that a busy machine is busy for all of them. Shown are the median of images a second by the clock,
the median of the rounds' ratios to the group's first row, and images a second of processor time. PyTorch
needs its own Python (`--torch_python`), with PyTorch and NumPy. Without `--data` the input is measured on
the embedded sample set.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ROOT / "benchmarks" / "training_worker.py"
PEER = ROOT / "benchmarks" / "training_peer.py"
SETTINGS = {
    "precision": "float32",
    "strategy": "mirrored",
    "steps_per_execution": 4,
    "xla": False,
    "intra": 0,
    "inter": 0,
    "network": True,
    "data": "",
    "augment": "none",
}


@dataclass
class Row:
    """One way of training: its name, settings that differ, and what was measured."""

    name: str
    settings: dict = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable
    worker: Path = OURS
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def groups(torch_python: str, data: str) -> dict[str, list[Row]]:
    """What is compared with what; the first row of a group is what the others are divided by."""
    lower = {"precision": "mixed_bfloat16"}
    stored = {"data": data, "augment": "affine"}
    return {
        "peer": [Row("PyTorch, float32", python=torch_python, worker=PEER), Row("ours, float32")],
        "precision": [
            Row("PyTorch, bfloat16 autocast", lower, python=torch_python, worker=PEER),
            Row("ours, mixed_bfloat16", lower),
            Row("ours, float32"),
        ],
        "execution": [
            Row("steps_per_execution=1", {"steps_per_execution": 1}),
            Row("steps_per_execution=4"),
            Row("steps_per_execution=16", {"steps_per_execution": 16}),
            Row("XLA", {"xla": True}),
        ],
        "threads": [
            Row("TensorFlow's own choice"),
            *(
                Row(f"intra {intra}, inter {inter}", {"intra": intra, "inter": inter})
                for intra, inter in ((2, 1), (2, 2), (1, 2), (1, 1))
            ),
        ],
        "onednn": [Row("oneDNN"), Row("no oneDNN", environment={"TF_ENABLE_ONEDNN_OPTS": "0"})],
        "strategy": [Row("no strategy", {"strategy": "none"}), Row("MirroredStrategy, one CPU")],
        "input": [
            Row("one batch in memory"),
            Row("shards, affine augmentation", stored),
            Row("input alone, affine", stored | {"network": False}),
            Row("input alone, no augmentation", stored | {"network": False, "augment": "none"}),
        ],
    }


def measure(rows: list[Row], base: dict, rounds: int, steps: int) -> list[dict]:
    """Start the rows' processes, let them take turns, fill in their numbers; returns their facts."""
    processes = [
        subprocess.Popen(
            [row.python, str(row.worker), json.dumps(SETTINGS | base | row.settings)],
            env=os.environ | row.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for row in rows
    ]
    try:
        facts = [json.loads(_line(process)) for process in processes]
        for _ in range(rounds):
            for row, process in zip(rows, processes, strict=True):
                _ask(process, steps, row)
        return facts
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _ask(process: subprocess.Popen, steps: int, row: Row) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{steps}\n")
    process.stdin.flush()
    answer = json.loads(_line(process))
    row.seconds.append(answer["seconds"] / answer["steps"])
    row.processor.append(answer["processor"] / answer["steps"])


def _line(process: subprocess.Popen) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a worker ended without an answer: {process.args!r}")
    return line


def table(rows: list[Row], batch_size: int) -> list[str]:
    """Lines of a Markdown table."""
    lines = ["| | images/s | ratio | images a second of processor |", "|---|---|---|---|"]
    for row in rows:
        pairs = zip(rows[0].seconds, row.seconds, strict=True)
        ratio = statistics.median(first / own for first, own in pairs)
        by_clock, by_processor = (
            batch_size / statistics.median(numbers) for numbers in (row.seconds, row.processor)
        )
        lines.append(f"| {row.name} | {by_clock:,.0f} | {ratio:.2f} | {by_processor:,.0f} |")
    return lines


def sample_data(folder: Path, image_size: int) -> str:
    """The embedded sample set as a data set folder."""
    out = folder / "sample"
    options = ["--dataset=sample", f"--out={out}", f"--image_size={image_size}"]
    subprocess.run([sys.executable, "-m", "preprocess", *options], cwd=ROOT, check=True, capture_output=True)
    return str(out)


def flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch_python", default="", help="Python that has PyTorch")
    parser.add_argument("--groups", default="peer,precision,execution,threads,onednn,strategy,input")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--batch_sizes", default="64,100")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="steps of a row in a round")
    parser.add_argument("--data", default="", help="data set folder of that image size")
    return parser.parse_args()


def run_group(name: str, rows: list[Row], batch_size: int, options: argparse.Namespace) -> None:
    """Measure one group and print its table; without PyTorch its rows are left out."""
    missing = [row for row in rows if row.worker == PEER and not row.python]
    if missing:
        print(f"\n{name}: PyTorch not found; give --torch_python")
        rows = [row for row in rows if row not in missing]
    base = {key: getattr(options, key) for key in ("width", "image_size", "classes")}
    facts = measure(rows, base | {"batch_size": batch_size}, options.rounds, options.steps)
    counts = {fact["parameters"] for fact in facts} - {0}
    if len(counts) != 1:
        raise SystemExit(f"the networks are not the same: {counts} parameters")
    versions = ", ".join(sorted({fact["version"] for fact in facts}))
    print(f"\n{name}: batch {batch_size}, {counts.pop():,} parameters, {versions}\n")
    print("\n".join(table(rows, batch_size)), flush=True)


def main() -> None:
    """Print machine facts and the table of every group for every batch size."""
    options = flags()
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} processors, load {load:.1f} before the start")
    with tempfile.TemporaryDirectory() as folder:
        names = options.groups.split(",")
        data = options.data or (sample_data(Path(folder), options.image_size) if "input" in names else "")
        for batch_size in map(int, options.batch_sizes.split(",")):
            chosen = groups(options.torch_python, data)
            for name in names:
                run_group(name, chosen[name], batch_size, options)


if __name__ == "__main__":
    main()
