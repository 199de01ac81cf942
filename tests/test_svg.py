"""SVG: every command, shape and transform against its definition, and files that mean harm."""

from __future__ import annotations

import itertools
import math
import time
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sketchspace.sketch.errors import MAX_POINTS, BadDrawing
from sketchspace.sketch.strokes import Sketch
from sketchspace.sketch.svg import FLATNESS, parse_svg


def svg(body: str, attributes: str = "") -> Sketch:
    return parse_svg(f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{body}</svg>'.encode())


def path(data: str) -> list[list[list[float]]]:
    return [stroke.tolist() for stroke in svg(f'<path d="{data}"/>').strokes]


def test_lines_of_a_path_by_hand():
    assert path("M1 2L3 4 5 6") == [[[1, 2], [3, 4], [5, 6]]]
    assert path("m1,2 2,2 2,2") == [[[1, 2], [3, 4], [5, 6]]]
    assert path("M1 2H5V7h-1v-2z") == [[[1, 2], [5, 2], [5, 7], [4, 7], [4, 5], [1, 2]]]
    assert path("M0 0L1 0M5 5l0 1") == [[[0, 0], [1, 0]], [[5, 5], [5, 6]]]
    assert path("M1 1L2 1L2 2Zl5 5") == [[[1, 1], [2, 1], [2, 2], [1, 1]], [[1, 1], [6, 6]]]
    assert path("M1.5.5-1e1-.5L2 2") == [[[1.5, 0.5], [-10, -0.5], [2, 2]]]
    assert path("M0 0L4 0 oops L9 9") == [[[0, 0], [4, 0]]]


def bezier(t, *controls):
    """De Casteljau's construction."""
    points = [np.array(point, float) for point in controls]
    while len(points) > 1:
        points = [a * (1 - t) + b * t for a, b in itertools.pairwise(points)]
    return points[0]


@pytest.mark.parametrize(
    ("data", "controls"),
    [
        ("M0 0C10 40 30 40 40 0", [[(0, 0), (10, 40), (30, 40), (40, 0)]]),
        (
            "M5 5c0 10 10 10 10 0s10-10 10 0",
            [[(5, 5), (5, 15), (15, 15), (15, 5)], [(15, 5), (15, -5), (25, -5), (25, 5)]],
        ),
        ("M5 5Q10 25 20 5T35 5", [[(5, 5), (10, 25), (20, 5)], [(20, 5), (30, -15), (35, 5)]]),
        ("M0 0L10 0S20 10 30 0", [[(0, 0), (10, 0)], [(10, 0), (10, 0), (20, 10), (30, 0)]]),
    ],
)
def test_curves_follow_their_definition(data, controls):
    points = np.array(path(data)[0])
    exact = np.array([bezier(t, *piece) for piece in controls for t in np.linspace(0, 1, 8001)])
    distance = np.sqrt(((points[:, None] - exact[None]) ** 2).sum(-1)).min(axis=1)
    assert distance.max() < 0.01
    gap = np.abs(np.diff(points, axis=0)).max()
    assert gap < np.ptp(points, axis=0).max() / 3 or "L" in data
    assert points[0] == pytest.approx(controls[0][0])
    assert points[-1] == pytest.approx(controls[-1][-1])


@pytest.mark.parametrize(("large", "sweep"), itertools.product((0, 1), (0, 1)))
def test_arcs_lie_on_their_ellipse(large, sweep):
    points = np.array(path(f"M10 20A30 20 30 {large}{sweep}50 30")[0])
    turned = points @ np.array(
        [[math.cos(0.5235988), -math.sin(0.5235988)], [math.sin(0.5235988), math.cos(0.5235988)]]
    )
    circle = turned / [30, 20]
    # Centre and radius of the circle through the points, by least squares.
    rows = np.column_stack([2 * circle, np.ones(len(circle))])
    a, b, c = np.linalg.lstsq(rows, (circle**2).sum(axis=1), rcond=None)[0]
    assert math.sqrt(c + a * a + b * b) == pytest.approx(1, abs=2e-3)
    assert np.abs(np.hypot(circle[:, 0] - a, circle[:, 1] - b) - 1).max() < 3e-3
    angles = np.unwrap(np.arctan2(circle[:, 1] - b, circle[:, 0] - a))
    assert (abs(angles[-1] - angles[0]) > math.pi) == bool(large)
    assert (angles[-1] > angles[0]) == bool(sweep)
    assert points[-1] == pytest.approx([50, 30], abs=1e-4)


def test_an_arc_with_small_radii_grows_and_one_without_radius_is_a_line():
    half = np.array(path("M0 0A1 1 0 0 1 10 0")[0])
    assert np.hypot(half[:, 0] - 5, half[:, 1]) == pytest.approx([5.0] * len(half), abs=0.02)
    assert path("M0 0A0 5 0 0 1 10 0")[0][-1] == [10, 0]
    assert np.abs(np.array(path("M0 0A0 5 0 0 1 10 0")[0])[:, 1]).max() == 0


def test_shapes_become_outlines():
    assert svg('<line x1="1" y1="2" x2="3" y2="4"/>').strokes[0].tolist() == [[1, 2], [3, 4]]
    assert svg('<polyline points="0,0 1,0 1,1"/>').strokes[0].tolist() == [[0, 0], [1, 0], [1, 1]]
    assert svg('<polygon points="0,0 1,0 1,1"/>').strokes[0].tolist() == [[0, 0], [1, 0], [1, 1], [0, 0]]
    box = svg('<rect x="1" y="2" width="3px" height="4"/>').strokes[0].tolist()
    assert box == [[1, 2], [4, 2], [4, 6], [1, 6], [1, 2]]
    for body, rx, ry in (
        ('<circle cx="5" cy="6" r="2"/>', 2, 2),
        ('<ellipse cx="5" cy="6" rx="4" ry="1"/>', 4, 1),
    ):
        points = (svg(body).strokes[0] - [5, 6]) / [rx, ry]
        assert np.hypot(*points.T) == pytest.approx([1.0] * len(points), abs=0.01)
        assert points.min(axis=0) == pytest.approx([-1, -1], abs=0.02)
    low, high = svg('<rect x="0" y="0" width="10" height="6" rx="2"/>').bounds()
    assert [*low, *high] == pytest.approx([0, 0, 10, 6], abs=1e-5)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ("translate(10,20)", [11, 22]),
        ("translate(10)", [11, 2]),
        ("scale(3)", [3, 6]),
        ("scale(3 -1)", [3, -2]),
        ("rotate(90)", [-2, 1]),
        ("rotate(90, 1, 0)", [-1, 0]),
        ("matrix(1 2 3 4 5 6)", [12, 16]),
        ("skewX(45)", [3, 2]),
        ("skewY(45)", [1, 3]),
        ("translate(10,0) scale(2)", [12, 4]),
        ("scale(2) translate(10,0)", [22, 4]),
        ("nonsense(5) translate(1,1)", [2, 3]),
    ],
)
def test_transforms_by_hand(transform, expected):
    end = svg(f'<path transform="{transform}" d="M0 0L1 2"/>').strokes[0][-1]
    assert end == pytest.approx(expected, abs=1e-5)


