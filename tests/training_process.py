"""Processes forked from one with TensorFlow in it, whose import takes seconds; train.py runs in them."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

from sketchspace import cli

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.preloaded"])


def start(arguments: tuple[str, ...], words: Path) -> BaseProcess:
    """The command train.py in the folder of the file `words`, into which is written what it says."""
    process = FORKS.Process(target=_command, args=(arguments, words))
    process.start()
    return process


def _command(arguments: tuple[str, ...], words: Path) -> None:
    import train  # Its flags would be in the way of other commands' in the process of the tests.

    file = os.open(words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.chdir(words.parent)
    sys.argv = ["train.py", *arguments]
    cli.run(train.main)
