"""Strokes in a JSON value, recognised by their shape: lists of points, columns, objects around them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sketchspace.sketch.errors import MAX_POINTS, BadDrawing, check_no_booleans, check_points
from sketchspace.sketch.quickdraw import numbers

EXAMPLE = '[[[10, 20], [30, 40]], ..], {"strokes": [{"points": [{"x": 10, "y": 20}, ..]}]}'
"""A drawing as a list of strokes of points, and the same wrapped in objects; for messages."""
MAX_POINT_NUMBERS = 6
"""x, y, and what programs put behind: time, pressure, two angles of the pen."""
POINTS_OF_A_STROKE = ("points", "paths", "path", "pointCoordinatePairs")
Affine = NDArray[np.float64]
"""`[3, 3]`: a point as a column (x, y, 1) is multiplied from the right."""
UNMOVED: Affine = np.eye(3)


@dataclass(eq=False)
class Found:
    """Strokes as they are found: `strokes` are float64 `[points, 2]` in the canvas.

    `erasers` counts strokes that take away, and `others` by its name whatever is no stroke.
    """

    strokes: list[NDArray[np.float64]] = field(default_factory=list)
    erasers: int = 0
    others: Counter[str] = field(default_factory=Counter)
    points: int = 0

    def add(self, values: list[Any], move: Affine = UNMOVED) -> None:
        """One stroke as `[x, y, x, y, ..]`, moved to its place; an empty one is left out."""
        if not values:
            return
        self.points += len(values) // 2
        if self.points > MAX_POINTS:
            check_points(self.points)
        check_no_booleans(values)
        points = numbers(values).reshape(-1, 2)
        self.strokes.append(points if move is UNMOVED else points @ move[:2, :2].T + move[:2, 2])

    def notes(self) -> tuple[str, ...]:
        """What was left out, a sentence each."""
        told = [f"{self.erasers} eraser stroke{'s'[: self.erasers != 1]} left out"] if self.erasers else []
        if self.others:
            named = ", ".join(f"{count} {name}" for name, count in sorted(self.others.items()))
            told.append(f"no strokes of a pen and left out: {named[:120]}")
        return tuple(told)


def wrong(what: str, reason: str = "wrong_type") -> BadDrawing:
    """The error for a value of another shape, with examples of what is read."""
    return BadDrawing(reason, f"{what}; expected strokes such as {EXAMPLE}")


def add_strokes(strokes: list[Any], found: Found, columns: bool = False) -> None:
    """Add every stroke of a list; `columns` says that lists of lists are columns where they could be both."""
    if all(map(_is_point, strokes)) and strokes and type(strokes[0]) is dict:
        found.add(point_values(strokes))  # one stroke, as a list of {"x": .., "y": ..}
        return
    if len(strokes) > 2 and all(type(point) is list and _is_flat(point) for point in strokes):
        _add_bare_points(strokes, found)
        return
    lists = [stroke for stroke in strokes if type(stroke) is list and stroke]
    by_columns = _in_columns(
        [stroke for stroke in lists if all(type(part) is list for part in stroke)], columns
    )
    for stroke in strokes:
        if type(stroke) is dict:
            add_stroke(stroke, found)
        elif type(stroke) is list:
            found.add(_interleaved(stroke) if by_columns and stroke else point_values(stroke, flat=False))
        else:
            raise wrong(f"a stroke is {name_of(stroke)}")


def add_stroke(stroke: dict[str, Any], found: Found, move: Affine = UNMOVED) -> None:
    """Add a stroke that is an object: `points` (or another name for them), or columns under x and y."""
    if erases(stroke):
        found.erasers += 1
        return
    if stroke.get("isDeleted") is True or stroke.get("visible") is False:
        return
    for x, y in (("x", "y"), ("X", "Y")):
        if type(stroke.get(x)) is list and type(stroke.get(y)) is list:
            found.add(_interleaved([stroke[x], stroke[y]]), move)
            return
    name = next((name for name in POINTS_OF_A_STROKE if type(stroke.get(name)) is list), None)
    if name is not None:
        found.add(point_values(stroke[name]), move)
    elif type(stroke.get("data")) is dict:
        add_stroke(stroke["data"], found, move)
    else:
        raise wrong(f"a stroke is an object with {names_in(stroke)} and no list of points")


def erases(stroke: dict[str, Any]) -> bool:
    """Whether a stroke is an eraser's: it takes away what is under it."""
    operations = (stroke.get("globalCompositeOperation"), stroke.get("compositeOperation"))
    tools = (stroke.get("tool"), stroke.get("type"), stroke.get("mode"))
    return (
        stroke.get("drawMode") is False
        or stroke.get("isEraser") is True
        or "destination-out" in operations
        or any(type(tool) is str and tool.lower() in ("eraser", "erase") for tool in tools)
    )


