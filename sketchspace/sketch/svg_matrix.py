"""The transforms of SVG as matrices."""

from __future__ import annotations

import math
import re

Matrix = tuple[float, float, float, float, float, float]
"""a, b, c, d, e, f: x becomes a x + c y + e, and y becomes b x + d y + f."""

IDENTITY: Matrix = (1, 0, 0, 1, 0, 0)

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
# Bounded on all sides, so that hostile text cannot make the search slow.
_TRANSFORM = re.compile(r"(?<![A-Za-z])([A-Za-z]{1,20})\s{0,20}\(([^()]*)\)")


def apply(matrix: Matrix, points: tuple[complex, ...]) -> tuple[complex, ...]:
    """Points as complex x + iy, moved by a matrix."""
    a, b, c, d, e, f = matrix
    return tuple([complex(a * p.real + c * p.imag + e, b * p.real + d * p.imag + f) for p in points])


def product(outer: Matrix, inner: Matrix) -> Matrix:
    """The matrix that applies `inner` first and `outer` then."""
    a, b, c, d, e, f = outer
    u, v, w, x, y, z = inner
    return a * u + c * v, b * u + d * v, a * w + c * x, b * w + d * x, a * y + c * z + e, b * y + d * z + f


def transform(text: str) -> Matrix:
    """A list of transforms as one matrix (SVG 1.1, section 7.6); unknown ones are passed over."""
    matrix = IDENTITY
    for name, arguments in _TRANSFORM.findall(text):
        values = [float(number) for number in _NUMBER.findall(arguments)]
        matrix = product(matrix, _single_transform(name, values))
    return matrix


def _single_transform(name: str, values: list[float]) -> Matrix:
    if name == "matrix" and len(values) == 6:
        a, b, c, d, e, f = values
        return a, b, c, d, e, f
    if not values:
        return IDENTITY
    x, y = [*values, 0.0][:2]
    if name == "translate":
        return 1, 0, 0, 1, x, y
    if name == "scale":
        return x, 0, 0, (y if len(values) > 1 else x), 0, 0
    if name == "skewX":
        return 1, 0, math.tan(math.radians(x)), 1, 0, 0
    if name == "skewY":
        return 1, math.tan(math.radians(x)), 0, 1, 0, 0
    if name != "rotate":
        return IDENTITY
    cosine, sine = math.cos(math.radians(x)), math.sin(math.radians(x))
    turned: Matrix = (cosine, sine, -sine, cosine, 0, 0)
    about_x, about_y = (values[1], values[2]) if len(values) > 2 else (0.0, 0.0)
    return product(product((1, 0, 0, 1, about_x, about_y), turned), (1, 0, 0, 1, -about_x, -about_y))
