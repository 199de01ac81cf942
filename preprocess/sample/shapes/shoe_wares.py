"""Shoes as a shop has them: one record of parameters for each, rich enough to tell two of a kind apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from preprocess.sample.shapes.parts import Pairs, Part, Points, Shape, curve, ellipse, line
from preprocess.sample.shapes.traits import between, chance, choice

_KINDS = {  # low and high of: height behind, lift of the heel, thickness of the sole, height of the toe
    "sneaker": ((0.23, 0.34), (0.0, 0.03), (0.06, 0.13), (0.14, 0.2)),
    "high top": ((0.45, 0.66), (0.0, 0.03), (0.05, 0.11), (0.15, 0.2)),
    "boot": ((0.6, 1.05), (0.04, 0.16), (0.03, 0.06), (0.13, 0.2)),
    "ankle boot": ((0.4, 0.55), (0.06, 0.3), (0.02, 0.06), (0.12, 0.18)),
    "pump": ((0.17, 0.26), (0.14, 0.42), (0.02, 0.05), (0.09, 0.14)),
    "flat": ((0.15, 0.23), (0.0, 0.05), (0.02, 0.05), (0.1, 0.15)),
}
BED_POINTS = 16
"""So many last points of the part `upper` are the line on which the foot stands, from the toe to the heel."""
_HEELED = 0.055  # a heel lifted by less stands on the sole


@dataclass(frozen=True)
class ShoeWare(Shape):
    """A sneaker, boot, pump or flat from the side: heel at x = 0, toe at 1, the ground near y = 0.

    The parts have names by which a renderer knows what they are made of.
    """

    mirrored: bool = chance(0.1)
    kind: str = choice(*_KINDS)
    tall: float = between(0, 1)
    lift: float = between(0, 1)
    sole: float = between(0, 1)
    toe: float = between(0, 1)
    tip: str = choice("round", "round", "pointed", "square")
    throat: float = between(0, 1)
    opening: float = between(0.34, 0.46)
    dip: float = between(0, 1)
    heel: str = choice("thin", "block", "block", "wedge")
    heel_width: float = between(0, 1)
    laces: int = choice(0, 3, 4, 5, 6)
    cap: float = between(0.72, 0.95)
    capped: bool = chance(0.4)
    counter: bool = chance(0.4)
    side: str = choice("none", "none", "two", "three", "wave", "panel", "patch")
    strap: str = choice("none", "none", "none", "one", "two", "ankle")
    strap_at: float = between(0, 1)
    cuff: float = between(0.08, 0.3)
    cuffed: bool = chance(0.35)
    welt: bool = chance(0.4)
    ornament: str = choice("none", "none", "bow", "buckle", "disc")
    looked_into: bool = chance(0.7)

    def _size(self, number: int, share: float) -> float:
        low, high = _KINDS[self.kind][number]
        return low + (high - low) * share

    @property
    def _low(self) -> bool:
        return self.kind in ("pump", "flat")

    def outline(self) -> list[Part]:
        lift, top = self._size(1, self.lift), self._size(0, self.tall)
        upper, throat, over = self._upper(lift, top)
        parts = [upper, *self._ground(lift)]
        if self.looked_into:
            parts.append(self._opening(throat, -lift - top))
        if self.kind in ("sneaker", "high top", "boot") and self.laces:
            parts += self._laces(throat)
        if self.capped:
            parts.append(curve("cap", *self._across(over, self.cap, lift, -0.04)))
        if self.counter and not self._low:
            parts.append(
                curve("counter", (0.02, -lift - 0.2), (0.14, -lift - 0.16), (0.2, self._bed(0.2, lift)))
            )
        if self.cuffed and self.kind in ("boot", "ankle boot", "high top"):
            at = -lift - top * (1 - self.cuff)
            front = float(np.interp(-at, -throat[::-1, 1], throat[::-1, 0])) if len(throat) > 1 else 0.4
            parts.append(line("cuff", (-0.03, at), (front, at + 0.02)))
        if not self._low:
            parts += self._side(over, lift)
        return parts + self._straps(over, lift, top) + self._ornament(over)

    def _bed(self, x: float, lift: float) -> float:
        """The line on which the foot stands."""
        slope = min(max((x - 0.2) / 0.46, 0.0), 1.0)
        return -lift * (1 - slope * slope * (3 - 2 * slope)) - 0.03 * max(0.0, (x - 0.75) / 0.25) ** 2

    def _upper(self, lift: float, top: float) -> tuple[Part, Points, Points]:
        """The upper, the line from the opening to the vamp, and the whole upper edge from there on."""
        toe, high = self._size(3, self.toe), -lift - top
        vamp = (0.6 + 0.14 * self.throat, -toe - 0.05 - (0.0 if self._low else 0.05))
        back = curve(
            "", (0.0, self._bed(0, lift)), (-0.03, -lift - 0.4 * min(top, 0.3)), (-0.01, high)
        ).points
        if self._low:
            hollow = (0.3, max(high + 0.02 + 0.06 * self.dip, -lift * 0.75 - 0.16))
            edge = curve("", (-0.01, high), hollow, (vamp[0] - 0.08, vamp[1] + 0.05), vamp).points
        else:
            front = (self.opening, high * 0.96)
            rim = curve("", (-0.01, high), (self.opening * 0.5, high + 0.05 * self.dip), front).points
            knee = (self.opening + 0.05 + 0.08 * self.throat, min(-lift * 0.7 - 0.22, -0.24))
            edge = curve("", front, *([knee] if top > 0.4 else []), vamp).points
        nose = self._nose(vamp, toe)
        bed = np.array([(x, self._bed(x, lift)) for x in np.linspace(0.98, 0.02, BED_POINTS)])
        lines = [back, edge, nose, bed] if self._low else [back, rim, edge, nose, bed]
        return Part("upper", np.concatenate(lines), closed=True), edge, np.concatenate([edge, nose])

    def _opening(self, throat: Points, high: float) -> Part:
        """The far edge of the opening, as it is seen from a little above."""
        end = throat[-1] if self._low else throat[0]
        middle = (
            throat[len(throat) // 2] if self._low else (end + np.array([-0.01, high + 0.1 * self.dip])) / 2
        )
        rise = -0.055 if self._low else 0.06
        far = (float(middle[0]), float(middle[1]) + rise)
        return curve("lining" if self._low else "opening", (-0.01, high), far, (float(end[0]), float(end[1])))

    def _nose(self, vamp: Pairs, toe: float) -> Points:
        if self.tip == "pointed":
            return curve("", vamp, (0.85, -toe * 0.85), (1.06, -0.06), (1.0, -0.03)).points
        if self.tip == "square":
            return curve("", vamp, (0.86, -toe), (0.98, -toe * 0.9), (1.02, -toe * 0.5), (1.0, -0.03)).points
        return curve("", vamp, (0.84, -toe), (0.95, -toe * 0.8), (1.01, -toe * 0.4), (0.99, -0.03)).points

    def _ground(self, lift: float) -> list[Part]:
        """Sole and heel; both are closed at the top by what stands on them."""
        thick = self._size(2, self.sole)
        if lift < _HEELED:
            under = [
                (-0.03, -lift - 0.01),
                (-0.02, thick * 0.8),
                (0.02, thick),
                (0.85, thick),
                (1.0, thick * 0.5),
            ]
            parts = [line("sole", *under, (1.03, -0.04))]
            if self.welt and thick > 0.05:
                parts.append(line("welt", (-0.02, thick * 0.45), (0.9, thick * 0.45), (1.0, 0.0)))
            return parts
        points = [(x, self._bed(x, lift) + thick) for x in np.linspace(0.0, 1.0, 14)]
        parts = [line("sole", (0.0, -lift), *points, (1.02, -0.04))]
        if self.heel == "wedge":
            return [*parts, line("heel", (0.0, -lift + thick), (0.03, thick), (0.62, thick))]
        width = 0.03 + 0.04 * self.heel_width if self.heel == "thin" else 0.13 + 0.12 * self.heel_width
        reach = max(0.2, width + 0.02)
        foot = (0.03 + width, thick)
        waist = (0.05 + 0.6 * width + 0.3 * (reach - width), -lift * 0.5)
        knots = curve("", (reach, self._bed(reach, lift) + thick), waist, foot).points
        corners = np.concatenate([[(0.0, -lift + thick), (0.03, thick)], knots[::-1]])
        return [*parts, Part("heel", corners, sides=True)]

    def _laces(self, throat: Points) -> list[Part]:
        """Short strokes across the line from the opening to the vamp, the holes, and the edge behind."""
        along = np.linspace(0.12, 0.92, self.laces) * (len(throat) - 1)
        at = np.stack([np.interp(along, np.arange(len(throat)), axis) for axis in throat.T], axis=1)
        ends = at + np.array([-0.1, 0.05])
        both = np.concatenate([at + np.array([0.02, -0.01]), ends], axis=1).tolist()
        parts = [line("lace", (x, y), (left, down)) for x, y, left, down in both]
        holes = [ellipse("eyelet", x, y, 0.014, 0.014, detail=True) for x, y in ends.tolist()]
        facing = [(x - 0.05, y + 0.02) for x, y in ends.tolist()]
        return [curve("facing", *facing), *parts, *holes]

    def _across(self, over: Points, x: float, lift: float, lean: float) -> list[Pairs]:
        """From the upper edge at x down to the sole, bent forward."""
        order = np.argsort(over[:, 0])
        top = float(np.interp(x, over[order, 0], over[order, 1]))
        bottom = self._bed(x + lean, lift)
        return [(x, top), (x + 0.5 * lean + 0.03, (top + bottom) / 2), (x + lean, bottom)]

    def _side(self, over: Points, lift: float) -> list[Part]:
        if self.side == "wave":
            return [curve("stripe", (0.16, -lift - 0.14), (0.36, -lift * 0.6 - 0.07), (0.72, -0.16))]
        if self.side == "panel":
            return [curve("seam", *self._across(over, 0.56, lift, -0.12))]
        if self.side == "patch":
            return [ellipse("patch", 0.2, -lift - 0.24, 0.07, 0.07)]
        count = {"two": 2, "three": 3}.get(self.side, 0)
        return [
            line("stripe", (x + 0.02, self._bed(x, lift) - 0.2), (x + 0.1, self._bed(x + 0.1, lift) - 0.03))
            for x in (0.32 + 0.08 * np.arange(count)).tolist()
        ]

    def _straps(self, over: Points, lift: float, top: float) -> list[Part]:
        if self.strap == "ankle" and self._low:
            bend = [(0.16, -lift - top - 0.14), (0.34, -lift * 0.9 - top - 0.06), (0.4, -lift * 0.5 - 0.2)]
            return [curve("strap", (-0.01, -lift - top + 0.02), *bend)]
        if (self.laces and not self._low) or self.strap in ("none", "ankle"):
            return []
        start = 0.46 + 0.08 * self.strap_at
        places = [start] if self.strap == "one" else [start, start + 0.13]
        return [curve("strap", *self._across(over, x, lift, -0.07)) for x in places]

    def _ornament(self, over: Points) -> list[Part]:
        if not self._low or self.ornament == "none":
            return []
        x, y = over[int(len(over) * 0.55)].tolist()
        x, y = x + 0.04, y + 0.05
        if self.ornament == "disc":
            return [ellipse("disc", x, y, 0.045, 0.045)]
        if self.ornament == "buckle":
            return [ellipse("buckle", x, y, 0.06, 0.035)]
        wings = ((0, 0), (-0.1, -0.07), (-0.09, 0.05), (0, 0), (0.1, -0.05), (0.09, 0.06))
        return [Part("bow", np.array(wings) + np.array([x, y]), closed=True, sides=True)]
