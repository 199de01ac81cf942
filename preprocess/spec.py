"""What a source of data must offer to become a data set folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfrecords.schema import Domain, Record

SPLIT_NAMES = ("train", "validation", "test", "zeroshot")
"""All splits; only the first three can be asked for, the last has the classes that are held out."""
ZERO_SHOT = SPLIT_NAMES.index("zeroshot")
ROW = np.dtype(
    [
        ("rank", "<u8"),
        ("offset", "<i8"),
        ("length", "<i4"),
        ("file", "<i4"),
        ("word", "<i4"),
        ("split", "i1"),
        ("domain", "i1"),
        ("instance", "<i4"),
    ]
)
"""One example that was found: `rank` of its key, where its bytes are, its class, its split (or -1).

`file` and `word` number lists that stand beside the rows; `split` numbers `SPLIT_NAMES`, `domain` numbers
`tfrecords.schema.DOMAINS` (0 sketch, 1 photo); `instance` numbers the object within its class (or -1).
"""
Rows = NDArray[np.void]


def new_rows(count: int) -> Rows:
    """So many rows of sketches without split and instance, to be filled in."""
    rows = np.zeros(count, ROW)
    rows["split"] = rows["instance"] = -1
    return rows


@dataclass(frozen=True)
class Options:
    """What the user asked for. `classes` are names; `num_classes` draws that many by `seed`.

    `simplify` says which strokes pass through the simplification of Quick, Draw!: those of `raw` files,
    of `all` files that are not simplified yet, or of `none`. Photos become what `photo_as` says (`grey`,
    `rgb` or `edges`); `fit` is `box` (drawing or object fitted into the rasteriser's box) or `keep` (the
    whole canvas). All examples of `holdout_classes` go into the split `zeroshot`. `validation_share` of
    the published training objects are for validation where the split is published.
    """

    image_size: int = 64
    seed: int = 0
    splits: str = "0.8,0.1,0.1"
    classes: tuple[str, ...] = ()
    num_classes: int = 0
    num_shards: int = 0
    recognized_only: bool = False
    simplify: str = "raw"
    strict: bool = False
    per_class: int = 300
    photo_as: str = "grey"
    fit: str = "box"
    holdout_classes: tuple[str, ...] = ()
    validation_share: float = 0.0

    def rank(self, key: str) -> bytes:
        """64 bits, little-endian, from seed and key alone: they decide the split and the order."""
        return blake2b(f"{self.seed}:{key}".encode(), digest_size=8).digest()


@dataclass(frozen=True)
class PictureFile:
    """One picture of paired data: where its bytes are, and what its place and name say of it.

    `origin` is how the user knows the file; `key` is unique in the data set and does not depend on how the
    files came (folder or archive). `domain`, `instance` and `split` are as in `ROW`.
    """

    path: Path
    origin: str
    key: str
    domain: int
    instance: int
    split: int


@dataclass(frozen=True)
class Chunk:
    """One unit of indexing: the lines that begin in bytes `start`..`end` of a file, a folder, or `pictures`.

    `origin` is how the user knows the file; `word` is the class that its name gives; `split` numbers
    `SPLIT_NAMES` where the source is already split, else -1. `pictures` are all pictures of a class where
    objects are paired; `path` is then any folder or file that they come from. `members` are the pictures of a
    class folder, pairs of path and origin.
    """

    path: Path
    origin: str
    word: str
    start: int = 0
    end: int = 0
    split: int = -1
    pictures: tuple[PictureFile, ...] = ()
    members: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Bad:
    """The first example of a chunk that is left out for a reason; `line` counts from 1, 0 without lines."""

    reason: str
    detail: str
    origin: str
    line: int = 0


def drop(example: Bad, dropped: Counter[str], bad: list[Bad]) -> None:
    """Count what is left out in `dropped`, by its reason; the first of each reason is kept in `bad`."""
    if example.reason not in dropped:
        bad.append(example)
    dropped[example.reason] += 1


@dataclass(frozen=True)
class Found:
    """The chunks of a source, and the chosen classes where names of files alone decide them.

    `dropped` and `bad` are files that already their names rule out. `extra` is what `find` wants to tell
    `annotate` (tables it has read); files that it came from stand in `extra_files`, pairs of path and
    origin.
    """

    chunks: tuple[Chunk, ...]
    classes: tuple[str, ...] = ()
    dropped: Counter[str] = field(default_factory=Counter)
    bad: tuple[Bad, ...] = ()
    extra: Any = None
    extra_files: tuple[tuple[Path, str], ...] = ()


@dataclass(frozen=True)
class Index:
    """What was found in one chunk.

    `rows` is an array of `ROW`; its `file` numbers `files`, pairs of path and origin; its `word` numbers
    `words`. `dropped` counts what is left out by reason and `bad` shows the first of each; `lines` lines
    begin in the chunk.
    """

    rows: Rows
    files: tuple[tuple[str, str], ...]
    words: tuple[str, ...]
    dropped: Counter[str] = field(default_factory=Counter)
    bad: tuple[Bad, ...] = ()
    lines: int = 0


class Origin(NamedTuple):
    """What the pipeline knows of an example when its bytes are read: the file's name, class and label."""

    name: str
    class_name: str
    label: int
    domain: Domain = "sketch"
    instance: int = -1


@dataclass(frozen=True)
class Kept:
    """The objects that are in the data set after broken files are gone, for `annotate`.

    `sketches` and `photos` are split -> class name -> instance numbers. Every split of the data set and every
    class is there, if need be with an empty set.
    """

    sketches: dict[str, dict[str, frozenset[int]]]
    photos: dict[str, dict[str, frozenset[int]]]


@dataclass(frozen=True)
class DatasetSpec:
    """A kind of source.

    `find` lists the chunks of a source (it may unpack archives into the scratch folder that it is
    given); `index` looks through a chunk; `read` turns one example's bytes into a record, or raises
    ValueError or `UserError`. `index` and `read` run in worker processes.

    `annotate(found, kept, options)` runs after the shards are planned and returns what is written as
    `annotations.json`, or {} for none: {"triplets": {split: {class_name: [[anchor, closer, farther], ...]}},
    "attributes": {class_name: {"names": [...], "values": {str(instance): [0, 1, ...]}}}}, all three numbers
    of a triplet being instances (of the sketch, of two photos). It takes out what is not in `kept`, and
    raises `UserError` for annotations that do not belong to the pictures. `found.extra` is whatever `find`
    has read; `options.classes` are the chosen classes. `example` shows in a few words what is read.
    """

    name: str
    summary: str
    source_url: str
    licence: str
    citation: str
    find: Callable[[list[Path], Options, Path], Found]
    index: Callable[[Chunk, Options], Index]
    read: Callable[[bytes, Origin, Options], Record]
    has_strokes: bool = True
    annotate: Callable[[Found, Kept, Options], dict[str, Any]] | None = None
    needs_source: bool = True
    defaults: dict[str, Any] = field(default_factory=dict)
    example: str = ""
