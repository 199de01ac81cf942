"""Small Quick, Draw! files for the tests of preprocessing and records."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from preprocess.pipeline import build
from preprocess.spec import Options
from sketchspace.errors import UserError
from tfrecords.manifest import Manifest


def line(key: int, word: Any = "cat", **changes: Any) -> bytes:
    """A valid simplified line without its newline: three strokes that depend on the key."""
    rng = np.random.default_rng(key)
    drawing = [rng.integers(0, 256, (2, int(points))).tolist() for points in rng.integers(2, 7, 3)]
    record = {
        "word": word,
        "countrycode": "US",
        "timestamp": "2017-03-02 23:25:10.07453 UTC",
        "recognized": key % 4 != 0,
        "key_id": str(key),
        "drawing": drawing,
    }
    return orjson.dumps({name: value for name, value in (record | changes).items() if value is not None})


def write_lines(path: Path, lines: list[bytes], end: bytes = b"\n") -> Path:
    """A file of lines, each with `end` behind it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(text + end for text in lines))
    return path


def write_classes(folder: Path, names: tuple[str, ...] = ("cat", "dog", "fish"), per_class: int = 40) -> Path:
    """A folder with `<class>.ndjson` files of `per_class` drawings each, all keys different."""
    for number, name in enumerate(names):
        keys = range(1000 * number, 1000 * number + per_class)
        write_lines(folder / f"{name}.ndjson", [line(key, name) for key in keys])
    return folder


def small_dataset(folder: Path, **options: Any) -> tuple[Path, Manifest]:
    """A data set folder of 120 drawings in three classes at 32 px, made by the real pipeline."""
    source = write_classes(folder / "source")
    out = folder / "small"
    chosen = Options(image_size=32, splits="train:30,validation:5,test:5", **options)
    return out, build("quickdraw", [source], out, chosen)


def all_bytes(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def square(number: int) -> int:
    """Work for a worker process."""
    return number * number


def refuse_three(number: int) -> int:
    """Work that fails for 3."""
    if number == 3:
        raise UserError("three is refused")
    return number


def die(number: int) -> None:
    """End as a process does that the system kills."""
    os.kill(os.getpid(), signal.SIGKILL)
