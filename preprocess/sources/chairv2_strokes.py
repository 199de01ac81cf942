"""The drawings of ChairV2 as sequences of points, a pickled dict of arrays. There are no photos in it.

Data of "Sketch Less for More: On-the-Fly Fine-Grained Sketch Based Image Retrieval" (Bhunia et al., CVPR
2020).
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preprocess.sources.published_files import SPLITS, with_validation
from preprocess.spec import (
    Bad,
    Chunk,
    DatasetSpec,
    Found,
    Index,
    Options,
    Origin,
    PictureFile,
    drop,
    new_rows,
)
from sketchspace.arrays.safe_numpy import unpickle_arrays
from sketchspace.errors import UserError, shown
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch
from tfrecords.png import encode_png
from tfrecords.schema import Record

WORD = "chair"
PUBLISHED = (300, 100)
"""Chairs for training and for testing."""
MAX_FILE_BYTES = 256 << 20
MAX_POINTS = 100_000
_FILE = "ChairV2_Coordinate"
_KEY = re.compile(r"/?(train|test)/(.{1,200})_([^_/]{1,50})")  # mostly a number, or who drew it


def find(sources: list[Path], options: Options, scratch: Path) -> Found:
    """Unpickle the drawings without letting them run anything, and write the points of each into scratch.

    Raises `UserError` for anything but a pickled dict of arrays `/train/<chair>_<k>` -> `[points, 3]`.
    """
    if len(sources) != 1:
        raise UserError(f"{len(sources)} sources were given; expected the one file {_FILE}")
    path = sources[0] / _FILE if sources[0].is_dir() else sources[0]
    drawings = _read(path)
    chairs = sorted({(split, name) for split, name, _ in drawings})
    if len({name for _, name in chairs}) < len(chairs):
        raise UserError(f"{path} has the same chair in train and in test; get the file again")
    found = tuple(sum(split == wanted for split, _ in chairs) for wanted in SPLITS)
    if found != PUBLISHED:
        print(
            f"{found[0]} chairs for training and {found[1]} for testing, published are {PUBLISHED[0]} and "
            f"{PUBLISHED[1]}",
            file=sys.stderr,
        )
    pictures = _unpacked(drawings, [name for _, name in chairs], options, scratch)
    chunk = Chunk(scratch, WORD, WORD, pictures=pictures)
    return Found((chunk,), (WORD,), extra_files=((path, path.name),))


def _read(path: Path) -> dict[tuple[str, str, str], NDArray[Any]]:
    """The arrays by split, chair and number of the drawing."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"it has more than {MAX_FILE_BYTES >> 20} MB")
        arrays = unpickle_arrays(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give the file {_FILE}") from None
    except ValueError as error:
        raise UserError(f"{path} is not the file of drawings {_FILE}: {shown(error)}") from None
    matches = {name: _KEY.fullmatch(name) for name in arrays} if isinstance(arrays, dict) else {}
    wrong = next((name for name, match in matches.items() if not match), None)
    if not isinstance(arrays, dict) or not arrays or wrong is not None:
        what = "no drawings" if wrong is None else f"an entry {wrong[:40]!a}"
        raise UserError(f"{path} holds {what}; expected arrays with names such as /train/<chair>_<k>")
    return {(m[1], m[2], m[3]): arrays[name] for name, m in matches.items() if m}


def _unpacked(
    drawings: dict[tuple[str, str, str], NDArray[Any]], chairs: list[str], options: Options, scratch: Path
) -> tuple[PictureFile, ...]:
    numbers = {name: number for number, name in enumerate(sorted(chairs))}
    splits = with_validation(WORD, ((numbers[name], SPLITS[kind]) for kind, name, _ in drawings), options)
    found = []
    for place, ((kind, name, turn), points) in enumerate(sorted(drawings.items(), key=lambda item: item[0])):
        path, key = scratch / f"{place:05d}.points", f"{kind}/{name}_{turn}"
        if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind not in "fiu":
            shape = "x".join(map(str, points.shape))
            raise UserError(
                f"the drawing /{shown(key)} holds {points.dtype} {shape}, expected numbers [points, 3]"
            )
        path.write_bytes(points.astype("<f4").tobytes())
        number = numbers[name]
        found.append(PictureFile(path, key, key, 0, number, splits[number, SPLITS[kind]]))
    return tuple(found)


def index(chunk: Chunk, options: Options) -> Index:
    """Look at every drawing; what has no points or more than 100,000 is left out."""
    dropped, bad, kept = Counter[str](), list[Bad](), list[tuple[PictureFile, int]]()
    for picture in chunk.pictures:
        data = picture.path.read_bytes()
        try:
            _sketch(data)
        except ValueError as error:
            drop(Bad("bad_strokes", str(error), picture.origin), dropped, bad)
            continue
        kept.append((picture, len(data)))
    rows = new_rows(len(kept))
    for row, (picture, length) in zip(rows, kept, strict=True):
        row["rank"] = int.from_bytes(options.rank(picture.key), "little")
        row["length"], row["split"], row["instance"] = length, picture.split, picture.instance
    rows["file"] = np.arange(len(kept))
    files = tuple((str(picture.path), picture.origin) for picture, _ in kept)
    return Index(rows, files, (chunk.word,), dropped, tuple(bad))


def _sketch(data: bytes) -> Sketch:
    points = np.frombuffer(data, "<f4").reshape(-1, 3)
    if not 0 < len(points) <= MAX_POINTS:
        raise ValueError(f"it has {len(points):,} points, expected 1 to {MAX_POINTS:,}")
    if not np.isfinite(points).all() or np.abs(points).max() > 1e6:
        raise ValueError("it has a coordinate that is no number of pixels")
    return Sketch.from_points(points.astype(np.float32))


def read(data: bytes, origin: Origin, options: Options) -> Record:
    """One drawing as strokes in its own 256 x 256 canvas, and as the picture that the rasteriser makes."""
    sketch = _sketch(data)
    return Record(
        origin.name,
        origin.label,
        origin.class_name,
        instance=origin.instance,
        strokes=sketch.to_points(),
        image=encode_png(rasterize(sketch, options.image_size)),
    )


SPEC = DatasetSpec(
    name="chairv2_strokes",
    summary="QMUL ChairV2's drawings as strokes: 400 chairs, mostly three drawings each, no photos",
    source_url="https://github.com/AyanKumarBhunia/on-the-fly-FGSBIR",
    licence="not stated; research use",
    citation="A. K. Bhunia et al.: Sketch Less for More: On-the-Fly Fine-Grained SBIR. CVPR 2020.",
    find=find,
    index=index,
    read=read,
    has_strokes=True,
)
