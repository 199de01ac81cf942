"""The loop of every worker that a benchmark times: one line of JSON when ready, one for every line it reads.

Needs nothing but Python, since workers run in environments of their own, by path or as modules.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable


def answer_steps(make: Callable[[int], int], facts: dict) -> None:
    """Say `facts`; then, for each number of steps on standard input, make them and say how long it took.

    `make(steps)` makes at least so many and returns how many. Processor time counts all threads.
    """
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        began, used = time.perf_counter(), time.process_time()
        steps = make(int(line))
        seconds, processor = time.perf_counter() - began, time.process_time() - used
        print(json.dumps({"steps": steps, "seconds": seconds, "processor": processor}), flush=True)


def repeated(step: Callable[[], object]) -> Callable[[int], int]:
    """`make` for a program that makes one step a call."""

    def make(steps: int) -> int:
        for _ in range(steps):
            step()
        return steps

    return make
