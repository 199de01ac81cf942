"""The embedded pairs: rendered photos of shoes and bags, and drawings of the same ones by other hands.

Photo and drawings `index` of class `word` are pure functions of (word, index, seed); photo and every drawing
have random streams of their own.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.classes import choose_classes
from preprocess.sample.hand import Hand, draw_by_hand
from preprocess.sample.photos import render_photo
from preprocess.sample.shapes import Shape
from preprocess.sample.shapes.bag_wares import BagWare
from preprocess.sample.shapes.shoe_wares import ShoeWare
from preprocess.sample.shapes.traits import between, chance, choice, draw_record
from preprocess.sample.textures import SIDE
from preprocess.sources.paired_files import index, read
from preprocess.spec import Chunk, DatasetSpec, Found, Options, PictureFile
from sketchspace.errors import UserError, unknown_name
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch
from tfrecords.png import encode_png

WARES: dict[str, type[Shape]] = {"bag": BagWare, "shoe": ShoeWare}
MAX_PER_CLASS = 20_000


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


def find(sources: list[Path], options: Options, scratch: Path) -> Found:
    """Draw and render `per_class` objects of every class into the scratch folder, one chunk a class.

    The split is decided object by object by the seed and the fractions of `--splits`.
    """
    if sources:
        raise UserError(f"--dataset=sample_pairs makes its own pictures; leave out --source={sources[0]}")
    if not 1 <= options.per_class <= MAX_PER_CLASS:
        raise UserError(f"{options.per_class} objects a class were asked for; give 1 to {MAX_PER_CLASS:,}")
    classes = choose_classes(WARES, options)
    return Found(tuple(_chunk(word, options, scratch) for word in classes), classes)


def _chunk(word: str, options: Options, scratch: Path) -> Chunk:
    for kind in ("photo", "sketch"):
        (scratch / kind / word).mkdir(parents=True)
    side = SIDE if options.photo_as == "edges" else min(SIDE, 2 * options.image_size)
    pictures = []
    for number in range(options.per_class):
        drawn = [rasterize(sketch, side) for sketch in sketches(word, number, options.seed)]
        names = [f"sketch/{word}/{number:05d}-{turn}.png" for turn in range(1, len(drawn) + 1)]
        names.append(f"photo/{word}/{number:05d}.png")
        shot = _smaller(photo(word, number, options.seed), side)
        for name, pixels in zip(names, [*drawn, shot], strict=True):
            (scratch / name).write_bytes(encode_png(pixels))
            pictures.append(PictureFile(scratch / name, name, name, int(name[0] == "p"), number, -1))
    return Chunk(scratch, word, word, pictures=tuple(pictures))


def _smaller(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Twice the size that is asked for is enough, and quicker; edges are found at full size."""
    small: NDArray[np.uint8] = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    return small


def _stream(word: str, index: int, seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng((seed, zlib.crc32(word.encode()), index, purpose))


SPEC = DatasetSpec(
    name="sample_pairs",
    summary="embedded: rendered photos of shoes and bags with drawings of the same ones, no download",
    source_url="",
    licence="Apache-2.0",
    citation="",
    find=find,
    index=index,
    read=read,
    has_strokes=False,
    has_photos=True,
    needs_source=False,
    defaults={"splits": "0.6,0.15,0.25", "per_class": 120},
)
