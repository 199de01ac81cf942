"""How fast drawings become records, beside two other ways of doing it, in the same run on the same lines.

    python benchmarks/preprocess.py [--data=../shared/data/quickdraw] [--lines=300000] [--rounds=3]
        [--million]

Records a second of processor time ("per core"), everything imported before the clock starts, best of the
rounds; the ways take turns. Then one worker against two, by the clock, whole commands. `--million` converts
1,000 lines, 100,000 and 1,000,000 and prints the largest memory of all processes together. Without the data
folder the embedded sample set is used.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PEERS = ROOT / "benchmarks" / "preprocess_peers.py"
NAMES = {
    "ours": "this project: index, plan, PNG, strokes, names",
    "published": "published: PIL, raw pixels and label only",
    "published_full": "published: PIL, with all that our record holds",
    "tfds": "GeneratorBasedBuilder, our reader and rasteriser",
}
_KEY = re.compile(rb'("key_id": ?)"\d+"')


def real_lines(data: Path, name: str) -> list[bytes]:
    """The lines of an archive of the data folder, or those of the sample set."""
    if (data / name).is_file():
        with zipfile.ZipFile(data / name) as archive:
            members = sorted(member for member in archive.namelist() if member.endswith(".ndjson"))
            return [line for member in members for line in archive.read(member).splitlines()]
    from preprocess.sample.drawings import write_ndjson

    with tempfile.TemporaryDirectory() as folder:
        paths = write_ndjson(Path(folder), 250, 0)
        return [line for path in paths for line in path.read_bytes().splitlines()]


def write_replicas(path: Path, lines: list[bytes], count: int) -> Path:
    """A file of `count` lines: those given, again and again, each time with another key."""
    with path.open("wb", buffering=1 << 20) as file:
        for number, line in enumerate(islice(cycle(lines), count)):
            file.write(_KEY.sub(rb'\g<1>"%d"' % (10**15 + number), line) + b"\n")
    return path


def time_ways(folder: Path, lines: Path, size: int, ways: tuple[str, ...], rounds: int) -> dict[str, float]:
    """Records a second of processor time of each way, the best of all rounds."""
    best = dict.fromkeys(ways, 0.0)
    for _ in range(rounds):
        for way in ways:
            out = folder / "out"
            command = [sys.executable, str(PEERS), way, str(lines), str(size), str(out)]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            result = json.loads(printed.splitlines()[-1])
            best[way] = max(best[way], result["records"] / result["seconds"])
            shutil.rmtree(out) if out.is_dir() else out.unlink()
    return best


def time_workers(folder: Path, lines: Path, rounds: int) -> dict[int, float]:
    """Seconds that the whole command takes with one worker and with two, the best of all rounds."""
    best = {1: float("inf"), 2: float("inf")}
    for _ in range(rounds):
        for workers in best:
            began = time.perf_counter()
            subprocess.run(convert(folder, lines, 64, workers), cwd=ROOT, capture_output=True, check=True)
            best[workers] = min(best[workers], time.perf_counter() - began)
            shutil.rmtree(folder / "set")
    return best


def convert(folder: Path, lines: Path, size: int, workers: int) -> list[str]:
    """The command that a user would type."""
    flags = [f"--source={lines}", f"--out={folder / 'set'}", f"--image_size={size}", f"--workers={workers}"]
    return [sys.executable, "-m", "preprocess", "--dataset=quickdraw", *flags]


def largest_memory(command: list[str]) -> tuple[float, float]:
    """Seconds that a command takes, and the most megabytes that its processes had together.

    Memory that processes share is counted once (proportional set size), sampled ten times a second.
    """
    began, most = time.perf_counter(), 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, sum(_memory(pid) for pid in _family(process.pid)))
            time.sleep(0.1)
    if process.returncode:
        raise SystemExit("the conversion failed")
    return time.perf_counter() - began, most / 1024


def _family(parent: int) -> Iterator[int]:
    yield parent
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            child = int(path.read_text().rsplit(")", 1)[1].split()[1]) == parent
        except OSError:
            continue
        if child:
            yield int(path.parent.name)


def _memory(pid: int) -> int:
    """Kilobytes of a process; 0 for one that has just ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]


def print_rates(title: str, rates: dict[str, float]) -> None:
    """A table of rates and how many times faster this project is."""
    print(f"\n{title}\n{'':<52}{'records/s':>10}{'ours is':>9}")
    for way, rate in rates.items():
        print(f"{NAMES[way]:<52}{rate:>10,.0f}{rates['ours'] / rate:>8.2f}x")


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "quickdraw")
    parser.add_argument("--lines", type=int, default=300_000, help="lines for the workers (default 300,000)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each (default 3)")
    parser.add_argument("--million", action="store_true", help="also convert a million lines")
    flags = parser.parse_args()
    simple = real_lines(flags.data, "simplified_first25.zip")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = write_replicas(folder / "lines.ndjson", simple, min(flags.lines, 30_000))
        for size in (64, 128):
            rates = time_ways(folder, lines, size, tuple(NAMES), flags.rounds)
            print_rates(f"simplified files, {size} px", rates)
        if (flags.data / "raw_preview.zip").is_file():
            raw = write_replicas(folder / "raw.ndjson", real_lines(flags.data, "raw_preview.zip"), 4_000)
            print_rates("raw files, 64 px", time_ways(folder, raw, 64, ("ours", "tfds"), flags.rounds))
        lines = write_replicas(folder / "lines.ndjson", simple, flags.lines)
        print_workers(flags.lines, time_workers(folder, lines, flags.rounds))
        if flags.million:
            print_memory(folder, simple)


def print_workers(count: int, seconds: dict[int, float]) -> None:
    """Whole commands with one worker and with two."""
    print(f"\nwhole command, {count:,} lines, 64 px")
    for workers, taken in seconds.items():
        print(f"{workers} worker{'s'[: workers > 1]:<44}{count / taken:>10,.0f} records/s by the clock")
    print(f"{'ratio':<45}{seconds[1] / seconds[2]:>15.2f}")


def print_memory(folder: Path, lines: list[bytes]) -> None:
    """Memory for three sizes of source, two workers, 16 px."""
    print(f"\n{'lines (16 px, two workers)':<32}{'source':>12}{'seconds':>10}{'largest memory':>18}")
    for count in (1_000, 100_000, 1_000_000):
        path = write_replicas(folder / "lines.ndjson", lines, count)
        seconds, megabytes = largest_memory(convert(folder, path, 16, 2))
        size = f"{path.stat().st_size / 1e6:,.0f} MB"
        print(f"{count:<32,}{size:>12}{seconds:>10.1f}{megabytes:>15,.0f} MB", flush=True)
        shutil.rmtree(folder / "set")


if __name__ == "__main__":
    main()
