"""Ways to spoil files that know of bytes only, and files made of parts with lengths and checksums."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np

Rng = np.random.Generator
Spoil = Callable[[Rng, bytes], bytes]

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1)
BOMB = bytes(48 << 20)


def spoil_bytes(rng: Rng, data: bytes) -> bytes:
    """One to four small changes anywhere."""
    for _ in range(int(rng.integers(1, 5))):
        data = _CHANGES[int(rng.integers(len(_CHANGES)))](rng, data) if data else b"\0"
    return data


def _place(rng: Rng, data: bytes) -> int:
    """Half of the changes are near the beginning, where headers are."""
    return int(rng.integers(min(len(data), 200) if rng.random() < 0.5 else len(data)))


def _flip(rng: Rng, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        changed[_place(rng, data)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _random_byte(rng: Rng, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + rng.bytes(1) + data[at + 1 :]


def _number(rng: Rng, data: bytes) -> bytes:
    """An extreme number in place of the bytes that are there."""
    at, size = _place(rng, data), int(rng.choice([1, 2, 4, 8]))
    value = NUMBERS[int(rng.integers(len(NUMBERS)))] & ((1 << 8 * size) - 1)
    order = "little" if rng.random() < 0.5 else "big"
    return data[:at] + value.to_bytes(size, order) + data[at + size :]  # type: ignore[arg-type]


def _cut(rng: Rng, data: bytes) -> bytes:
    return data[: int(rng.integers(len(data)))]


def _drop(rng: Rng, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + data[at + int(rng.integers(1, 50)) :]


def _repeat(rng: Rng, data: bytes) -> bytes:
    at, size = _place(rng, data), int(rng.integers(1, 200))
    return data[:at] + data[at : at + size] * int(rng.integers(1, 20)) + data[at:]


def _insert(rng: Rng, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + rng.bytes(int(rng.integers(1, 30))) + data[at:]


def _move(rng: Rng, data: bytes) -> bytes:
    start, end, at = _place(rng, data), _place(rng, data), _place(rng, data)
    return data[:at] + data[start : max(start, end)] + data[at:]


_CHANGES: tuple[Spoil, ...] = (
    _flip,
    _flip,
    _random_byte,
    _number,
    _number,
    _cut,
    _drop,
    _repeat,
    _insert,
    _move,
)


_CHUNKS = tuple(b"tEXt zTXt iCCP acTL fcTL fdAT PLTE tRNS IHDR eXIf IEND".split())


def spoil_png(rng: Rng, data: bytes) -> bytes:
    """Spoil parts of a PNG and make its checksums fit again; at times just bytes."""
    if rng.random() < 0.3 or data[:4] != b"\x89PNG":
        return spoil_bytes(rng, data)
    parts, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        parts.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    number = int(rng.integers(len(parts)))
    kind, body = parts[number]
    what = rng.integers(5)
    if what == 0:
        parts[number] = kind, spoil_bytes(rng, body)
    elif what == 1:
        junk = zlib.compress(BOMB[: 4 << 20], 1) if rng.random() < 0.1 else rng.bytes(int(rng.integers(40)))
        name = b"a\0\0" if rng.random() < 0.5 else b""
        parts.insert(number, (_CHUNKS[int(rng.integers(len(_CHUNKS)))], name + junk))
    elif what == 2 and kind == b"IDAT":
        parts[number] = kind, zlib.compress(spoil_bytes(rng, zlib.decompress(body)), 1)
    elif what == 3:
        parts[number : number + 1] = parts[number : number + 1] * int(rng.integers(2, 6))
    else:
        head = bytearray(parts[0][1])
        struct.pack_into(">I", head, 4 * int(rng.integers(2)), NUMBERS[int(rng.integers(10))])
        head[8:13] = bytes(int(value) for value in rng.choice([0, 1, 2, 3, 4, 6, 8, 16, 255], 5))
        parts[0] = parts[0][0], bytes(head)
    return data[:8] + b"".join(_chunk(kind, body) for kind, body in parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def spoil_mat5(rng: Rng, data: bytes) -> bytes:
    """Spoil a variable of a version 5 file, inside of its compression where it has one."""
    if rng.random() < 0.2 or len(data) < 140:
        return spoil_bytes(rng, data)
    kind, size = struct.unpack_from("<II", data, 128)
    body = data[136 : 136 + size]
    if kind == 15 and rng.random() < 0.8:
        inside = spoil_bytes(rng, zlib.decompress(body)) + (BOMB if rng.random() < 0.005 else b"")
        body = zlib.compress(inside, 1)
    else:
        body = spoil_bytes(rng, body)
    size = len(body) if rng.random() < 0.9 else NUMBERS[int(rng.integers(10))]
    many = int(rng.choice([1, 1, 1, 1, 2, 3000]))
    return (
        data[:128]
        + (struct.pack("<II", kind, size) + body) * (many if len(body) < 1000 else 1)
        + data[136 + size :]
    )


def spoil_records(rng: Rng, data: bytes) -> bytes:
    """Spoil a record of a shard and frame it anew; at times just bytes."""
    from tfrecords.wire import frame

    if rng.random() < 0.3:
        return spoil_bytes(rng, data)
    (size,) = struct.unpack_from("<Q", data)
    return frame(spoil_bytes(rng, data[12 : 12 + size])) + data[16 + size :]
