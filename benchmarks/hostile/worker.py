"""Knocks at one door until its time is over, under limits, in a process that may die of it.

    python -m benchmarks.hostile.worker DOOR SEED FIRST SECONDS FOLDER

Every outcome is a line on standard output: number, outcome, seconds. The file that is being read lies in
FOLDER as `DOOR.current`. A read that takes more than 5 s of processor ends the process by a signal.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path

from benchmarks.hostile.doors import DOORS
from benchmarks.hostile.knock import FINE, knock

MAX_SECONDS, MAX_WAIT = 5.0, 60.0
MAX_MEMORY = 1 << 30
_ADDRESSES = 4 << 30  # a safety for the machine; what is counted is memory in use


def main(name: str, seed: str, first: str, seconds: str, folder: str) -> None:
    """See the module."""
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    end, number, place = time.monotonic() + float(seconds), int(first), Path(folder)
    lines = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)  # decoders write there what they think
    while time.monotonic() < end:
        data = DOORS[name].input(name, int(seed), number)
        (place / f"{name}.current").write_bytes(data)
        signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, MAX_WAIT)
        outcome = knock(name, data, place)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        large = _memory() > MAX_MEMORY
        what = "memory" if large else outcome.what
        if what not in FINE:
            keep(place, name, number, what, data, outcome.told)
        os.write(lines, f"{number} {what} {outcome.seconds:.3f}\n".encode())
        if large:
            return  # the mark is never lowered again
        number += 1


def _memory() -> int:
    """The most bytes in use so far, here or in a process that was started for a file."""
    return 1024 * max(
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def keep(place: Path, name: str, number: int, what: str, data: bytes, told: str) -> None:
    """Write an offending file and what it led to, the first of its kind and a few more."""
    if len(list(place.glob(f"{name}.{what}.*.txt"))) < 5:
        suffix = DOORS[name].suffix.rpartition(".")[2]
        (place / f"{name}.{what}.{number}.{suffix}").write_bytes(data)
        (place / f"{name}.{what}.{number}.txt").write_text(told, errors="replace")


if __name__ == "__main__":
    main(*sys.argv[1:])
