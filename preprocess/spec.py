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

from tfrecords.schema import Record

SPLIT_NAMES = ("train", "validation", "test")
ROW = np.dtype(
    [("rank", "<u8"), ("offset", "<i8"), ("length", "<i4"), ("file", "<i4"), ("word", "<i4"), ("split", "i1")]
)
"""One example that was found: `rank` of its key, where its bytes are, its class, its split (or -1).

`file` and `word` number lists that stand beside the rows; `split` numbers `SPLIT_NAMES`.
"""
Rows = NDArray[np.void]


@dataclass(frozen=True)
class Options:
    """What the user asked for. `classes` are names; `num_classes` draws that many by `seed`.

    `simplify` says which strokes pass through the simplification of Quick, Draw!: those of `raw` files,
    of `all` files that are not simplified yet, or of `none`.
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

    def rank(self, key: str) -> bytes:
        """64 bits, little-endian, from seed and key alone: they decide the split and the order."""
        return blake2b(f"{self.seed}:{key}".encode(), digest_size=8).digest()


@dataclass(frozen=True)
class Chunk:
    """One unit of indexing: the lines that begin in bytes `start`..`end` of a file, or a folder of images.

    `origin` is how the user knows the file; `word` is the class that its name gives; `split` numbers
    `SPLIT_NAMES` where the source is already split, else -1.
    """

    path: Path
    origin: str
    word: str
    start: int = 0
    end: int = 0
    split: int = -1


@dataclass(frozen=True)
class Found:
    """The chunks of a source, and the chosen classes where names of files alone decide them."""

    chunks: tuple[Chunk, ...]
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bad:
    """The first example of a chunk that is left out for a reason; `line` counts from 1, 0 without lines."""

    reason: str
    detail: str
    origin: str
    line: int = 0


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


@dataclass(frozen=True)
class DatasetSpec:
    """A kind of source.

    `find` lists the chunks of a source (it may unpack archives into the scratch folder that it is
    given); `index` looks through a chunk; `read` turns one example's bytes into a record, or raises
    ValueError or `UserError`. `index` and `read` run in worker processes.
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
    needs_source: bool = True
    defaults: dict[str, Any] = field(default_factory=dict)
