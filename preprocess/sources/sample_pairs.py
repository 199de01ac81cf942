"""The embedded pairs: rendered photos of shoes and bags, and drawings of the same ones by other hands."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.classes import choose_classes
from preprocess.sample.pairs import WARES, photo, sketches
from preprocess.sample.textures import SIDE
from preprocess.sources.paired_files import index, read
from preprocess.spec import Chunk, DatasetSpec, Found, Options, PictureFile
from sketchspace.errors import UserError
from sketchspace.sketch.raster import rasterize
from tfrecords.png import encode_png

MAX_PER_CLASS = 20_000


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
    needs_source=False,
    defaults={"splits": "0.6,0.15,0.25", "per_class": 120},
)
