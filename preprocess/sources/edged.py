"""A photo's file with its published edge map behind it, in scratch."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

_END = struct.Struct("<IIQ8s")
_MARK = b"\0edgemap"


def with_edges(photo: bytes, edges: NDArray[np.uint8]) -> bytes:
    """The bytes of a photo, its edge map uint8 `[height, width]`, and where that begins.

    Decoders of photos do not look beyond the end of the picture.
    """
    return photo + edges.tobytes() + _END.pack(*edges.shape, len(photo), _MARK)


def without_edges(data: bytes) -> tuple[bytes, NDArray[np.uint8] | None]:
    """The inverse: the photo, and its edge map where there is one behind it."""
    if len(data) < _END.size or not data.endswith(_MARK):
        return data, None
    height, width, length, _ = _END.unpack(data[-_END.size :])
    if length + height * width + _END.size != len(data):
        return data, None
    return data[:length], np.frombuffer(data, np.uint8, height * width, length).reshape(height, width)