def test_a_turned_shape_is_turned():
    (points,) = svg(
        '<g transform="translate(9 0) rotate(90)"><rect x="1" y="2" width="3" height="4"/></g>'
    ).strokes
    low, high = points.min(axis=0), points.max(axis=0)
    assert [*low, *high] == pytest.approx([3, 1, 7, 4], abs=1e-5)
    (points,) = svg('<circle cx="10" cy="0" r="2" transform="rotate(90)"/>').strokes
    assert (points.min(axis=0) + points.max(axis=0)) / 2 == pytest.approx([0, 10], abs=0.01)


def test_nested_transforms_apply_from_the_inside_out():
    inner = '<g transform="scale(2)"><line x2="1" y2="1"/></g>'
    body = f'<g transform="translate(100,0)">{inner}</g><line x2="5" y2="5"/>'
    assert [stroke.tolist() for stroke in svg(body).strokes] == [[[100, 0], [102, 2]], [[0, 0], [5, 5]]]


def test_what_is_not_seen_is_not_read():
    line = '<line x2="1" y2="1"/>'
    body = (
        '<rect width="99" height="99" fill="none"/>'
        '<rect width="99" height="99" style="fill: rgba(0,0,0,0); stroke:none"/>'
        f'<defs>{line}</defs><clipPath id="c">{line}</clipPath><g display="none">{line}</g>'
        f'<g style="visibility:hidden">{line}</g><path d="M0 0"/><text>hello</text>'
        '<g fill="none" stroke="black"><line x2="7" y2="7"/></g>'
    )
    assert [stroke.tolist() for stroke in svg(body).strokes] == [[[0, 0], [7, 7]]]


