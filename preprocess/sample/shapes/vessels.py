"""Things that hold something: bucket, cup, purse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from preprocess.sample.shapes.parts import Part, Shape, arc, box, curve, ellipse, line, polygon
from preprocess.sample.shapes.traits import between, chance, choice


@dataclass(frozen=True)
class Bucket(Shape):
    """A tapering vessel with a bow across its rim."""

    height: float = between(0.6, 1.25)
    taper: float = between(0.0, 0.25)
    rim: float = between(0.0, 0.16)
    round_rim: bool = chance(0.65)
    foot: float = between(0.0, 0.1)
    bow: float = between(0.25, 0.8)
    bow_width: float = between(0.4, 0.52)
    handle: str = choice("up", "up", "up", "up", "up", "up", "up", "down", "down", "none")
    band: bool = chance(0.12)
    lugs: bool = chance(0.15)
    water: bool = chance(0.1)

    def outline(self) -> list[Part]:
        low = 0.5 - self.taper
        body = line("body", (-0.5, 0), (-low, self.height), (low, self.height), (0.5, 0))
        if self.foot > 0.05:
            belly = arc("belly", 0, self.height, low, self.foot, -0.25, -0.75).points
            body = Part("body", np.concatenate([body.points[:1], belly, body.points[-1:]]))
        round_rim = self.round_rim and self.rim > 0.04
        rim = ellipse("rim", 0, 0, 0.5, self.rim) if round_rim else line("rim", (-0.5, 0), (0.5, 0))
        parts = [rim, body]
        if self.handle == "up":
            parts.append(arc("handle", 0, 0, self.bow_width, self.bow, -0.25, 0.25))
        elif self.handle == "down":
            parts.append(arc("handle", 0, 0, self.bow_width, self.bow * 0.7, 0.75, 0.25))
        if self.band:
            parts.append(line("band", (-0.46, self.height * 0.25), (0.46, self.height * 0.25), detail=True))
        if self.lugs:
            parts += [ellipse("lug", x, 0.06, 0.05, 0.05, detail=True) for x in (-0.48, 0.48)]
        if self.water:
            waves = [(-0.3, 0.2), (-0.15, 0.14), (0, 0.2), (0.15, 0.14), (0.3, 0.2)]
            parts.append(curve("water", *waves, detail=True))
        return parts


@dataclass(frozen=True)
class Cup(Shape):
    """A cup or mug with its ear at one side."""

    height: float = between(0.55, 1.25)
    taper: float = between(-0.03, 0.22, 1.6)
    bowl: float = between(0.0, 0.16)
    rim: float = between(0.0, 0.18)
    ear_top: float = between(0.08, 0.3)
    ear_bottom: float = between(0.6, 0.92)
    ear: float = between(0.16, 0.42)
    double_ear: bool = chance(0.45)
    square_ear: bool = chance(0.12)
    saucer: bool = chance(0.18)
    steam: int = choice(0, 0, 0, 0, 2, 3)

    def outline(self) -> list[Part]:
        low, height = 0.5 - self.taper, self.height
        if self.bowl > 0.08:
            knots = [(-0.5, 0), (-0.48, 0.5 * height), (-low + 0.1, height * 0.93), (0, height)]
            body = curve("body", *knots, *[(-x, y) for x, y in reversed(knots[:-1])])
        else:
            body = line("body", (-0.5, 0), (-low, height), (low, height), (0.5, 0))
        rim = ellipse("rim", 0, 0, 0.5, self.rim) if self.rim > 0.05 else line("rim", (-0.5, 0), (0.5, 0))
        parts = [rim, body, self._ear("ear", 1.0)]
        if self.double_ear:
            parts.append(self._ear("inner ear", 0.6))
        if self.saucer:
            parts.append(ellipse("saucer", 0, height, 0.85, 0.1))
        for number in range(self.steam):
            x = (number - (self.steam - 1) / 2) * 0.28
            parts.append(
                curve("steam", (x, -0.2), (x + 0.07, -0.3), (x - 0.06, -0.42), (x + 0.04, -0.55), detail=True)
            )
        return parts

    def _ear(self, name: str, share: float) -> Part:
        middle = (self.ear_top + self.ear_bottom) / 2
        top, bottom = (middle + share * (edge - middle) for edge in (self.ear_top, self.ear_bottom))
        start, end = (0.5 - self.taper * y for y in (top, bottom))
        top, bottom, out = top * self.height, bottom * self.height, 0.5 + share * self.ear
        if self.square_ear:
            return line(name, (start, top), (out, top), (out, bottom), (end, bottom))
        return curve(name, (start, top), (out * 0.96, top + 0.02), (out, (top + bottom) / 2), (end, bottom))


@dataclass(frozen=True)
class Purse(Shape):
    """A handbag: a wide body, a handle or two, sometimes a flap and a clasp."""

    height: float = between(0.45, 0.95)
    flare: float = between(-0.12, 0.2)
    rounded: bool = chance(0.35)
    handle: float = between(0.2, 0.75)
    handle_width: float = between(0.16, 0.48)
    pointed: bool = chance(0.12)
    strap: bool = chance(0.25)
    flap: str = choice("none", "none", "none", "v", "arc", "band")
    clasp: str = choice("none", "none", "round", "square")
    buckle: bool = chance(0.12)

    def outline(self) -> list[Part]:
        top, bottom, height = 0.5 - self.flare / 2, 0.5 + self.flare / 2, self.height
        if self.rounded:
            knots = [(-top, 0.0), (-bottom - 0.04, height * 0.6), (-bottom * 0.75, height)]
            body = curve("body", *knots, *[(-x, y) for x, y in reversed(knots)], closed=True)
        else:
            body = polygon("body", (-top, 0), (top, 0), (bottom, height), (-bottom, height))
        parts = [body, self._handle(self.handle_width, self.handle)]
        if self.strap:
            parts.append(self._handle(self.handle_width - 0.09, self.handle - 0.1))
        middle = height * 0.45
        if self.flap == "v":
            parts.append(line("flap", (-top, 0), (0, middle), (top, 0)))
        elif self.flap == "arc":
            parts.append(arc("flap", 0, 0, top, middle, -0.25, -0.75))
        elif self.flap == "band":
            middle = height * 0.22
            parts.append(line("flap", (-top, middle), (top, middle)))
        if self.clasp == "round":
            parts.append(ellipse("clasp", 0, middle, 0.06, 0.06, detail=True))
        elif self.clasp == "square":
            parts.append(box("clasp", -0.08, middle - 0.05, 0.16, 0.12, detail=True))
        if self.buckle:
            parts += [
                ellipse("ring", x, 0.06, 0.05, 0.06, detail=True)
                for x in (-self.handle_width, self.handle_width)
            ]
        return parts

    def _handle(self, half: float, rise: float) -> Part:
        if self.pointed:
            return line("handle", (-half, 0), (-half * 0.3, -rise), (half * 0.3, -rise), (half, 0))
        return arc("handle", 0, 0, half, rise, -0.25, 0.25)
