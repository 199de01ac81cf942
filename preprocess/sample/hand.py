"""A believable hand: from parts as they are meant to strokes as a person in a hurry draws them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from preprocess.sample.shapes.parts import Part, Points
from preprocess.sample.shapes.traits import between, chance, choice

_TAIL = 0.2  # how far beyond the ends of a line the pen may run, where the drawing's larger side is 1
_FINE = 0.022


@dataclass(frozen=True)
class Hand:
    """How one person draws one drawing. Lengths are shares of the drawing's larger side."""

    haste: float = choice(0.7, 0.8, 0.9, 1.0, 1.0, 1.1, 1.2, 1.4, 1.8)
    wobble: float = between(0.004, 0.02, 1.5)
    warp: float = between(0.005, 0.06, 1.3)
    misplaced: float = between(0.002, 0.028, 2)
    misfit: float = between(0.01, 0.13, 2)
    ends: float = between(0.002, 0.045, 2.5)
    gap: float = between(0.005, 0.09, 2.5)
    step: float = between(0.018, 0.075, 1.5)
    turn: float = between(0.01, 0.14, 2)
    stretch: float = between(0.02, 0.2)
    shear: float = between(0.01, 0.12, 1.5)
    lifts: float = choice(0, 0, 0, 0, 0, 0.3, 0.5, 1)
    joins: float = choice(0, 0.2, 0.5, 0.9)
    reverses: float = choice(0.03, 0.1, 0.5)
    disorder: float = choice(0, 0, 0, 0.7, 4)
    forgets: float = between(0, 0.9, 2)
    retraces: float = choice(0, 0, 0, 0, 0, 0, 0.12, 0.4)
    unfinished: bool = chance(0.035)


@dataclass(frozen=True, eq=False)
class Path:
    """A line to follow from `begin` to `end` (lengths along `points`), a pen point about every `step`."""

    points: Points
    begin: float
    end: float
    step: float


def draw_by_hand(parts: list[Part], hand: Hand, rng: np.random.Generator) -> list[Points]:
    """The strokes, float64 `[points, 2]` each, of one drawing whose larger side is about 1.

    Parts are forgotten, reordered, split at corners, turned round and retraced; lines wobble, miss their
    ends and their places; the whole is bent, turned and sheared.
    """
    every = np.concatenate([part.points for part in parts])
    low, high = every.min(axis=0), every.max(axis=0)
    scale = 1 / max(float((high - low).max()), 1e-9)
    middle = (low + high) / 2
    chosen = [part.at((part.points - middle) * scale) for part in _choose(parts, hand, rng)]
    lines = [piece for part in chosen for piece in _pieces(part, hand, rng)]
    points, counts = _trace([_path(piece, hand, rng) for piece in lines], rng)
    points = _bend(_displace(points, counts, hand, rng), hand, rng)
    return _lift_pen(points, counts, hand, rng)


def _choose(parts: list[Part], hand: Hand, rng: np.random.Generator) -> list[Part]:
    """Leave out what is forgotten, draw again what is retraced, and put the rest in a personal order."""
    forgotten = rng.random(len(parts)) < [
        hand.forgets if part.detail else 0.03 * hand.forgets for part in parts
    ]
    again = rng.random(len(parts)) < hand.retraces
    order = np.argsort(np.arange(len(parts)) + hand.disorder * rng.standard_normal(len(parts)))
    kept = [n for n in order.tolist() if n == 0 or not forgotten[n]]
    return [parts[n] for n in kept for _ in range(1 + int(again[n]))]


def _pieces(part: Part, hand: Hand, rng: np.random.Generator) -> list[Part]:
    """A part with corners as the runs of sides that are drawn without lifting the pen."""
    if not part.sides or len(part.points) < 3 or not hand.lifts:
        return [part]
    points = np.concatenate([part.points, part.points[:1]]) if part.closed else part.points
    corners = 1 + np.flatnonzero(rng.random(len(points) - 2) < hand.lifts)
    if not len(corners):
        return [part]
    edges = [0, *corners.tolist(), len(points) - 1]
    return [Part(part.name, points[start : end + 1], sides=True) for start, end in pairwise(edges)]


def _path(part: Part, hand: Hand, rng: np.random.Generator) -> Path:
    """Where on the line the pen comes down and goes up again."""
    start, end = (rng.standard_normal(2) * hand.haste).tolist()
    side, where = rng.random(2).tolist()
    points = part.points[::-1] if side < hand.reverses else part.points
    step = _FINE if part.sides else hand.step
    if part.closed:
        return _round_path(points, part.sides, start * hand.gap, where, step)
    steps = points[1:] - points[:-1]
    sizes = np.hypot(steps[:, 0], steps[:, 1]) + 1e-9
    length = float(sizes.sum())
    longer = np.empty((len(points) + 2, 2))
    longer[0] = points[0] - steps[0] * (_TAIL / sizes[0])
    longer[1:-1] = points
    longer[-1] = points[-1] + steps[-1] * (_TAIL / sizes[-1])
    early, late = (
        max(-0.3 * length, min(miss * hand.ends * min(1, 2 * length), _TAIL)) for miss in (start, end)
    )
    return Path(longer, _TAIL - early, _TAIL + length + late, step)


