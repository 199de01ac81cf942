"""A batch of sequences of different lengths as rows without padding."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Packing(NamedTuple):
    """Where each step of each sequence lies: first all first steps, then all second steps, and so on.

    Within a step the longest sequence comes first, so that the sequences that still run at step t + 1 are the
    first ones of step t, and a recurrence goes on with fewer and fewer rows. All int32: `example` and `step`
    `[rows]` tell whose and which step a row is; `starts` and `sizes` `[steps]` give the rows of a step;
    `rank` `[batch]` is a sequence's place within every step that it has.
    """

    example: tf.Tensor
    step: tf.Tensor
    starts: tf.Tensor
    sizes: tf.Tensor
    rank: tf.Tensor

    def rows_at(self, step: tf.Tensor) -> tf.Tensor:
        """The row of each sequence's step `step` (int32 `[batch]`, below its length)."""
        return tf.gather(self.starts, step) + self.rank

    def sum_by_example(self, values: tf.Tensor, skip: int = 0) -> tf.Tensor:
        """Sums over each sequence's steps from step `skip` on: `[rows from there]` to `[batch]`."""
        count = tf.shape(self.rank)[0]
        return tf.math.unsorted_segment_sum(values, self.example[skip * count :], count)


def pack(lengths: tf.Tensor) -> Packing:
    """The packing of sequences with these lengths, int32 `[batch]`, each at least 1."""
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    running = tf.range(tf.reduce_max(lengths))[:, None] < tf.gather(lengths, order)[None]
    places = tf.cast(tf.where(running), tf.int32)
    sizes = tf.reduce_sum(tf.cast(running, tf.int32), axis=1)
    return Packing(
        example=tf.gather(order, places[:, 1]),
        step=places[:, 0],
        starts=tf.cumsum(sizes, exclusive=True),
        sizes=sizes,
        rank=tf.math.invert_permutation(order),
    )
