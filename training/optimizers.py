"""From a stage's numbers to an optimiser."""

from __future__ import annotations

import math

import tensorflow as tf
import tf_keras

from models.spec import Stage

OPTIMIZERS = {
    "adam": tf_keras.optimizers.Adam,
    "adamw": tf_keras.optimizers.AdamW,
    "sgd": tf_keras.optimizers.SGD,
}
SCHEDULES = ("constant", "cosine")


class WarmupCosine(tf_keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise over `warmup_steps`, then half a cosine from `peak` to zero at `max_steps`.

    Loshchilov & Hutter 2017, section 3, without restarts.
    """

    def __init__(self, peak: float, warmup_steps: int, max_steps: int) -> None:
        self.peak, self.warmup_steps, self.max_steps = peak, warmup_steps, max_steps

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """Learning rate of the update after `step` updates."""
        step = tf.cast(step, tf.float32)
        rise = (step + 1) / max(1, self.warmup_steps)
        share = (step - self.warmup_steps) / max(1, self.max_steps - self.warmup_steps)
        fall = 0.5 * (1 + tf.cos(math.pi * tf.clip_by_value(share, 0.0, 1.0)))
        return self.peak * tf.minimum(rise, fall)

    def get_config(self) -> dict[str, float]:
        """The three numbers."""
        return {"peak": self.peak, "warmup_steps": self.warmup_steps, "max_steps": self.max_steps}


def build_optimizer(stage: Stage) -> tf_keras.optimizers.Optimizer:
    """The stage's optimiser (of `OPTIMIZERS`) with its schedule (of `SCHEDULES`), clipping and decay."""
    rate: float | WarmupCosine = stage.learning_rate
    if stage.schedule == "cosine":
        rate = WarmupCosine(stage.learning_rate, stage.warmup_steps, stage.max_steps)
    settings = {"weight_decay": stage.weight_decay}  # Always given: AdamW has a default that is not zero.
    if stage.clip:
        settings["global_clipnorm"] = stage.clip
    if stage.clip_value:
        settings["clipvalue"] = stage.clip_value
    if stage.optimizer == "sgd":
        settings["momentum"] = 0.9
    return OPTIMIZERS[stage.optimizer](learning_rate=rate, **settings)
