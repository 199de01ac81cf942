"""SVG drawings as strokes: the outlines of shapes and paths, with styles and transforms, by svgelements."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sketchspace.sketch.errors import MAX_POINTS, BadDrawing, check_coordinates, check_points
from sketchspace.sketch.strokes import Sketch
from sketchspace.sketch.svg_source import SvgSource, read_svg

FLATNESS = 1 / 1000
"""How far a stroke may be off its curve, as a fraction of the drawing's extent."""
MAX_STROKE_BYTES, MAX_STROKE_ELEMENTS = 1 << 20, 5_000
"""Of a file whose strokes are read; svgelements takes 2 s for as much."""

_PARTS = 200  # of one curve at most

Complex = NDArray[np.complex128]


def parse_svg(data: bytes) -> Sketch:
    """Strokes of an SVG file in document order, y down; curves become points.

    Read are the outlines of shapes and paths that have a stroke or a filling. What covers, clips or masks
    others is not looked at: `sketchspace.pictures.svg_strokes` compares the strokes with the picture.
    Raises `BadDrawing`: as `read_svg` does, too_complex for more than 1 MB or 5,000 elements,
    too_many_points, not_finite, empty_drawing.
    """
    return strokes_of(read_svg(data), None)


def strokes_of(source: SvgSource, size: tuple[int, int] | None) -> Sketch:
    """The strokes of a file, in px of a picture of that size, or in user units."""
    text = source.text(source.page if size else None, size, background=False)
    if len(text) > MAX_STROKE_BYTES or source.elements > MAX_STROKE_ELEMENTS:
        raise BadDrawing(
            "too_complex",
            f"strokes are read of SVG files of at most {MAX_STROKE_BYTES >> 20} MB and"
            f" {MAX_STROKE_ELEMENTS:,} elements",
        )
    subpaths = _subpaths(text)
    if not subpaths:
        raise BadDrawing("empty_drawing", "no visible shape")
    corners = np.concatenate([controls for subpath in subpaths for controls in subpath])
    check_coordinates(np.stack([corners.real, corners.imag]))
    tolerance = max(float(np.ptp(corners.real)), float(np.ptp(corners.imag))) * FLATNESS
    sketch = Sketch.of([_flat(subpath, tolerance) for subpath in subpaths])
    check_points(sum(map(len, sketch.strokes)))
    return sketch


def _subpaths(text: str) -> list[list[Complex]]:
    """Every subpath as a list of Bezier curves: control points, complex `[2..4]`, with both ends."""
    import svgelements

    try:
        parsed = svgelements.SVG.parse(io.StringIO(text), reify=True)
        shapes = [
            abs(svgelements.Path(element))
            for element in parsed.elements()
            if isinstance(element, svgelements.Shape) and _visible(element)
        ]
        found = [
            list(_curves(subpath, svgelements))
            for shape in shapes
            for subpath in _without_arcs(shape, svgelements).as_subpaths()
        ]
    except (MemoryError, BadDrawing):
        raise
    except Exception as error:  # what svgelements raises for broken numbers has no common kind
        raise BadDrawing("bad_xml", f"a shape cannot be read: {error}") from None
    return [curves for curves in found if curves]


def _visible(shape: Any) -> bool:
    """Whether a shape leaves a mark: it has a line or a filling that is not wholly transparent."""
    values = shape.values
    if values.get("visibility") in ("hidden", "collapse") or _number(values.get("opacity", "1")) == 0:
        return False
    line = shape.stroke.value is not None and shape.stroke.alpha and shape.stroke_width != 0
    return bool(line or (shape.fill.value is not None and shape.fill.alpha))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def _without_arcs(path: Any, svgelements: Any) -> Any:
    """Arcs as cubic curves; one without a radius is a line (SVG 2, section 9.5.1)."""
    for number, segment in enumerate(path):
        if isinstance(segment, svgelements.Arc) and not (segment.rx and segment.ry):
            path[number] = svgelements.Line(segment.start, segment.end)
    path.approximate_arcs_with_cubics()
    return path


def _curves(subpath: Any, svgelements: Any) -> Any:
    for segment in subpath:
        if isinstance(segment, svgelements.Move) or segment.start is None or segment.end is None:
            continue
        points = [segment.start]
        if isinstance(segment, svgelements.QuadraticBezier):
            points.append(segment.control)
        elif isinstance(segment, svgelements.CubicBezier):
            points += [segment.control1, segment.control2]
        yield np.array([complex(point) for point in (*points, segment.end)])


def _flat(subpath: list[Complex], tolerance: float) -> NDArray[np.float64]:
    """Points `[n, 2]` along a subpath, at most `tolerance` beside it (parts by Wang's bound)."""
    pieces = [subpath[0][:1]]
    for controls in subpath:
        degree = len(controls) - 1
        bend = float(np.abs(np.diff(controls, 2)).max(initial=0))
        parts = 1 + int(min(_PARTS, np.sqrt(degree * (degree - 1) / 8 * bend / max(tolerance, 1e-12))))
        t = np.arange(1, parts + 1) / parts
        points = np.repeat(controls[:, None], parts, axis=1)
        while len(points) > 1:  # de Casteljau's construction
            points = points[:-1] * (1 - t) + points[1:] * t
        pieces.append(points[0])
    line = np.concatenate(pieces)
    if len(line) > MAX_POINTS:
        raise BadDrawing("too_many_points", f"more than {MAX_POINTS:,} points")
    return np.stack([line.real, line.imag], axis=1)
