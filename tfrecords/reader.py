"""Shards to `tf.data` batches, parsed after batching."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import tensorflow as tf

from sketchspace.errors import UserError
from tfrecords import sequences
from tfrecords.dataset import DatasetFolder
from tfrecords.grouped import Grouping
from tfrecords.manifest import Manifest
from tfrecords.model_inputs import Wanted
from tfrecords.paired import Pairing
from tfrecords.record_index import RecordIndex
from tfrecords.row_batches import Drawn, as_ink

Batch = dict[str, tf.Tensor]
_CROPS = 0x63726F70  # sets the offsets' random numbers apart from those of augmentations
Augment = Callable[[Batch, tf.Tensor], Batch]
SHUFFLE_BUFFER = 16_384
_NUMBERS = ("label", "domain", "instance")
_SPEC = {
    "key": tf.io.FixedLenFeature([], tf.string),
    **{name: tf.io.FixedLenFeature([], tf.int64) for name in _NUMBERS},
}
IMAGES = Wanted()


def parse_batch(serialized: tf.Tensor, manifest: Manifest, wanted: Wanted = IMAGES) -> Batch:
    """Serialised examples `[batch]` to a batch dictionary.

    `image` is float32 `[batch, size, size, channels]`, 0 paper .. 1 ink; what comes of `strokes` is told in
    tfrecords/sequences.py; `label`, `instance`, `domain` are int32 `[batch]`; `key` is string `[batch]`.
    """
    spec: dict[str, object] = dict(_SPEC)
    if "image" in wanted.inputs:
        spec["image"] = tf.io.FixedLenFeature([], tf.string)
    if wanted.strokes:
        spec["strokes"] = tf.io.RaggedFeature(tf.float32)
    parsed = tf.io.parse_example(serialized, spec)
    batch = {"key": parsed["key"], **{name: tf.cast(parsed[name], tf.int32) for name in _NUMBERS}}
    if "image" in wanted.inputs:
        batch["image"] = _pictures(parsed["image"], manifest.image_size, manifest.channels)
    if wanted.strokes:
        batch |= sequences.batch_of(parsed["strokes"], parsed["key"], manifest.image_size, wanted)
    return batch


def _pictures(pngs: tf.Tensor, size: int, channels: int) -> tf.Tensor:
    picture = tf.TensorSpec([size, size, channels], tf.uint8)
    decode = lambda png: tf.io.decode_png(png, channels=channels)  # noqa: E731
    return as_ink(tf.map_fn(decode, pngs, fn_output_signature=picture))


def eval_batches(
    folder: DatasetFolder, split: str, batch_size: int, wanted: Wanted = IMAGES
) -> tf.data.Dataset:
    """All examples of a split once, in stored order; the last batch may be smaller.

    Of pictures that the model does not see whole it gets the centre.
    """
    wanted.check(folder.manifest, folder.path)
    files = [str(path) for path in folder.shard_paths(split)]
    batches = tf.data.TFRecordDataset(files).batch(batch_size)
    parsed = batches.map(
        lambda data: _seen(parse_batch(data, folder.manifest, wanted), wanted),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return _sharded(parsed.prefetch(tf.data.AUTOTUNE))


def fixed_batches(
    folder: DatasetFolder, split: str, pairing: Pairing, wanted: Wanted = IMAGES, replicas: int = 1
) -> tuple[tf.data.Dataset, int]:
    """The tuples of a split that are always the same (`Pairing.fixed`), and how many batches they are."""
    wanted.check(folder.manifest, folder.path)
    index = RecordIndex.of(folder, split)
    rows = pairing.fixed(index, replicas)
    drawn = Drawn(index, wanted, lambda data: parse_batch(data, folder.manifest, wanted))
    batches = drawn.fixed(rows).map(lambda batch: _seen(batch, wanted))
    return _sharded(batches.prefetch(tf.data.AUTOTUNE)), len(rows)


def _seen(batch: Batch, wanted: Wanted) -> Batch:
    """What the model sees of a batch when nothing is left to chance."""
    return centre_crop(batch, wanted.input_size) if wanted.input_size else batch


@dataclass(frozen=True)
class TrainingInput:
    """Endless training batches that are a pure function of (seed, step).

    Every epoch visits each example at most once, in an order drawn from seed and epoch; the incomplete
    last batch of an epoch is left out. With a `grouping` each batch holds some examples of each of some
    classes instead, or tuples of sketches and photos; `batch_size` must be what it says. Starting at step n
    gives what an uninterrupted run gets from step n on. `augment(batch, seed)` gets an int32 `[2]` seed that
    is different at every step; then a part of each picture is taken where the model sees a part.
    """

    folder: DatasetFolder
    batch_size: int
    seed: int
    augment: Augment | None = None
    split: str = "train"
    wanted: Wanted = IMAGES
    grouping: Grouping | Pairing | None = None

    def __post_init__(self) -> None:
        self.wanted.check(self.folder.manifest, self.folder.path)
        self.folder.shard_paths(self.split)  # here, where what is wrong is said in a sentence of ours
        total = self.folder.manifest.num_examples(self.split)
        if self.grouping is None and self.batch_size > total:
            raise UserError(
                f"batch_size={self.batch_size} is more than the {total} examples of '{self.split}'; lower it"
            )

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in one pass over the split, one at least."""
        return max(1, self.folder.manifest.num_examples(self.split) // self.batch_size)

    @cached_property
    def _drawn(self) -> Drawn:
        """The split's records: all shards are looked through once, however often batches start."""
        return Drawn(RecordIndex.of(self.folder, self.split), self.wanted, self._parse)

    def _parse(self, serialized: tf.Tensor) -> Batch:
        return parse_batch(serialized, self.folder.manifest, self.wanted)

    def batches(self, start_step: int = 0) -> tf.data.Dataset:
        """Batches from `start_step` on; what was passed over is read but not parsed."""
        if self.grouping:
            draw = self.grouping.drawer(self._drawn.index, self.seed)
            found = self._drawn.steps(draw, self.batch_size, start_step)
        else:
            epoch, passed = divmod(start_step, self.steps_per_epoch)
            epochs = tf.data.Dataset.counter(tf.constant(epoch, tf.int64))
            found = epochs.flat_map(self._epoch).skip(passed)
        numbered = found.enumerate(tf.constant(start_step, tf.int64))
        changed = numbered.map(self._traced, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return _sharded(changed.prefetch(tf.data.AUTOTUNE))

    @cached_property
    def _traced(self) -> Callable[..., Batch]:
        """`_changed` as a graph: drawn up once, however often batches start."""
        return tf.function(self._changed)

    def _changed(self, step: tf.Tensor, found: Batch | tf.Tensor) -> Batch:
        """What was found for a step as the model gets it: a batch, or the examples that it is parsed from."""
        batch = found if isinstance(found, dict) else self._parse(found)
        seed = tf.stack([self.seed % (1 << 31), tf.cast(step, tf.int32)])
        if self.augment is not None:
            batch = self.augment(batch, seed)
        return random_crop(batch, self.wanted.input_size, seed) if self.wanted.input_size else batch

    def _epoch(self, epoch: tf.Tensor) -> tf.data.Dataset:
        files = [str(path) for path in self.folder.shard_paths(self.split)]
        seed = epoch * 1_000_003 + self.seed
        shards = _shuffle(tf.data.Dataset.from_tensor_slices(files), len(files), seed)
        records = shards.interleave(tf.data.TFRecordDataset, cycle_length=4, block_length=16)
        return _shuffle(records, SHUFFLE_BUFFER, seed + 1).batch(self.batch_size, drop_remainder=True)


def _shuffle(strings: tf.data.Dataset, buffer: int, seed: tf.Tensor) -> tf.data.Dataset:
    """`strings.shuffle(buffer, seed)` for a seed that is a tensor, which the method does not take."""
    variant = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(strings),
        buffer_size=tf.constant(buffer, tf.int64),
        seed=seed,
        seed2=tf.constant(1, tf.int64),  # seed 0 with seed2 0 would mean: another order each time
        output_types=[tf.string],
        output_shapes=[[]],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))


def _sharded(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Several workers each take their share of the elements, not of the files."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options)


def centre_crop(batch: Batch, side: int) -> Batch:
    """`image` `[batch, size, size, c]` as its middle `[batch, side, side, c]`: offset (size - side) // 2."""
    image = batch["image"]
    at = (image.shape[1] - side) // 2
    return {**batch, "image": image[:, at : at + side, at : at + side]}


def random_crop(batch: Batch, side: int, seed: tf.Tensor) -> Batch:
    """`image` `[batch, size, size, c]` as parts `[batch, side, side, c]`, drawn for each picture by itself.

    Offsets of x and y are drawn evenly from 0 inclusive to size - side exclusive: 0..30 for 225 of 256, as
    Yu et al. 2016 trained. `seed` is int32 `[2]`.
    """
    image = batch["image"]
    room = max(image.shape[1] - side, 1)
    stream = tf.random.experimental.stateless_fold_in(seed, _CROPS)
    at = tf.random.stateless_uniform([2, tf.shape(image)[0], 1], stream, 0, room, tf.int32)
    place = at + tf.range(side)
    rows = tf.gather(image, place[0], axis=1, batch_dims=1)
    return {**batch, "image": tf.gather(rows, place[1], axis=2, batch_dims=1)}
