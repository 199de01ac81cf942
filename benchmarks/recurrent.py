"""How fast our LSTM trains here, beside that of Keras and that of PyTorch.

    python -m benchmarks.recurrent [--torch_python=PATH] [--units=256] [--time=100] [--batch_size=100]
        [--rounds=5] [--groups=lstm,lstm_bfloat16,two_layers,two_layers_bfloat16,blstm,blstm_bfloat16]

A step is that of training: forward, backward, Adam. Every row is a process of its own; the rows of a group
stay alive together and take turns, a few steps at a time, so that a busy machine is busy for all of them.
Shown are the median of sketches a second by the clock, the median of the rounds' ratios to the group's first
row, and sketches a second of processor time. PyTorch needs its own Python (`--torch_python`); its LSTM has a
second bias for every gate, hence some more parameters. On a machine that others use, give `--threads=1`:
PyTorch's threads wait for each other at every step, and lose far more to a busy processor than the others.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
from pathlib import Path

from benchmarks.training import Row, measure

HERE = Path(__file__).resolve().parent
OURS = HERE / "recurrent_worker.py"
PEER = HERE / "recurrent_peer.py"


def groups(torch_python: str) -> dict[str, list[Row]]:
    """What is compared with what; the first row of a group is what the others are divided by."""
    shapes = {
        "lstm": {"depth": 1, "bidirectional": False},
        "two_layers": {"depth": 2, "bidirectional": False},
        "blstm": {"depth": 1, "bidirectional": True},
    }
    policies = {"": "float32", "_bfloat16": "mixed_bfloat16"}
    chosen = {}
    for shape, settings in shapes.items():
        for suffix, policy in policies.items():
            own = settings | {"precision": policy}
            chosen[shape + suffix] = [
                Row("PyTorch", own, python=torch_python, worker=PEER),
                Row("Keras", own | {"network": "keras"}, worker=OURS),
                Row("ours", own | {"network": "ours"}, worker=OURS),
            ]
    return chosen


def table(rows: list[Row], facts: list[dict], batch_size: int) -> list[str]:
    """Lines of a Markdown table."""
    lines = [
        "| | parameters | sketches/s | ratio | sketches a second of processor |",
        "|---|---|---|---|---|",
    ]
    for row, fact in zip(rows, facts, strict=True):
        pairs = zip(rows[0].seconds, row.seconds, strict=True)
        ratio = statistics.median(first / own for first, own in pairs)
        by_clock, by_processor = (
            batch_size / statistics.median(numbers) for numbers in (row.seconds, row.processor)
        )
        lines.append(
            f"| {row.name} | {fact['parameters']:,} | {by_clock:,.0f} | {ratio:.2f} | {by_processor:,.0f} |"
        )
    return lines


def flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch_python", default="", help="Python that has PyTorch")
    parser.add_argument("--groups", default=",".join(groups("")))
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--time", type=int, default=100, help="points of every sketch")
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--batch_size", type=int, default=100)
    parser.add_argument("--threads", type=int, default=0, help="of every row; 0 is the library's own choice")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="steps of a row in a round")
    return parser.parse_args()


def run_group(name: str, rows: list[Row], options: argparse.Namespace) -> None:
    """Measure one group and print its table; without PyTorch its row is left out."""
    if not rows[0].python:
        print(f"\n{name}: PyTorch not found; give --torch_python")
        rows = rows[1:]
    base = {key: getattr(options, key) for key in ("units", "time", "classes", "batch_size")}
    facts = measure(rows, base | {"intra": options.threads}, options.rounds, options.steps)
    versions = ", ".join(sorted({fact["version"] for fact in facts}))
    print(f"\n{name}: {options.units} units, {options.time} points, batch {options.batch_size}, {versions}\n")
    print("\n".join(table(rows, facts, options.batch_size)), flush=True)


def main() -> None:
    """Print machine facts and the table of every group."""
    options = flags()
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} processors, load {load:.1f} before the start")
    chosen = groups(options.torch_python)
    for name in options.groups.split(","):
        run_group(name, chosen[name], options)


if __name__ == "__main__":
    main()
