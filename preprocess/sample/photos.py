"""Photos of things that do not exist: wares filled, shaded, textured and stitched on a white ground.

A renderer for tests and demonstrations. It knows the parts of `ShoeWare` and `BagWare` by their names, and
gives the same picture for the same record and random stream.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.sample.shapes import Part, Shape
from preprocess.sample.shapes.parts import Points
from preprocess.sample.shapes.shoe_wares import BED_POINTS
from preprocess.sample.shapes.traits import between, choice, draw_record
from preprocess.sample.textures import COLUMNS, ROWS, SIDE, TEXTURES, Picture, grain, noise, pattern

_FINE = 16  # cv2 takes coordinates in sixteenths of a px
_BEHIND = ("back handle", "thin strap", "handle", "heel", "sole", "lining")
_ZONES = {"cap": (1, 0), "counter": (-1, 0), "cuff": (0, -1), "band": (0, 1)}  # where another colour begins
_TUBES = {  # width in px
    "handle": 7,
    "back handle": 6,
    "thin strap": 3,
    "strap": 9,
    "belt": 9,
    "wide belt": 20,
    "lace": 3,
    "stripe": 5,
}
_METAL = ("clasp", "ring", "eyelet", "buckle", "disc")
_SEAMS = ("seam", "facing", "welt", "zip")
_EVENING = np.linspace(0.07, -0.12, SIDE, dtype=np.float32)  # it is darker further down


_COLOURS = {
    name: np.array(rgb, np.float32)
    for name, rgb in {
        "white": (236, 234, 228),
        "dark": (48, 42, 40),
        "tan": (186, 146, 102),
        "gum": (150, 98, 58),
        "gold": (212, 172, 84),
        "silver": (190, 193, 200),
        "lace": (238, 236, 230),
        "shadow": (70, 70, 78),
    }.items()
}
_HUES = (0.02, 0.04, 0.06, 0.08, 0.08, 0.1, 0.13, 0.3, 0.45, 0.58, 0.62, 0.66, 0.78, 0.92, 0.97)


@dataclass(frozen=True)
class Finish:
    """What a thing is made of and how it is photographed."""

    hue: float = choice(*_HUES)
    rich: float = between(0.0, 0.75, 1.2)
    light: float = between(0.16, 0.85)
    second: float = between(0.0, 1.0)
    contrast: float = choice(0.35, 0.55, 1.0, 1.6, 2.2)
    sole: str = choice("white", "dark", "dark", "tan", "gum")
    metal: str = choice("gold", "silver")
    texture: str = choice(*TEXTURES)
    pitch: float = between(7.0, 18.0)
    gloss: float = between(0.05, 0.5)
    stitched: float = between(0, 1)
    ground: float = between(240, 255)
    turn: float = between(-0.07, 0.07)
    size: float = between(0.8, 0.9)
    across: float = between(-0.03, 0.03)


def render_photo(shape: Shape, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A photo of the thing, uint8 `[256, 256, 3]` (RGB)."""
    finish = draw_record(Finish, rng)
    parts = _filled_to_foot(_placed(shape.outline(), finish))
    picture = _Picture(finish, rng)
    picture.ground(parts)
    bodies = [part for part in parts if part.name in ("upper", "body")]
    for part in sorted((p for p in parts if p.name in _BEHIND), key=lambda part: _BEHIND.index(part.name)):
        picture.add(part)
    for part in bodies:
        picture.body(part)
    for part in parts:
        if part.name in _ZONES:
            picture.zone(part)
    picture.finish_body()
    for part in parts:
        if part.name not in (*_BEHIND, *_ZONES, "upper", "body"):
            picture.add(part)
    pixels = picture.developed()
    return np.ascontiguousarray(pixels[:, ::-1]) if shape.mirrored else pixels


def _placed(parts: list[Part], finish: Finish) -> list[Part]:
    """The parts in px, turned a little, in the middle of the picture."""
    cos, sin = np.cos(finish.turn), np.sin(finish.turn)
    turned = [part.at(part.points @ np.array([[cos, sin], [-sin, cos]])) for part in parts]
    every = np.concatenate([part.points for part in turned])
    low, high = every.min(axis=0), every.max(axis=0)
    scale = finish.size * SIDE / float((high - low).max())
    middle = SIDE * np.array([0.5 + finish.across, 0.5])
    return [part.at((part.points - (low + high) / 2) * scale + middle) for part in turned]


