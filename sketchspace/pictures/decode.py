"""Pictures from outside: looked at before they are decoded, decoded once, put on white."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sketchspace.errors import UserError
from sketchspace.pictures.frames import eight_bits, finished_frame, on_white
from sketchspace.pictures.ink import FAINTEST, resized
from sketchspace.sketch.errors import BadDrawing
from sketchspace.sketch.svg_source import Box, SvgSource, read_svg

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
KINDS = "PNG, JPEG, WebP, BMP, GIF, TIFF, AVIF, HEIC or SVG"
BITMAPS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif")
VECTORS = (".svg", ".svgz")
MAX_FILE_BYTES = 64 << 20
MAX_PIXELS = 50_000_000
MAX_WORKED_PIXELS = 12_000_000
"""A larger picture is scaled down before it is looked at: lines and objects need no more."""

_ORIENTATION = 0x0112  # the EXIF tag; 1 is upright


@dataclass(frozen=True)
class Decoded:
    """An image as it looks on white paper: `pixels` uint8 `[height, width]` or `[height, width, 3]` (RGB).

    `closer(rows, columns)` draws a part of an SVG anew, larger; a bitmap has none. `name` is for messages.
    """

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...]
    name: str = "here"
    closer: Callable[[slice, slice], Decoded] | None = None


def decode(source: Path | bytes | NDArray[np.uint8]) -> Decoded:
    """Decode a picture of one of `KINDS`, told by content and not by name.

    A decoded picture, uint8 `[h, w]`, `[h, w, 3]` (RGB) or `[h, w, 4]` (RGBA), may be given instead.

    An SVG is drawn as browsers draw it, 512 px a side. Of an animation the finished drawing is taken.
    Transparency is put on white, 16-bit and palette images become 8-bit, an EXIF rotation is carried out.
    Raises `UserError` for a missing, empty, truncated or broken file, for another kind of file, for more than
    64 MB, and, before anything is decoded, for more than 50 megapixels.
    """
    if isinstance(source, np.ndarray):
        return Decoded(*_flatten(_as_image(source)))
    name = str(source) if isinstance(source, Path) else "the image"
    data = read_bytes(source) if isinstance(source, Path) else source
    where = f"in {source}" if isinstance(source, Path) else "here"
    if not data:
        raise UserError(f"{name} is empty; give a {KINDS} image")
    if len(data) > MAX_FILE_BYTES:
        raise UserError(
            f"{name} has {len(data) >> 20} MB, at most {MAX_FILE_BYTES >> 20} are read; scale it down"
        )
    if _is_svg(data):
        return _drawn(data, name, where)
    image = _open(data, name)
    try:
        return Decoded(*_flatten(image), where)
    except Exception:  # what a decoder raises for broken data depends on the format
        raise UserError(f"{name} is a broken or cut off {image.format} file; save it again") from None


def _is_svg(data: bytes) -> bool:
    start = data[:64].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return start.startswith((b"<", b"\x1f\x8b"))


def _drawn(data: bytes, name: str, where: str) -> Decoded:
    try:
        return drawn_svg(read_svg(data), name, where)
    except BadDrawing as bad:
        raise UserError(f"{name} holds no drawing that can be read ({bad.detail})") from None


def drawn_svg(source: SvgSource, name: str, where: str = "here") -> Decoded:
    """An SVG as a browser shows it. Raises `BadDrawing` as `png_of` does."""
    from sketchspace.pictures.svg_picture import shown_part

    pixels, notes = _page(source, None, name)

    def closer(rows: slice, columns: slice) -> Decoded:
        part = shown_part(source, pixels.shape, rows, columns)
        return Decoded(*_page(source, part, name), name=where)

    return Decoded(pixels, (*source.notes, *notes), where, closer if source.in_proportion else None)


def _page(source: SvgSource, page: Box | None, name: str) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """An SVG on white paper; one that leaves no mark there is looked at as a picture on transparent paper."""
    from sketchspace.pictures.svg_picture import png_of

    pixels, notes = _flatten(_open(png_of(source, page), name))
    if np.ptp(pixels) < FAINTEST:
        pixels, notes = _flatten(_open(png_of(source, page, None), name))
    return pixels, notes


def _as_image(pixels: NDArray[np.uint8]) -> Image.Image:
    """An array as a picture; `UserError` for another shape or type, or more than 50 megapixels."""
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,), (4,)):
        shape = " x ".join(map(str, pixels.shape))
        raise UserError(f"a picture of {shape} {pixels.dtype} was given, expected uint8 [h, w] or [h, w, 3]")
    if not 0 < pixels.shape[0] * pixels.shape[1] <= MAX_PIXELS:
        raise UserError(f"a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels was given; scale it")
    return Image.fromarray(pixels)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, one past the limit at most; `UserError` where there is none to read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


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


def _flatten(image: Image.Image) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
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
