"""Parts of a drawn thing and the curves they are made of.

Everything is float64 `[points, 2]`, x right, y down, in a free unit of about the size of the thing.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preprocess.sample.shapes.traits import chance

Points = NDArray[np.float64]

_TURN = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_CIRCLE = np.stack([np.sin(_TURN), -np.cos(_TURN)], axis=1)
_STEPS = np.linspace(0, 1, 6, endpoint=False)
# Catmull-Rom basis: weights of four neighbouring control points at `_STEPS` between the middle two.
_WEIGHTS = np.stack([_STEPS**0, _STEPS, _STEPS**2, _STEPS**3], axis=1) @ (
    np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
)


@dataclass(frozen=True, eq=False)
class Part:
    """One line of a thing as it is meant, before any hand draws it.

    `closed`: the last point goes on to the first, which is not repeated. `sides`: the points are
    corners of straight sides. `detail`: a hurried hand may leave it out.
    """

    name: str
    points: Points
    closed: bool = False
    sides: bool = False
    detail: bool = False

    def at(self, points: Points) -> Part:
        """The same part with its points elsewhere."""
        return Part(self.name, points, self.closed, self.sides, self.detail)


@dataclass(frozen=True)
class Shape(ABC):
    """The parameters of one thing; another renderer can draw the same thing from the same record."""

    mirrored: bool = chance(0.5)

    @abstractmethod
    def outline(self) -> list[Part]:
        """The parts in the order in which most people draw them, facing right."""

    def parts(self) -> list[Part]:
        """The outline, turned to the left where the thing is `mirrored`."""
        if not self.mirrored:
            return self.outline()
        flip = np.array([-1.0, 1.0])
        return [part.at(part.points * flip) for part in self.outline()]


Pairs = tuple[float, float]


def line(name: str, *corners: Pairs, detail: bool = False) -> Part:
    """An open line of straight sides through `corners`."""
    return Part(name, np.array(corners, np.float64), sides=True, detail=detail)


def polygon(name: str, *corners: Pairs, detail: bool = False) -> Part:
    """A closed line of straight sides through `corners`."""
    return Part(name, np.array(corners, np.float64), closed=True, sides=True, detail=detail)


def box(name: str, left: float, top: float, width: float, height: float, detail: bool = False) -> Part:
    """An upright rectangle."""
    right, bottom = left + width, top + height
    return polygon(name, (left, top), (right, top), (right, bottom), (left, bottom), detail=detail)


def ellipse(
    name: str, x: float, y: float, rx: float, ry: float, turn: float = 0, detail: bool = False
) -> Part:
    """A closed ellipse around (x, y), its axes turned clockwise by `turn` radians."""
    points = _CIRCLE * np.array([rx, ry])
    if turn:
        points = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return Part(name, points + np.array([x, y]), closed=True, detail=detail)


def arc(
    name: str, x: float, y: float, rx: float, ry: float, start: float, end: float, detail: bool = False
) -> Part:
    """Part of an ellipse, from `start` to `end` in turns clockwise from the top (0.25 is the right)."""
    angle = 2 * np.pi * np.linspace(start, end, max(4, int(24 * abs(end - start)) + 2))
    return Part(name, np.stack([x + rx * np.sin(angle), y - ry * np.cos(angle)], axis=1), detail=detail)


def curve(name: str, *knots: Pairs, closed: bool = False, detail: bool = False) -> Part:
    """A smooth line through all `knots` (Catmull-Rom spline)."""
    through = np.array(knots, np.float64)
    around = (through[-1:], through[:2]) if closed else (through[:1], through[-1:])
    padded = np.concatenate([around[0], through, around[1]])
    spans = len(padded) - 3
    windows = padded[np.arange(spans)[:, None] + np.arange(4)]
    points = (_WEIGHTS @ windows).reshape(-1, 2)
    return Part(name, points if closed else np.concatenate([points, through[-1:]]), closed, detail=detail)


def dot(name: str, x: float, y: float, size: float = 0.012, detail: bool = False) -> Part:
    """A point of the pen: a stroke too short to see a direction in."""
    return Part(name, np.array([[x, y], [x + size, y + size]]), detail=detail)


def bumps(
    name: str, x: float, y: float, rx: float, ry: float, count: int, depth: float, start: float = 0
) -> Part:
    """A closed ellipse of `count` round bumps, `depth` of the radius deep (a cloud, a head of petals)."""
    turn = np.linspace(0, 1, 7 * count, endpoint=False)
    radius = 1 - depth + depth * np.abs(np.sin(np.pi * count * turn))
    angle = 2 * np.pi * (turn + start)
    points = np.stack([x + rx * radius * np.sin(angle), y - ry * radius * np.cos(angle)], axis=1)
    return Part(name, points, closed=True)


def garland(name: str, left: Pairs, right: Pairs, count: int, depth: float, detail: bool = False) -> Part:
    """`count` arches in a row between two points; a negative `depth` hangs them upside down."""
    along = np.linspace(0, 1, 6 * count + 1)
    lift = -depth * np.abs(np.sin(np.pi * count * along))
    ends = np.array([left, right])
    points = ends[0] + along[:, None] * (ends[1] - ends[0])
    points[:, 1] += lift
    return Part(name, points, detail=detail)


def polar(turn: float, radius: float) -> Pairs:
    """The point at `turn` (0 is up, 0.25 right) and `radius` from the origin."""
    return radius * math.sin(2 * math.pi * turn), -radius * math.cos(2 * math.pi * turn)
