"""On the wall and in the hand: clock, ice cream."""

from __future__ import annotations

from dataclasses import dataclass

from preprocess.sample.shapes.parts import (
    Part,
    Shape,
    arc,
    box,
    bumps,
    curve,
    dot,
    ellipse,
    garland,
    line,
    polar,
)
from preprocess.sample.shapes.traits import between, chance, choice


@dataclass(frozen=True)
class Clock(Shape):
    """A dial with two hands; some with marks, figures, or the bells and feet of an alarm clock."""

    wide: float = between(0.85, 1.15)
    square: bool = chance(0.12)
    hour: float = between(0, 1)
    minute: float = choice(0.0, 0.0, 0.25, 0.5, 0.08, 0.67, 0.83)
    hour_length: float = between(0.35, 0.55)
    minute_length: float = between(0.55, 0.85)
    one_stroke: bool = chance(0.4)
    marks: int = choice(0, 0, 0, 4, 4, 8, 12)
    mark_length: float = between(0.08, 0.2)
    inner: bool = chance(0.1)
    alarm: bool = chance(0.15)
    hub: bool = chance(0.25)

    def outline(self) -> list[Part]:
        wide = self.wide
        parts = [box("dial", -wide, -1, 2 * wide, 2) if self.square else ellipse("dial", 0, 0, wide, 1)]
        if self.inner:
            parts.append(ellipse("glass", 0, 0, wide * 0.85, 0.85, detail=True))
        parts += self._hands()
        for mark in range(self.marks):
            turn = mark / self.marks
            ends = (polar(turn, r) for r in (0.93 - self.mark_length, 0.9))
            parts.append(line("mark", *((x * wide, y) for x, y in ends), detail=True))
        if self.hub:
            parts.append(ellipse("hub", 0, 0, 0.06, 0.06, detail=True))
        if self.alarm:
            for side in (-1, 1):
                parts.append(ellipse("bell", side * 0.6, -1.0, 0.32, 0.22, side * 0.7))
                parts.append(line("foot", (side * 0.55, 0.85), (side * 0.8, 1.2)))
        return parts

    def _hands(self) -> list[Part]:
        hour, minute = polar(self.hour, self.hour_length), polar(self.minute, self.minute_length)
        if self.one_stroke:
            return [line("hands", minute, (0, 0), hour)]
        return [line("minute hand", (0, 0), minute), line("hour hand", (0, 0), hour)]


@dataclass(frozen=True)
class IceCream(Shape):
    """One to three scoops on a pointed cone."""

    cone: float = between(0.8, 1.7)
    width: float = between(0.34, 0.55)
    scoops: int = choice(1, 1, 1, 1, 1, 2, 2, 3)
    scoop: float = between(0.8, 1.3)
    style: str = choice("arc", "arc", "ball", "cloud", "swirl")
    blunt: float = between(0.0, 0.12)
    rim: bool = chance(0.75)
    hatch: int = choice(0, 0, 0, 2, 3)
    cherry: bool = chance(0.15)
    drips: bool = chance(0.2)
    sprinkles: int = choice(0, 0, 0, 0, 4)

    def outline(self) -> list[Part]:
        width = self.width
        tip = [(-self.blunt, self.cone), (self.blunt, self.cone)] if self.blunt > 0.07 else [(0.0, self.cone)]
        parts = [line("cone", (-width, 0), *tip, (width, 0))]
        if self.rim:
            rim = (
                garland("rim", (-width, 0), (width, 0), 4, -0.1)
                if self.drips
                else line("rim", (-width, 0), (width, 0))
            )
            parts.append(rim)
        top = 0.0
        for level in range(self.scoops):
            parts.append(self._scoop(top, width * self.scoop * 0.88**level))
            top -= 1.25 * width * self.scoop * 0.88**level
        for number in range(self.hatch):
            parts += self._hatch((number + 1) / (self.hatch + 1))
        for number in range(self.sprinkles):
            parts.append(
                dot(
                    "sprinkle",
                    width * (0.5 * number - 0.8) * 0.7,
                    -width * (0.5 + 0.3 * (number % 2)),
                    detail=True,
                )
            )
        if self.cherry:
            parts.append(ellipse("cherry", 0, top - 0.08, 0.1, 0.1))
        return parts

    def _scoop(self, base: float, radius: float) -> Part:
        if self.style == "ball" or base < 0:
            return ellipse("scoop", 0, base - 0.55 * radius, radius, radius * 0.95)
        if self.style == "cloud":
            return bumps("scoop", 0, base - 0.5 * radius, radius * 1.05, radius, 7, 0.22)
        if self.style == "swirl":
            left = [
                (-radius, base),
                (-radius * 1.05, base - 0.4 * radius),
                (-radius * 0.45, base - 0.85 * radius),
            ]
            top = [(-radius * 0.35, base - 1.2 * radius), (radius * 0.1, base - 1.9 * radius)]
            return curve(
                "scoop",
                *left,
                *top,
                (radius * 0.45, base - radius),
                (radius, base - 0.5 * radius),
                (radius, base),
            )
        return arc("scoop", 0, base, radius, 1.25 * radius, -0.27, 0.27)

    def _hatch(self, at: float) -> list[Part]:
        """Two crossing lines of the wafer; each runs from the rim to the other side of the cone."""
        width, reach = self.width, 1 - at
        start = -width + 2 * width * at
        down = (start + (width - start) * 0.45 * (1 + at), self.cone * reach * 0.8)
        down = (min(down[0], width * (1 - down[1] / self.cone)), down[1])
        return [line("wafer", (side * start, 0), (side * down[0], down[1]), detail=True) for side in (1, -1)]
