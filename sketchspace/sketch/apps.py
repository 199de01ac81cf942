"""Drawings as the libraries of web pages save them: Konva, Fabric, Excalidraw, tldraw."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sketchspace.sketch.errors import MAX_COORDINATE, BadDrawing
from sketchspace.sketch.layouts import (
    UNMOVED,
    Affine,
    Found,
    add_stroke,
    erases,
    name_of,
    point_values,
    wrong,
)
from sketchspace.sketch.quickdraw import numbers

MAX_DEPTH = 20
"""Of groups in groups."""
_CURVE = np.linspace(0, 1, 9)[1:, None]
"""Where curves are looked at."""


def add_konva(node: dict[str, Any], found: Found, move: Affine = UNMOVED, depth: int = 0) -> None:
    """The lines of a Konva node and of those within: `attrs.points` are `[x, y, x, y, ..]`."""
    attrs = node.get("attrs")
    attrs = attrs if type(attrs) is dict else {}
    if depth > MAX_DEPTH or attrs.get("visible") is False:
        return
    here = move @ _konva_place(attrs)
    for child in dicts(node.get("children")):
        add_konva(child, found, here, depth + 1)
    if type(attrs.get("points")) is list:
        add_stroke(attrs, found, here)
    elif type(node.get("children")) is not list:
        found.others[str(node.get("className", "shape"))[:20]] += 1


def _konva_place(attrs: dict[str, Any]) -> Affine:
    turned = _turned(math.radians(number(attrs, "rotation")))
    scaled = np.diag([number(attrs, "scaleX", 1), number(attrs, "scaleY", 1), 1.0])
    return (
        _shifted(number(attrs, "x"), number(attrs, "y"))
        @ turned
        @ scaled
        @ _shifted(-number(attrs, "offsetX"), -number(attrs, "offsetY"))
    )


def add_fabric(shape: dict[str, Any], found: Found, move: Affine = UNMOVED, depth: int = 0) -> None:
    """The paths and polylines of a Fabric object; a group's are counted from its middle."""
    kind = str(shape.get("type", "object")).lower()
    if depth > MAX_DEPTH or shape.get("visible") is False:
        return
    if erases(shape):
        found.erasers += 1
    elif kind == "path" and type(shape.get("path")) is list:
        lines = _path_lines(shape["path"])
        for line in lines:
            found.add(line.ravel().tolist(), move @ _fabric_place(shape, np.concatenate(lines)))
    elif kind in ("polyline", "polygon") and type(shape.get("points")) is list:
        values = point_values(shape["points"])
        if values:
            found.add(values, move @ _fabric_place(shape, numbers(values).reshape(-1, 2)))
    elif type(shape.get("objects")) is list:
        here = move @ _fabric_place(shape, None)
        for inner in dicts(shape["objects"]):
            add_fabric(inner, found, here, depth + 1)
    else:
        found.others[kind[:20]] += 1


def _fabric_place(shape: dict[str, Any], points: NDArray[np.float64] | None) -> Affine:
    """From a shape's own coordinates into the canvas: its middle lies where left and top put it."""
    if "left" not in shape and "top" not in shape:
        return UNMOVED
    low, high = (points.min(0), points.max(0)) if points is not None and len(points) else (np.zeros(2),) * 2
    scale = np.array([number(shape, "scaleX", 1), number(shape, "scaleY", 1)])
    size = np.array([number(shape, "width", high[0] - low[0]), number(shape, "height", high[1] - low[1])])
    # The pen's width counts once on each axis, scaled unless it is uniform.
    pen = number(shape, "strokeWidth") * (1 if shape.get("strokeUniform") is True else scale)
    origin = [_FROM_ORIGIN.get(str(shape.get(name)), 0.5) for name in ("originX", "originY")]
    turned = _turned(math.radians(number(shape, "angle")))
    middle = np.array([*((size * scale + pen) * origin), 1.0])
    flips = [-1.0 if shape.get(name) is True else 1.0 for name in ("flipX", "flipY")]
    at = _shifted(number(shape, "left"), number(shape, "top")) @ turned @ middle
    own = (low + high) / 2
    return _shifted(*at[:2]) @ turned @ np.diag([*(scale * flips), 1.0]) @ _shifted(*-own)


_FROM_ORIGIN = {"left": 0.5, "top": 0.5, "center": 0.0, "right": -0.5, "bottom": -0.5}