def _filled_to_foot(parts: list[Part]) -> list[Part]:
    """Sole, heel and lining go up or down to the line on which the foot stands, behind the upper."""
    beds = [part.points[-BED_POINTS:] for part in parts if part.name == "upper"]
    if not beds:
        return parts
    return [_onto(part, beds[0]) if part.name in ("sole", "heel", "lining") else part for part in parts]


def _onto(part: Part, bed: Points) -> Part:
    return part.at(np.concatenate([part.points, bed[bed[:, 0] <= part.points[-1, 0]]]))


def _mask(points: Points) -> Picture:
    """Coverage 0..1 of the inside of a closed line, float32 `[side, side, 1]`."""
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(canvas, [np.rint(points * _FINE).astype(np.int32)], 255, cv2.LINE_AA, 4)
    cover: Picture = canvas.astype(np.float32)[..., None] / 255
    return cover


def _line_mask(part: Part, width: int) -> Picture:
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    points = np.rint(part.points * _FINE).astype(np.int32)
    cv2.polylines(canvas, [points], part.closed, 255, width, cv2.LINE_AA, 4)
    cover: Picture = canvas.astype(np.float32)[..., None] / 255
    return cover


def _depth(mask: Picture) -> Picture:
    """Distance in px to the outside of a mask, float32 `[side, side]`."""
    inside = (mask[..., 0] > 0.5).astype(np.uint8)
    depth: Picture = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    return depth


def _soft(mask: Picture, reach: float) -> Picture:
    soft: Picture = cv2.GaussianBlur(mask, (0, 0), reach)[..., None]
    return soft


def _moved(mask: Picture, x: float, y: float) -> Picture:
    shift = np.array([[1, 0, x], [0, 1, y]], np.float32)
    moved: Picture = cv2.warpAffine(mask, shift, (SIDE, SIDE))[..., None]
    return moved


def _rgb(hue: float, rich: float, light: float) -> Picture:
    colour: Picture = 255 * np.array(colorsys.hsv_to_rgb(hue % 1, rich, min(light, 0.97)), np.float32)
    return colour


