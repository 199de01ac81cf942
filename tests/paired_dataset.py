"""A very small data set of sketches with photos, for the tests of paired reading and of training on it."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from pathlib import Path

import numpy as np

from sketchspace.files import write_json
from tfrecords.manifest import Manifest
from tfrecords.png import encode_png
from tfrecords.schema import Record
from tfrecords.writer import shard_name, write_shard

SIZE = 16
CLASSES = ("boot", "clog")
OBJECTS = {"train": 9, "validation": 5}
"""Objects of each class; the last has a photo only, the one before it two sketches."""


def records_of(split: str, size: int = SIZE, channels: int = 1, salt: int = 0) -> list[Record]:
    """Sketches, then photos, of each object: a sketch is what the photo is, a little darker."""
    rng, made = np.random.default_rng([len(split), salt]), []
    for label, name in enumerate(CLASSES):
        for instance in range(OBJECTS[split]):
            colours = rng.integers(0, 240, (size, size, 3)).astype(np.uint8)
            grey = colours[..., 1]
            drawn = {OBJECTS[split] - 1: 0, OBJECTS[split] - 2: 2}.get(instance, 1)
            stem = f"{split}-{name}-{instance}"
            for number in range(drawn):
                sketch = encode_png(np.maximum(grey, 8) - np.uint8(8 - number))
                made.append(Record(f"{stem}-s{number}", label, name, "sketch", instance, image=sketch))
            image = encode_png(colours if channels == 3 else grey)
            shown = None if channels == 3 else encode_png(colours)
            made.append(Record(f"{stem}-p", label, name, "photo", instance, image=image, shown=shown))
    return made


def triplets_of(split: str) -> list[list[int]]:
    """For every sketch's object three comparisons of its own photo and its neighbours'."""
    count = OBJECTS[split] - 1
    return [[a, (a + i) % count, (a + j) % count] for a in range(count) for i, j in ((0, 1), (0, 2), (1, 2))]


def write_paired_dataset(
    folder: Path, size: int = SIZE, channels: int = 1, salt: int = 0, annotated: bool = True
) -> Path:
    """A folder of two splits in two shards each, with annotated triplets of the first class."""
    folder.mkdir(parents=True)
    shards: dict[str, dict] = {}
    counts: dict[str, dict[str, int]] = {}
    for split in OBJECTS:
        items = records_of(split, size, channels, salt)
        counts[split] = dict(Counter(str(item.domain) for item in items))
        for index in range(2):
            name = shard_name("paired", split, index, 2)
            summary = write_shard(folder / name, items[index::2])
            shards[name] = {key: summary[key] for key in ("examples", "bytes", "sha256")}
    if annotated:
        by_split = {split: {CLASSES[0]: triplets_of(split)} for split in OBJECTS}
        write_json(folder / "annotations.json", {"triplets": by_split})
    Manifest(
        name="paired",
        classes=CLASSES,
        counts=counts,
        dropped={},
        image_size=size,
        seed=0,
        options={"photo_as": "rgb" if channels == 3 else "grey", "fit": "keep"},
        sources=[],
        licence="CC0",
        citation="",
        fingerprint=blake2b(f"{counts}{salt}".encode(), digest_size=8).hexdigest(),
        shards=shards,
        has_strokes=False,
        channels=channels,
    ).save(folder)
    return folder
