"""Embedding from several threads: an interpreter a call, beside one interpreter behind a lock.

python -m benchmarks.threads --gallery=galleries/sample [--callers=4] [--calls=300] [--rounds=5]

Every call embeds one drawing, as a server would. The rows take turns, so that they meet the same machine.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from sketchspace import Embedder
from sketchspace.encoder.inputs import Drawings


def per_second(call: Callable[[], object], callers: int, calls: int) -> float:
    """How many calls a second so many threads make together."""
    with ThreadPoolExecutor(callers) as pool:
        start = time.perf_counter()
        list(pool.map(lambda _: call(), range(calls)))
        return calls / (time.perf_counter() - start)


def main() -> None:
    """Time the rows and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gallery", type=Path, required=True)
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    rows: dict[str, tuple[Callable[[], object], int]] = {}
    for threads in (1, 2):
        embedder, lock = Embedder.open(given.gallery, threads), threading.Lock()
        size = embedder.card.image_size
        line = np.array([[0, 0, 0], [1, 1, 1]], np.float32)
        drawing = Drawings(np.full((1, size, size), 255, np.uint8), [line])

        def free(embedder: Embedder = embedder, drawing: Drawings = drawing) -> object:
            return embedder.embed(drawing)

        def guarded(call: Callable[[], object] = free, lock: threading.Lock = lock) -> object:
            with lock:
                return call()

        rows[f"one caller, {threads} threads a call"] = (free, 1)
        rows[f"{given.callers} callers behind a lock, {threads} threads a call"] = (guarded, given.callers)
        rows[f"{given.callers} callers, an interpreter each, {threads} threads a call"] = (
            free,
            given.callers,
        )
    found: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(given.rounds):
        for name, (call, callers) in rows.items():
            found[name].append(per_second(call, callers, given.calls))
    first = statistics.median(next(iter(found.values())))
    for name, rates in found.items():
        rate = statistics.median(rates)
        print(f"{name:<55} {rate:8,.0f} calls/s  {rate / first:5.2f}")


if __name__ == "__main__":
    main()
