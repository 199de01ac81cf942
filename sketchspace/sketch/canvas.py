"""What a drawing canvas on a web page saves or sends."""

from __future__ import annotations

from typing import Any

import numpy as np

from sketchspace.sketch.apps import add_excalidraw, add_fabric, add_konva, add_tldraw, dicts
from sketchspace.sketch.errors import BadDrawing, check_coordinates, check_points
from sketchspace.sketch.layouts import (
    POINTS_OF_A_STROKE,
    Found,
    add_stroke,
    add_strokes,
    erases,
    name_of,
    names_in,
    wrong,
)
from sketchspace.sketch.quickdraw import load_json
from sketchspace.sketch.strokes import Sketch

_LISTS = ("strokes", "lines", "paths", "drawing")
"""Names under which strokes are looked for first."""
_MAX_DEPTH = 5
_NO_DRAWING = ("no_drawing", "wrong_type")


def parse_canvas(data: bytes) -> Sketch:
    """Strokes of a canvas, in its pixels (y down), from JSON; see `read_canvas`."""
    return read_canvas(data)[0]


def read_canvas(data: bytes) -> tuple[Sketch, tuple[str, ...]]:
    """Strokes of a canvas in its pixels (y down), from JSON, and notes on what was left out.

    The text is a list of strokes, or an object with such a list under any name. A stroke is a list of
    points, two to four lists (all x, all y, as Quick, Draw! has them), or an object with points under
    "points", "paths" or "path". A point is `[x, y]` or `{"x": .., "y": ..}`; what else it holds (time,
    pressure) is not read. Documents of Konva, Fabric, Excalidraw and tldraw are recognised. Empty strokes
    and an eraser's are left out. Raises `BadDrawing` and nothing else.
    """
    found = Found()
    _collect(load_json(data), found)
    if not found.strokes and (notes := found.notes()):
        raise BadDrawing("empty_drawing", f"no stroke has a point ({'; '.join(notes)})")
    check_points(found.points)
    check_coordinates(np.concatenate(found.strokes).ravel())
    return Sketch.of(found.strokes), found.notes()


def _collect(value: Any, found: Found, columns: bool = False, depth: int = 0) -> None:
    """Add the strokes of a value to `found`."""
    if depth > _MAX_DEPTH:
        raise wrong("objects within objects hold no strokes", "no_drawing")
    if type(value) is str and value.lstrip()[:1] in ("[", "{"):
        value = load_json(value.encode("utf-8", "replace"))
    if type(value) is list:
        if not _of_program(value, found):
            add_strokes(value, found, columns)
    elif type(value) is dict:
        if not _of_program_document(value, found):
            _collect_object(value, found, depth)
    else:
        raise wrong(f"the text is {name_of(value)}", "no_drawing")


def _of_program(shapes: list[Any], found: Found) -> bool:
    """Add a list of shapes that a program saved; False where they are none."""
    inner = dicts(shapes)
    kinds = {str(shape.get("type")).lower() for shape in inner}
    if not inner or len(inner) < len(shapes):
        return False
    if "freedraw" in kinds:
        add_excalidraw(inner, found)
    elif any("className" in shape and ("attrs" in shape or "children" in shape) for shape in inner):
        for shape in inner:
            add_konva(shape, found)
    elif "draw" in kinds and any("props" in shape or "point" in shape for shape in inner):
        add_tldraw(inner, found)
    elif "path" in kinds and any(_has_commands(shape) for shape in inner):
        for shape in inner:
            add_fabric(shape, found)
    else:
        return False
    return True


def _has_commands(shape: dict[str, Any]) -> bool:
    path = shape.get("path")
    first = path[0] if type(path) is list and path else None
    return type(first) is list and bool(first) and type(first[0]) is str


def _of_program_document(value: dict[str, Any], found: Found) -> bool:
    """Add a whole document of a program; False where it is none."""
    if type(value.get("elements")) is list and (
        value.get("type") in ("excalidraw", "excalidraw/clipboard") or _of_program(value["elements"], Found())
    ):
        add_excalidraw(dicts(value["elements"]), found)
    elif "className" in value and ("attrs" in value or "children" in value):
        add_konva(value, found)
    elif type(value.get("objects")) is list and any("type" in shape for shape in dicts(value["objects"])):
        for shape in dicts(value["objects"]):
            add_fabric(shape, found)
    elif _has_commands(value):
        add_fabric(value, found)
    elif records := _tldraw_records(value):
        add_tldraw(records, found)
    else:
        return False
    return True


def _tldraw_records(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The shapes of a tldraw document in any of its versions, [] for another."""
    document = value.get("document")
    for holder in (value, document):
        if type(holder) is not dict:
            continue
        store = holder.get("store")
        pages = holder.get("pages")
        shapes = [holder.get("records"), holder.get("shapes"), store if type(store) is dict else None]
        shapes += (
            [page.get("shapes") for page in pages.values() if type(page) is dict]
            if type(pages) is dict
            else []
        )
        for records in shapes:
            listed = dicts(list(records.values()) if type(records) is dict else records)
            if any(record.get("type") in ("draw", "highlight") for record in listed):
                return listed
    return []


def _collect_object(value: dict[str, Any], found: Found, depth: int) -> None:
    """The strokes under one of an object's names; or the object itself is one."""
    for name in _LISTS:
        if type(value.get(name)) in (list, str) and not (name == "paths" and _is_stroke(value, name)):
            _collect(value[name], found, name == "drawing", depth + 1)
            return
    if erases(value) or any(_is_stroke(value, name) for name in (*POINTS_OF_A_STROKE, "x", "X")):
        add_stroke(value, found)
        return
    read = [(name, tried) for name in value if (tried := _tried(value[name], depth)) is not None]
    if len(read) > 1:
        raise wrong(f"strokes are in {' and in '.join(ascii(name[:20]) for name, _ in read[:3])}; leave one")
    if not read:
        raise wrong(f"the text is an object with {names_in(value)}, and no strokes in it", "no_drawing")
    tried = read[0][1]
    found.strokes += tried.strokes
    found.points += tried.points
    found.erasers += tried.erasers
    found.others += tried.others


def _is_stroke(value: dict[str, Any], name: str) -> bool:
    """Whether the list under a name holds points of one stroke, and not strokes."""
    points = value.get(name)
    if type(points) is not list or not points:
        return False
    if type(points[0]) is list:
        return all(
            type(point) is list and point and not any(type(part) in (list, dict) for part in point)
            for point in points
        )
    return type(points[0]) is not dict or not any(
        type(points[0].get(part)) is list for part in (*POINTS_OF_A_STROKE, "x", "y")
    )


def _tried(value: Any, depth: int) -> Found | None:
    """What is found under a name, None where there are no strokes."""
    if type(value) not in (list, dict) and not (type(value) is str and value.lstrip()[:1] in ("[", "{")):
        return None
    found = Found()
    try:
        _collect(value, found, depth=depth + 1)
    except BadDrawing as bad:
        if bad.reason in (*_NO_DRAWING, "bad_json"):
            return None
        raise
    return found if found.strokes else None
