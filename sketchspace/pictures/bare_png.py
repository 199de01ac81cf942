"""A PNG stripped to its pixels, and found whole, before a decoder sees it."""

from __future__ import annotations

import struct
import zlib

_PARTS = (b"IHDR", b"IDAT", b"IEND")
_CHANNELS = {0: 1, 2: 3}  # by colour type: grey, RGB
_FILTERS = 5
MAX_BYTES = 1 << 28


def bare_png(data: bytes) -> bytes:
    """A grey or RGB PNG of 8 bits without what such a picture can do without; empty for a damaged one.

    Left out are texts, profiles and animation: decoders make room for gigabytes by their word. Damaged is one
    that is cut off, with a wrong checksum, with other necessary parts, or whose rows do not unpack to just
    what its head says: the decoder would complain of it to the screen.
    """
    parts = _parts_of(data)
    if not parts or len(parts[0]) != 25:
        return b""
    width, height, bits, colour, *rest = struct.unpack(">IIBBBBB", parts[0][8:21])
    row = 1 + width * _CHANNELS.get(colour, 0)
    if bits != 8 or any(rest) or colour not in _CHANNELS or not 0 < row * height <= MAX_BYTES or not width:
        return b""
    packed = b"".join(part[8:-4] for part in parts[1:-1])
    return data[:8] + b"".join(parts) if _is_whole(packed, row, height) else b""


def _parts_of(data: bytes) -> list[bytes]:
    """The necessary parts, IHDR first and IEND last; empty for a damaged file."""
    parts, at = [], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        kind = data[at + 4 : at + 8]
        if end > len(data) or zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            return []
        if (kind == b"IHDR") != (at == 8) or (kind[:1].isupper() and kind not in _PARTS):
            return []
        if kind in _PARTS:
            parts.append(data[at:end])
        if kind == b"IEND":
            return parts if end == at + 12 else []
        at = end
    return []


def _is_whole(packed: bytes, row: int, height: int) -> bool:
    """Whether rows unpack to their number of bytes and not more, each with a filter that there is."""
    inflater = zlib.decompressobj()
    try:
        rows = inflater.decompress(packed, row * height + 1)
    except zlib.error:
        return False
    return (
        len(rows) == row * height
        and inflater.eof
        and not inflater.unused_data
        and max(rows[::row]) < _FILTERS
    )
