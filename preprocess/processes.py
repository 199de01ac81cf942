"""Work spread over processes; results come in the order of the work, whichever process is quicker."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from types import TracebackType
from typing import TypeVar

import cv2
from tqdm import tqdm

from sketchspace.errors import UserError

T = TypeVar("T")
R = TypeVar("R")
_AHEAD = 8  # parts a process that are handed out before the first result must be taken


class Workers:
    """`count` processes, started at once, or none where `count` is 1: the work is done here then.

    Use it as a context manager. Processes that lose their parent end by themselves.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        cv2.setNumThreads(1)  # a process is the unit of parallel work
        if self._count > 1:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._count, mp_context=context, initializer=_begin)
            for _ in range(self._count):
                self._pool.submit(_wake)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def map(self, work: Callable[[T], R], items: Sequence[T], what: str) -> Iterator[R]:
        """`work` of each item, in order, with a bar called `what` on a terminal.

        Only a few items for each process are under way at a time. Raises what `work` raises for the first
        item that fails, and `UserError` where a process was killed.
        """
        with tqdm(total=len(items), desc=what, unit="part", disable=None, leave=False) as bar:
            for result in map(work, items) if self._pool is None else self._spread(self._pool, work, items):
                bar.update()
                yield result

    def _spread(self, pool: ProcessPoolExecutor, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        waiting = iter(items)
        under_way: deque[Future[R]] = deque()
        try:
            while True:
                for item in waiting:
                    under_way.append(pool.submit(work, item))
                    if len(under_way) >= _AHEAD * self._count:
                        break
                if not under_way:
                    return
                yield under_way.popleft().result()
        except BrokenProcessPool:
            raise UserError(
                "a worker process was killed, perhaps for want of memory; the same command goes on, "
                "try it with --workers=1"
            ) from None


def _wake() -> None:
    """Nothing: being asked for it makes a process start."""


def _begin() -> None:
    """Prepare a worker process: one thread, interrupts left to the parent, end when the parent ends."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        sys.stderr.flush()
        os._exit(1)
