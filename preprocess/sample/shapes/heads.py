"""Seen from the front: cat and face."""

from __future__ import annotations

from dataclasses import dataclass

from preprocess.sample.shapes.parts import Part, Shape, arc, curve, dot, ellipse, line, polar, polygon
from preprocess.sample.shapes.traits import between, chance, choice


@dataclass(frozen=True)
class Cat(Shape):
    """A cat's head with pointed ears; some have a small body."""

    wide: float = between(0.85, 1.25)
    ear: float = between(0.35, 0.85)
    ear_width: float = between(0.09, 0.15)
    ear_turn: float = between(0.08, 0.15)
    outlined: bool = chance(0.25)
    eyes: str = choice("dots", "dots", "rings", "slits", "pupils")
    eye_gap: float = between(0.28, 0.45)
    nose: str = choice("triangle", "triangle", "ring", "none")
    mouth: bool = chance(0.65)
    whiskers: int = choice(0, 2, 2, 3, 3)
    whisker: float = between(0.5, 1.0)
    body: bool = chance(0.16)
    body_wide: float = between(0.55, 1.1)
    body_long: float = between(0.6, 1.5)
    body_side: float = between(0.0, 0.9)

    def outline(self) -> list[Part]:
        parts = self._head()
        parts += eyes(self.eyes, self.eye_gap, -0.2)
        if self.nose == "triangle":
            parts.append(polygon("nose", (-0.1, 0.1), (0.1, 0.1), (0, 0.24), detail=True))
        elif self.nose == "ring":
            parts.append(ellipse("nose", 0, 0.15, 0.08, 0.06, detail=True))
        if self.mouth:
            knots = [(-0.25, 0.4), (-0.12, 0.48), (0.0, 0.3), (0.12, 0.48), (0.25, 0.4)]
            parts.append(curve("mouth", *knots, detail=True))
        for side in (-1, 1):
            parts += self._whiskers(side)
        if self.body:
            parts += self._body()
        return parts

    def _body(self) -> list[Part]:
        wide, long, side = self.body_wide, self.body_long, self.body_side
        tail = [(0.9, 0.5), (1.5, 0.45), (1.6, 0.0), (2.0, -0.3)]
        swung = curve("tail", *((side + x * wide, 0.95 + long + y * long) for x, y in tail))
        return [ellipse("body", side, 0.95 + long, wide, long), swung]

    def _head(self) -> list[Part]:
        """Head and ears; an ear stands between the two points where it leaves the head."""
        ears = []
        for side in (-1, 1):
            inner, outer = (
                polar(side * (self.ear_turn + d), 0.98) for d in (-self.ear_width / 2, self.ear_width / 2)
            )
            tip = polar(side * (self.ear_turn + 0.01), 1.0 + self.ear)
            ears.append([(x * self.wide, y) for x, y in (inner, tip, outer)])
        if not self.outlined:
            return [ellipse("head", 0, 0, self.wide, 1), *(line("ear", *ear) for ear in ears)]
        chin = [(x * self.wide, y) for x, y in (polar(turn, 1.0) for turn in (0.32, 0.42, 0.5, 0.58, 0.68))]
        return [polygon("head", *ears[0][::-1], *ears[1], (self.wide, 0.0), *chin, (-self.wide, 0.0))]

    def _whiskers(self, side: int) -> list[Part]:
        parts = []
        for number in range(self.whiskers):
            fan = (number - (self.whiskers - 1) / 2) * 0.22
            start = (side * 0.35 * self.wide, 0.25 + fan / 2)
            end = (side * (0.4 + self.whisker) * self.wide, 0.2 + 1.6 * fan)
            parts.append(line("whisker", start, end, detail=number == 2))
        return parts