def _path_lines(commands: list[Any]) -> list[NDArray[np.float64]]:
    """The lines of `[["M", x, y], ["Q", ..], ..]`, float64 `[points, 2]` each; curves at eight places."""
    lines: list[list[NDArray[np.float64]]] = []
    for command in commands:
        if type(command) is not list or not command or type(command[0]) is not str:
            raise wrong(f"a path holds {name_of(command)}, no command such as ['L', 10, 20]")
        letter, values = command[0], command[1:]
        if letter in "Zz" and not values and lines:
            lines[-1].append(lines[-1][0][:1])
            continue
        if len(values) != _LENGTHS.get(letter, -1):
            raise BadDrawing("wrong_type", f"the command {letter[:5]!a} of a path; read are M, L, Q, C and Z")
        points = numbers(values).reshape(-1, 2)
        if letter == "M" or not lines:
            lines.append([points[-1:]])
        else:
            lines[-1].append(_curve(np.concatenate([lines[-1][-1][-1:], points])))
    return [np.concatenate(line) for line in lines]


_LENGTHS = {"M": 2, "L": 2, "Q": 4, "C": 6}


def _curve(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points on a Bezier curve without its first, by de Casteljau; a straight line is its end."""
    if len(points) == 2:
        return points[1:]
    level = [point[None] for point in points]
    while len(level) > 1:
        level = [a * (1 - _CURVE) + b * _CURVE for a, b in pairwise(level)]
    return level[0]


def add_excalidraw(elements: Iterable[dict[str, Any]], found: Found) -> None:
    """Freedraw elements, lines and arrows: points from the element's corner, turned about its middle."""
    for element in elements:
        kind = str(element.get("type", "element"))
        if element.get("isDeleted") is True:
            continue
        if kind not in ("freedraw", "line", "arrow", "draw") or type(element.get("points")) is not list:
            found.others[kind[:20]] += 1
            continue
        values = point_values(element["points"])
        if values:
            corner = _shifted(number(element, "x"), number(element, "y"))
            own = numbers(values).reshape(-1, 2)
            middle = (own.min(0) + own.max(0)) / 2
            turned = _shifted(*middle) @ _turned(number(element, "angle")) @ _shifted(*-middle)
            found.add(values, corner @ turned)


def add_tldraw(records: Iterable[dict[str, Any]], found: Found) -> None:
    """Draw shapes of a tldraw document: points from the shape's place, which may lie in a frame."""
    shapes = [record for record in records if record.get("typeName", "shape") == "shape"]
    by_id = {record["id"]: record for record in shapes if type(record.get("id")) is str}
    for shape in shapes:
        kind = str(shape.get("type", "shape"))
        values = _tldraw_points(shape) if kind in ("draw", "highlight") else None
        if values is None:
            found.others[kind[:20]] += kind not in ("frame", "group")
            continue
        move, parent = UNMOVED, shape
        for _ in range(MAX_DEPTH):
            old = parent.get("point")  # of the first versions
            x, y = (
                old[:2] if type(old) is list and len(old) >= 2 else (parent.get("x", 0), parent.get("y", 0))
            )
            at = {"x": x, "y": y}
            move = _shifted(number(at, "x"), number(at, "y")) @ _turned(number(parent, "rotation")) @ move
            parent = by_id.get(str(parent.get("parentId")), {})
        found.add(values, move)
    found.others = +found.others


def _tldraw_points(shape: dict[str, Any]) -> list[Any]:
    """The points of a shape's segments in a row: they are one line."""
    if type(shape.get("points")) is list:
        return point_values(shape["points"])
    props = shape.get("props")
    segments = props.get("segments") if type(props) is dict else None
    values: list[Any] = []
    for segment in dicts(segments):
        if type(segment.get("points")) is not list:
            raise BadDrawing("wrong_type", "a tldraw segment has packed points; export the drawing as SVG")
        values += point_values(segment["points"], flat=False)
    return values


def dicts(values: Any) -> list[dict[str, Any]]:
    """The objects of a list, [] for anything else."""
    return [value for value in values if type(value) is dict] if type(values) is list else []


def number(holder: dict[str, Any], name: str, default: float = 0.0) -> float:
    """A number of an object, `default` where there is none; `BadDrawing` for anything else."""
    value = holder.get(name)
    if value is None:
        return default
    if type(value) not in (int, float) or not abs(value) <= MAX_COORDINATE:
        raise BadDrawing("not_a_number", f"{name} is {name_of(value)}, expected a number of pixels")
    return float(value)


def _shifted(x: float, y: float) -> Affine:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def _turned(angle: float) -> Affine:
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], np.float64)
