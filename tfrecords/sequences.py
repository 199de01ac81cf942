"""The strokes of a batch of records as padded tensors, and pictures of them at pen-ups."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from sketchspace.sketch.partial import draw_snapshots, snapshot_ends
from tfrecords.dataset import DatasetFolder
from tfrecords.model_inputs import Wanted

NOT_FINITE = "a stroke has a coordinate that is not finite in record"
NO_POINTS = "there are no strokes in record"


def batch_of(
    numbers: tf.RaggedTensor, keys: tf.Tensor, image_size: int, wanted: Wanted
) -> dict[str, tf.Tensor]:
    """Ragged strokes `[batch, (3 * points)]` as what a model of strokes takes.

    `strokes` is float32 `[batch, T, 3]`: absolute x, y and 1 on the last point of a stroke, zeros beyond
    `length` int32 `[batch]`; T is that of the longest drawing, at most `max_points`. `read_at`, int32
    `[batch]`, is the last point. With snapshots: `snapshot_at` int32 `[batch, S]`, the points after which the
    pictures
    `snapshots` float32 `[batch, S, size, size, 1]` (0 paper .. 1 ink) are drawn. A record without
    strokes or with a coordinate that is not finite stops the reading with its key.
    """
    given = tf.cast(numbers.row_lengths() // 3, tf.int32)
    points = tf.reshape(numbers.to_tensor(), [tf.size(given), -1, 3])
    finite = tf.reduce_all(tf.math.is_finite(points), axis=[1, 2])
    with tf.control_dependencies(
        [*_require(given > 0, NO_POINTS, keys), *_require(finite, NOT_FINITE, keys)]
    ):
        given, points = tf.identity(given), tf.identity(points)  # nothing runs on them before the checks
    length = tf.minimum(given, wanted.max_points)
    strokes = _limited(points, given, length, wanted.long_strokes)
    batch = {"strokes": strokes, "length": length, "read_at": length - 1}
    if wanted.snapshots:
        batch |= _snapshots(strokes, length, image_size, wanted.snapshots)
    return {name: batch[name] for name in batch if name in wanted.inputs}


def _require(holds: tf.Tensor, message: str, keys: tf.Tensor) -> list[tf.Operation]:
    """The check that `holds` is true everywhere; in a graph an operation, otherwise done at once."""
    check = tf.debugging.Assert(tf.reduce_all(holds), [message, tf.boolean_mask(keys, ~holds)], summarize=1)
    return [] if check is None else [check]


def _limited(points: tf.Tensor, given: tf.Tensor, length: tf.Tensor, long_strokes: str) -> tf.Tensor:
    """`sketchspace.sketch.partial.limit_points` for a padded batch `[batch, N, 3]` of `given` points each."""
    place = tf.range(tf.reduce_max(length))[None]
    last, steps = given[:, None] - 1, tf.maximum(length[:, None] - 1, 1)
    kept = place if long_strokes == "truncate" else (2 * place * last + steps) // (2 * steps)
    kept = tf.minimum(kept + tf.zeros_like(last), last)
    stroke = tf.gather(tf.cumsum(points[..., 2], axis=1, exclusive=True), kept, batch_dims=1)
    following = tf.concat([stroke[:, 1:], stroke[:, -1:]], axis=1)
    ends = (stroke != following) | (place == length[:, None] - 1)
    rows = tf.concat(
        [tf.gather(points[..., :2], kept, batch_dims=1), tf.cast(ends, tf.float32)[..., None]], axis=-1
    )
    return tf.where((place < length[:, None])[..., None], rows, 0.0)


def _snapshots(strokes: tf.Tensor, length: tf.Tensor, size: int, snapshots: int) -> dict[str, tf.Tensor]:
    def draw(strokes: Any, length: Any) -> tuple[Any, Any]:
        points = [row[:count] for row, count in zip(strokes, length, strict=True)]
        ends = [snapshot_ends(row, snapshots) for row in points]
        drawn = [draw_snapshots(row, end, size) for row, end in zip(points, ends, strict=True)]
        return np.stack(drawn), np.stack(ends)

    pixels, ends = tf.numpy_function(draw, [strokes, length], (tf.uint8, tf.int32), stateful=False)
    pixels = tf.ensure_shape(pixels, [None, snapshots, size, size])
    return {
        "snapshots": 1.0 - tf.cast(pixels[..., None], tf.float32) / 255.0,
        "snapshot_at": tf.ensure_shape(ends, [None, snapshots]),
    }


def count_longer(folder: DatasetFolder, split: str, max_points: int) -> int:
    """How many drawings of a split have more than `max_points` points."""
    files = [str(path) for path in folder.shard_paths(split)]
    spec = {"strokes": tf.io.RaggedFeature(tf.float32)}

    def longer(serialized: tf.Tensor) -> tf.Tensor:
        numbers = tf.io.parse_example(serialized, spec)["strokes"]
        return tf.reduce_sum(tf.cast(numbers.row_lengths() > 3 * max_points, tf.int64))

    counts = tf.data.TFRecordDataset(files).batch(1024).map(longer, num_parallel_calls=tf.data.AUTOTUNE)
    return int(counts.reduce(tf.constant(0, tf.int64), lambda total, count: total + count))
