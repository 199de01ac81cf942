"""A query: a file, a picture or strokes, as it was given and as the network sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from sketchspace.encoder.inputs import Drawings
from sketchspace.encoder.metadata import EncoderCard
from sketchspace.errors import UserError, shown
from sketchspace.pictures.bitmaps import load_drawing
from sketchspace.pictures.decode import BITMAPS, decode
from sketchspace.sketch.errors import MAX_LINE_BYTES, BadDrawing
from sketchspace.sketch.partial import limit_points
from sketchspace.sketch.quickdraw import load_json, parse_quickdraw
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.readers import read_sketch, with_key
from sketchspace.sketch.simplify import simplify_quickdraw
from sketchspace.sketch.strokes import Floats, Sketch

Pixels = NDArray[np.uint8]

STROKES = (".svg", ".ndjson", ".json")
GIVEN_SIZE = 512


@dataclass(frozen=True, eq=False)
class Query:
    """A drawing to look for.

    `given` is what the user gave, uint8 `[h, w]` or RGB `[h, w, 3]`, at most 512 pixels a side; `seen` is
    the network's input, uint8 `[size, size]`, 255 paper and 0 ink; `notes` say what was decided between.
    `points` float32 `[points, 3]` (x, y, 1 where a stroke ends) are the input of an encoder of strokes.
    """

    name: str
    given: Pixels
    seen: Pixels
    notes: tuple[str, ...]
    points: Floats | None = None


Given = str | PathLike[str] | Sketch | NDArray[np.uint8] | Sequence[ArrayLike]
"""What can be looked for: the path of a drawing, a picture as an array, or strokes."""


def query_of(given: Given, card: EncoderCard, line: int = 1) -> Query:
    """A query from whatever holds a drawing.

    A path is read as `read_query` does. A picture is uint8 `[h, w]` (grey), `[h, w, 3]` (RGB) or `[h, w, 4]`
    (RGBA, put on white). Strokes are a `Sketch`, or one array `[points, 2]` (x right, y down, any unit) a
    stroke. Raises `UserError` for anything else, for a picture where an encoder reads strokes, and where
    nothing is drawn.
    """
    if isinstance(given, str | PathLike):
        return read_query(Path(given), card, line)
    if isinstance(given, np.ndarray):
        if given.dtype != np.uint8:
            raise UserError(
                f"an array of {given.dtype} was given; a picture is uint8 [h, w] or [h, w, 3], strokes are a"
                " list with one array [points, 2] a stroke"
            )
        return _of_picture(given, "picture", card)
    try:
        sketch = given if isinstance(given, Sketch) else Sketch.of(given)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{type(given).__name__} is no drawing: {error}; give one [points, 2] a stroke"
        ) from None
    if not sketch.strokes:
        raise UserError("nothing is drawn: there are no strokes")
    return _of_sketch(sketch, "strokes", card)


def drawings_of(queries: Sequence[Query]) -> Drawings:
    """Queries of one encoder on their way into it."""
    points = [query.points for query in queries if query.points is not None]
    return Drawings(np.stack([query.seen for query in queries]), points)


def read_query(path: Path, card: EncoderCard, line: int = 1) -> Query:
    """Read a bitmap, an SVG, a canvas JSON or line `line` (from 1) of an ndjson file for an encoder.

    A bitmap is brought to size as the encoder's drawings were (`fit`); strokes always fill the box. Strokes
    for an encoder that was trained on simplified drawings are simplified too. Raises `UserError` for a
    missing file, an unknown kind of file, and where nothing is drawn.
    """
    suffix = path.suffix.lower()
    if suffix not in STROKES + BITMAPS:
        known = ", ".join(name[1:] for name in BITMAPS + STROKES)
        raise UserError(f"{path} is no drawing that can be read; give one of {known}")
    if not path.is_file():
        raise UserError(f"there is no file {path}; give a drawing, such as --query=sketch.png")
    if suffix in BITMAPS:
        return _of_picture(path, path.name, card)
    name = f"{path.name}, line {line}" if suffix == ".ndjson" else path.name
    return _of_sketch(_read_line(path, line) if suffix == ".ndjson" else read_sketch(path), name, card)


def _of_picture(source: Path | Pixels, name: str, card: EncoderCard) -> Query:
    if card.reads_strokes:
        given = source if isinstance(source, Path) else name
        raise UserError(
            f"{given} is a bitmap, and {card.model} reads strokes; give a drawing with strokes "
            f"({', '.join(suffix[1:] for suffix in STROKES)}), or ask a gallery of a model of pictures"
        )
    loaded = load_drawing(source, card.image_size, whole=card.fit == "keep")
    return Query(name, _at_most(decode(source).pixels, GIVEN_SIZE), loaded.pixels, loaded.notes)


def _of_sketch(sketch: Sketch, name: str, card: EncoderCard) -> Query:
    given = rasterize(sketch, GIVEN_SIZE)
    if not card.reads_strokes:
        return Query(name, given, rasterize(sketch, card.image_size), ())
    seen = simplify_quickdraw(sketch) if card.simplify else sketch
    points, notes = seen.to_points(), []
    if len(points) > card.max_points:
        how = {"truncate": "cut off there", "resample": "resampled to that many"}[card.long_strokes]
        notes.append(f"{len(points)} points, the network reads {card.max_points}: {how}")
        points = limit_points(points, card.max_points, card.long_strokes)
    return Query(name, given, rasterize(Sketch.from_points(points), card.image_size), tuple(notes), points)


def _read_line(path: Path, line: int) -> Sketch:
    """The drawing on a line of an ndjson file; a query needs neither key nor class."""
    try:
        record = load_json(_line_of(path, line))
        if type(record) is not dict:
            raise BadDrawing("not_an_object", f"it is {type(record).__name__}, expected an object")
        return parse_quickdraw(with_key(record, "query"), "query").simplified()
    except BadDrawing as bad:
        reason = "nothing is drawn here" if bad.reason == "empty_drawing" else "no drawing that can be read"
        raise UserError(f"{path}, line {line}: {reason} ({shown(bad.detail, 200)})") from None


def _line_of(path: Path, line: int) -> bytes:
    """Line `line` of a file, counting lines that are not blank; never more than one line in memory."""
    found = 0
    with path.open("rb") as file:
        while data := file.readline(MAX_LINE_BYTES + 1):
            found += bool(data.strip())
            if found == line:
                return data
    raise UserError(f"{path} has {found} lines; give a --line from 1 to {max(1, found)}")


def _at_most(pixels: Pixels, side: int) -> Pixels:
    """A picture made smaller where a side is longer than `side`, proportions kept."""
    scale = side / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    height, width = (max(1, round(length * scale)) for length in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
