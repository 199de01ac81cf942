"""Half drawings finished, and drawings from nothing, by a trained VRNN."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import UserError
from tfrecords.dataset import DatasetFolder

if TYPE_CHECKING:
    import tf_keras

    from models.vrnn.draw import Hand
    from training.runs import Run

Floats = NDArray[np.float32]
FEWEST_POINTS = 8
CANVAS = (127.5, 255.0)
"""Centre of the square in which drawings from nothing are placed, and its side."""


@dataclass(frozen=True, eq=False)
class Example:
    """A real drawing: points float32 `[points, 3]` (x, y, 1 at the end of a stroke) and its class."""

    points: Floats
    class_name: str

    @property
    def half(self) -> int:
        """How many points are given to the network."""
        return (len(self.points) + 1) // 2


@dataclass(frozen=True)
class Frame:
    """How points become the network's offsets: those from `origin` on, minus `shift`, divided by `scale`."""

    origin: NDArray[np.float64]
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]

    def offsets(self, points: Floats) -> Floats:
        """Normalised offsets `[points, 3]` of points `[points, 3]`."""
        steps = np.diff(points[:, :2], axis=0, prepend=self.origin[None])
        return np.column_stack([(steps - self.shift) / self.scale, points[:, 2]]).astype(np.float32)

    def points(self, offsets: Floats) -> Floats:
        """The inverse of `offsets`."""
        steps = offsets[:, :2].astype(np.float64) * self.scale + self.shift
        xy = self.origin + np.cumsum(steps, axis=0)
        return np.column_stack([xy, offsets[:, 2]]).astype(np.float32)


def frame_of(preset: str, centre: Sequence[float], side: float) -> Frame:
    """The frame of a drawing whose box has this centre and larger side, by the model's option `strokes`."""
    from models.stroke_layers import DEVIATION, FIRST, MEAN, SPREAD

    if preset == "published":
        return Frame(np.array(FIRST), np.array(DEVIATION), np.array(MEAN))
    return Frame(np.asarray(centre, np.float64), np.full(2, (side or 1.0) / SPREAD), np.zeros(2))


def frame_around(preset: str, points: Floats) -> Frame:
    """The frame of a drawing by the box of its points `[points, 3]`."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    return frame_of(preset, (low + high) / 2, float((high - low).max()))


def load_vrnn(run: Run) -> tuple[tf_keras.Model, dict[str, Any]]:
    """A run's encoder with its best weights, and its configuration; another model is a `UserError`."""
    config = run.config()
    if config["model"] != "vrnn":
        raise UserError(
            f"{run.path} holds a {config['model']}, which cannot draw; give a run of --model=vrnn"
        )
    return run.load_best(), config


def choose(folder: DatasetFolder, split: str, count: int, max_points: int, seed: int) -> list[Example]:
    """`count` drawings at random, of as many classes as there are; the same seed chooses the same.

    Drawings of fewer than 8 points, and of more than `max_points`, are passed over. Raises UserError where
    not enough are left.
    """
    by_class: dict[str, list[Example]] = {}
    for record in folder.records(split):
        if record.strokes is not None and FEWEST_POINTS <= len(record.strokes) <= max_points:
            by_class.setdefault(record.class_name, []).append(Example(record.strokes, record.class_name))
    rng = np.random.default_rng(seed)
    queues = [rng.permutation(np.array(by_class[name], object)).tolist() for name in sorted(by_class)]
    order = rng.permutation(len(queues))
    chosen = list(_in_turn([queues[number] for number in order]))[:count]
    if len(chosen) < count:
        raise UserError(
            f"split '{split}' of {folder.path} has {len(chosen)} drawings of {FEWEST_POINTS} to {max_points} "
            f"points, {count} were asked for; lower --count or give other data"
        )
    return chosen


def _in_turn(queues: list[list[Example]]) -> Iterable[Example]:
    for place in range(max(map(len, queues), default=0)):
        yield from (queue[place] for queue in queues if place < len(queue))


def complete(
    encoder: tf_keras.Model, preset: str, examples: Sequence[Example], tries: int, hand: Hand, seed: int
) -> list[list[Floats]]:
    """Each example's first half, finished `tries` times to the length of the whole: points `[points, 3]`.

    The network is told where the whole drawing's box is, as one who draws knows the sheet.
    """
    frames = [frame_around(preset, example.points) for example in examples]
    halves = [
        frame.offsets(example.points[: example.half])
        for frame, example in zip(frames, examples, strict=True)
        for _ in range(tries)
    ]
    lengths = [len(example.points) for example in examples]
    rows = _drawn(encoder, halves, max(lengths), hand, seed)
    return [
        [
            # The given points stay as they were, not as two conversions leave them.
            np.concatenate([example.points[: example.half], frame.points(row[:length])[example.half :]])
            for row in rows[number * tries : (number + 1) * tries]
        ]
        for number, (frame, example, length) in enumerate(zip(frames, examples, lengths, strict=True))
    ]


def invent(
    encoder: tf_keras.Model, preset: str, lengths: Sequence[int], hand: Hand, seed: int
) -> list[Floats]:
    """Drawings from nothing with these numbers of points, each `[points, 3]`."""
    frame = frame_of(preset, (CANVAS[0], CANVAS[0]), CANVAS[1])
    rows = _drawn(encoder, [np.zeros((0, 3), np.float32)] * len(lengths), max(lengths), hand, seed)
    return [frame.points(row[:length]) for row, length in zip(rows, lengths, strict=True)]


def _drawn(encoder: tf_keras.Model, given: Sequence[Floats], points: int, hand: Hand, seed: int) -> Floats:
    """What the network draws on from `given`, normalised offsets `[drawings, points, 3]`."""
    import tensorflow as tf

    from models.vrnn.draw import draw

    length = np.array([len(rows) for rows in given], np.int32)
    padded = np.zeros((len(given), max(1, int(length.max())), 3), np.float32)
    for row, part in zip(padded, given, strict=True):
        row[: len(part)] = part
    seeds = tf.constant([seed, 0], tf.int32)
    result = draw(encoder.get_layer("vrnn"), tf.constant(padded), tf.constant(length), points, hand, seeds)
    drawn: Floats = result.numpy()
    return drawn
