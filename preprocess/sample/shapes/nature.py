"""In the water, in the field and in the sky: fish, flower, sun."""

from __future__ import annotations

import math
from dataclasses import dataclass

from preprocess.sample.shapes.heads import eyes
from preprocess.sample.shapes.parts import (
    Pairs,
    Part,
    Shape,
    arc,
    bumps,
    curve,
    dot,
    ellipse,
    line,
    polar,
    polygon,
)
from preprocess.sample.shapes.traits import between, chance, choice


@dataclass(frozen=True)
class Fish(Shape):
    """A fish swimming to the right: an oval or a crossing loop, and a tail."""

    deep: float = between(0.24, 0.62)
    loop: bool = chance(0.35)
    lens: bool = chance(0.3)
    tail: float = between(0.25, 0.55)
    tail_height: float = between(0.18, 0.5)
    forked: bool = chance(0.25)
    eye: str = choice("dot", "dot", "ring", "none")
    mouth: str = choice("none", "none", "line", "curve")
    gill: bool = chance(0.35)
    fins: int = choice(0, 0, 0, 1, 1, 2)
    scales: int = choice(0, 0, 0, 0, 4)
    bubbles: int = choice(0, 0, 0, 0, 0, 3)

    def outline(self) -> list[Part]:
        parts = self._body()
        if self.eye == "ring":
            parts.append(ellipse("eye", 0.62, -self.deep * 0.25, 0.07, 0.07))
        elif self.eye == "dot":
            parts.append(dot("eye", 0.62, -self.deep * 0.25, 0.02))
        if self.mouth == "line":
            parts.append(line("mouth", (0.98, 0.06), (0.8, 0.1), detail=True))
        elif self.mouth == "curve":
            parts.append(arc("mouth", 0.86, 0.05 * self.deep, 0.12, 0.14, 0.3, 0.6, detail=True))
        if self.gill:
            parts.append(arc("gill", 0.2, 0, 0.2, self.deep * 0.75, 0.1, 0.4, detail=True))
        for side in (-1, 1)[: self.fins]:
            y = side * self.deep * 0.95
            parts.append(curve("fin", (0.3, y), (-0.05, y * 1.55), (-0.3, y), detail=True))
        for number in range(self.scales):
            x, y = -0.5 + 0.28 * (number % 2) + 0.1 * (number // 2), self.deep * (0.3 - 0.5 * (number // 2))
            parts.append(arc("scale", x, y, 0.1, 0.12, 0, 0.5, detail=True))
        for number in range(self.bubbles):
            parts.append(
                ellipse("bubble", 1.2 + 0.05 * (number % 2), -0.2 - 0.25 * number, 0.06, 0.06, detail=True)
            )
        return parts

    def _body(self) -> list[Part]:
        deep, end, half = self.deep, -1 - self.tail, self.tail_height
        if self.loop:
            knots = [
                (end, -half),
                (-0.95, 0.0),
                (-0.3, deep),
                (0.5, deep * 0.8),
                (1.0, 0.0),
                (0.5, -deep * 0.8),
            ]
            knots += [(-0.3, -deep), (-0.95, 0.0), (end, half)]
            return [curve("body", *knots), line("tail", (end, -half), (end, half))]
        if self.lens:
            back = [(-1.0, 0.0), (-0.4, -deep * 0.85), (0.3, -deep * 0.9), (1.0, 0.0)]
            body = [curve("back", *back), curve("belly", *((x, -y) for x, y in back))]
        else:
            body = [ellipse("body", 0, 0, 1, deep)]
        fork: list[Pairs] = [(end + 0.15, 0.0)] if self.forked else []
        return [*body, polygon("tail", (-0.97, 0), (end, -half), *fork, (end, half))]


@dataclass(frozen=True)
class Flower(Shape):
    """A ring of petals around a centre, mostly on a stem with leaves."""

    petals: int = choice(4, 5, 5, 6, 6, 7, 8)
    style: str = choice("petals", "petals", "petals", "cloud", "cloud", "tulip", "rays")
    centre: float = between(0.2, 0.42)
    petal: float = between(0.4, 0.75)
    plump: float = between(0.75, 1.15)
    start: float = between(0, 0.2)
    stem: float = between(0.9, 2.2)
    stemmed: bool = chance(0.85)
    bend: float = between(-0.25, 0.25)
    leaves: int = choice(0, 0, 1, 1, 2)
    leaf: float = between(0.35, 0.7)

    def outline(self) -> list[Part]:
        parts = self._head()
        if not self.stemmed:
            return parts
        top = self.centre + (self.petal if self.style != "tulip" else 0.3)
        end = top + self.stem
        middle = (self.bend, (top + end) / 2)
        parts.append(curve("stem", (0, top), middle, (self.bend * 0.6, end)))
        for side in (1, -1)[: self.leaves]:
            tip = (middle[0] + side * self.leaf, middle[1] - self.leaf * 0.5)
            over = (middle[0] + side * self.leaf * 0.35, middle[1] - self.leaf * 0.5)
            under = (middle[0] + side * self.leaf * 0.65, middle[1] - self.leaf * 0.05)
            parts.append(curve("leaf", middle, over, tip, under, middle))
        return parts

    def _head(self) -> list[Part]:
        size = self.centre + self.petal
        if self.style == "tulip":
            cup = [
                (-size * 0.7, -0.6),
                (-size * 0.7, 0.2),
                (0.0, self.centre + 0.3),
                (size * 0.7, 0.2),
                (size * 0.7, -0.6),
            ]
            return [
                curve("cup", *cup),
                line("crown", cup[0], (-0.25, -0.1), (0, -0.7), (0.25, -0.1), cup[-1]),
            ]
        centre = ellipse("centre", 0, 0, self.centre, self.centre)
        if self.style == "cloud":
            return [centre, bumps("petals", 0, 0, size, size, self.petals, 0.35, self.start)]
        if self.style == "rays":
            return [centre, *(self._loop(n / self.petals + self.start, size) for n in range(self.petals))]
        half, round_ = self.petal / 2, self.plump * math.pi * (self.centre + self.petal / 2) / self.petals
        parts = [centre]
        for turn in (n / self.petals + self.start for n in range(self.petals)):
            x, y = polar(turn, self.centre + half)
            parts.append(ellipse("petal", x, y, min(round_, half * 1.3), half, 2 * math.pi * turn))
        return parts

    def _loop(self, turn: float, size: float) -> Part:
        """A petal drawn from the centre's edge out and back."""
        spread = 0.4 / self.petals
        feet = [polar(turn + d, self.centre) for d in (-spread * 0.7, spread * 0.7)]
        return curve(
            "petal",
            feet[0],
            polar(turn - spread, size * 0.8),
            polar(turn, size),
            polar(turn + spread, size * 0.8),
            feet[1],
        )


@dataclass(frozen=True)
class Sun(Shape):
    """A disc with rays around it."""

    wide: float = between(0.9, 1.2)
    rays: int = choice(5, 6, 7, 8, 8, 9, 10, 12, 14)
    gap: float = between(0.0, 0.3)
    ray: float = between(0.25, 0.95)
    start: float = between(0, 0.2)
    style: str = choice("lines", "lines", "lines", "lines", "lines", "zigzag", "spikes", "waves")
    uneven: float = between(0.0, 0.4)
    face: bool = chance(0.14)
    setting: bool = chance(0.08)

    def outline(self) -> list[Part]:
        span, turn0 = (0.5, -0.25) if self.setting else (1.0, self.start)
        disc = (
            arc("disc", 0, 0, self.wide, 1, -0.25, 0.25)
            if self.setting
            else ellipse("disc", 0, 0, self.wide, 1)
        )
        parts = [disc]
        if self.style == "zigzag":
            corners = [polar(turn0 + span * n / 20, 1.15 + (n % 2) * self.ray) for n in range(21)]
            return [disc, line("rays", *corners)]
        for number in range(self.rays):
            turn = turn0 + span * (number + 0.5 * self.setting) / self.rays
            parts.append(self._ray(turn, 1 - self.uneven * (number % 2)))
        if self.face:
            parts += [*eyes("dots", 0.35, -0.2), arc("mouth", 0, 0.15, 0.45, 0.35, 0.72, 0.28)]
        return parts

    def _ray(self, turn: float, share: float) -> Part:
        near, far = 1.03 + self.gap, 1.03 + self.gap + self.ray * share
        if self.style == "spikes":
            half = 0.22 / self.rays
            return line("ray", polar(turn - half, near), polar(turn, far), polar(turn + half, near))
        if self.style == "waves":
            thirds = [near + (far - near) * k / 3 for k in range(4)]
            return curve("ray", *(polar(turn + 0.012 * (-1) ** k, r) for k, r in enumerate(thirds)))
        return line("ray", polar(turn, near), polar(turn, far))
