"""On wheels: bus, car."""

from __future__ import annotations

from dataclasses import dataclass

from preprocess.sample.shapes.parts import (
    Pairs,
    Part,
    Shape,
    arc,
    box,
    curve,
    ellipse,
    line,
    polygon,
)
from preprocess.sample.shapes.traits import between, chance, choice


@dataclass(frozen=True)
class Bus(Shape):
    """A long box on wheels with a row of windows, the front to the right."""

    height: float = between(0.34, 0.75, 1.5)
    rounded: bool = chance(0.3)
    nose: float = between(0.0, 0.16, 2)
    windows: int = choice(0, 2, 3, 3, 4, 5)
    window: float = between(0.2, 0.36)
    wheels: int = choice(2, 2, 2, 2, 3, 4)
    wheel: float = between(0.06, 0.14)
    hubs: bool = chance(0.25)
    door: bool = chance(0.4)
    stripe: bool = chance(0.25)
    decks: int = choice(1, 1, 1, 1, 1, 2)

    def outline(self) -> list[Part]:
        height, nose = self.height, self.nose if self.nose > 0.04 else 0.0
        if self.rounded:
            top: list[Pairs] = [(0.0, 0.06 - height), (0.06, -height), (0.94, -height), (1.0, 0.08 - height)]
        else:
            top = [(0.0, -height), (1.0, -height)]
        front = [(1.0, -height * 0.45), (1 + nose, -height * 0.42), (1 + nose, 0.0)] if nose else [(1.0, 0.0)]
        parts = [polygon("body", *top, *front, (0, 0))]
        for deck in range(self.decks):
            parts += self._windows(-height * (0.85 - 0.45 * deck), 1.0 / self.decks**0.5)
        for number in range(self.wheels):
            x = 0.2 + 0.6 * number / (self.wheels - 1)
            parts.append(ellipse("wheel", x, 0.02, self.wheel, self.wheel))
            if self.hubs:
                parts.append(ellipse("hub", x, 0.02, self.wheel * 0.35, self.wheel * 0.35, detail=True))
        if self.door:
            parts.append(line("door", (0.8, 0), (0.8, -height * 0.7), (0.93, -height * 0.7), (0.93, 0)))
        if self.stripe:
            parts.append(line("stripe", (0, -height * 0.38), (1, -height * 0.38), detail=True))
        return parts

    def _windows(self, top: float, share: float) -> list[Part]:
        room = 0.72 if self.door else 0.92
        pitch = room / max(self.windows, 1)
        size = (pitch * 0.7, self.height * self.window * share)
        return [box("window", 0.05 + pitch * n, top, *size, detail=n > 1) for n in range(self.windows)]


@dataclass(frozen=True)
class Car(Shape):
    """A car from the side, the front to the right: body, cabin, wheels."""

    style: str = choice("steps", "steps", "steps", "dome", "dome", "van", "cabin")
    cabin: float = between(0.16, 0.3)
    hood: float = between(0.12, 0.28)
    boot: float = between(0.0, 0.24)
    slant: float = between(0.02, 0.14)
    body: float = between(0.14, 0.26)
    wheel: float = between(0.07, 0.13)
    arches: bool = chance(0.2)
    hubs: bool = chance(0.3)
    windows: int = choice(0, 0, 1, 2, 2)
    door: bool = chance(0.3)
    light: bool = chance(0.2)
    speed: bool = chance(0.08)

    def outline(self) -> list[Part]:
        parts = self._body()
        for x in (0.22, 0.78):
            parts.append(ellipse("wheel", x, 0.0, self.wheel, self.wheel))
            if self.hubs:
                parts.append(ellipse("hub", x, 0.0, self.wheel * 0.4, self.wheel * 0.4, detail=True))
        if self.windows:
            parts += self._windows()
        if self.door:
            middle = (self.boot + 1 - self.hood) / 2
            parts.append(line("door", (middle, -self.body), (middle, -0.03), detail=True))
        if self.light:
            parts.append(ellipse("light", 0.96, -self.body * 0.6, 0.03, 0.04, detail=True))
        if self.speed:
            parts += [line("speed", (-0.3, -y), (-0.1, -y), detail=True) for y in (0.05, 0.15, 0.25)]
        return parts

    def _body(self) -> list[Part]:
        rear, front, side, top = self.boot, 1 - self.hood, -self.body, -self.body - self.cabin
        if self.style == "dome":
            knots: list[Pairs] = [
                (0, side),
                (rear, side - 0.04),
                (rear + 0.12, top),
                (front - 0.16, top),
                (front, side - 0.03),
            ]
            roof = curve("roof", *knots, (0.98, side + 0.03), (1.0, 0.0)).points.tolist()
            return [polygon("body", *((x, y) for x, y in roof), (0, 0))]
        if self.style == "cabin":
            cabin = arc("cabin", (rear + front) / 2, side, (front - rear) / 2, self.cabin, -0.25, 0.25)
            return [box("body", 0, side, 1, -side), cabin]
        if self.style == "van":
            rear = 0.0
        roof_line = [(rear + self.slant * (rear > 0), top), (front - self.slant, top), (front, side)]
        ends = [(1.0, side + 0.03), (1.0, 0.0), (0.0, 0.0)]
        return [polygon("body", (0.0, side), *([(rear, side)] if rear else []), *roof_line, *ends)]

    def _windows(self) -> list[Part]:
        left, right = self.boot + self.slant + 0.04, 1 - self.hood - self.slant - 0.03
        top, height = -self.body - self.cabin * 0.82, self.cabin * 0.62
        width = (right - left) / self.windows
        return [box("window", left + n * width, top, width * 0.82, height) for n in range(self.windows)]
