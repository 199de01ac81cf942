"""Quick, Draw! lines become drawings; whatever a line holds, it is a drawing or a `BadDrawing`."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from sketchspace.sketch.errors import (
    BadDrawing,
    check_bytes,
    check_coordinates,
    check_no_booleans,
    check_points,
)
from sketchspace.sketch.simplify import simplify_points
from sketchspace.sketch.strokes import Sketch

Kind = Literal["simplified", "raw", "parts"]

MAX_KEY_LENGTH = 200


@dataclass(frozen=True)
class Drawing:
    """One line of a Quick, Draw! file.

    `sketch` has the units of the file: 0..255 for kind "simplified", the screen's pixels for "raw" and
    "parts". Times and part numbers are not kept.
    """

    key: str
    word: str
    recognized: bool
    sketch: Sketch
    kind: Kind
    exact: NDArray[np.float64] = field(repr=False, compare=False)
    """The same points in double precision, `[2, points]`: raw files have digits that float32 loses."""

    def simplified(self) -> Sketch:
        """The sketch as a simplified file would hold it, by Google's simplification of other strokes."""
        if self.kind == "simplified":
            return self.sketch
        starts = np.cumsum([0] + [len(stroke) for stroke in self.sketch.strokes[:-1]])
        return simplify_points(self.exact, starts)


def parse_quickdraw(line: bytes, word: str | None = None) -> Drawing:
    """Read one ndjson line in any of the three formats around Quick, Draw!.

    A stroke is `[x, y]` (simplified), `[x, y, t]` (raw), or `[x, y, part]` with sometimes a fourth list
    (part-labelled). The last two are told apart by the "word" of the record, which part-labelled files do
    not have; `word` is the class for records without one. The drawing may be a text of JSON, and
    "recognized" the text "true" or "false", as tables hold them. Empty strokes are left out; a missing
    "recognized" counts as true. Raises `BadDrawing` and nothing else.
    """
    record = _record(line)
    key, named, recognized = _key(record), record.get("word"), _recognized(record)
    if named is not None and type(named) is not str:
        raise BadDrawing("wrong_type", f"word is {type(named).__name__}, expected a string")
    label = named or word
    if not label:
        raise BadDrawing("no_class", "no word in the record and no class given")
    strokes, width = _strokes(record)
    # The words are counted so that the usual line needs no loop.
    if line.count(b"true") + line.count(b"false") > (type(record.get("recognized")) is bool):
        for stroke in strokes:
            check_no_booleans([*stroke[0], *stroke[1]])
    kind: Kind = "simplified" if width == 2 else "raw" if named else "parts"
    exact = _numbers(strokes)
    return Drawing(key, label, recognized, _sketch(strokes, exact), kind, exact)


def load_json(data: bytes) -> Any:
    """The value of a JSON text; `BadDrawing` for more than `MAX_LINE_BYTES` and for what is not JSON."""
    check_bytes(data)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        shown = ascii(data[:24].decode("utf-8", "replace")) if data else "nothing"
        raise BadDrawing("bad_json", f"{shown} is no JSON: {error}") from None


def _record(line: bytes) -> dict[str, Any]:
    record = load_json(line)
    if type(record) is not dict:
        raise BadDrawing("not_an_object", f"the line holds {type(record).__name__}, expected an object")
    return record


def _recognized(record: dict[str, Any]) -> bool:
    given = record.get("recognized", True)
    if type(given) is str:
        given = _TRUTHS.get(given.strip().lower(), given)
    if type(given) is not bool:
        shown = ascii(given[:20]) if type(given) is str else type(given).__name__
        raise BadDrawing("wrong_type", f"recognized is {shown}, expected true or false")
    return given


_TRUTHS = {"true": True, "false": False, "1": True, "0": False, "": True}


def _key(record: dict[str, Any]) -> str:
    key = record.get("key_id")
    if key is None or key == "":
        raise BadDrawing("no_key", "no key_id in the record")
    if type(key) is not str and type(key) is not int:
        raise BadDrawing("wrong_type", f"key_id is {type(key).__name__}, expected a string or an integer")
    text = str(key)
    if len(text) > MAX_KEY_LENGTH:
        raise BadDrawing("wrong_type", f"key_id has {len(text):,} characters")
    return text


def _strokes(record: dict[str, Any]) -> tuple[list[list[list[Any]]], int]:
    """The strokes that have points, with all their lists checked for length, and the most lists in one."""
    drawing = record.get("drawing")
    if drawing is None or drawing == "":
        raise BadDrawing("no_drawing", f"no drawing in the record, which has {_names(record)}")
    if type(drawing) is str:
        drawing = _from_text(drawing)
    if type(drawing) is not list:
        raise BadDrawing("wrong_type", f"drawing is {type(drawing).__name__}, expected a list of strokes")
    strokes, width, points = [], 2, 0
    for stroke in drawing:
        length = _stroke_length(stroke)
        if length:
            strokes.append(stroke)
            points += length
            width = max(width, len(stroke))
    check_points(points)
    return strokes, width


def _from_text(drawing: str) -> Any:
    """What a drawing holds that is itself a text of JSON."""
    try:
        return orjson.loads(drawing)
    except orjson.JSONDecodeError:
        raise BadDrawing(
            "wrong_type", f"drawing is the text {drawing[:20]!a}, expected a list of strokes"
        ) from None


def _names(record: dict[str, Any]) -> str:
    return ", ".join(ascii(name[:20]) for name in list(record)[:6]) or "nothing in it"


def _stroke_length(stroke: Any) -> int:
    if type(stroke) is not list or not 2 <= len(stroke) <= 4:
        found = f"a list of {len(stroke)}" if type(stroke) is list else type(stroke).__name__
        raise BadDrawing("wrong_type", f"a stroke is {found}, expected two to four lists: x, y, times")
    for values in stroke:
        if type(values) is not list:
            raise BadDrawing(
                "wrong_type", f"a stroke holds {type(values).__name__}, expected lists of numbers"
            )
        if len(values) != len(stroke[0]):
            raise BadDrawing("unequal_lists", f"{len(stroke[0])} and {len(values)} values in one stroke")
    return len(stroke[0])


def _numbers(strokes: list[list[list[Any]]]) -> NDArray[np.float64]:
    """All coordinates in one array, float64 `[2, points]`."""
    values: list[Any] = []
    for stroke in strokes:
        values += stroke[0]
    for stroke in strokes:
        values += stroke[1]
    return numbers(values).reshape(2, -1)


def numbers(values: list[Any]) -> NDArray[np.float64]:
    """A flat list of JSON numbers, not empty, as float64; `BadDrawing` for what is no number or too large."""
    try:
        # Unlike np.array, array("d") takes numbers only: no numerals in strings, no null, no nesting.
        packed = np.frombuffer(array("d", values))
    except TypeError as error:
        raise BadDrawing("not_a_number", f"in the coordinates: {error}") from None
    except OverflowError:
        raise BadDrawing("not_finite", "a coordinate is too large") from None
    check_coordinates(packed)
    return packed


def _sketch(strokes: list[list[list[Any]]], exact: NDArray[np.float64]) -> Sketch:
    """The strokes are read-only views of one float32 `[points, 2]`."""
    points = np.array(exact.T, dtype=np.float32, order="C")
    points.setflags(write=False)
    bounds = pairwise(accumulate((len(stroke[0]) for stroke in strokes), initial=0))
    return Sketch(tuple([points[start:end] for start, end in bounds]))