@dataclass(frozen=True)
class Face(Shape):
    """A human face: head, eyes, mouth; some have nose, ears, hair or neck."""

    wide: float = between(0.72, 1.08)
    eyes: str = choice("dots", "dots", "rings", "rings", "pupils", "slits")
    eye_gap: float = between(0.26, 0.42)
    brows: bool = chance(0.15)
    nose: str = choice("none", "none", "line", "angle", "triangle", "ring")
    mouth: str = choice("smile", "smile", "smile", "straight", "open", "sad", "wide")
    mouth_width: float = between(0.25, 0.5)
    ears: bool = chance(0.2)
    hair: str = choice("none", "none", "none", "spikes", "fringe", "long")
    neck: bool = chance(0.08)

    def outline(self) -> list[Part]:
        parts = [ellipse("head", 0, 0, self.wide, 1), *eyes(self.eyes, self.eye_gap, -0.25)]
        if self.brows:
            parts += [
                arc("brow", x, -0.38, 0.16, 0.08, -0.2, 0.2, detail=True)
                for x in (-self.eye_gap, self.eye_gap)
            ]
        parts += [*self._nose(), *self._mouth()]
        if self.ears:
            parts += [arc("ear", side * self.wide, 0, 0.18, 0.25, 0, side * 0.5) for side in (-1, 1)]
        parts += self._hair()
        if self.neck:
            parts += [line("neck", (x, 0.95), (x * 1.1, 1.4)) for x in (-0.25, 0.25)]
        return parts

    def _nose(self) -> list[Part]:
        if self.nose == "line":
            return [line("nose", (0, -0.15), (0.02, 0.2), detail=True)]
        if self.nose == "angle":
            return [line("nose", (0, -0.15), (-0.13, 0.2), (0.06, 0.2), detail=True)]
        if self.nose == "triangle":
            return [polygon("nose", (0, -0.05), (-0.12, 0.18), (0.12, 0.18), detail=True)]
        return [ellipse("nose", 0, 0.08, 0.08, 0.1, detail=True)] if self.nose == "ring" else []

    def _mouth(self) -> list[Part]:
        half = self.mouth_width * self.wide / 0.9
        if self.mouth == "straight":
            return [line("mouth", (-half, 0.5), (half, 0.5))]
        if self.mouth == "open":
            return [ellipse("mouth", 0, 0.5, half * 0.7, 0.17)]
        if self.mouth == "sad":
            return [arc("mouth", 0, 0.65, half, 0.22, -0.22, 0.22)]
        smile = arc("mouth", 0, 0.35, half, 0.32, 0.72, 0.28)
        return [smile, line("lip", (-half, 0.38), (half, 0.38))] if self.mouth == "wide" else [smile]

    def _hair(self) -> list[Part]:
        if self.hair == "spikes":
            turns = (-0.12, -0.07, -0.02, 0.03, 0.08, 0.13)
            ends = [(polar(t, 0.97), polar(t * 1.1, 1.3)) for t in turns]
            return [line("hair", (a[0] * self.wide, a[1]), (b[0] * self.wide, b[1])) for a, b in ends]
        if self.hair == "fringe":
            knots = [(-0.93, -0.35), (-0.5, -0.6), (-0.1, -0.5), (0.35, -0.65), (0.93, -0.35)]
            return [curve("hair", *((x * self.wide, y) for x, y in knots))]
        if self.hair != "long":
            return []
        sides = [
            [(0.1, -1.02), (0.85, -0.85), (1.2, 0.0), (1.1, 0.8)],
            [(-0.1, -1.02), (-0.85, -0.85), (-1.2, 0.0), (-1.1, 0.8)],
        ]
        return [curve("hair", *((x * self.wide, y) for x, y in side)) for side in sides]


def eyes(style: str, gap: float, y: float) -> list[Part]:
    """Two eyes at -gap and +gap: dots, rings, upright slits or rings with pupils."""
    parts = []
    for x in (-gap, gap):
        if style == "dots":
            parts.append(dot("eye", x, y, 0.04))
        elif style == "slits":
            parts.append(line("eye", (x, y - 0.1), (x, y + 0.1)))
        else:
            parts.append(ellipse("eye", x, y, 0.14, 0.12))
        if style == "pupils":
            parts.append(dot("pupil", x, y, 0.03, detail=True))
    return parts
