"""How fast photos become vectors with ten views each, beside the same network in PyTorch.

    python -m benchmarks.embedding [--torch_python=PATH] [--photos=8] [--threads=0] [--rounds=5] [--steps=2]

The network is Sketch-a-Net at its published size, 225 px of 256, with random weights: they are stored as
published ones are, become a run by `python -m models.convert`, and PyTorch gets the same arrays. All rows
must give the same vectors. Every row is a process of its own; they stay alive together and take turns, so
that a busy machine is busy for all of them. Shown are the median of photos a second by the clock, the median
of the rounds' ratios to the first row, and photos a second of processor time; a photo is ten views of it, cut
out and averaged. PyTorch needs its own Python (`--torch_python`), with PyTorch and NumPy.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.training import ROOT, Row, measure

HERE = Path(__file__).resolve().parent
OURS = HERE / "embedding_worker.py"
PEER = HERE / "embedding_peer.py"
SHAPES = {
    "conv1_s1": (15, 15, 1, 64),
    "conv2_s1": (5, 5, 64, 128),
    "conv3_s1": (3, 3, 128, 256),
    "conv4_s1": (3, 3, 256, 256),
    "conv5_s1": (3, 3, 256, 256),
    "fc6_s1": (12_544, 512),
    "fc7_sketch": (512, 256),
}


def prepare(folder: Path) -> tuple[Path, Path]:
    """A run of random weights, and the same arrays as a plain `.npz` file for the peer."""
    rng, weights = np.random.default_rng(0), {}
    for name, shape in SHAPES.items():
        spread = np.sqrt(2 / np.prod(shape[:-1]))
        weights[f"{name}/weights:0"] = (spread * rng.normal(size=shape)).astype(np.float32)
        weights[f"{name}/biases:0"] = rng.normal(0, 0.1, shape[-1]).astype(np.float32)
    published, run, arrays = folder / "weights.npy", folder / "run", folder / "weights.npz"
    np.save(published, np.array(weights, object), allow_pickle=True)
    np.savez(arrays, **{name.replace("/", ".").removesuffix(":0"): value for name, value in weights.items()})
    command = [sys.executable, "-m", "models.convert", str(published), f"--run={run}", "--set=pixels=ink"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return run, arrays


def check_same(rows: list[Row], facts: list[dict]) -> None:
    """End the program where two rows give other vectors."""
    for row, fact in zip(rows, facts, strict=True):
        worst = np.abs(np.subtract(fact["answer"], facts[0]["answer"])).max()
        if not worst < 1e-4:
            raise SystemExit(f"{row.name} gives other vectors than {rows[0].name}: up to {worst}")


def table(rows: list[Row], photos: int) -> list[str]:
    """Lines of a Markdown table."""
    lines = ["| | photos/s | views/s | ratio | photos a second of processor |", "|---|---|---|---|---|"]
    for row in rows:
        pairs = zip(rows[0].seconds, row.seconds, strict=True)
        ratio = statistics.median(first / own for first, own in pairs)
        clock, processor = (photos / statistics.median(times) for times in (row.seconds, row.processor))
        lines.append(f"| {row.name} | {clock:.2f} | {10 * clock:.1f} | {ratio:.2f} | {processor:.2f} |")
    return lines


def main() -> None:
    """Print machine facts and one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch_python", default="", help="Python that has PyTorch")
    parser.add_argument("--photos", type=int, default=8, help="photos of a step")
    parser.add_argument("--threads", type=int, default=0, help="of every row; 0 is one a processor")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2, help="steps of a row in a round")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} processors, load {load:.1f} before the start")
    with tempfile.TemporaryDirectory() as folder:
        run, arrays = prepare(Path(folder))
        rows = [
            Row("PyTorch", {"weights": str(arrays)}, python=options.torch_python, worker=PEER),
            Row("ours, LiteRT", {"engine": "litert"}, worker=OURS),
            Row("ours, SavedModel", {"engine": "saved_model"}, worker=OURS),
        ]
        if not options.torch_python:
            print("\nPyTorch not found; give --torch_python")
            rows = rows[1:]
        threads = options.threads or os.cpu_count() or 1
        base = {"run": str(run), "photos": options.photos, "intra": threads}
        facts = measure(rows, base, options.rounds, options.steps)
    check_same(rows, facts)
    versions = ", ".join(fact["version"] for fact in facts)
    print(f"\n{options.photos} photos of ten views a step, {threads} threads, {versions}\n")
    print("\n".join(table(rows, options.photos)))


if __name__ == "__main__":
    main()