class _Picture:
    """The picture while it is painted: `pixels` float32 `[side, side, 3]`, 0..255."""

    def __init__(self, finish: Finish, rng: np.random.Generator) -> None:
        self.finish = finish
        self.pixels: Picture = np.full((SIDE, SIDE, 3), finish.ground, np.float32)
        self._inside: Picture = np.zeros((SIDE, SIDE, 1), np.float32)
        self._noise = noise(rng)
        self.main = _rgb(finish.hue, finish.rich, finish.light)
        light = np.clip(finish.light * finish.contrast, 0.12, 0.9)
        self.other = _rgb(finish.hue + 0.5 * finish.second**3, finish.rich * 0.8, float(light))
        self.sole = _COLOURS[finish.sole]
        self.metal = _COLOURS[finish.metal]
        amount = pattern(finish.texture, finish.pitch, self._noise)[..., None]
        self._surface = (self.main + amount * (self.other - self.main)) * grain(self._noise)

    def ground(self, parts: list[Part]) -> None:
        """A soft shadow where the thing stands."""
        every = np.concatenate([part.points for part in parts if part.name not in ("thin strap",)])
        left, right, bottom = every[:, 0].min(), every[:, 0].max(), every[:, 1].max()
        canvas = np.zeros((SIDE, SIDE), np.float32)
        centre = (round((left + right) / 2 + 6), round(bottom - 1))
        cv2.ellipse(canvas, centre, (round((right - left) * 0.46), 5), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
        self._paint(_soft(canvas, 6) * 0.3, _COLOURS["shadow"])

    def body(self, part: Part) -> None:
        """The main surface in its texture, not lit yet."""
        self._inside = _mask(part.points)
        self._paint(self._inside, self._surface)

    def zone(self, part: Part) -> None:
        """The piece of the body on one side of a line, in the other colour."""
        far = part.points[[-1, 0]] + 300 * np.array(_ZONES[part.name])
        self._paint(_mask(np.concatenate([part.points, far])) * self._inside, self.other)
        self._seam(part)

    def finish_body(self) -> None:
        """Light from above left, darker at the edges, a gloss, and stitches along the border."""
        self._shade(self._inside, 26.0)
        if self.finish.stitched > 0.45:
            inside = _depth(self._inside)
            border = np.exp(-(((inside - 5.0) / 0.8) ** 2))[..., None]
            dashes = ((ROWS + COLUMNS) % 6 < 4) & ((ROWS - COLUMNS) % 6 < 5)
            light = self.main + (70 if self.main.mean() < 120 else -60)
            self._paint(border * dashes[..., None].astype(np.float32) * self._inside * 0.75, light)

    def add(self, part: Part) -> None:
        """Any other part, by its name."""
        if part.name in _TUBES:
            self._tube(part, _TUBES[part.name])
        elif part.name in _SEAMS:
            self._seam(part)
        elif part.name in ("opening", "lining"):
            mask = _mask(part.points)
            self._paint(mask, self.main * 0.28 + 12)
            self._paint(_line_mask(part, 1) * 0.7, self.main * 0.7)
        elif part.name == "ring":
            self._raised(_line_mask(part, 3), self.metal)
        elif part.name in _METAL:
            self._raised(_mask(part.points), self.metal)
        elif part.name in ("sole", "heel"):
            mask = _mask(part.points)
            self._paint(mask, self.sole)
            self._shade(mask, 7.0)
            self._paint(_line_mask(part, 1) * 0.35, self.sole * 0.45)
        elif part.name in ("flap", "pocket"):
            self._raised(_mask(part.points) * self._inside, self._surface * 0.93, 9.0)
            self._seam(part)
        else:
            self._raised(_mask(part.points), self.other)

    def developed(self) -> NDArray[np.uint8]:
        """The finished picture with the noise of a camera."""
        noisy = self.pixels + 1.2 * self._noise.T[..., None]
        return np.clip(noisy, 0.5, 255.4, out=noisy).astype(np.uint8)

    def _paint(self, mask: Picture, colour: Picture) -> None:
        """Mix in a colour, or a picture; only the box around the mask is touched."""
        left, top, width, height = cv2.boundingRect((mask[..., 0] > 0.004).view(np.uint8))
        box = np.s_[top : top + height, left : left + width]
        part = self.pixels[box]
        part += mask[box] * ((colour[box] if colour.ndim == 3 else colour) - part)

    def _raised(self, mask: Picture, colour: Picture, soft: float = 3.0) -> None:
        """Something that lies on top and throws a shadow."""
        shadow = _soft(_moved(mask, 1.5, 3), 2.2) * np.maximum(self._inside, mask)
        self._paint(0.45 * shadow, self.pixels * 0.3)
        self._paint(mask, colour)
        self._shade(mask, soft)

    def _tube(self, part: Part, width: int) -> None:
        colour = _COLOURS["lace"] if part.name == "lace" else self.other
        mask = _line_mask(part, width)
        if part.name in ("belt", "wide belt", "strap", "stripe"):
            mask = mask * np.maximum(self._inside, float(part.name == "strap"))
            if part.name == "stripe":
                self._paint(mask, colour)
                return
        self._raised(mask, colour * (0.85 if part.name == "back handle" else 1.0), width / 2)
        self._paint(_moved(_line_mask(part, max(1, width // 3)), -0.8, -0.8) * 0.25, colour + 70)

    def _seam(self, part: Part) -> None:
        line = _line_mask(part, 1) * np.maximum(self._inside, float(part.name == "welt"))
        self._paint(_moved(line, 1, 1) * 0.5, np.clip(self.pixels + 45, 0, 255))
        self._paint(line * 0.8, self.pixels * 0.35)

    def _shade(self, mask: Picture, reach: float) -> None:
        """As a surface that is round at its edges: light comes from above left."""
        left, top, width, tall = cv2.boundingRect((mask[..., 0] > 0.004).view(np.uint8))
        box = np.s_[max(0, top - 3) : top + tall + 3, max(0, left - 3) : left + width + 3]
        cover = mask[box]
        depth = np.minimum(_depth(cover) / reach, 1)
        height = cv2.GaussianBlur(np.sqrt(depth * (2 - depth)), (0, 0), max(0.8, reach / 8))
        right, down = cv2.Sobel(height, -1, 1, 0), cv2.Sobel(height, -1, 0, 1)
        lit = 0.86 + 0.14 * height + np.clip((0.25 * right + 0.5 * down) * reach * 0.2, -0.32, 0.22)
        lit += _EVENING[box[0], None]
        glow = np.clip((right + 2 * down) * reach * 0.12, 0, 1) ** 2 * (self.finish.gloss * 150)
        part = self.pixels[box]
        part += cover * (np.clip(part * lit[..., None] + glow[..., None], 0, 255) - part)
