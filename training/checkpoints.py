"""The full state of a stage's training, on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import tensorflow as tf

from learners.base import Learner
from sketchspace.errors import UserError
from training.weight_average import average_of

PREFIX = "step"
_UNREADABLE = (tf.errors.OpError, AssertionError, ValueError, IndexError)  # IndexError: a file is too short.


class State:
    """A stage's encoder, optimiser, step and average: restored from the newest checkpoint, saved as `step-N`.

    `folder` holds the last `keep` checkpoints. Raises UserError where they cannot be read.
    """

    def __init__(self, learner: Learner, folder: Path, keep: int) -> None:
        self._step = learner.step
        self._folder = folder
        average = average_of(learner)
        followed = {"average": average.averages} if average else {}
        followed |= {f"optimizer_{name}": made for name, made in learner.more_optimizers.items()}
        followed |= {f"learnt_{name}": variable for name, variable in learner.learnt.items()}
        everything = tf.train.Checkpoint(
            encoder=learner.encoder, optimizer=learner.optimizer, step=learner.step, **followed
        )
        if (folder / "checkpoint").is_file() and not _is_list(folder):
            raise self._damaged("its list 'checkpoint' cannot be read")
        self._manager = tf.train.CheckpointManager(everything, str(folder), keep, checkpoint_name=PREFIX)
        newest = self._manager.latest_checkpoint
        if newest:
            try:
                everything.restore(newest).assert_existing_objects_matched()
            except _UNREADABLE as error:
                raise self._damaged(f"{Path(newest).name}: {str(error).splitlines()[0]}") from None
        self._sweep()

    @property
    def step(self) -> int:
        """How many steps of the stage are done."""
        return int(self._step.numpy())

    def save(self) -> None:
        """Store the state as it is now; a file system that refuses is a `UserError`."""
        try:
            self._manager.save(self.step)
        except tf.errors.OpError as error:
            raise UserError(f"a checkpoint cannot be written into {self._folder} ({error.message})") from None

    def _sweep(self) -> None:
        """Remove what a save that was killed left behind."""
        kept = tuple(f"{Path(path).name}." for path in self._manager.checkpoints)
        for path in self._folder.glob(f"{PREFIX}-*"):
            if not path.name.startswith(kept or ("/",)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _damaged(self, reason: str) -> UserError:
        return UserError(
            f"the checkpoint in {self._folder} is damaged or of another program ({reason}); "
            "train into another --run"
        )


def _is_list(folder: Path) -> bool:
    """Whether TensorFlow can read the list of checkpoints, which it otherwise takes for an empty one."""
    try:
        return tf.train.get_checkpoint_state(str(folder)) is not None
    except ValueError:
        return False