def _round_path(points: Points, sides: bool, gap: float, where: float, step: float) -> Path:
    """Once around a closed line from a corner or near its first point; `gap` is the share too far."""
    first = int((where if sides else 5 * (where - 0.5) ** 3) * len(points)) % len(points)
    twice = np.concatenate([points[first:], points, points[: first + 1]])
    steps = twice[1 : len(points) + 1] - twice[: len(points)]
    length = float(np.hypot(steps[:, 0], steps[:, 1]).sum())
    return Path(twice, 0.0, length * min(1 + gap, 2.0), step)


def _trace(paths: list[Path], rng: np.random.Generator) -> tuple[Points, NDArray[np.int64]]:
    """Pen points of all paths in one array `[points, 2]`, unevenly spaced, and how many each path has.

    The paths are laid end to end on one scale of length, so that a single interpolation serves them all.
    """
    controls = np.concatenate([path.points for path in paths])
    sizes = np.array([len(path.points) for path in paths])
    first = np.cumsum(sizes) - sizes
    gaps = np.hypot(*np.diff(controls, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(gaps)])
    begin, end, step = np.array([(path.begin, path.end, path.step) for path in paths]).T
    counts = np.maximum(np.ceil((end - begin) / step), 1).astype(np.int64) + 1
    start, last = np.repeat(np.cumsum(counts) - counts, counts), np.repeat(counts - 1, counts)
    number = np.arange(len(start)) - start
    uneven = (rng.random(len(start)) - 0.5) * 0.8 * ((number > 0) & (number < last))
    position = (
        np.repeat(along[first] + begin, counts) + np.repeat(end - begin, counts) * (number + uneven) / last
    )
    return np.stack([np.interp(position, along, axis) for axis in controls.T], axis=1), counts


def _displace(points: Points, counts: NDArray[np.int64], hand: Hand, rng: np.random.Generator) -> Points:
    """Put every stroke a little off its place, size and angle, and let it wobble along its length."""
    strokes, first = len(counts), np.cumsum(counts) - counts
    which = np.repeat(np.arange(strokes), counts)
    centre = (np.add.reduceat(points, first, axis=0) / counts[:, None])[which]
    dice = rng.standard_normal((strokes, 4)) * hand.haste
    grow, turn = 1 + 0.5 * hand.misfit * dice[:, 0], hand.misfit * 0.6 * dice[:, 1]
    cos, sin = (grow * np.cos(turn))[which, None], (grow * np.sin(turn))[which, None]
    inner = points - centre
    placed = (
        centre + cos * inner + sin * inner[:, ::-1] * (-1.0, 1.0) + (hand.misplaced * dice[:, 2:4])[which]
    )
    steps = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
    along = np.cumsum(steps)[:, None, None]
    waves = rng.random((strokes, 2, 3))[which]
    speed = np.array([0.9, 1.9, 4.0])
    lift = np.sin(2 * np.pi * (along * speed * (0.7 + 0.6 * waves) + 7 * waves)) @ np.array([1.0, 0.6, 0.25])
    return placed + hand.haste * hand.wobble * lift


def _bend(points: Points, hand: Hand, rng: np.random.Generator) -> Points:
    """Bend the whole drawing smoothly, then turn, shear and stretch it."""
    waves, phase = rng.standard_normal((2, 3)) * 0.45, rng.random((3, 2))
    field = np.sin(2 * np.pi * ((points @ waves)[:, :, None] + phase)).sum(axis=1)
    bent = points + hand.haste * hand.warp * 0.6 * field
    turn, shear, stretch = rng.standard_normal(3) * (hand.turn, hand.shear, hand.stretch)
    frame = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return bent @ frame @ np.array([[np.exp(stretch / 2), 0], [shear, np.exp(-stretch / 2)]])


def _lift_pen(
    points: Points, counts: NDArray[np.int64], hand: Hand, rng: np.random.Generator
) -> list[Points]:
    """Cut the points into strokes; some neighbours run into one, some drawings stop half way."""
    ends = np.cumsum(counts)[:-1]
    leap = np.hypot(*(points[ends] - points[ends - 1]).T)
    ends = ends[(leap > 0.14) | (rng.random(len(ends)) >= hand.joins)]
    share = 0.35 + 0.5 * rng.random()
    if hand.unfinished:
        points = points[: max(2, int(share * len(points)))]
    edges = [0, *ends[ends < len(points)].tolist(), len(points)]
    return [points[start:end] for start, end in pairwise(edges)]
