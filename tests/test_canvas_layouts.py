"""Canvas JSON of many programs, each written by hand around the same two strokes."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from sketchspace.sketch.canvas import parse_canvas, read_canvas
from sketchspace.sketch.errors import BadDrawing

Points = list[list[float]]
FIRST: Points = [[1, 2], [3, 4], [8, 5]]
SECOND: Points = [[5, 6], [7, 9]]
EXPECTED = [FIRST, SECOND]
COLUMNS = [[[1, 3, 8], [2, 4, 5]], [[5, 7], [6, 9]]]


def xy(points: Points, **more: Any) -> list[dict[str, Any]]:
    return [{"x": x, "y": y, **more} for x, y in points]


def flat(points: Points) -> list[float]:
    return [value for point in points for value in point]


def moved(points: Points, x: float, y: float) -> Points:
    return [[a + x, b + y] for a, b in points]


def konva_line(points: Points, **attrs: Any) -> dict[str, Any]:
    return {"className": "Line", "attrs": {"points": flat(points), "stroke": "black", **attrs}}


def fabric_path(points: Points, **more: Any) -> dict[str, Any]:
    commands = [["M", *points[0]], *(["L", *point] for point in points[1:])]
    return {"type": "path", "path": commands, **more}


def tldraw_shape(points: Points, **more: Any) -> dict[str, Any]:
    segments = [{"type": "free", "points": xy(points, z=0.5)}]
    return {"typeName": "shape", "type": "draw", "props": {"segments": segments}, **more}


LAYOUTS: dict[str, Any] = {
    "columns": COLUMNS,
    "columns under any name": {"width": 10, "ink": COLUMNS},
    "columns with times": [[*stroke, [0] * len(stroke[0])] for stroke in COLUMNS],
    "columns as text": {"drawing": json.dumps(COLUMNS)},
    "text of text": json.dumps(EXPECTED),
    "columns of stroke objects": [{"x": x, "y": y, "t": [0] * len(x)} for x, y in COLUMNS],
    "columns in capitals": {"items": [{"type": "stroke", "X": x, "Y": y} for x, y in COLUMNS]},
    "points under data": {"version": 2, "data": {"strokes": EXPECTED}},
    "react-sketch-canvas": [{"drawMode": True, "strokeWidth": 4, "paths": xy(points)} for points in EXPECTED],
    "signature_pad": [{"penColor": "black", "points": xy(points, time=1)} for points in EXPECTED],
    "signature_pad of old": [xy(points, time=1, color="black") for points in EXPECTED],
    "react-canvas-draw": {"lines": [{"points": xy(points)} for points in EXPECTED], "width": 4},
    "konva state": [{"tool": "pen", "points": flat(points)} for points in EXPECTED],
    "konva stage": {
        "className": "Stage",
        "attrs": {"width": 100, "x": 10},
        "children": [
            {
                "className": "Layer",
                "attrs": {"y": 1, "scaleX": 2, "scaleY": 2},
                "children": [
                    konva_line([[(x - 10) / 2, (y - 1) / 2] for x, y in FIRST]),
                    konva_line([[x / 2 - 5, y / 2] for x, y in moved(SECOND, 0, -1)]),
                ],
            }
        ],
    },
    "fabric": {"version": "6", "objects": [fabric_path(points) for points in EXPECTED]},
    "fabric moved": {
        "objects": [
            fabric_path(moved(FIRST, 50, 50), left=1 - 2, top=2 - 2, width=7, height=3, strokeWidth=4),
            {"type": "Polyline", "points": xy(SECOND), "left": 6, "top": 7.5, "width": 2, "height": 3}
            | {"originX": "center", "originY": "center"},
        ]
    },
    "excalidraw": {
        "type": "excalidraw",
        "elements": [
            {"type": "freedraw", "x": 1, "y": 2, "points": moved(FIRST, -1, -2), "isDeleted": False},
            {"type": "freedraw", "x": 9, "y": 9, "points": [[0, 0]], "isDeleted": True},
            {"type": "freedraw", "x": 5, "y": 6, "points": moved(SECOND, -5, -6), "pressures": []},
        ],
    },
    "tldraw store": {
        "document": {
            "store": {
                "page:a": {"typeName": "page", "id": "page:a"},
                "shape:f": {"typeName": "shape", "type": "frame", "id": "shape:f", "x": 100, "y": 100},
                "shape:1": tldraw_shape(FIRST, id="shape:1", x=0, y=0, parentId="page:a"),
                "shape:2": tldraw_shape(SECOND, id="shape:2", x=-100, y=-100, parentId="shape:f"),
            }
        }
    },
    "tldraw file": {"records": [tldraw_shape(moved(points, -3, -4), x=3, y=4) for points in EXPECTED]},
    "tldraw of old": {
        "document": {
            "pages": {
                "page": {
                    "shapes": {
                        str(n): {"type": "draw", "point": [1, 1], "points": moved(points, -1, -1)}
                        for n, points in enumerate(EXPECTED)
                    }
                }
            }
        }
    },
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same_strokes(name: str) -> None:
    strokes = parse_canvas(json.dumps(LAYOUTS[name]).encode()).strokes
    assert len(strokes) == 2
    for stroke, expected in zip(strokes, EXPECTED, strict=True):
        np.testing.assert_allclose(stroke, expected, atol=1e-5)


def test_one_stroke_may_stand_alone() -> None:
    for text in (FIRST, xy(FIRST), [FIRST], {"points": flat(FIRST)}, {"path": xy(FIRST)}):
        assert [stroke.tolist() for stroke in parse_canvas(json.dumps(text).encode()).strokes] == [FIRST]


def test_short_strokes_that_could_be_either_are_points_but_under_drawing() -> None:
    either = [[[1, 2], [3, 4]]]
    assert parse_canvas(json.dumps(either).encode()).strokes[0].tolist() == [[1, 2], [3, 4]]
    text = json.dumps({"drawing": either}).encode()
    assert parse_canvas(text).strokes[0].tolist() == [[1, 3], [2, 4]]


def test_curves_go_through_what_their_formula_gives() -> None:
    path = [["M", 0, 0], ["Q", 4, 8, 8, 0], ["C", 8, 8, 16, 8, 16, 0], ["L", 20, 0], ["Z"]]
    points = parse_canvas(json.dumps({"objects": [{"type": "path", "path": path}]}).encode()).strokes[0]
    assert len(points) == 1 + 8 + 8 + 1 + 1
    np.testing.assert_allclose(points[4], [4, 4])
    np.testing.assert_allclose(points[12], [12, 6])
    assert points[-1].tolist() == [0, 0]


def test_turned_shapes_turn_about_where_their_program_says() -> None:
    line = konva_line([[1, 0], [2, 0]], x=10, y=20, rotation=90)
    np.testing.assert_allclose(
        parse_canvas(json.dumps([line]).encode()).strokes[0], [[10, 21], [10, 22]], atol=1e-5
    )
    element = {"type": "freedraw", "x": 0, "y": 0, "angle": math.pi / 2, "points": [[0, 0], [2, 0]]}
    np.testing.assert_allclose(
        parse_canvas(json.dumps([element]).encode()).strokes[0], [[1, -1], [1, 1]], atol=1e-5
    )


@pytest.mark.parametrize(
    "stroke",
    [
        {"drawMode": False, "paths": xy(FIRST)},
        {"tool": "eraser", "points": flat(FIRST)},
        {"globalCompositeOperation": "destination-out", "points": flat(FIRST)},
    ],
)
def test_strokes_of_an_eraser_are_left_out_and_told(stroke: dict[str, Any]) -> None:
    sketch, notes = read_canvas(json.dumps([{"points": flat(SECOND)}, stroke]).encode())
    assert [stroke.tolist() for stroke in sketch.strokes] == [SECOND]
    assert notes == ("1 eraser stroke left out",)


def test_shapes_that_are_no_strokes_are_told() -> None:
    objects = [fabric_path(FIRST), {"type": "rect", "width": 5}, {"type": "i-text"}, {"type": "rect"}]
    assert read_canvas(json.dumps({"objects": objects}).encode())[1] == (
        "no strokes of a pen and left out: 1 i-text, 2 rect",
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            [[list(range(37)), list(range(37)), list(range(37)), list(range(37)), list(range(37))]],
            "list of 37",
        ),
        ([[[*range(9)], [*range(8)]]], "9 and 8|8 and 9"),
        ([[1, 2, 0], [1, 2, 0], [3, 1, 1]], "list of numbers"),
        ([{"points": [1, 2, 3]}], "3 numbers in a row"),
        ({"a": EXPECTED, "b": EXPECTED}, "in 'a' and in 'b'"),
        ({"image": "data:image/png;base64,AAAA"}, "'image'"),
        ({"objects": [{"type": "path", "path": [["M", 0, 0], ["A", 1, 2]]}]}, "'A'"),
        ([tldraw_shape(FIRST) | {"x": "5"}], "x is text"),
        ([{"width": 4, "colour": "red"}], "'width', 'colour'"),
        ([FIRST, 7], "a stroke is a number"),
    ],
)
def test_what_is_read_is_shown_by_an_example(text: Any, says: str) -> None:
    with pytest.raises(BadDrawing, match=says):
        parse_canvas(json.dumps(text).encode())


def test_groups_without_end_are_refused() -> None:
    node = konva_line(FIRST)
    for _ in range(200):
        node = {"className": "Group", "children": [node]}
    with pytest.raises(BadDrawing):
        parse_canvas(json.dumps(node).encode())


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the parts of a JSON value are, as names and numbers that lead there."""
    inner = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    return [at, *(place for name, part in inner for place in places(part, (*at, name)))]


@pytest.mark.parametrize("name", LAYOUTS)
def test_any_part_may_be_anything(name: str) -> None:
    junk: list[Any] = [
        None,
        True,
        "x",
        "[[[1, 2], [3, 4]]]",
        -1e300,
        7,
        [],
        {},
        [[]],
        [[1, 2]],
        {"x": 1},
        {"points": [{}]},
    ]
    for place in places(LAYOUTS[name])[1:]:
        for value in junk:
            text = json.loads(json.dumps(LAYOUTS[name]))
            holder = text
            for step in place[:-1]:
                holder = holder[step]
            holder[place[-1]] = value
            try:
                sketch = parse_canvas(json.dumps(text).encode())
            except BadDrawing:
                continue
            assert sketch.num_points > 0
