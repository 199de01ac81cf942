"""A learner: outputs and batch in, named losses out; the update is the same for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import tensorflow as tf
import tf_keras

Batch = Mapping[str, tf.Tensor]
Named = dict[str, tf.Tensor]
Scores = dict[str, tf.Tensor | tuple[tf.Tensor, tf.Tensor]]
NOT_FINITE = "not finite: loss {name} at step "


class Follower(Protocol):
    """What follows the encoder's weights, such as their moving average."""

    def update(self, made: tf.Tensor) -> None:
        """Take notice of the weights after an update; `made` updates came before it."""


class Learner(tf_keras.Model):
    """An encoder, and how it learns.

    A subclass gives `losses_of` (and may give `scores_of`): dictionaries of name -> float32 `[batch]`,
    the names being those of `loss_weights` and `scores`. The step minimises the weighted sum of the
    losses' means over the global batch, plus the encoder's own regularisation; each loss and score is
    reported under its own name, and the weighted sum as `loss`. In training the weight of a loss in `anneal`
    rises from a share of it to the whole over so many steps. `step` counts the steps made, also
    those whose update a loss scale skipped. A loss that is not finite stops training with its name and
    the step's number (`tf.errors.InvalidArgumentError`; not under XLA, which drops assertions). After every
    update `follower`, if one is set, is told of it. `learnt` are variables of the learner's own, by name,
    that learn beside the encoder's and end with the stage.
    """

    best_score = "loss"
    best_is_high = False

    def __init__(
        self,
        encoder: tf_keras.Model,
        loss_weights: Mapping[str, float],
        scores: tuple[str, ...] = (),
        seed: int = 0,
        anneal: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        super().__init__(name="learner")
        self.encoder = encoder
        self.loss_weights = dict(loss_weights)
        self.anneal = {name: tuple(rise) for name, rise in (anneal or {}).items()}
        if unknown := self.anneal.keys() - self.loss_weights.keys():
            raise ValueError(f"annealed losses {sorted(unknown)} have no weight")
        self.seed = seed
        self.follower: Follower | None = None
        self.more_optimizers: dict[str, tf_keras.optimizers.Optimizer] = {}
        self.learnt: dict[str, tf.Variable] = {}
        self.step = tf.Variable(
            0, False, dtype=tf.int64, name="step", aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
        )
        self._means = {name: tf_keras.metrics.Mean(name=name) for name in ("loss", *loss_weights, *scores)}
        for layer in encoder.submodules:
            if hasattr(layer, "draw_from"):
                layer.draw_from(self.step_seed)

    def losses_of(self, batch: Batch, outputs: Batch) -> Named:
        """Named losses, each float32 `[batch]`."""
        raise NotImplementedError

    def own_terms(self, outputs: Batch) -> Named:
        """The model's own `[batch]` terms that have a weight."""
        return {name: outputs[name] for name in self.loss_weights if name in outputs}

    def scores_of(self, batch: Batch, outputs: Batch) -> Scores:
        """Named numbers that are only reported: each float32 `[batch]`, or such values and their weights."""
        return {}

    def step_seed(self) -> tf.Tensor:
        """A seed that is a function of run and step alone, int32 `[2]`."""
        return tf.stack([tf.constant(self.seed & 0x7FFFFFFF, tf.int32), tf.cast(self.step, tf.int32)])

    @property
    def metrics(self) -> list[tf_keras.metrics.Metric]:
        """The running means, which `fit` resets at the start of every epoch."""
        return list(self._means.values())

    def call(self, batch: Batch, training: bool = False) -> Named:
        """The encoder's outputs for a batch, in float32; labels never reach it."""
        outputs = self.encoder({name: batch[name] for name in self.encoder.input_names}, training=training)
        return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}

    def train_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """One step: the update, then what follows every update; returns the running means."""
        losses, outputs = self.update(batch)
        if self.follower is not None:
            self.follower.update(self.step)
        self.step.assign_add(1)
        return self._report(losses, self.scores_of(batch, outputs))

    def update(self, batch: Batch) -> tuple[Named, Named]:
        """Change the weights by one batch; returns its losses and outputs.

        A learner of several phases or optimisers has an update of its own, made of `checked_losses`,
        `weighted` and `descend`; step counter, average and report stay as they are.
        """
        with tf.GradientTape() as tape:
            outputs = self(batch, training=True)
            losses = self.checked_losses(batch, outputs)
            total = self.weighted(losses)
        self.descend(tape, total, self._learning(), self.optimizer)
        return losses, outputs

    def _learning(self) -> list[tf.Variable]:
        return [*self.encoder.trainable_variables, *self.learnt.values()]

    def descend(
        self,
        tape: tf.GradientTape,
        total: tf.Tensor,
        variables: Sequence[tf.Variable],
        optimizer: tf_keras.optimizers.Optimizer,
    ) -> None:
        """One step of `optimizer` on `variables` down the gradient of `total`, which the tape has seen."""
        scales = isinstance(optimizer, tf_keras.mixed_precision.LossScaleOptimizer)
        if scales:
            with tape:
                total = optimizer.get_scaled_loss(total)
        gradients = tape.gradient(total, variables)
        if scales:
            gradients = optimizer.get_unscaled_gradients(gradients)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    def prepare(self, make: Callable[[], tf_keras.optimizers.Optimizer]) -> None:
        """Make optimisers beside `optimizer`, which `compile` sets, and everything's variables.

        `make` gives one more of the stage's kind. A learner that wants more puts them into `more_optimizers`,
        by name, which checkpoints hold.
        """
        del make
        self.optimizer.build(self._learning())

    def test_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The same numbers without an update."""
        outputs = self(batch, training=False)
        return self._report(self._named_losses(batch, outputs), self.scores_of(batch, outputs))

    def checked_losses(self, batch: Batch, outputs: Batch) -> Named:
        """`losses_of`, with an assertion that they are finite, which names the loss and the step."""
        losses = self._named_losses(batch, outputs)
        self._assert_finite(losses)
        return losses

    def _named_losses(self, batch: Batch, outputs: Batch) -> Named:
        """`losses_of`, whose names must be those of the weights."""
        losses = self.losses_of(batch, outputs)
        if losses.keys() != self.loss_weights.keys():
            raise ValueError(
                f"losses are {sorted(losses)}, weights are given for {sorted(self.loss_weights)}"
            )
        return losses

    def _assert_finite(self, losses: Named) -> None:
        """Assertions that carry the number of the step (counted from 1), right in any graph of many steps."""
        for name, value in losses.items():
            message = [NOT_FINITE.format(name=name), self.step + 1]
            tf.debugging.Assert(tf.reduce_all(tf.math.is_finite(value)), message)

    def weighted(self, losses: Named) -> tf.Tensor:
        """Weighted sum of means over the global batch, as this replica's share of it."""
        means = [self._weight_now(name) * tf.reduce_mean(value) for name, value in losses.items()]
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return tf.add_n([*means, *self.encoder.losses]) / replicas

    def _weight_now(self, name: str) -> float | tf.Tensor:
        """A loss's weight at this step of training."""
        weight = self.loss_weights[name]
        if name not in self.anneal:
            return weight
        share, steps = self.anneal[name]
        risen = tf.minimum(1.0, tf.cast(self.step, tf.float32) / steps)
        return weight * (share + (1 - share) * risen)

    def _report(self, losses: Named, scores: Scores) -> dict[str, tf.Tensor]:
        total = tf.add_n([self.loss_weights[name] * value for name, value in losses.items()])
        for name, value in {"loss": total, **losses, **scores}.items():
            values, weights = value if isinstance(value, tuple) else (value, None)
            self._means[name].update_state(values, weights)
        return {name: mean.result() for name, mean in self._means.items()}

    def get_config(self) -> dict[str, Any]:
        """Learners are rebuilt from a run's configuration, never from this."""
        raise NotImplementedError("a learner is rebuilt from its run's config.json")
