"""One hostile file at one door, and what came of it."""

from __future__ import annotations

import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hostile.doors import DOORS
from sketchspace.errors import MAX_MESSAGE, UserError

READ, REFUSED = "read", "refused"
FINE = (READ, REFUSED)


@dataclass(frozen=True)
class Outcome:
    """What came of a file: `read`, `refused`, `message` for one that cannot be printed, else an error's name.

    `told` is the message or the stack trace.
    """

    what: str
    told: str
    seconds: float


def knock(name: str, data: bytes, folder: Path) -> Outcome:
    """Put a file into a folder and let a door read it; no error gets out."""
    door = DOORS[name]
    place = folder / name.replace(".", "_")
    place.mkdir(parents=True, exist_ok=True)
    path = place / (f"input{door.suffix}" if door.suffix.startswith(".") else door.suffix)
    path.write_bytes(data)
    begun, what, told = time.perf_counter(), READ, ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            door.knock(folder, path)
    except UserError as error:
        told = str(error)
        printable = told.isprintable() and len(told) <= MAX_MESSAGE
        what = REFUSED if printable else "message"
    except Exception as error:
        what, told = type(error).__name__, traceback.format_exc()
    return Outcome(what, told, time.perf_counter() - begun)
