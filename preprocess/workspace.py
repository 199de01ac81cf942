"""The folder in which a data set is made: one process at a time, and nothing lost when it is interrupted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from preprocess.plan import Plan
from sketchspace.errors import UserError
from sketchspace.files import replace_folder, write_bytes
from tfrecords.manifest import SHARD_NAME

OURS = frozenset(
    (
        "manifest.json",
        "preview.png",
        "annotations.json",
        "dataset_info.json",
        "features.json",
        "LICENSE",
        "label.labels.txt",
        "domain.labels.txt",
    )
)
"""What a data set folder holds beside its shards."""


@dataclass(frozen=True)
class WorkFolder:
    """`.<name>.partial` beside the data set `out`: the new folder, and what is needed to go on with it."""

    out: Path

    @property
    def path(self) -> Path:
        """The work folder itself."""
        return self.out.with_name(f".{self.out.name}.partial")

    @property
    def folder(self) -> Path:
        """The data set folder to be."""
        return self.path / "folder"

    @property
    def scratch(self) -> Path:
        """Unpacked or generated sources; made anew by each run."""
        return self.path / "sources"

    @property
    def state(self) -> Path:
        """Plan and summaries of finished shards."""
        return self.path / "state"

    def clear_scratch(self) -> None:
        """Make an empty scratch folder."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)

    def keep_matching(self, identity: str) -> None:
        """Throw away what an earlier run with another `identity` (sources, options) left."""
        stamp = self.path / "identity"
        if not stamp.is_file() or stamp.read_text() != identity:
            stamp.unlink(missing_ok=True)
            for folder in (self.folder, self.state):
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
            write_bytes(stamp, identity.encode())

    def done(self, shard: str) -> Path:
        """Where a finished shard's summary is kept."""
        return self.state / f"{shard}.done.json"

    def has_plan(self) -> bool:
        """Whether there is something to go on with."""
        return Plan.load(self.state) is not None

    def finish(self) -> None:
        """Flush the new folder to the disk, give it its name, and remove the rest."""
        for path in self.folder.iterdir():
            _flush(path)
        replace_folder(self.folder, self.out)
        _flush(self.out.parent)
        shutil.rmtree(self.path, ignore_errors=True)
        for old in self.out.parent.glob(f".{self.out.name}.*.old"):
            shutil.rmtree(old, ignore_errors=True)


@contextmanager
def work_folder(out: Path) -> Iterator[WorkFolder]:
    """The work folder of `out`, held by this process alone.

    Raises `UserError` where `out` is something else than a data set, or another process is making it.
    """
    _check_out(out)
    work = WorkFolder(out)
    handle = _hold(work.path)
    try:
        yield work
    finally:
        shutil.rmtree(work.scratch, ignore_errors=True)
        if not work.has_plan():
            shutil.rmtree(work.path, ignore_errors=True)
        os.close(handle)


def _hold(path: Path) -> int:
    """Make and lock a folder. The lock is on the folder itself: no file is left, it ends with the process."""
    while True:
        try:
            path.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:  # removed between the two lines by a process that has just finished
            continue
        except (FileExistsError, NotADirectoryError):
            raise UserError(f"{path} cannot be made, a file is in its way; choose another --out") from None
        _lock(handle, path)
        if path.is_dir() and os.path.samestat(os.fstat(handle), path.stat()):
            return handle
        os.close(handle)


def _lock(handle: int, path: Path) -> None:
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UserError(
            f"another process is making {path.with_name(path.name[1:].removesuffix('.partial'))}; "
            "wait for it, or choose another --out"
        ) from None
    except (ImportError, OSError):
        return  # a system or a network disk without such locks trusts its user


def _check_out(out: Path) -> None:
    """Only an older data set may be replaced: a folder in which every name is one that we write."""
    if not out.name or out.name == ".." or out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UserError(f"{out} cannot be made a folder; choose another --out")
    names = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    foreign = [name for name in names if name not in OURS and not SHARD_NAME.fullmatch(name)]
    if foreign or (names and "manifest.json" not in names):
        raise UserError(
            f"{out} exists and is not a data set folder, it holds {(foreign or names)[0]}; "
            "choose another --out"
        )


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
