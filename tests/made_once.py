"""What is expensive to make is made once in a run of the tests, whichever worker asks first."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name` beside the workers' own; `make(folder)` fills it for all of them.

    The run's temporary folder is that of `pytest_configure`, and goes with everything in it.
    """
    folder = Path(tempfile.gettempdir()) / f"once-{name}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            make(partial)
            partial.rename(folder)
    return folder
