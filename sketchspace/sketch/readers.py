"""Drawings in files, whatever their kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from sketchspace.arrays.safe_numpy import read_npz
from sketchspace.errors import UserError, shown
from sketchspace.sketch.canvas import parse_canvas
from sketchspace.sketch.errors import MAX_LINE_BYTES, BadDrawing
from sketchspace.sketch.quickdraw import Drawing, load_json, parse_quickdraw
from sketchspace.sketch.strokes import Sketch, from_stroke3
from sketchspace.sketch.svg import parse_svg

__all__ = [
    "MAX_LINE_BYTES",
    "BadDrawing",
    "Drawing",
    "parse_canvas",
    "parse_quickdraw",
    "parse_svg",
    "read_sketch",
    "read_stroke3_npz",
]


def read_sketch(path: Path, line: int = 1) -> Sketch:
    """One drawing from a file: `.svg`, `.ndjson` (the drawing in line `line`, from 1) or `.json` (canvas).

    A `.json` file may hold a Quick, Draw! record as well, and a record needs neither key nor class here. Raw
    strokes are simplified. Raises `UserError`; for a drawing without a point it says "nothing is drawn here".
    """
    suffix = path.suffix.lower()
    parse = _PARSERS.get(suffix)
    if parse is None:
        known = ", ".join(_PARSERS)
        raise UserError(f"{path} has no suffix for a drawing of strokes; expected one of {known}")
    try:
        with path.open("rb") as file:
            return parse(_line(file, path, line) if suffix == ".ndjson" else file.read(MAX_LINE_BYTES + 1))
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except BadDrawing as bad:
        if bad.reason == "empty_drawing":
            raise UserError(f"nothing is drawn here: {path} has {shown(bad.detail, 200)}") from None
        raise UserError(f"{path} holds no drawing that can be read ({shown(bad.detail, 200)})") from None


def _line(file: BinaryIO, path: Path, number: int) -> bytes:
    """One line of a file, counted from 1; the lines before it are passed over in pieces of limited size."""
    count = 0
    while piece := file.readline(MAX_LINE_BYTES + 1):
        if count == number - 1:
            return piece
        count += piece.endswith(b"\n")
    raise UserError(f"{path} has no line {number}: it has {count}, counted from 1")


def read_stroke3_npz(path: Path) -> dict[str, list[Sketch]]:
    """Drawings by split from an `.npz` of stroke-3 arrays, each `[points, 3]`: dx, dy, pen lifted after.

    These are the files of the sketch-rnn data sets, with arrays "train", "valid" and "test". Raises
    `UserError` for broken files and for arrays of another form.
    """
    try:
        return {
            split: [from_stroke3(rows) for rows in drawings] for split, drawings in read_npz(path).items()
        }
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} holds something else than stroke-3 drawings: {shown(error)}") from None


def _json(data: bytes) -> Sketch:
    value = load_json(data)
    return _quickdraw(data) if type(value) is dict and "drawing" in value else parse_canvas(data)


def _quickdraw(line: bytes) -> Sketch:
    record: Any = load_json(line)
    if type(record) is dict and record.get("key_id") is None:
        line = with_key(record, "query")
    return parse_quickdraw(line, "query").simplified()


def with_key(record: dict[str, Any], key: str) -> bytes:
    """A record's line with another key; `BadDrawing` for one that nests too deep to be written."""
    try:
        return orjson.dumps({**record, "key_id": key})
    except orjson.JSONEncodeError:
        raise BadDrawing("wrong_type", "it nests too deep") from None


_PARSERS: dict[str, Callable[[bytes], Sketch]] = {".svg": parse_svg, ".ndjson": _quickdraw, ".json": _json}
