"""A very small data set folder for the tests of training: bars at six angles from a shaky hand."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import cv2
import numpy as np

from tfrecords.manifest import Manifest
from tfrecords.schema import Record
from tfrecords.writer import shard_name, write_shard

SIZE = 16
CLASSES = ("bar a", "bar b", "bar c", "bar d", "bar e", "bar f")


def picture(turn: float, rng: np.random.Generator, size: int = SIZE) -> np.ndarray:
    """A bar turned by about `turn` half circles, uint8 `[size, size]`, 255 paper."""
    angle = np.pi * (turn + rng.uniform(-0.03, 0.03))
    middle = size / 2 + rng.uniform(-1, 1, 2)
    arm = 0.4 * size * np.array([np.cos(angle), np.sin(angle)])
    paper = np.full((size, size), 255, np.uint8)
    ends = [np.round(end * 16).astype(int).tolist() for end in (middle - arm, middle + arm)]
    return cv2.line(paper, ends[0], ends[1], 0, 2, cv2.LINE_AA, shift=4)


def records(split: str, count: int, size: int, classes: tuple[str, ...]) -> list[Record]:
    """`count` records of a split, classes taking turns."""
    rng = np.random.default_rng(len(split))
    made = []
    for number in range(count):
        label = number % len(classes)
        png = cv2.imencode(".png", picture(label / len(classes), rng, size))[1].tobytes()
        made.append(Record(f"{split}-{number}", label, classes[label], image=png))
    return made


def write_tiny_dataset(
    folder: Path,
    train: int = 60,
    validation: int = 18,
    size: int = SIZE,
    classes: tuple[str, ...] = CLASSES,
    salt: str = "",
) -> Path:
    """A folder of two splits, two shards each; `salt` changes its fingerprint."""
    folder.mkdir(parents=True)
    shards, counts = {}, {}
    for split, count in (("train", train), ("validation", validation)):
        if not count:
            continue
        items = records(split, count, size, classes)
        counts[split] = {"sketch": count}
        for index in range(2):
            name = shard_name("tiny", split, index, 2)
            summary = write_shard(folder / name, items[index::2])
            shards[name] = {key: summary[key] for key in ("examples", "bytes", "sha256")}
    Manifest(
        name="tiny",
        classes=classes,
        counts=counts,
        dropped={},
        image_size=size,
        seed=0,
        options={},
        sources=[],
        licence="CC0",
        citation="",
        fingerprint=blake2b(f"{counts}{salt}".encode(), digest_size=8).hexdigest(),
        shards=shards,
        has_strokes=False,
    ).save(folder)
    return folder
