"""The parts of a contact sheet: pictures fitted to a tile, text, frames and marks."""

from __future__ import annotations

import importlib.util
import string
from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Corner = tuple[int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Verdict = Literal["right", "wrong", "neutral"]

PAPER, INK, QUIET, FRAME, PANEL = "#ffffff", "#1c2127", "#68727c", "#dce1e6", "#f3f5f7"
COLOURS: dict[Verdict, tuple[str, str]] = {
    "right": ("#1b7f4d", "#edf7f1"),
    "wrong": ("#c2392f", "#fcf0ee"),
    "neutral": (FRAME, PAPER),
}
"""Frame and tint of a hit. The mark says the same for eyes that do not tell the colours apart."""

_ENGLISH = frozenset(string.ascii_letters + string.digits + string.punctuation + " ·")
_SMOOTH = 4  # marks and cards are drawn this many times larger, then averaged down


def font_for(text: str, size: int) -> Font:
    """A font of `size` pixels that has the letters of `text`; the same on every machine.

    Pillow's own font has English letters only. Matplotlib's has those of most alphabets; its file is read,
    Matplotlib is not imported.
    """
    wide = any(letter not in _ENGLISH for letter in text)
    return _font(size, wide)


@lru_cache(maxsize=16)
def _font(size: int, wide: bool) -> Font:
    matplotlib = importlib.util.find_spec("matplotlib") if wide else None
    if matplotlib is not None and matplotlib.origin:
        path = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(path, round(0.92 * size))
    return ImageFont.load_default(size)


def shorten(text: str, size: int, width: int) -> str:
    """`text`, cut with three dots where it would be wider than `width` pixels in that font size."""
    text = " ".join(text.split())[:200]
    font = font_for(text, size)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text.rstrip() + "..."


def write(
    draw: ImageDraw.ImageDraw, corner: Corner, text: str, size: int, room: int, colour: str = INK
) -> int:
    """Write one line whose upper left corner is `corner`, shortened to `room` pixels; returns its width."""
    text = shorten(text, size, room)
    font = font_for(text, size)
    draw.text(corner, text, fill=colour, font=font, anchor="la")
    return round(font.getlength(text))


def fit(picture: Pixels, side: int) -> Pixels:
    """A picture, `[h, w]` or RGB `[h, w, 3]`, as RGB `[side, side, 3]`: proportions kept, paper around.

    Small line drawings are enlarged smoothly and their edges made steep again, so that a 64 px drawing
    looks drawn rather than blurred.
    """
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if scale <= 1:
        scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    else:
        scaled = _enlarge(picture, size)
    canvas = np.full((side, side, 3), 255, np.uint8)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    canvas[top : top + size[1], left : left + size[0]] = scaled if scaled.ndim == 3 else scaled[..., None]
    return canvas


def fit_pixels(picture: Pixels, side: int) -> Pixels:
    """A grey picture `[size, size]` as RGB `[side, side, 3]` with every pixel visible as a square."""
    times = -(-2 * side // len(picture))
    blocks = picture.repeat(times, axis=0).repeat(times, axis=1)
    return np.repeat(cv2.resize(blocks, (side, side), interpolation=cv2.INTER_AREA)[..., None], 3, axis=2)


def _enlarge(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """Enlarge at four times the wanted size, make edges steep (grey drawings only), average down."""
    large = cv2.resize(picture, (4 * size[0], 4 * size[1]), interpolation=cv2.INTER_CUBIC)
    if picture.ndim == 2:
        steps = np.linspace(0, 1, 256)
        ramp = np.clip((steps - 0.5) * size[0] / picture.shape[1] * 1.6 + 0.5, 0, 1)
        large = cv2.LUT(large, np.rint(255 * ramp).astype(np.uint8))
    return np.asarray(cv2.resize(large, size, interpolation=cv2.INTER_AREA), np.uint8)


def paste_panel(canvas: Image.Image, corner: Corner, size: Corner) -> None:
    """A grey rounded field, antialiased."""
    canvas.paste(_rounded(size, PANEL, PANEL, 0), corner)


def paste_card(canvas: Image.Image, corner: Corner, size: Corner, verdict: Verdict, caption: int) -> None:
    """A rounded card, white above a caption `caption` pixels high, in the verdict's colours."""
    line, tint = COLOURS[verdict]
    canvas.paste(_rounded(size, line, tint, size[1] - caption), corner)


@lru_cache(maxsize=16)
def _rounded(size: Corner, line: str, fill: str, paper: int) -> Image.Image:
    """A rounded rectangle with a line around it, white down to `paper` pixels from its upper edge."""
    large = (size[0] * _SMOOTH, size[1] * _SMOOTH)
    image = Image.new("RGB", large, PAPER)
    draw, width = ImageDraw.Draw(image), _SMOOTH if line == FRAME else 2 * _SMOOTH
    draw.rounded_rectangle((0, 0, large[0] - 1, large[1] - 1), 8 * _SMOOTH, fill, line, width)
    if paper:
        inside = (width, width, large[0] - 1 - width, paper * _SMOOTH)
        draw.rounded_rectangle(inside, 8 * _SMOOTH - width, PAPER, corners=(True, True, False, False))
    return image.resize(size, Image.Resampling.BOX)


def paste_mark(canvas: Image.Image, centre: Corner, verdict: Verdict) -> None:
    """A disc with a tick (right) or a cross (wrong) around `centre`; nothing where neither is known."""
    if verdict != "neutral":
        mark = _mark(verdict)
        canvas.paste(mark, (centre[0] - mark.width // 2, centre[1] - mark.height // 2), mark)


@lru_cache(maxsize=2)
def _mark(verdict: Verdict) -> Image.Image:
    unit, side = _SMOOTH, 26 * _SMOOTH
    image = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((0, 0, side - 1, side - 1), fill=PAPER)
    draw.ellipse((2 * unit, 2 * unit, side - 2 * unit - 1, side - 2 * unit - 1), fill=COLOURS[verdict][0])
    if verdict == "right":
        lines = [[(8, 13.4), (11.6, 17), (18, 9.8)]]
    else:
        lines = [[(9, 9), (17, 17)], [(9, 17), (17, 9)]]
    for line in lines:
        draw.line([(x * unit, y * unit) for x, y in line], fill=PAPER, width=round(2.4 * unit), joint="curve")
    return image.resize((side // unit, side // unit), Image.Resampling.BOX)
