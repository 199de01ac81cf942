"""To live in: house, tent."""

from __future__ import annotations

from dataclasses import dataclass

from preprocess.sample.shapes.parts import (
    Pairs,
    Part,
    Shape,
    box,
    curve,
    dot,
    line,
    polygon,
)
from preprocess.sample.shapes.traits import between, chance, choice


@dataclass(frozen=True)
class House(Shape):
    """Walls under a roof; the front alone, or with a long side to the right."""

    wall: float = between(0.45, 1.25)
    roof: float = between(0.3, 0.85)
    eaves: float = between(0.0, 0.16)
    ridge: float = between(-0.1, 0.1)
    deep: float = between(0.5, 1.0)
    long: bool = chance(0.15)
    one_stroke: bool = chance(0.2)
    door: float = between(0.18, 0.82)
    door_width: float = between(0.18, 0.32)
    door_height: float = between(0.35, 0.65)
    doors: bool = chance(0.72)
    knob: bool = chance(0.3)
    windows: int = choice(0, 0, 1, 1, 2, 2)
    panes: bool = chance(0.4)
    chimney: bool = chance(0.3)
    smoke: bool = chance(0.3)

    def outline(self) -> list[Part]:
        wall, top = self.wall, (0.5 + self.ridge, -self.wall - self.roof)
        left, right = (-self.eaves, -wall), (1 + self.eaves, -wall)
        if self.one_stroke:
            parts = [line("house", (0, -wall), (0, 0), (1, 0), (1, -wall), top, (0, -wall), (1, -wall))]
        else:
            parts = [box("walls", 0, -wall, 1, wall), line("roof", left, top, right)]
            if self.eaves > 0.05:
                parts[1] = polygon("roof", left, top, right)
        if self.long:
            far = 1 + self.deep
            parts.append(line("side", (1, 0), (far, 0), (far, -wall), (top[0] + self.deep, top[1]), top))
            parts.append(line("gutter", (1, -wall), (far, -wall)))
        if self.doors:
            parts += self._door()
        parts += self._windows()
        if self.chimney:
            parts += self._chimney(top)
        return parts

    def _door(self) -> list[Part]:
        width, height = self.door_width, self.door_height * min(self.wall, 0.9)
        left = 0.05 + (0.9 - width) * self.door
        parts = [line("door", (left, 0), (left, -height), (left + width, -height), (left + width, 0))]
        if self.knob:
            parts.append(dot("knob", left + width * 0.8, -height * 0.45, detail=True))
        return parts

    def _windows(self) -> list[Part]:
        parts = []
        size = 0.22
        spots = [0.12, 0.66] if self.door < 0.5 or self.windows == 2 else [0.12]
        for left in spots[-self.windows :] if self.windows else []:
            top = -self.wall * 0.86
            parts.append(box("window", left, top, size, size))
            if self.panes:
                parts.append(line("pane", (left + size / 2, top), (left + size / 2, top + size), detail=True))
                parts.append(line("pane", (left, top + size / 2), (left + size, top + size / 2), detail=True))
        return parts

    def _chimney(self, top: Pairs) -> list[Part]:
        """On the right slope of the roof, its feet on the line from the ridge to the eaves."""
        slope = (-self.wall - top[1]) / (1 - top[0])
        feet = [(x, top[1] + (x - top[0]) * slope) for x in (0.7, 0.84)]
        cap = top[1] - 0.05 + 0.2 * self.roof
        parts = [line("chimney", feet[0], (0.7, cap), (0.84, cap), feet[1])]
        if self.smoke:
            knots = [(0.78, cap - 0.05), (0.86, cap - 0.13), (0.76, cap - 0.2), (0.88, cap - 0.3)]
            parts.append(curve("smoke", *knots, detail=True))
        return parts


@dataclass(frozen=True)
class Tent(Shape):
    """A triangular tent with its entrance, from the front or with a long side to the right."""

    height: float = between(0.65, 1.35)
    apex: float = between(0.42, 0.58)
    sag: float = between(0.0, 0.12)
    floor: bool = chance(0.65)
    entrance: str = choice("slit", "slit", "flaps", "flaps", "door", "none")
    opening: float = between(0.12, 0.3)
    raised: float = between(0.3, 1.0)
    long: bool = chance(0.35)
    deep: float = between(0.5, 1.1)
    lift: float = between(0.0, 0.3)
    poles: bool = chance(0.15)
    pegs: bool = chance(0.15)

    def outline(self) -> list[Part]:
        top, middle = (self.apex, -self.height), -self.height / 2
        left, right = (self.apex * 0.5 + self.sag, middle), ((1 + self.apex) / 2 - self.sag, middle)
        if self.sag > 0.05:
            parts = [curve("walls", (0, 0), left, top, right, (1, 0))]
        else:
            parts = [(polygon if self.floor else line)("walls", (0, 0), top, (1, 0))]
        if self.floor and self.sag > 0.05:
            parts.append(line("floor", (0, 0), (1, 0)))
        parts += self._entrance(top)
        if self.long:
            far = 1 + self.deep
            parts.append(
                line("side", top, (self.apex + self.deep, top[1] - self.lift), (far, -self.lift), (1, 0))
            )
        if self.poles:
            parts += [line("pole", top, (self.apex + x, top[1] - 0.14), detail=True) for x in (-0.07, 0.07)]
        if self.pegs:
            parts += [
                line("rope", (x, -0.1), (x + out, 0.05), detail=True)
                for x, out in ((0.04, -0.25), (0.96, 0.25))
            ]
        return parts

    def _entrance(self, top: Pairs) -> list[Part]:
        x, rise, half = self.apex, self.raised * self.height, self.opening / 1.4
        if self.entrance == "slit":
            return [line("slit", (x, -rise), (x, 0))]
        if self.entrance == "flaps":
            return [line("flaps", (x - half, 0), (x, -rise), (x + half, 0))]
        if self.entrance == "door":
            rise = min(rise, 0.5) * 0.8
            return [line("door", (x - half, 0), (x - half, -rise), (x + half, -rise), (x + half, 0))]
        return []
