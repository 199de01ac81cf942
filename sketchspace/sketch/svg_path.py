"""The path language of SVG: text to lines and cubic Bezier curves, and those to points."""

from __future__ import annotations

import cmath
import math
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Segment = tuple[complex, ...]
"""A line (two points) or a cubic Bezier curve (four), points as complex x + iy."""

_NUMBER = re.compile(r"[\s,]*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_FLAG = re.compile(r"[\s,]*([01])")
_COMMAND = re.compile(r"[\s,]*([MmLlHhVvCcSsQqTtAaZz])")
_ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
_FLAGS_OF_ARC = (3, 4)


def parse_path(text: str) -> list[list[Segment]]:
    """Path data to subpaths of connected segments, in its own units (SVG 1.1, section 8.3).

    Quadratic curves and elliptical arcs come out as cubic ones. A fault in the data ends the path there, as
    the standard asks; what came before is kept. A subpath without a segment is left out.
    """
    builder = _Builder()
    for command, values in _commands(text):
        builder.add(command, values)
    return [subpath for subpath in builder.subpaths if subpath]


def flatten(segments: Sequence[Segment], tolerance: float) -> NDArray[np.float64]:
    """Points along connected segments, float64 `[points, 2]`, at most `tolerance` off the curves.

    The number of pieces of a curve is Wang's bound on its distance from its chords (Wang 1984).
    """
    pieces = [np.array([segments[0][0]])]
    for segment in segments:
        if len(segment) == 2:
            pieces.append(np.array([segment[1]]))
            continue
        p0, p1, p2, p3 = segment
        bend = max(abs(p0 - 2 * p1 + p2), abs(p1 - 2 * p2 + p3))
        steps = math.ceil(math.sqrt(0.75 * bend / tolerance)) if tolerance > 0 else 1
        t = np.arange(1, max(1, steps) + 1) / max(1, steps)
        s = 1 - t
        pieces.append(s**3 * p0 + 3 * s * s * t * p1 + 3 * s * t * t * p2 + t**3 * p3)
    points = np.concatenate(pieces)
    return np.stack([points.real, points.imag], axis=1)


def _commands(text: str) -> Iterator[tuple[str, list[float]]]:
    """Each command with one full set of its arguments; repeated sets repeat the command."""
    position, command = 0, ""
    while True:
        if found := _COMMAND.match(text, position):
            position, command = found.end(), found.group(1)
        elif command in ("", "Z", "z"):
            return
        values: list[float] = []
        for place in range(_ARGUMENTS[command.upper()]):
            flag = command in "Aa" and place in _FLAGS_OF_ARC
            found = (_FLAG if flag else _NUMBER).match(text, position)
            if not found:
                return
            position = found.end()
            values.append(float(found.group(1)))
        yield command, values
        command = {"M": "L", "m": "l"}.get(command, command)


class _Builder:
    """The pen of the path language: where it is, where its subpath began, and its last control point."""

    def __init__(self) -> None:
        self.subpaths: list[list[Segment]] = [[]]
        self.here = self.start = self.control = 0j
        self.before = ""

    def add(self, command: str, values: list[float]) -> None:
        """Carry out one command with its arguments."""
        if not self.before and command not in "Mm":
            return  # data must begin by moving somewhere
        kind, origin = command.upper(), self.here if command.islower() else 0j
        if kind == "H":
            points = [complex(values[0] + origin.real, self.here.imag)]
        elif kind == "V":
            points = [complex(self.here.real, values[0] + origin.imag)]
        else:
            tail = values[5:] if kind == "A" else values
            pairs = zip(tail[::2], tail[1::2], strict=True)
            points = [complex(x, y) + origin for x, y in pairs]
        actions: dict[str, Callable[[], None]] = {
            "M": lambda: self._move(points[0]),
            "Z": self._close,
            "C": lambda: self._curve(*points),
            "S": lambda: self._curve(self._mirrored("CS"), *points),
            "Q": lambda: self._quadratic(*points),
            "T": lambda: self._quadratic(self._mirrored("QT"), *points),
            "A": lambda: self._arc(values, points[0]),
        }
        actions.get(kind, lambda: self._line(points[0]))()
        self.before = kind

    def _move(self, to: complex) -> None:
        self.subpaths.append([])
        self.here = self.start = to

    def _close(self) -> None:
        if self.here != self.start or not self.subpaths[-1]:
            self._line(self.start)
        self.subpaths.append([])

    def _line(self, to: complex) -> None:
        self.subpaths[-1].append((self.here, to))
        self.here = to

    def _curve(self, first: complex, second: complex, to: complex) -> None:
        self.subpaths[-1].append((self.here, first, second, to))
        self.control, self.here = second, to

    def _quadratic(self, control: complex, to: complex) -> None:
        """A quadratic curve raised to a cubic one."""
        here = self.here
        self._curve(here + (control - here) * 2 / 3, to + (control - to) * 2 / 3, to)
        self.control = control

    def _mirrored(self, after: str) -> complex:
        """The last control point on the other side of the pen, if the last command was of the same family."""
        return 2 * self.here - self.control if self.before in after else self.here

    def _arc(self, values: list[float], to: complex) -> None:
        for curve in _arc_curves(
            self.here, values[0], values[1], values[2], values[3] > 0, values[4] > 0, to
        ):
            self._curve(*curve)


def _arc_curves(
    start: complex, rx: float, ry: float, degrees: float, large: bool, sweep: bool, to: complex
) -> Iterator[tuple[complex, complex, complex]]:
    """An elliptical arc as cubic curves of a quarter turn at most (SVG 1.1, appendix F.6)."""
    if start == to:
        return
    rx, ry = abs(rx), abs(ry)
    if not rx * ry:
        yield start, to, to
        return
    turn = cmath.exp(1j * math.radians(degrees))

    def squeezed(point: complex) -> complex:  # the ellipse becomes the unit circle
        upright = point / turn
        return complex(upright.real / rx, upright.imag / ry)

    def stretched(point: complex) -> complex:
        return complex(point.real * rx, point.imag * ry) * turn

    first, last = squeezed(start), squeezed(to)
    chord = last - first
    scale = max(1.0, abs(chord) / 2)  # radii that are too small are enlarged
    height = math.sqrt(max(0.0, scale * scale - abs(chord / 2) ** 2))
    centre = (first + last) / 2 + (1j if large != sweep else -1j) * chord / (abs(chord) or 1) * height
    angle = cmath.phase((last - centre) / (first - centre))
    if sweep and angle < 0:
        angle += 2 * math.pi
    elif not sweep and angle > 0:
        angle -= 2 * math.pi
    count = max(1, math.ceil(abs(angle) / (math.pi / 2) - 1e-9))
    step, arm = cmath.exp(1j * angle / count), 4 / 3 * math.tan(angle / count / 4) * 1j
    spoke = first - centre
    for number in range(count):
        following = spoke * step
        end = to if number == count - 1 else stretched(centre + following)
        yield stretched(centre + spoke * (1 + arm)), stretched(centre + following * (1 - arm)), end
        spoke = following
