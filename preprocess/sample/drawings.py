"""The embedded sample set: line drawings by formula, written as Quick, Draw! simplified ndjson.

Drawing `index` of class `word` is a pure function of (word, index, seed). Its thing (a record from
`preprocess.sample.shapes`) and the hand that draws it use separate random streams.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from preprocess.sample.hand import Hand, draw_by_hand
from preprocess.sample.shapes import SHAPES, Part, Shape
from preprocess.sample.shapes.parts import Points, curve
from preprocess.sample.shapes.traits import choice, draw_record
from sketchspace.errors import UserError, unknown_name
from sketchspace.files import write_bytes
from sketchspace.sketch.simplify import simplify_quickdraw
from sketchspace.sketch.strokes import Sketch

SAMPLE_CLASSES: tuple[str, ...] = tuple(sorted(SHAPES))
MAX_PER_CLASS = 2_000_000
_KEYS = 9_000_000_000_000_000
_COUNTRIES = ("US", "US", "US", "GB", "DE", "CA", "AU", "RU", "BR", "SE", "IT", "PL", "FI", "SA")
_FIRST_DAY = datetime(2017, 1, 23, tzinfo=UTC)
_SECONDS = 65 * 24 * 3600


@dataclass(frozen=True)
class Scribble(Shape):
    """What somebody draws who has given up: loops or zigzags that show nothing."""

    turns: int = choice(4, 6, 9, 14)
    strokes: int = choice(1, 1, 2, 3)
    seed: int = choice(*range(1000))

    def outline(self) -> list[Part]:
        """Curves through random knots."""
        knots = np.random.default_rng(self.seed).random((self.strokes, self.turns, 2))
        return [curve("scribble", *((x, y) for x, y in stroke)) for stroke in knots.tolist()]


def shape_of(word: str, index: int, seed: int) -> Shape:
    """The thing that drawing `index` of class `word` shows; raises `UserError` for an unknown class."""
    if word not in SHAPES:
        raise unknown_name("sample class", word, SAMPLE_CLASSES)
    return draw_record(SHAPES[word], _stream(word, index, seed, 0))


def draw(shape: Shape, rng: np.random.Generator) -> tuple[list[Points], bool]:
    """Strokes of one drawing of `shape`, in a free unit, and whether it was recognised.

    A few are scribbles that show something else than `shape`; those are never recognised.
    """
    scribbled = rng.random() < 0.015
    hand = draw_record(Hand, rng)
    strokes = draw_by_hand((draw_record(Scribble, rng) if scribbled else shape).parts(), hand, rng)
    doubt = 0.5 if hand.unfinished else 0.15 if hand.haste > 1.3 else 0.03
    return strokes, not scribbled and rng.random() >= doubt


def record(word: str, index: int, seed: int) -> dict[str, Any]:
    """One drawing as the fields of an ndjson line, as Google publishes its simplified files."""
    rng = _stream(word, index, seed, 1)
    strokes, recognized = draw(shape_of(word, index, seed), rng)
    simple = simplify_quickdraw(Sketch.of(strokes))
    moment = _FIRST_DAY + timedelta(seconds=float(rng.random()) * _SECONDS)
    return {
        "word": word,
        "countrycode": _COUNTRIES[int(rng.random() * len(_COUNTRIES))],
        "timestamp": f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC",
        "recognized": recognized,
        "key_id": str(_key(word, index, seed)),
        "drawing": [stroke.T.astype(int).tolist() for stroke in simple.strokes],
    }


def write_ndjson(folder: Path, per_class: int, seed: int) -> list[Path]:
    """Write `<class>.ndjson` with `per_class` drawings for each of `SAMPLE_CLASSES`.

    Each file is written whole or not at all; the paths come back in the order of the classes. A larger
    `per_class` appends drawings and changes none. Raises `UserError` if `per_class` is not in 1..2,000,000 or
    `seed` is negative.
    """
    if not 1 <= per_class <= MAX_PER_CLASS:
        raise UserError(f"{per_class} drawings a class were asked for; give 1 to {MAX_PER_CLASS:,}")
    if seed < 0:
        raise UserError(f"the seed is {seed}; give 0 or more")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{word}.ndjson" for word in SAMPLE_CLASSES]
    for word, path in zip(SAMPLE_CLASSES, paths, strict=True):
        lines = (orjson.dumps(record(word, index, seed)) for index in range(per_class))
        write_bytes(path, b"".join(line + b"\n" for line in lines))
    return paths


def _stream(word: str, index: int, seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng((seed, zlib.crc32(word.encode()), index, purpose))


def _key(word: str, index: int, seed: int) -> int:
    """A 16-digit number, another one for every (word, index): the sum below is unique, the product mixes it.

    The factor has no divisor in common with `_KEYS`, so the multiplication only permutes.
    """
    number = zlib.crc32(word.encode()) * MAX_PER_CLASS + index
    return 1_000_000_000_000_000 + (number + seed * 7_919) * 6_364_136_223_846_793 % _KEYS
