"""Bags as a shop has them: one record of parameters for each, rich enough to tell two of a kind apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from preprocess.sample.shapes.parts import Part, Shape, arc, box, curve, ellipse, line, polygon
from preprocess.sample.shapes.traits import between, chance, choice

_FORMS = {  # low and high of height, and of how much wider the bottom is than the top
    "tote": ((0.75, 1.1), (-0.28, 0.02)),
    "satchel": ((0.55, 0.85), (-0.05, 0.12)),
    "saddle": ((0.6, 0.85), (-0.1, 0.1)),
    "barrel": ((0.4, 0.6), (0.0, 0.1)),
    "trapeze": ((0.6, 0.85), (0.15, 0.4)),
    "clutch": ((0.38, 0.52), (-0.05, 0.08)),
    "pouch": ((0.75, 1.0), (0.1, 0.3)),
}


@dataclass(frozen=True)
class BagWare(Shape):
    """A tote, satchel, saddle bag, barrel, clutch or pouch from the front, its upper edge at y = 0.

    The parts have names by which a renderer knows what they are made of.
    """

    mirrored: bool = chance(0.1)
    form: str = choice(*_FORMS)
    tall: float = between(0, 1)
    flare: float = between(0, 1)
    sag: float = between(0.0, 0.08, 2)
    handle: str = choice("one", "one", "two", "long", "grip")
    handle_width: float = between(0.18, 0.4)
    rise: float = between(0.22, 0.62)
    square: bool = chance(0.25)
    flap: str = choice("none", "none", "v", "arc", "band", "half", "tongue")
    flap_depth: float = between(0.35, 0.65)
    clasp: str = choice("none", "round", "square", "bar")
    pocket: str = choice("none", "none", "none", "box", "round", "pair")
    belts: str = choice("none", "none", "none", "two", "wide")
    bottom: float = between(0.12, 0.35)
    banded: bool = chance(0.25)
    tassel: bool = chance(0.15)
    rings: bool = chance(0.35)
    motif: str = choice("none", "none", "none", "none", "disc", "star", "diamond")

    def _size(self, number: int, share: float) -> float:
        low, high = _FORMS[self.form][number]
        return low + (high - low) * share

    def outline(self) -> list[Part]:
        height, flare = self._size(0, self.tall), self._size(1, self.flare)
        top, bottom = 0.5 - flare / 2, 0.5 + flare / 2
        parts = [self._body(top, bottom, height), *self._handles(top)]
        if self.banded and self.form != "saddle":
            y, share = height * (1 - self.bottom), 1 - self.bottom
            half = top + (bottom - top) * share
            parts.append(curve("band", (-half, y), (0, y + self.sag), (half, y)))
        parts += self._belts(top, height)
        front, y = self._flap(top, height)
        parts += front or self._pockets(top, height)
        parts += self._clasp(y)
        if self.motif != "none" and not front and self.pocket == "none":
            parts.append(self._motif(height * 0.55))
        if self.rings and self.handle in ("one", "two"):
            parts += [ellipse("ring", x, 0.03, 0.035, 0.045) for x in (-self.handle_width, self.handle_width)]
        if self.tassel:
            x = self.handle_width
            parts.append(
                line(
                    "tassel",
                    (x, 0.02),
                    (x - 0.03, 0.12),
                    (x - 0.06, 0.32),
                    (x + 0.06, 0.32),
                    (x + 0.03, 0.12),
                )
            )
        return parts

    def _body(self, top: float, bottom: float, height: float) -> Part:
        if self.form == "saddle":
            side = [(-top, 0.0), (-bottom - 0.02, height * 0.5), (-bottom * 0.62, height * 0.9)]
            under = curve("", *side, (0, height), *[(-x, y) for x, y in reversed(side)]).points
        elif self.form in ("barrel", "pouch"):
            side = [
                (-top + 0.06, 0.0),
                (-top - 0.02, 0.08),
                (-bottom, height * 0.6),
                (-bottom * 0.85, height),
            ]
            under = curve("", *side, (0, height + 0.02), *[(-x, y) for x, y in reversed(side)]).points
        else:
            corner = 0.05 + 0.05 * self.flare
            left = curve(
                "",
                (-bottom - 0.005, height - corner),
                (-bottom + 0.02, height - 0.02),
                (-bottom + corner, height),
            )
            right = left.points[::-1] * np.array([-1.0, 1.0])
            under = np.concatenate([[(-top, 0.0)], left.points, right, [(top, 0.0)]])
        rim = curve("", tuple(under[-1]), (0, self.sag), tuple(under[0])).points[1:-1]
        return Part("body", np.concatenate([under, rim]), closed=True)

    def _handles(self, top: float) -> list[Part]:
        half, rise = min(self.handle_width, top - 0.06), self.rise
        if self.form == "clutch":
            return (
                []
                if self.handle != "long"
                else [curve("thin strap", (top, 0.05), (top + 0.2, 0.3), (top + 0.08, 0.5))]
            )
        if self.handle == "long":
            return [arc("thin strap", 0, 0.04, top - 0.01, 0.7 + 0.5 * rise, -0.25, 0.25)]
        if self.handle == "grip":
            return [line("handle", (-0.16, 0.0), (-0.13, -0.12), (0.13, -0.12), (0.16, 0.0))]
        parts = [self._arch("handle", half, rise)]
        if self.handle == "two":
            parts.insert(0, self._arch("back handle", half * 0.82, rise + 0.1))
        return parts

    def _arch(self, name: str, half: float, rise: float) -> Part:
        if self.square:
            return line(name, (-half, 0.03), (-half * 0.75, -rise), (half * 0.75, -rise), (half, 0.03))
        return arc(name, 0, 0.03, half, rise + 0.03, -0.25, 0.25)

    def _belts(self, top: float, height: float) -> list[Part]:
        if self.belts == "two":
            return [line("belt", (x, self.sag), (x, height)) for x in (-top * 0.55, top * 0.55)]
        return [line("wide belt", (0, self.sag), (0, height))] if self.belts == "wide" else []

    def _flap(self, top: float, height: float) -> tuple[list[Part], float]:
        """The flap and where its lower edge is."""
        depth = self.flap_depth * height
        if self.flap == "none" or self.form in ("tote", "barrel"):
            return [line("zip", (-top * 0.8, 0.05), (top * 0.8, 0.05), detail=True)], 0.1
        if self.flap == "v":
            return [
                line(
                    "flap",
                    (-top, 0),
                    (-top * 0.9, depth * 0.3),
                    (0, depth),
                    (top * 0.9, depth * 0.3),
                    (top, 0),
                )
            ], depth
        if self.flap == "arc":
            return [arc("flap", 0, 0, top, depth, -0.25, -0.75)], depth
        if self.flap == "tongue":
            return [
                line("flap", (-0.1, 0), (-0.1, depth * 0.8), (0, depth), (0.1, depth * 0.8), (0.1, 0))
            ], depth * 0.85
        depth *= 0.5 if self.flap == "band" else 1
        return [line("flap", (-top, 0), (-top - 0.01, depth), (top + 0.01, depth), (top, 0))], depth

    def _pockets(self, top: float, height: float) -> list[Part]:
        y, half = height * 0.42, top * 0.6
        if self.pocket == "box":
            return [
                line(
                    "pocket", (-half, y), (-half, height * 0.86), (half, height * 0.86), (half, y), (-half, y)
                )
            ]
        if self.pocket == "round":
            return [
                curve(
                    "pocket", (-half, y), (-half * 0.8, height * 0.85), (half * 0.8, height * 0.85), (half, y)
                )
            ]
        if self.pocket == "pair":
            return [box("pocket", x, y, half * 0.8, height * 0.4) for x in (-half * 0.95, half * 0.15)]
        return []

    def _clasp(self, y: float) -> list[Part]:
        if self.clasp == "round":
            return [ellipse("clasp", 0, y, 0.05, 0.05)]
        if self.clasp == "square":
            return [box("clasp", -0.06, y - 0.05, 0.12, 0.1)]
        return [box("clasp", -0.11, y - 0.025, 0.22, 0.05)] if self.clasp == "bar" else []

    def _motif(self, y: float) -> Part:
        if self.motif == "disc":
            return ellipse("motif", 0, y, 0.13, 0.13)
        if self.motif == "diamond":
            return polygon("motif", (0, y - 0.16), (0.13, y), (0, y + 0.16), (-0.13, y))
        turn = np.pi * np.arange(10) / 5
        radius = np.where(np.arange(10) % 2, 0.065, 0.16)
        return Part(
            "motif", np.stack([radius * np.sin(turn), y - radius * np.cos(turn)], 1), closed=True, sides=True
        )
