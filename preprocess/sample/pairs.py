"""Things with a photo and drawings of them: shoes and bags, rendered, and drawn by other hands.

Photo and drawings `index` of class `word` are pure functions of (word, index, seed); photo and every drawing
have random streams of their own.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preprocess.sample.hand import Hand, draw_by_hand
from preprocess.sample.photos import render_photo
from preprocess.sample.shapes import Shape
from preprocess.sample.shapes.bag_wares import BagWare
from preprocess.sample.shapes.shoe_wares import ShoeWare
from preprocess.sample.shapes.traits import between, chance, choice, draw_record
from sketchspace.errors import unknown_name
from sketchspace.sketch.strokes import Sketch

WARES: dict[str, type[Shape]] = {"bag": BagWare, "shoe": ShoeWare}


@dataclass(frozen=True)
class CarefulHand(Hand):
    """Somebody who looks at the photo while drawing."""

    haste: float = choice(0.6, 0.7, 0.8, 0.9, 1.0)
    wobble: float = between(0.002, 0.012, 1.5)
    warp: float = between(0.004, 0.045, 1.3)
    misplaced: float = between(0.001, 0.012, 2)
    misfit: float = between(0.005, 0.07, 2)
    ends: float = between(0.001, 0.03, 2.5)
    gap: float = between(0.003, 0.05, 2.5)
    step: float = between(0.018, 0.05, 1.5)
    turn: float = between(0.01, 0.06, 2)
    stretch: float = between(0.01, 0.13)
    shear: float = between(0.005, 0.05, 1.5)
    forgets: float = between(0, 0.5, 2)
    retraces: float = choice(0, 0, 0, 0, 0, 0, 0, 0.06)
    unfinished: bool = chance(0)


def ware(word: str, index: int, seed: int) -> Shape:
    """The thing that photo and drawings `index` of class `word` show; an unknown class is a `UserError`."""
    if word not in WARES:
        raise unknown_name("sample class", word, tuple(WARES))
    return draw_record(WARES[word], _stream(word, index, seed, 0))


def photo(word: str, index: int, seed: int) -> NDArray[np.uint8]:
    """Its photo, uint8 `[256, 256, 3]` (RGB)."""
    return render_photo(ware(word, index, seed), _stream(word, index, seed, 1))


def sketches(word: str, index: int, seed: int) -> list[Sketch]:
    """One to three drawings of it, each by another hand."""
    parts = ware(word, index, seed).parts()
    count = 1 + int(_stream(word, index, seed, 2).random() * 3)
    streams = [_stream(word, index, seed, 3 + number) for number in range(count)]
    return [Sketch.of(draw_by_hand(parts, draw_record(CarefulHand, rng), rng)) for rng in streams]


def _stream(word: str, index: int, seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng((seed, zlib.crc32(word.encode()), index, purpose))
