"""Hostile files at every door: how many are read and refused, and whether any breaks out.

    python -m benchmarks.fuzz --seconds=600 [--door=NAME] [--seed=0] [--workers=1] [--out=FOLDER]

A door is a function that reads a file from outside (benchmarks/hostile/doors.py); its files are whole ones,
spoilt in ways that keep most of their form. A file may be read, or refused by a `UserError` that is one
printable line. Everything else is an offence and is kept in the folder: another error, more than 5 s of
processor, more than 1 GB of memory, a process that died. File N of a door is the same for the same seed.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.hostile.doors import DOORS  # noqa: E402
from benchmarks.hostile.knock import FINE  # noqa: E402
from benchmarks.hostile.worker import keep  # noqa: E402
from sketchspace.tables import columns  # noqa: E402

HANGS = (-signal.SIGPROF, -signal.SIGALRM)


@dataclass
class Tally:
    """What came of a door's files, and the longest of those that came to an end, in seconds."""

    outcomes: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0

    def row(self, name: str) -> tuple[str, ...]:
        """A line of the table."""
        others = sum(count for what, count in self.outcomes.items() if what not in FINE)
        counts = (sum(self.outcomes.values()), self.outcomes["read"], self.outcomes["refused"], others)
        return name, *(f"{count:,}" for count in counts), f"{self.longest:.2f}"


def fuzz(name: str, seed: int, seconds: float, folder: Path) -> Tally:
    """Knock at one door for some time; a worker that dies is followed by another."""
    tally, number, end = Tally(), 0, time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        worker = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks.hostile.worker",
                name,
                f"{seed}",
                f"{number}",
                f"{left}",
                folder,
            ],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for line in worker.stdout or ():
            _, what, took = line.split()
            tally.outcomes[what] += 1
            tally.longest = max(tally.longest, float(took))
            number += 1
        status = worker.wait()
        if status:
            what = "hang" if status in HANGS else f"died{-status}" if status < 0 else "failed"
            tally.outcomes[what] += 1
            keep(folder, name, number, what, (folder / f"{name}.current").read_bytes(), f"status {status}")
            number += 1
    return tally


def main() -> None:
    """Fuzz all doors, or one, and print a table; status 1 where something broke out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="how long altogether, with one worker")
    parser.add_argument("--door", choices=list(DOORS), help="one door; all where none is given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="doors that are knocked at side by side")
    parser.add_argument("--out", type=Path, help="folder for offending files; by default a temporary one")
    args = parser.parse_args()
    names = [args.door] if args.door else list(DOORS)
    folder = args.out or Path(tempfile.mkdtemp(prefix="fuzz-"))
    share = args.seconds / len(names)
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(args.workers) as pool:
        tallies = list(pool.map(lambda name: fuzz(name, args.seed, share, folder / name), names))
    total = Tally()
    for tally in tallies:
        total.outcomes.update(tally.outcomes)
        total.longest = max(total.longest, tally.longest)
    rows: list[tuple[str, ...]] = [("door", "files", "read", "refused", "other", "longest s")]
    rows += [tally.row(name) for name, tally in zip(names, tallies, strict=True)]
    print(columns([*rows, total.row("all")], (0,)))
    others = {what: count for what, count in total.outcomes.items() if what not in FINE}
    print(f"other outcomes: {others or 'none'}; offending files are in {folder}")
    sys.exit(bool(others))


if __name__ == "__main__":
    main()
