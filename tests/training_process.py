"""Processes forked from one with TensorFlow in it, whose import takes seconds; commands run in them."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from multiprocessing.process import BaseProcess
from pathlib import Path
from subprocess import CompletedProcess

from sketchspace import cli
from sketchspace.quiet import quiet_native_code

ROOT = Path(__file__).resolve().parents[1]
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.preloaded"])


def start(arguments: tuple[str, ...], words: Path) -> BaseProcess:
    """The command train.py in the folder of the file `words`, into which is written what it says."""
    process = FORKS.Process(target=_command, args=(arguments, words))
    process.start()
    return process


def _command(arguments: tuple[str, ...], words: Path) -> None:
    import train  # Its flags would be in the way of other commands' in the process of the tests.

    _write_to(words, words)
    os.chdir(words.parent)
    sys.argv = ["train.py", *arguments]
    cli.run(train.main)


def run(where: Path, *command: str, seconds: float = 240) -> CompletedProcess[str]:
    """`python *command` in the folder `where`: a script of the checkout, or `-m` and a module.

    Each runs in a process of its own as its file's main part, with a status and two streams.
    """
    with tempfile.TemporaryDirectory() as folder:
        streams = Path(folder, "out"), Path(folder, "err")
        process = FORKS.Process(target=_main, args=(where, command, streams))
        process.start()
        process.join(seconds)
        if process.is_alive():
            process.kill()
            process.join()
        assert process.exitcode is not None
        return CompletedProcess(command, process.exitcode, *(file.read_text() for file in streams))


def _main(where: Path, command: tuple[str, ...], streams: tuple[Path, Path]) -> None:
    _write_to(*streams)
    with quiet_native_code():  # as at the import, where commands look for GPUs
        sys.modules["tensorflow"].config.list_physical_devices()
    os.chdir(where)
    if command[0] == "-m":
        sys.argv = list(command[1:])
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [str(ROOT / command[0]), *command[1:]]
        runpy.run_path(sys.argv[0], run_name="__main__")


def _write_to(out: Path, err: Path) -> None:
    files = {path: os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for path in {out, err}}
    for stream, path in ((1, out), (2, err)):
        os.dup2(files[path], stream)