def point_values(points: list[Any], flat: bool = True) -> list[Any]:
    """The points of one stroke as `[x, y, x, y, ..]`.

    A point is `[x, y]` with up to four numbers behind, or `{"x": .., "y": ..}`; where `flat` is allowed, the
    numbers may stand in a row without brackets. Raises `BadDrawing` for anything else.
    """
    if flat and points and _is_flat(points):
        text = next((value for value in points if type(value) is str), None)
        if text is not None:
            raise BadDrawing("not_a_number", f"a stroke holds the text {text[:20]!a}, expected points")
        if len(points) % 2:
            raise wrong(f"a stroke has {len(points)} numbers in a row, which are no pairs of x and y")
        return points
    if flat and _in_columns([points], False):
        return _interleaved(points)
    values: list[Any] = []
    for point in points:
        if not _is_point(point):
            raise wrong(f"a point is {_shown(point)}")
        values += (point.get("x"), point.get("y")) if type(point) is dict else point[:2]
    return values


def _is_point(value: Any) -> bool:
    if type(value) is dict:
        return ("x" in value or "y" in value) and not any(
            type(value.get(name)) in (list, dict) for name in ("x", "y")
        )
    return type(value) is list and 2 <= len(value) <= MAX_POINT_NUMBERS and type(value[0]) is not dict


def _is_flat(values: list[Any]) -> bool:
    return not any(type(value) in (list, dict) for value in values)


def _in_columns(strokes: list[list[Any]], preferred: bool) -> bool:
    """Whether strokes are `[[x, x, ..], [y, y, ..]]` and no lists of points; `preferred` where both could be.

    Columns are two to four, equally long. Points are never longer than `MAX_POINT_NUMBERS`; short strokes
    could be either, and are columns if they differ in length and not in number.
    """
    strokes = [stroke for stroke in strokes if stroke]
    if not strokes or not all(2 <= len(stroke) <= 4 for stroke in strokes):
        return False
    if not all(type(part) is list and _is_flat(part) for stroke in strokes for part in stroke):
        return False
    widths = [{len(part) for part in stroke} for stroke in strokes]
    if any(len(width) > 1 for width in widths):
        longest = max(max(width) for width in widths)
        if longest > MAX_POINT_NUMBERS:
            uneven = next(sorted(width) for width in widths if len(width) > 1)
            raise BadDrawing("unequal_lists", f"{uneven[0]} and {uneven[-1]} values in one stroke")
        return False
    lengths = {width.pop() for width in widths}
    if not all(2 <= length <= MAX_POINT_NUMBERS for length in lengths):
        return True
    return preferred or (len({len(stroke) for stroke in strokes}) == 1 and len(lengths) > 1)


def _interleaved(columns: list[Any]) -> list[Any]:
    """Columns `[[x, x, ..], [y, y, ..]]` as `[x, y, x, y, ..]`; further columns are not read."""
    if not 2 <= len(columns) <= 4 or not all(type(column) is list for column in columns):
        raise wrong("a stroke is no pair of lists")
    x, y = columns[:2]
    if len(x) != len(y):
        raise BadDrawing("unequal_lists", f"{len(x)} and {len(y)} values in one stroke")
    return [value for pair in zip(x, y, strict=True) for value in pair]


def _add_bare_points(points: list[Any], found: Found) -> None:
    """A list of `[x, y]` is one stroke; with a third number it could as well be offsets and a pen."""
    if not all(len(point) == 2 for point in points):
        raise wrong(f"the drawing is a list of numbers such as {_shown(points[0])}, without strokes")
    found.add(point_values(points))


def _shown(value: Any) -> str:
    if type(value) is list:
        return f"a list of {len(value)}" if len(value) != 2 else "a list of two that are no numbers"
    return f"an object with {names_in(value)}" if type(value) is dict else name_of(value)


def names_in(value: dict[str, Any]) -> str:
    """The first names of an object, for messages."""
    names = [ascii(name[:20]) for name in list(value)[:4]]
    return ", ".join(names) + (" .." if len(value) > 4 else "") if names else "nothing in it"


def name_of(value: Any) -> str:
    """What a JSON value is called, for messages."""
    if value is None or type(value) is bool:
        return {None: "null", True: "true", False: "false"}[value]
    return {str: "text", int: "a number", float: "a number", dict: "an object", list: "a list"}[type(value)]
