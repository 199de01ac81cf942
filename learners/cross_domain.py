"""Losses of a matrix of similarities between the sketches and the photos of a batch."""

from __future__ import annotations

import tensorflow as tf

ALPHA, BETA, LAMBDA, EPSILON = 2.0, 50.0, 0.5, 0.1


def members(rows: tf.Tensor, count: int) -> list[tf.Tensor]:
    """The parts of interleaved tuples: `[count * N, ...]` to so many `[N, ...]`, first members first."""
    return tf.unstack(tf.reshape(rows, [-1, count, *rows.shape[1:]]), count, axis=1)


def interleaved(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Values `[N]` of the first and of the second members as values of their rows, `[2N]`."""
    return tf.reshape(tf.stack([first, second], axis=1), [-1])


def cosines(sketches: tf.Tensor, photos: tf.Tensor) -> tf.Tensor:
    """Cosine similarities of `[N, D]` and `[M, D]`, `[N, M]`; those of zero vectors are 0."""
    unit = (tf.math.l2_normalize(vectors, axis=1) for vectors in (sketches, photos))
    return tf.matmul(*unit, transpose_b=True)


def info_nce(similarities: tf.Tensor, same: tf.Tensor, temperature: float | tf.Tensor) -> tf.Tensor:
    """Cross-entropy in nats of picking each row's own partner, the diagonal, `[N, N]` to `[N]`.

    The softmax of similarity / `temperature` (van den Oord et al. 2018, equation 4) runs over the partner
    and the objects that are not the row's: where `same` (bool `[N, N]`) holds beside the diagonal
    there is neither a positive nor a negative.
    """
    logits = similarities / temperature
    left_out = same & ~tf.eye(tf.shape(same)[0], dtype=tf.bool)
    total = tf.reduce_logsumexp(tf.where(left_out, logits.dtype.min, logits), axis=1)
    return total - tf.linalg.diag_part(logits)


def multi_similarity(similarities: tf.Tensor, same: tf.Tensor) -> tf.Tensor:
    """Multi-similarity loss of each row, `[N, M]` and bool `[N, M]` to `[N]` (Wang et al. 2019, section 4).

    log(1 + sum over positives of exp(-`ALPHA` (S - `LAMBDA`))) / `ALPHA`
    + log(1 + sum over negatives of exp(`BETA` (S - `LAMBDA`))) / `BETA`, where a negative counts if it is
    more similar than the least similar positive less `EPSILON`, and a positive if it is less similar than
    the most similar negative plus `EPSILON`. `ALPHA` = 2, `BETA` = 50 and `EPSILON` = 0.1 are the
    paper's; its `LAMBDA` = 1 leaves negatives without weight until they coincide, so it is 1/2 here.
    """
    low, high = similarities.dtype.min, similarities.dtype.max
    hardest_positive = tf.reduce_min(tf.where(same, similarities, high), axis=1, keepdims=True)
    hardest_negative = tf.reduce_max(tf.where(same, low, similarities), axis=1, keepdims=True)
    positive = same & (similarities < hardest_negative + EPSILON)
    negative = ~same & (similarities > hardest_positive - EPSILON)
    away = similarities - LAMBDA
    return _soft_sum(-ALPHA * away, positive) / ALPHA + _soft_sum(BETA * away, negative) / BETA


def _soft_sum(values: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
    """log(1 + sum of exp) of a row's values where `counted`, which does not overflow."""
    kept = tf.where(counted, values, values.dtype.min)
    return tf.reduce_logsumexp(tf.pad(kept, [[0, 0], [0, 1]]), axis=1)
