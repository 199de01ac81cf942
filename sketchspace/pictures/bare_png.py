"""A PNG stripped to its pixels before a decoder sees it."""

from __future__ import annotations

import zlib

_PARTS = (b"IHDR", b"IDAT", b"IEND")


def bare_png(data: bytes) -> bytes:
    """A PNG without what pictures can do without (texts, profiles, animation); empty for a damaged one.

    Damaged is one that is cut off, has a checksum that is wrong, or parts that a grey or RGB picture of ours
    never has. What decoders make room for by the word of such parts may be gigabytes.
    """
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        kind = data[at + 4 : at + 8]
        if end > len(data) or zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            return b""
        if (kind == b"IHDR") != (at == 8) or (kind[:1].isupper() and kind not in _PARTS):
            return b""
        if kind in _PARTS:
            parts.append(data[at:end])
        if kind == b"IEND":
            return b"".join(parts)
        at = end
    return b""