def test_a_curve_is_flattened_to_the_tolerance_and_not_much_finer():
    (points,) = svg('<circle r="1"/>').strokes
    middles = (points[1:] + points[:-1]) / 2
    sag = 1 - np.hypot(*middles.T).min()
    assert sag < 2 * FLATNESS * 1.05 + 3e-4
    assert len(points) < 4 + 4 * 2.5 / math.sqrt(2 * FLATNESS)


def test_real_svg_drawings_match_their_pictures(shared_data):
    with zipfile.ZipFile(shared_data / "tuberlin" / "svg_sample.zip") as archive:
        sketches = [parse_svg(archive.read(name)) for name in archive.namelist()]
    assert len(sketches) == 15
    for sketch in sketches:
        low, high = sketch.bounds()
        assert low.min() > -100
        assert high.max() < 900
        assert 5 < len(sketch.strokes) < 100
        assert sketch.num_points > 10 * len(sketch.strokes) / 2


def _laughs(levels: int) -> str:
    """Entities that stand for ten times one another."""
    entities = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(levels))
    return f'<!DOCTYPE svg [<!ENTITY a0 "ha">{entities}]><svg><text>&a{levels};</text></svg>'


_OUTSIDE = '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg><text>&a;</text></svg>'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "bad_xml"),
        ("<svg>", "bad_xml"),
        ("<svg></g>", "bad_xml"),
        (_laughs(9), "bad_xml"),
        (_laughs(2), "empty_drawing"),
        (_OUTSIDE, "empty_drawing"),
        ("<g>" * 5000, "bad_xml"),
        ("<svg>" + "<g/>" * 100_001 + "</svg>", "bad_xml"),
        ("<svg/>", "empty_drawing"),
        ('<svg><path d="M1 1"/></svg>', "empty_drawing"),
        ('<svg><line x2="1e300"/></svg>', "not_finite"),
        ('<svg><path d="M0 0A1e200 1 0 0 1 1e308 1e-300"/></svg>', "bad_xml"),
        ('<svg><line transform="scale(1e308) scale(1e308)" x2="1" y2="-1"/></svg>', "not_finite"),
        (f'<svg><path d="M0 0{"h1" * (MAX_POINTS + 1)}"/></svg>', "too_many_points"),
        (" " * (8 << 20) + "<svg/>", "line_too_long"),
    ],
)
def test_hostile_svg_has_a_stable_reason(text, reason):
    with pytest.raises(BadDrawing) as caught:
        parse_svg(text.encode())
    assert caught.value.reason == reason


def test_a_plain_doctype_is_no_harm():
    text = b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://a.b/svg11.dtd"><svg><line x2="1"/></svg>'
    assert parse_svg(text).num_points == 2


@pytest.mark.parametrize(
    "transform", ["a" * 200_000, "a(" * 100_000, "translate" + " " * 200_000, "(" * 200_000]
)
def test_hostile_transforms_take_no_time(transform):
    before = time.process_time()
    svg(f'<line transform="{transform}" x2="1"/>')
    assert time.process_time() - before < 1


@given(st.text(alphabet="MmLlHhVvCcSsQqTtAaZz0123456789.-+eE, ", max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_path_is_a_sketch_or_a_bad_drawing(data):
    try:
        sketch = svg(f'<path d="{data}"/>')
    except BadDrawing:
        return
    assert sketch.num_points >= 2
