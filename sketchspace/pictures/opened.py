"""A bitmap from outside, opened by Pillow and put on white."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sketchspace.errors import UserError
from sketchspace.pictures.frames import eight_bits, finished_frame, on_white
from sketchspace.pictures.ink import resized

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
KINDS = "PNG, JPEG, WebP, BMP, GIF, TIFF, AVIF, HEIC or SVG"
MAX_PIXELS = 50_000_000
MAX_WORKED_PIXELS = 12_000_000
"""A larger picture is scaled down before it is looked at: lines and objects need no more."""

_ORIENTATION = 0x0112  # the EXIF tag; 1 is upright


@dataclass(frozen=True)
class Decoded:
    """An image as it looks on white paper: `pixels` uint8 `[height, width]` or `[height, width, 3]` (RGB).

    `closer(rows, columns)` draws a part of an SVG anew, larger; a bitmap has none. `name` is for messages.
    What is `drawn`, an SVG without bitmaps in it, is no photo of a sheet of paper.
    """

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...]
    name: str = "here"
    closer: Callable[[slice, slice], Decoded] | None = None
    drawn: bool = False


def opened(data: bytes, name: str) -> Image.Image:
    """Read the header only; the pixels are decoded on first use."""
    formats = (*FORMATS, "HEIF") if _is_heic(data) and _reads_heic(name) else FORMATS
    too_large = f"{name} has more than {MAX_PIXELS // 10**6} megapixels; scale it down"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UserError(too_large) from None
    except Exception:  # a broken header: the kind of error depends on the format
        raise UserError(f"{name} is not a readable image; expected {KINDS}") from None
    if image.width * image.height > MAX_PIXELS:
        raise UserError(too_large)
    return image


def _is_heic(data: bytes) -> bool:
    kind = data[8:12]
    return data[4:8] == b"ftyp" and (
        kind in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
        or (kind in (b"mif1", b"msf1") and b"avif" not in data[:64])
    )


def _reads_heic(name: str) -> bool:
    """Let Pillow know HEIC by the optional package; a `UserError` where that is not installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise UserError(
            f"{name} is HEIC, which takes a further package: pip install pillow-heif; or save it as JPEG"
        ) from None
    register_heif_opener()
    return True


def flattened(image: Image.Image) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """A picture in 8 bits on white, and what was done."""
    image, frame = finished_frame(image)
    notes = list(frame)
    image.load()
    if image.getexif().get(_ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
        notes.append("turned upright as its EXIF data says")
    if image.has_transparency_data:
        pixels, more = on_white(image.convert("RGBA"))
    elif image.mode.startswith(("I", "F")):  # 16 bits, in one of several byte orders
        pixels, more = eight_bits(np.asarray(image, dtype=np.float64))
    else:
        grey = image.mode in ("1", "L", "LA")
        pixels, more = np.asarray(image.convert("L" if grey else "RGB")), ()
    share = MAX_WORKED_PIXELS / (pixels.shape[0] * pixels.shape[1])
    if share < 1:
        side = max(1, round(max(pixels.shape) * share**0.5))
        pixels, more = resized(np.ascontiguousarray(pixels), side), (*more, "scaled down to 12 megapixels")
    return pixels, (*notes, *more)
