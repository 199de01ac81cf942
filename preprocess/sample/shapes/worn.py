"""For rough weather: shoe, umbrella."""

from __future__ import annotations

from dataclasses import dataclass

from preprocess.sample.shapes.parts import (
    Pairs,
    Part,
    Shape,
    arc,
    curve,
    garland,
    line,
    polygon,
)
from preprocess.sample.shapes.traits import between, chance, choice


@dataclass(frozen=True)
class Shoe(Shape):
    """A low shoe, a sneaker, a boot or a heel, seen from the side, toe to the right."""

    shaft: float = between(0.16, 0.75, 2.2)
    opening: float = between(0.3, 0.5)
    toe: float = between(0.14, 0.3)
    slope: float = between(0.15, 0.8)
    heel: float = between(-0.12, 0.22)
    pointed: bool = chance(0.25)
    boxy: bool = chance(0.25)
    sole: bool = chance(0.5)
    laces: int = choice(0, 0, 0, 2, 3, 4)
    cuff: bool = chance(0.2)
    stripe: bool = chance(0.15)

    def outline(self) -> list[Part]:
        rise = 0.22 + self.shaft
        heel = max(self.heel, 0.0)
        tip = (1.02, -0.04) if self.pointed else (1.0, -self.toe * 0.5)
        vamp = (self.opening + (0.8 - self.opening) * self.slope, -self.toe - 0.28 * (1 - self.slope) * rise)
        upper: list[Pairs] = [(0, -heel), (-0.02, -rise - heel), (self.opening, -rise - heel * 0.6), vamp]
        upper += [(0.86, -self.toe), tip, (0.94, 0)]
        under = [(0.45, 0.0), (0.32, -heel)] if heel > 0.04 else [(0.5, 0.0)]
        if self.boxy:
            parts = [polygon("upper", *upper, *under)]
        else:
            parts = [Part("upper", curve("upper", *upper, *under, closed=True).points, closed=True)]
        if heel > 0.04:
            parts.append(line("heel", (0.02, -heel), (0.04, 0.02), (0.16, 0.02), (0.24, -heel)))
        elif self.sole:
            parts.append(line("sole", (-0.02, 0.0), (0.0, 0.09), (0.96, 0.09), (1.0, -0.02)))
        parts += self._laces(vamp, rise + heel * 0.6)
        if self.cuff:
            parts.append(
                line(
                    "cuff", (0, -rise * 0.82 - heel), (self.opening + 0.03, -rise * 0.82 - heel), detail=True
                )
            )
        if self.stripe:
            parts.append(curve("stripe", (0.25, -0.3), (0.45, -0.12), (0.75, -0.2), detail=True))
        return parts

    def _laces(self, vamp: Pairs, rise: float) -> list[Part]:
        """Short strokes across the line from the opening down to the vamp."""
        parts = []
        for number in range(self.laces):
            at = (number + 0.6) / (self.laces + 0.2)
            x, y = self.opening + at * (vamp[0] - self.opening), -rise + at * (vamp[1] + rise)
            parts.append(line("lace", (x - 0.09, y + 0.02), (x + 0.03, y + 0.1), detail=True))
        return parts


@dataclass(frozen=True)
class Umbrella(Shape):
    """A canopy, scalloped or plain, on a stick with a hook."""

    height: float = between(0.3, 0.65)
    pointed: bool = chance(0.15)
    edge: str = choice("plain", "scallops", "scallops", "hollow")
    scallops: int = choice(3, 4, 4, 5)
    ribs: bool = chance(0.4)
    from_top: bool = chance(0.2)
    stick: float = between(0.5, 1.1)
    hook: float = between(0.06, 0.18)
    hooked: bool = chance(0.8)
    thick: bool = chance(0.15)
    tip: bool = chance(0.3)

    def outline(self) -> list[Part]:
        height = self.height
        if self.pointed:
            parts = [line("canopy", (-0.6, 0), (0, -height), (0.6, 0))]
        else:
            parts = [arc("canopy", 0, 0, 0.6, height, -0.25, 0.25)]
        if self.edge == "plain":
            parts.append(line("edge", (-0.6, 0), (0.6, 0)))
        elif self.edge == "scallops":
            parts.append(garland("edge", (-0.6, 0), (0.6, 0), self.scallops, 0.13))
        else:
            parts.append(arc("edge", 0, 0, 0.6, 0.12, -0.25, 0.25))
        if self.ribs:
            joints = [-0.6 + 1.2 * n / self.scallops for n in range(1, self.scallops)]
            parts += [
                curve("rib", (0, -height), (x * 0.75, -height * 0.55), (x, 0), detail=True) for x in joints
            ]
        parts += self._stick(-height if self.from_top else -0.04)
        if self.tip:
            parts.append(line("tip", (0, -height), (0, -height - 0.15), detail=True))
        return parts

    def _stick(self, top: float) -> list[Part]:
        end, hook = self.stick, self.hook
        if not self.hooked:
            sticks = [line("stick", (0, top), (0, end))]
        else:
            bend = [(0.02, end + hook), (hook, end + 1.4 * hook), (2 * hook, end + hook), (2 * hook, end)]
            sticks = [curve("stick", (0, top), (0, end * 0.5), (0, end), *bend)]
        if self.thick:
            sticks.append(line("stick", (0.07, top), (0.07, end)))
        return sticks
