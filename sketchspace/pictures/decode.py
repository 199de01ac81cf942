"""Pictures from outside: looked at before they are decoded, decoded once, put on white."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sketchspace.errors import UserError
from sketchspace.pictures.opened import KINDS, MAX_PIXELS, Decoded, flattened, opened

BITMAPS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif")
VECTORS = (".svg", ".svgz")
MAX_FILE_BYTES = 64 << 20


def decode(source: Path | bytes | NDArray[np.uint8]) -> Decoded:
    """Decode a picture of one of `KINDS`, told by content and not by name.

    A decoded picture, uint8 `[h, w]`, `[h, w, 3]` (RGB) or `[h, w, 4]` (RGBA), may be given instead.

    An SVG is drawn as browsers draw it, 512 px a side. Of an animation the finished drawing is taken.
    Transparency is put on white, 16-bit and palette images become 8-bit, an EXIF rotation is carried out.
    Raises `UserError` for a missing, empty, truncated or broken file, for another kind of file, for more than
    64 MB, and, before anything is decoded, for more than 50 megapixels.
    """
    if isinstance(source, np.ndarray):
        return Decoded(*flattened(_as_image(source)))
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
        from sketchspace.pictures.svg_decode import decode_svg  # with its renderer, for those who need it

        return decode_svg(data, name, where)
    image = opened(data, name)
    try:
        return Decoded(*flattened(image), where)
    except Exception:  # what a decoder raises for broken data depends on the format
        raise UserError(f"{name} is a broken or cut off {image.format} file; save it again") from None


def _is_svg(data: bytes) -> bool:
    start = data[:64].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return start.startswith((b"<", b"\x1f\x8b"))


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
