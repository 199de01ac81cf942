"""SVG drawings: shapes and paths with their transforms become strokes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.parsers import expat

import numpy as np

from sketchspace.sketch.errors import MAX_POINTS, BadDrawing, check_bytes, check_coordinates
from sketchspace.sketch.strokes import Sketch
from sketchspace.sketch.svg_matrix import IDENTITY, Matrix, apply, product, transform
from sketchspace.sketch.svg_path import Segment, flatten, parse_path

MAX_DEPTH = 100
MAX_ELEMENTS = 100_000
FLATNESS = 1 / 1000
"""How far a stroke may be off its curve, as a fraction of the drawing's extent."""

_SHAPES = frozenset(("path", "line", "polyline", "polygon", "rect", "circle", "ellipse"))
_GROUPS = frozenset(("svg", "g", "a", "switch"))
_INVISIBLE = frozenset(("none", "transparent", "white", "#fff", "#ffffff", "rgb(255,255,255)"))
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def parse_svg(data: bytes) -> Sketch:
    """Strokes of an SVG file in document order, in its units (y down); curves become points.

    Read are path, line, polyline, polygon, rect, circle and ellipse inside any groups with any transforms;
    left out is what has no visible outline or filling (white counts as invisible), and what is only defined
    for later use. Raises `BadDrawing`: line_too_long for more than 8 MB, bad_xml (also for declared
    entities, which can blow up), too_many_points, not_finite, empty_drawing.
    """
    check_bytes(data)
    collector = _Collector()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.EntityDeclHandler = _refuse_entity
    try:
        parser.Parse(data, True)
    except BadDrawing:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise BadDrawing("bad_xml", str(error)) from None
    except ArithmeticError as error:
        raise BadDrawing("not_finite", f"in a path: {error}") from None
    return _sketch(collector.subpaths)


def _refuse_entity(*_: object) -> None:
    raise BadDrawing("bad_xml", "the file declares entities")


def _sketch(subpaths: list[list[Segment]]) -> Sketch:
    if not subpaths:
        raise BadDrawing("empty_drawing", "no visible shape")
    corners = np.array([point for subpath in subpaths for segment in subpath for point in segment])
    sides = np.stack([corners.real, corners.imag])
    check_coordinates(sides)
    tolerance = float(np.ptp(sides, axis=1).max()) * FLATNESS
    return Sketch.of([flatten(subpath, tolerance) for subpath in subpaths])


@dataclass(frozen=True)
class _Context:
    """What an element hands down to those inside it."""

    matrix: Matrix = IDENTITY
    fill: str = "black"
    stroke: str = "none"
    hidden: bool = False

    def inside(self, tag: str, attributes: Mapping[str, str]) -> _Context:
        """The context of a child with these attributes; a style overrules an attribute of the same name."""
        style = dict(attributes)
        for entry in attributes.get("style", "").split(";"):
            name, _, value = entry.partition(":")
            style[name.strip()] = value.strip()
        return _Context(
            product(self.matrix, transform(attributes.get("transform", ""))),
            style.get("fill", self.fill).lower().replace(" ", ""),
            style.get("stroke", self.stroke).lower().replace(" ", ""),
            self.hidden
            or style.get("display") == "none"
            or style.get("visibility") == "hidden"
            or tag not in _GROUPS | _SHAPES,
        )

    @property
    def visible(self) -> bool:
        """Whether a shape leaves a mark on white paper."""
        return not self.hidden and not {self.fill, self.stroke} <= _INVISIBLE


class _Collector:
    """Takes down the visible shapes as the parser passes them."""

    def __init__(self) -> None:
        self.subpaths: list[list[Segment]] = []
        self.points = self.elements = 0
        self.contexts = [_Context()]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins; `name` is "namespace tag" or "tag"."""
        tag = name.rpartition(" ")[2]
        context = self.contexts[-1].inside(tag, attributes)
        self.elements += 1
        if len(self.contexts) > MAX_DEPTH or self.elements > MAX_ELEMENTS:
            raise BadDrawing("bad_xml", f"more than {MAX_DEPTH} levels or {MAX_ELEMENTS:,} elements")
        self.contexts.append(context)
        if tag not in _SHAPES or not context.visible:
            return
        for subpath in parse_path(_path_data(tag, attributes)):
            self.points += len(subpath) + 1
            if self.points > MAX_POINTS:
                raise BadDrawing("too_many_points", f"more than {MAX_POINTS:,} points")
            self.subpaths.append([apply(context.matrix, segment) for segment in subpath])

    def end(self, _: str) -> None:
        """An element ends."""
        self.contexts.pop()


def _path_data(tag: str, attributes: Mapping[str, str]) -> str:
    """Any shape in the language of paths (SVG 1.1, chapter 9); nothing for one without size."""

    def number(name: str, otherwise: float = 0.0) -> float:
        found = _NUMBER.match(attributes.get(name, "").strip())
        return float(found.group()) if found else otherwise

    if tag == "path":
        return attributes.get("d", "")
    if tag in ("polyline", "polygon"):
        return f"M{attributes.get('points', '')}" + ("z" if tag == "polygon" else "")
    if tag == "line":
        return f"M{number('x1')},{number('y1')}L{number('x2')},{number('y2')}"
    if tag == "rect":
        corner = number("rx", number("ry"))
        return _rectangle(number("x"), number("y"), number("width"), number("height"), corner)
    rx = number("r") if tag == "circle" else number("rx", number("ry"))
    ry = rx if tag == "circle" else number("ry", rx)
    if rx <= 0 or ry <= 0:
        return ""
    arc = f"A{rx},{ry},0,1,1,"
    left, right, y = number("cx") - rx, number("cx") + rx, number("cy")
    return f"M{right},{y}{arc}{left},{y}{arc}{right},{y}z"


def _rectangle(x: float, y: float, width: float, height: float, radius: float) -> str:
    if width <= 0 or height <= 0:
        return ""
    r = min(max(radius, 0), width / 2, height / 2)
    a, w, h = f"a{r},{r},0,0,1,", width - 2 * r, height - 2 * r
    if not r:
        return f"M{x},{y}h{w}v{h}h{-w}z"
    return f"M{x + r},{y}h{w}{a}{r},{r}v{h}{a}{-r},{r}h{-w}{a}{-r},{-r}v{-h}{a}{r},{-r}z"
