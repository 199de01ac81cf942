"""Pictures of drawings in all the files they may come in, for the tests of images."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch

HOUSE = Sketch.of([[[0, 40], [50, 0], [100, 40]], [[10, 40], [10, 100], [90, 100], [90, 40]], [[50, 70]]])


def picture(sketch: Sketch, size: int, pen: float, share: float = 0.7, corner=(0.1, 0.2)) -> np.ndarray:
    """A canvas of `size` px on which the drawing takes only a share, with a pen of `pen` px."""
    canvas = np.full((size, size), 255, np.uint8)
    part = int(size * share)
    top, left = int(corner[0] * size), int(corner[1] * size)
    canvas[top : top + part, left : left + part] = rasterize(sketch, part, pen_width=pen / part)
    return canvas


def encoded(pixels: np.ndarray, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel().astype(float), second.ravel().astype(float))[0, 1])


def all_formats() -> dict[str, bytes]:
    grey = picture(HOUSE, 300, 4)
    rgb = np.dstack([grey] * 3)
    image = Image.fromarray(rgb)
    alpha = np.dstack([np.zeros_like(rgb), 255 - grey])
    return {
        "png": encoded(rgb),
        "png grey": encoded(grey),
        "png 16 bit": encoded(grey.astype(np.uint16) * 257),
        "png palette": encoded(np.asarray(image.convert("P"))),
        "png one bit": encoded(np.asarray(Image.fromarray(grey).convert("1"))),
        "png alpha": encoded(alpha),
        "png grey and alpha": encoded(np.dstack([np.zeros_like(grey), 255 - grey])),
        "png palette and transparent": saved(image.convert("P"), "PNG", transparency=225),
        "png 16 bit colour": cv2.imencode(".png", rgb.astype(np.uint16) * 257)[1].tobytes(),
        "jpeg": encoded(rgb, "JPEG"),
        "jpeg grey, poor": encoded(grey, "JPEG", quality=30),
        "jpeg progressive": encoded(rgb, "JPEG", progressive=True),
        "jpeg cmyk": saved(image.convert("CMYK"), "JPEG"),
        "webp": encoded(rgb, "WEBP"),
        "webp lossless alpha": encoded(alpha, "WEBP", lossless=True),
        "bmp": encoded(rgb, "BMP"),
        "bmp palette": saved(image.convert("P"), "BMP"),
        "gif": encoded(grey, "GIF"),
        "gif moving": saved(image.rotate(90), "GIF", save_all=True, append_images=[image] * 2),
        "white on black": encoded(255 - rgb),
        "white on black jpeg": encoded(255 - grey, "JPEG"),
        "white on transparent": encoded(np.dstack([np.full_like(rgb, 255), 255 - grey])),
        "red on yellow": encoded(np.where(rgb < 128, _tone(200, 0, 0), _tone(255, 255, 120))),
        "yellow on white": encoded(np.where(rgb < 128, _tone(255, 240, 0), _tone(255))),
        "faint pencil": encoded((255 - (255 - grey) // 4).astype(np.uint8)),
    }


def _tone(*channels: int) -> np.ndarray:
    return np.array(channels, np.uint8)


def saved(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
