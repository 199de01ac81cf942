"""Image files from outside: looked at before they are decoded, decoded once, put on white."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sketchspace.errors import UserError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
KINDS = "PNG, JPEG, WebP, BMP, GIF, TIFF, AVIF or HEIC"
BITMAPS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif")
MAX_FILE_BYTES = 64 << 20
MAX_PIXELS = 50_000_000

_ORIENTATION = 0x0112  # the EXIF tag; 1 is upright


@dataclass(frozen=True)
class Decoded:
    """An image as it looks on white paper: `pixels` uint8 `[height, width]` or `[height, width, 3]` (RGB)."""

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...]


def decode(source: Path | bytes | NDArray[np.uint8]) -> Decoded:
    """Decode a picture of one of `KINDS` (its first frame), told by content and not by name.

    A decoded picture, uint8 `[h, w]`, `[h, w, 3]` (RGB) or `[h, w, 4]` (RGBA), may be given instead.

    Transparency is put on white, 16-bit and palette images become 8-bit, an EXIF rotation is carried out.
    Raises `UserError` for a missing, empty, truncated or broken file, for another kind of file, for more than
    64 MB, and, before anything is decoded, for more than 50 megapixels.
    """
    if isinstance(source, np.ndarray):
        return _flatten(_as_image(source))
    name = str(source) if isinstance(source, Path) else "the image"
    data = _read(source, name) if isinstance(source, Path) else source
    if not data:
        raise UserError(f"{name} is empty; give a {KINDS} image")
    if len(data) > MAX_FILE_BYTES:
        raise UserError(
            f"{name} has {len(data) >> 20} MB, at most {MAX_FILE_BYTES >> 20} are read; scale it down"
        )
    image = _open(data, name)
    try:
        return _flatten(image)
    except Exception:  # what a decoder raises for broken data depends on the format
        raise UserError(f"{name} is a broken or cut off {image.format} file; save it again") from None


def _as_image(pixels: NDArray[np.uint8]) -> Image.Image:
    """An array as a picture; `UserError` for another shape or type, or more than 50 megapixels."""
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,), (4,)):
        shape = " x ".join(map(str, pixels.shape))
        raise UserError(f"a picture of {shape} {pixels.dtype} was given, expected uint8 [h, w] or [h, w, 3]")
    if not 0 < pixels.shape[0] * pixels.shape[1] <= MAX_PIXELS:
        raise UserError(f"a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels was given; scale it")
    return Image.fromarray(pixels)


def _read(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise UserError(f"there is no file {name}") from None
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}") from None


def _open(data: bytes, name: str) -> Image.Image:
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


def _flatten(image: Image.Image) -> Decoded:
    notes: list[str] = []
    image.load()
    if image.getexif().get(_ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
        notes.append("turned upright as its EXIF data says")
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"), notes)
    if image.mode.startswith("I"):  # 16 bits, in one of several byte orders
        wide = np.asarray(image, dtype=np.float64)
        return Decoded(np.rint(wide.clip(0, 65535) / 257).astype(np.uint8), tuple(notes))
    grey = image.mode in ("1", "L", "LA")
    return Decoded(np.asarray(image.convert("L" if grey else "RGB")), tuple(notes))


def _on_white(image: Image.Image, notes: list[str]) -> Decoded:
    """Composite on white; white ink on transparent paper would vanish there and becomes black."""
    alpha = image.getchannel("A")
    opacity = np.asarray(alpha)
    if opacity.min() == 255:
        return Decoded(np.asarray(image.convert("RGB")), tuple(notes))
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image.convert("RGB"), mask=alpha)
    pixels = np.asarray(canvas)
    if pixels.min() > 230 and opacity.min() < opacity.max():
        return Decoded(255 - opacity, (*notes, "white lines on a transparent background made black"))
    return Decoded(pixels, (*notes, "transparent background put on white"))
