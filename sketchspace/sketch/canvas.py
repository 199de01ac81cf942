"""What a drawing canvas on a web page sends."""

from __future__ import annotations

from typing import Any

import numpy as np

from sketchspace.sketch.errors import BadDrawing, check_no_booleans, check_points
from sketchspace.sketch.quickdraw import load_json, numbers
from sketchspace.sketch.strokes import Sketch


def parse_canvas(data: bytes) -> Sketch:
    """Strokes of a canvas, in its pixels (y down), from JSON.

    The text is a list of strokes, or an object with such a list under "strokes" or "lines". A stroke is a
    list of points, or an object with one under "points". A point is `[x, y]` or `{"x": .., "y": ..}`; what
    else it holds (time, pressure) is not read. Empty strokes are left out. Raises `BadDrawing` and nothing
    else.
    """
    strokes = load_json(data)
    if type(strokes) is dict:
        strokes = strokes.get("strokes", strokes.get("lines"))
    if type(strokes) is not list:
        raise BadDrawing("no_drawing", 'expected a list of strokes, or an object with "strokes"')
    values: list[Any] = []
    lengths = []
    for stroke in strokes:
        points = _points(stroke)
        lengths.append(len(points))
        for point in points:
            values += _coordinates(point)
    check_points(len(values) // 2)
    return Sketch.of(np.split(numbers(values).reshape(-1, 2), np.cumsum(lengths)[:-1]))


def _points(stroke: Any) -> list[Any]:
    points = stroke.get("points") if type(stroke) is dict else stroke
    if type(points) is not list:
        raise BadDrawing("wrong_type", f"a stroke is {type(stroke).__name__}, expected a list of points")
    return points


def _coordinates(point: Any) -> list[Any]:
    pair = [point.get("x"), point.get("y")] if type(point) is dict else point
    if type(pair) is not list or len(pair) < 2:
        raise BadDrawing("wrong_type", 'a point is neither [x, y] nor {"x": .., "y": ..}')
    check_no_booleans(pair[:2])
    return pair[:2]
