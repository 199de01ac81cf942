"""Of an animation the finished drawing, of transparent paper its ink, of wide levels eight bits."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

MAX_FRAMES = 500
MAX_FRAME_PIXELS = 200_000_000
"""Of all frames of an animation that are looked at."""

_ANIMATED = ("GIF", "WEBP", "PNG")
_WHITE = 230
_AS_FULL = 0.98


def finished_frame(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """The frame of an animation with the most ink: the finished drawing of a replay that may end blank.

    Of frames with equally much the latest is taken. At most 500 frames are looked at.
    """
    count = getattr(image, "n_frames", 1)
    if count < 2 or image.format not in _ANIMATED:
        return image, ()
    looked_at = min(count, MAX_FRAMES, max(1, MAX_FRAME_PIXELS // (image.width * image.height)))
    paper, inks = None, []
    for number in range(looked_at):
        image.seek(number)
        grey = np.asarray(_on(image, "white").convert("L"), np.int16)
        if paper is None:
            paper = float(np.median(grey))
        inks.append(float(np.abs(grey - paper).mean()))
    best = max(number for number, ink in enumerate(inks) if ink >= _AS_FULL * max(inks))
    image.seek(best)
    return image.copy(), (f"frame {best + 1} of {count} taken, the one with the most ink",)


def _on(image: Image.Image, colour: str) -> Image.Image:
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    canvas = Image.new("RGB", image.size, colour)
    canvas.paste(image, mask=image.getchannel("A"))
    return canvas


def eight_bits(wide: NDArray[np.float64]) -> tuple[Pixels, tuple[str, ...]]:
    """Levels of 9 to 16 bits as 8; what uses less than its 16 bits is stretched to the bits that it uses."""
    bits = max(8, int(wide.max(initial=0)).bit_length())
    notes = (f"levels of {bits} bits in 16 stretched",) if bits < 16 else ()
    return np.rint(wide.clip(0, 65535) * 255 / ((1 << bits) - 1)).clip(0, 255).astype(np.uint8), notes


def on_white(image: Image.Image) -> tuple[Pixels, tuple[str, ...]]:
    """An RGBA picture on white paper; white lines on transparent paper, which would vanish there, are ink."""
    opacity = np.asarray(image.getchannel("A"))
    if opacity.min() == 255:
        return np.asarray(image.convert("RGB")), ()
    pixels = np.asarray(_on(image, "white"))
    if opacity.min() < opacity.max() and _white_lines(image, opacity):
        return 255 - opacity, ("white lines on a transparent background made black",)
    return pixels, ("transparent background put on white",)


def _white_lines(image: Image.Image, opacity: Pixels) -> bool:
    """Whether what is white stands free on transparent paper, as lines do, and is no filling of outlines."""
    visible = opacity > 127
    white = (visible & (np.asarray(image.convert("RGB")).min(axis=2) > _WHITE)).astype(np.uint8)
    if white.mean() < 0.02 * max(visible.mean(), 1e-9) or visible.mean() > 0.5:
        return False
    around = (cv2.dilate(white, np.ones((5, 5), np.uint8)) > white).astype(bool)
    return bool((around & ~visible).sum() > 1.5 * (around & visible).sum())
