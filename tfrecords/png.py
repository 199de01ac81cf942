"""Grey and RGB pictures to PNG and back."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

import cv2
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from sketchspace.pictures.bare_png import bare_png

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LEVEL = (
    0  # ISA-L's quickest: a line drawing of 64 px takes 5 us instead of zlib's 35, and a fifth more bytes
)

_GREY, _RGB = 0, 2  # colour types
_UP = 2  # the filter that keeps the difference from the row above


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Pixels uint8 `[height, width]`, or `[height, width, 3]` RGB, as 8-bit PNG; equal pixels, equal bytes.

    Raises ValueError for another type or shape.
    """
    if pixels.dtype != np.uint8 or not pixels.size or not (pixels.ndim == 2 or pixels.shape[2:] == (3,)):
        raise ValueError(
            f"a picture is {pixels.dtype} {pixels.shape}, expected uint8 [height, width] or [.., .., 3]"
        )
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + pixels[0].size), np.uint8)  # each row begins with its filter: none
    if pixels.ndim == 2:
        rows[:, 1:] = pixels
    else:  # photos are a fifth smaller when each row keeps only what differs from the one above
        rows[0, 1:], rows[1:, 0] = pixels[0].reshape(-1), _UP
        rows[1:, 1:] = (pixels[1:] - pixels[:-1]).reshape(height - 1, pixels[0].size)
    colour = _GREY if pixels.ndim == 2 else _RGB
    body = isal_zlib.compress(rows.data, _LEVEL)
    return b"".join((_head(width, height, colour), _chunk(b"IDAT", body), _END))


def decode_png(data: bytes, size: int, channels: int = 1) -> NDArray[np.uint8]:
    """The picture in a PNG of `size` times `size` pixels, uint8 `[size, size]`, or `[size, size, 3]` RGB.

    With three `channels` a grey picture has the same number in each; with one, a coloured picture is refused.
    Raises ValueError for anything else; the size is read from the header before anything is unpacked.
    """
    if not data.startswith(_SIGNATURE) or len(data) < 26:
        raise ValueError("no PNG")
    width, height = struct.unpack_from(">II", data, 16)
    if (width, height) != (size, size):
        raise ValueError(f"{width} x {height} pixels, expected {size} x {size}")
    if data[25] not in (_GREY, _RGB):
        raise ValueError(f"a PNG of colour type {data[25]}, expected grey or RGB")
    if channels == 1 and data[25] != _GREY:
        raise ValueError("in colour, expected grey")
    flag = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR_RGB
    bare = bare_png(data) if data[24] == 8 else b""
    pixels = cv2.imdecode(np.frombuffer(bare, np.uint8), flag) if bare else None
    if pixels is None or pixels.shape[:2] != (size, size):
        raise ValueError("a damaged PNG")
    return pixels.astype(np.uint8, copy=False)


@lru_cache(maxsize=64)
def _head(width: int, height: int, colour: int) -> bytes:
    return _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return b"".join(
        (struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(kind))))
    )


_END = _chunk(b"IEND", b"")
