"""A moving average of an encoder's weights, which is what is evaluated and used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import tensorflow as tf
import tf_keras

from learners.base import Learner


class Average:
    """Follows every float weight w of an encoder: after each update a <- a + (1 - d) (w - a).

    d is `decay`, and less at first: min(`decay`, (1 + n) / (10 + n)) where n updates came before, so that
    the fresh weights are soon forgotten, as in `tf.train.ExponentialMovingAverage` (the idea: Polyak &
    Juditsky 1992). The statistics of batch norm are averaged too: they then trail the activations as
    the averaged weights trail the weights, and serve these better than the newest ones do. What is no
    float is not followed.

    To be made in the strategy's scope. Each replica keeps an average of its own without asking the
    others; where it is read or stored it is the mean of all. `averages` are the variables, `own` the
    encoder's own weights while the averages are in their place.
    """

    def __init__(self, encoder: tf_keras.Model, decay: float) -> None:
        self._decay = decay
        self.own: list[tf.Tensor] = []
        self._weights = [weight for weight in encoder.variables if weight.dtype.is_floating]
        self.averages = [
            tf.Variable(
                tf.convert_to_tensor(weight),
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.MEAN,
            )
            for weight in self._weights
        ]

    def update(self, made: tf.Tensor) -> None:
        """Follow the weights after an update that `made` others came before, in the replica's context."""
        made = tf.cast(made, tf.float32)
        share = 1 - tf.minimum(self._decay, (1 + made) / (10 + made))
        for weight, average in zip(self._weights, self.averages, strict=True):
            average.assign_add(tf.cast(share, weight.dtype) * (weight - average))

    def restart(self) -> None:
        """Begin at the weights as they are now."""
        for weight, average in zip(self._weights, self.averages, strict=True):
            average.assign(tf.convert_to_tensor(weight))

    def keep(self) -> None:
        """Put the averages in the encoder's place, for good or until `put_back`."""
        self.own = [tf.identity(weight) for weight in self._weights]
        for weight, average in zip(self._weights, self.averages, strict=True):
            weight.assign(tf.convert_to_tensor(average))

    def put_back(self) -> None:
        """Undo the last `keep`."""
        for weight, value in zip(self._weights, self.own, strict=True):
            weight.assign(value)
        self.own = []

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """The encoder has the averages inside, and its own weights again afterwards, whatever happens."""
        self.keep()
        try:
            yield
        finally:
            self.put_back()


def average_of(learner: Learner) -> Average | None:
    """The average that follows a learner's encoder, if one does."""
    return learner.follower if isinstance(learner.follower, Average) else None


def averaged(learner: Learner) -> AbstractContextManager[None]:
    """Inside, the learner's encoder has the averaged weights where there are such, else its own."""
    average = average_of(learner)
    return average.in_use() if average else nullcontext()
