"""Small pictures of a gallery's items: grey or RGB PNG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import UserError
from sketchspace.pictures.bare_png import bare_png

Pixels = NDArray[np.uint8]

_COLOURS = {0: cv2.IMREAD_GRAYSCALE, 2: cv2.IMREAD_COLOR}  # by the colour type in a PNG's header


def decode_thumbnail(data: bytes, size: int, name: str) -> Pixels:
    """A grey PNG as uint8 `[size, size]`, an RGB one as `[size, size, 3]`; else a `UserError` naming `name`.

    Size and kind stand in the first 26 bytes, and are checked before a pixel is decoded. Of the file's parts
    only those with pixels reach the decoder.
    """
    image = None
    bare = bare_png(data) if has_size(data, size) and data[25] in _COLOURS else b""
    if bare:
        image = cv2.imdecode(np.frombuffer(bare, np.uint8), _COLOURS[data[25]])
    if image is None or image.shape[:2] != (size, size):
        raise UserError(f"{name} is not a PNG of {size} x {size} pixels, or a damaged one")
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return image.astype(np.uint8, copy=False)


def encode_thumbnail(pixels: Pixels) -> bytes:
    """The PNG of a picture uint8 `[size, size]` or RGB `[size, size, 3]`."""
    picture = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", picture)[1].tobytes()


def has_size(data: bytes, size: int) -> bool:
    """Whether the header is that of a PNG with `size` x `size` pixels of 8 bits."""
    sides = (int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))
    return len(data) > 26 and data[:8] == b"\x89PNG\r\n\x1a\n" and sides == (size, size) and data[24] == 8
