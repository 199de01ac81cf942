"""Drawings in texts: ndjson, CSV, canvas JSON; and in stroke-3 archives."""

from __future__ import annotations

from pathlib import Path

import orjson

from sketchspace.errors import UserError
from sketchspace.sketch.canvas import parse_canvas, read_canvas
from sketchspace.sketch.errors import MAX_LINE_BYTES, BadDrawing
from sketchspace.sketch.quickdraw import Drawing, load_json, parse_quickdraw
from sketchspace.sketch.records import TEXTS, json_lines, text_suffix
from sketchspace.sketch.strokes import Sketch, from_stroke3

__all__ = [
    "MAX_LINE_BYTES",
    "BadDrawing",
    "Drawing",
    "parse_canvas",
    "parse_quickdraw",
    "read_stroke3_npz",
    "read_strokes",
]


def read_strokes(path: Path, line: int = 1) -> tuple[Sketch, tuple[str, ...]]:
    """One drawing from a file, and notes on what was left out of it.

    Text as `sketchspace.sketch.records` reads it: `.ndjson`, `.jsonl`, `.csv` and `.json`, also
    with `.gz` behind. `line` counts the drawings of files of several from 1, without blank lines. A drawing
    is a Quick, Draw! record, which needs neither key nor class here, or a canvas. Raw strokes are simplified.
    Raises `UserError`; for a drawing without a point it says "nothing is drawn here".
    """
    suffix = text_suffix(path.name)
    if suffix not in TEXTS:
        known = ", ".join((".svg", *TEXTS))
        raise UserError(f"{path} has no suffix for a drawing of strokes; expected one of {known}")
    shown = f"{path}, line {line}" if suffix != ".json" else str(path)
    try:
        return parse_drawing(_text(path, line))
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except BadDrawing as bad:
        if bad.reason == "empty_drawing":
            raise UserError(f"nothing is drawn here: {shown} has {bad.detail}") from None
        raise UserError(f"{shown} holds no drawing that can be read ({bad.detail})") from None


def _text(path: Path, line: int) -> bytes:
    """The text of a drawing of a file; a `.json` that holds one gives it whatever the line is."""
    count, text = 0, b""
    for _, text in json_lines(path, str(path)):
        count += 1
        if count == line:
            return text
    if count == 1 and text_suffix(path.name) == ".json":
        return text
    raise UserError(
        f"{path} has no line {line}: it has {count:,} drawings; give a --line from 1 to {max(1, count)}"
    )


def parse_drawing(text: bytes) -> tuple[Sketch, tuple[str, ...]]:
    """A Quick, Draw! record or the JSON of a canvas as a drawing, and notes; raises `BadDrawing` alone."""
    value = load_json(text)
    if type(value) is not dict or "drawing" not in value:
        return read_canvas(text)
    try:
        record = orjson.dumps({"key_id": "query", "drawing": value["drawing"]})
    except orjson.JSONEncodeError:
        raise BadDrawing("wrong_type", "it nests too deep") from None
    try:
        return parse_quickdraw(record, "query").simplified(), ()
    except BadDrawing as bad:
        if bad.reason not in ("wrong_type", "unequal_lists"):
            raise
        return read_canvas(text)


def read_stroke3_npz(path: Path) -> dict[str, list[Sketch]]:
    """Drawings by split from an `.npz` of stroke-3 arrays, each `[points, 3]`: dx, dy, pen lifted after.

    These are the files of the sketch-rnn data sets, with arrays "train", "valid" and "test". Raises
    `UserError` for broken files and for arrays of another form.
    """
    from sketchspace.arrays.safe_numpy import read_npz

    try:
        return {
            split: [from_stroke3(rows) for rows in drawings] for split, drawings in read_npz(path).items()
        }
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} holds something else than stroke-3 drawings: {error}") from None
