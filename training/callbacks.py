"""What happens at the end of an interval of training."""

from __future__ import annotations

import time
from collections.abc import Mapping

import tensorflow as tf
import tf_keras

from learners.base import Learner
from models.spec import Stage
from training.checkpoints import State
from training.metrics_csv import Journal, Row, best_row, should_stop
from training.runs import Run
from training.tensorflow_errors import not_finite
from training.weight_average import average_of, averaged

Numbers = Mapping[str, float]


class Interval(tf_keras.callbacks.Callback):
    """At the end of each interval, in this order: row, TensorBoard, checkpoint, weights for use, early stop.

    A row without its checkpoint is dropped and made again when the run goes on; weights for use that
    are missing for the checkpoint's row are stored then (`settle`).
    """

    def __init__(
        self, run: Run, learner: Learner, state: State, number: int, stage: Stage, patience: int
    ) -> None:
        super().__init__()
        self.run, self.learner, self.state = run, learner, state
        self.stage, self.batch_size, self.select = number, stage.batch_size, stage.select
        self.patience = patience
        self.journal = Journal(run.metrics_file)
        self.journal.forget_after(number, state.step)
        self.seconds = self.rows[-1]["seconds"] if self.rows else 0.0
        self.began = time.monotonic()
        self.writer: tf.summary.SummaryWriter | None = None

    @property
    def rows(self) -> list[Row]:
        """The stage's rows so far."""
        return self.journal.rows_of(self.stage)

    @property
    def is_over(self) -> bool:
        """Whether the stage stopped early."""
        return should_stop(self.rows, self.learner, self.patience)

    def settle(self) -> None:
        """Store the weights for use if the stage selects those of the last row and has not stored them."""
        last = self.rows[-1] if self.rows else None
        if last is None or (self.select == "best" and best_row(self.rows, self.learner) is not last):
            return
        if self.run.best_at() != (last["stage"], last["step"]):
            with averaged(self.learner):
                self.run.save_best(self.learner.encoder, last)

    def on_epoch_begin(self, epoch: int, logs: Numbers | None = None) -> None:
        """Start the interval's clock."""
        self.began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Numbers | None = None) -> None:
        """Store everything about the interval that has ended."""
        self._check_finite(logs or {})
        self.seconds += time.monotonic() - self.began
        row = self.journal.add(self._row(logs or {}))
        self._summarise(row)
        self.state.save()
        self.settle()
        if self.is_over:
            self.model.stop_training = True

    def on_test_begin(self, logs: Numbers | None = None) -> None:
        """Evaluate the averaged weights where there are such."""
        if average := average_of(self.learner):
            average.keep()

    def on_test_end(self, logs: Numbers | None = None) -> None:
        """Train on with the weights that are not averaged."""
        if average := average_of(self.learner):
            average.put_back()

    def on_train_end(self, logs: Numbers | None = None) -> None:
        """Close TensorBoard's file."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def _check_finite(self, logs: Numbers) -> None:
        """Store nothing that is not finite: XLA drops the step's own assertion, and gradients have none."""
        for name in self.learner.loss_weights:
            if not tf.math.is_finite(logs.get(name, 0.0)):
                raise not_finite(f"loss '{name}'", f"before step {self.state.step}")
        for variable in self.learner.encoder.variables:
            if variable.dtype.is_floating and not tf.reduce_all(tf.math.is_finite(variable)):
                raise not_finite(f"weight '{variable.name}'", f"before step {self.state.step}")

    def _row(self, logs: Numbers) -> Row:
        row = {
            "stage": self.stage,
            "step": self.state.step,
            "examples": self.state.step * self.batch_size,
            "seconds": round(self.seconds, 3),
            "learning_rate": float(self.learner.optimizer.learning_rate.numpy()),
        }
        for name, value in logs.items():
            validation = name.startswith("val_")
            row[f"{'validation' if validation else 'train'}_{name.removeprefix('val_')}"] = float(value)
        return row

    def _summarise(self, row: Row) -> None:
        if self.writer is None:
            self.writer = tf.summary.create_file_writer(str(self.run.path / "tensorboard"))
        step = int(row["step"])
        with self.writer.as_default():
            for name, value in row.items():
                if name not in ("stage", "step"):
                    tag = name.replace("_", "/", 1) if name.startswith(("train_", "validation_")) else name
                    tf.summary.scalar(tag, value, step=step)
            self.writer.flush()
