"""The progress line."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

import tf_keras

Numbers = Mapping[str, float]


class Progress(tf_keras.callbacks.Callback):
    """One line on standard error, rewritten twice a second on a terminal; a line an interval elsewhere.

    The rate leaves out the first call of the graph, which builds it, and the time of evaluations.
    """

    _supports_tf_logs = True  # Numbers are fetched from the device only when they are shown.

    def __init__(self, max_steps: int, batch_size: int, start_step: int) -> None:
        super().__init__()
        self.max_steps, self.batch_size = max_steps, batch_size
        self.step = self.base = start_step
        self.timed_steps, self.timed_seconds = 0, 0.0
        self.since: float | None = None
        self.shown = time.monotonic()
        self.on_terminal = sys.stderr.isatty()

    @property
    def rate(self) -> float:
        """Steps a second so far; 0 before any were timed."""
        return self.timed_steps / self.timed_seconds if self.timed_seconds else 0.0

    def on_epoch_begin(self, epoch: int, logs: Numbers | None = None) -> None:
        """Remember where the interval starts."""
        self.base, self.since = self.step, None

    def on_train_batch_end(self, batch: int, logs: Numbers | None = None) -> None:
        """Count and time steps; show them now and then."""
        now, step = time.monotonic(), self.base + batch + 1
        if self.since is not None:
            self.timed_steps += step - self.step
            self.timed_seconds += now - self.since
        self.step, self.since = step, now
        if self.on_terminal and now - self.shown > 0.5:
            self.shown = now
            print(f"\r\x1b[K{self.line(logs or {})}", end="", file=sys.stderr, flush=True)

    def on_epoch_end(self, epoch: int, logs: Numbers | None = None) -> None:
        """A lasting line with training and validation numbers."""
        start = "\r\x1b[K" if self.on_terminal else ""
        print(f"{start}{self.line(logs or {})}", file=sys.stderr, flush=True)

    def line(self, logs: Numbers) -> str:
        """Step, rate, examples a second, losses and scores by name, time left."""
        parts = [f"step {self.step:,}/{self.max_steps:,}"]
        if self.rate:
            parts.append(f"{self.rate:.1f} steps/s  {self.rate * self.batch_size:,.0f} examples/s")
        parts += [f"{name.replace('val_', 'validation_')} {float(value):.4g}" for name, value in logs.items()]
        if self.rate:
            minutes, seconds = divmod(int((self.max_steps - self.step) / self.rate), 60)
            parts.append(f"{minutes}:{seconds:02d} left")
        return "  ".join(parts)
