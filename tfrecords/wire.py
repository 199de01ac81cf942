"""`tf.train.Example` and TFRecord framing as bytes, without importing TensorFlow.

Worker processes start in a tenth of a second this way, and an example costs a few microseconds. The
formats are those of `tensorflow/core/example/*.proto` and `tensorflow/core/lib/io/record_writer.h`.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import UserError

Value = bytes | NDArray[np.float32] | int
MAX_RECORD_BYTES = 256 << 20
_FIRST, _SECOND = b"\x0a", b"\x12"  # field 1 and field 2 of a message, both with a length
_BYTES, _FLOAT, _INT = b"\x0a", b"\x12", b"\x1a"  # Feature: bytes_list = 1, float_list = 2, int64_list = 3
_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")
FRAME_HEAD, FRAME_TAIL = _LENGTH.size + _CRC.size, _CRC.size
"""Bytes before a record (its length and the checksum of that) and behind it (the checksum of its data)."""


def encode_example(features: Mapping[str, Value]) -> bytes:
    """A serialised `tf.train.Example`; keys are written in sorted order, so equal input gives equal bytes.

    Raises TypeError for a value that is none of bytes, array and integer, OverflowError for an integer
    that does not fit 64 bits with sign.
    """
    return _field(_FIRST, b"".join([_entry(name, features[name]) for name in sorted(features)]))


def decode_example(data: bytes) -> dict[str, Value]:
    """The inverse of `encode_example`: each feature as bytes, int or float32 `[n]`.

    Raises ValueError where the bytes are not such an example.
    """
    features: dict[str, Value] = {}
    for tag, body in _fields(data):
        if tag != 0x0A:
            raise ValueError(f"unexpected tag {tag} in an example")
        for _, entry in _fields(body):
            parts = dict(_fields(entry))
            features[parts.get(0x0A, b"").decode()] = _decode_feature(parts.get(0x12, b""))
    return features


def frame(data: bytes) -> bytes:
    """A record as a TFRecord file holds it: length, its masked CRC-32C, data, their masked CRC-32C."""
    length = _LENGTH.pack(len(data))
    return b"".join((length, _masked_crc(length), data, _masked_crc(data)))


def read_records(path: Path) -> Iterator[bytes]:
    """Yield each record's data, checking both CRCs; a damaged file is a `UserError` naming the record."""
    with path.open("rb", buffering=1 << 18) as file:
        index = 0
        while head := file.read(FRAME_HEAD):
            length = _LENGTH.unpack_from(head)[0] if len(head) == FRAME_HEAD else MAX_RECORD_BYTES + 1
            if length > MAX_RECORD_BYTES or head[8:] != _masked_crc(head[:8]):
                raise _damaged(path, index, "its length does not match its checksum")
            data, crc = file.read(length), file.read(FRAME_TAIL)
            if len(data) != length or len(crc) != FRAME_TAIL:
                raise _damaged(path, index, "the file ends inside it")
            if crc != _masked_crc(data):
                raise _damaged(path, index, "its data does not match its checksum")
            yield data
            index += 1


def _damaged(path: Path, index: int, how: str) -> UserError:
    return UserError(f"{path}: record {index} is damaged ({how}); make the data set again")


def _masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return _CRC.pack((((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _entry(name: str, value: Value) -> bytes:
    """One entry of the map from names to features."""
    if isinstance(value, bytes):
        return _list_entry(name, _BYTES, value)
    if isinstance(value, np.ndarray):
        return _list_entry(name, _FLOAT, value.astype("<f4", copy=False).tobytes())
    return _int_entry(name, operator.index(value))


@lru_cache(maxsize=4096)  # labels, domains and instances repeat
def _int_entry(name: str, value: int) -> bytes:
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError(f"{value} does not fit 64 bits with sign")
    return _list_entry(name, _INT, _varint(value & 0xFFFFFFFFFFFFFFFF))


def _list_entry(name: str, kind: bytes, body: bytes) -> bytes:
    """Name, then a feature that is a list, then the list's one value; sizes are found from within."""
    value = _FIRST + _varint(len(body))
    size = len(value) + len(body)
    feature = kind + _varint(size)
    size += len(feature)
    head = _name(name) + _SECOND + _varint(size)
    return b"".join((_FIRST, _varint(len(head) + size), head, feature, value, body))


@lru_cache(maxsize=256)
def _name(name: str) -> bytes:
    return _field(_FIRST, name.encode())


def _decode_feature(data: bytes) -> Value:
    for tag, body in _fields(data):
        values = [value for _, value in _fields(body)]
        if tag == _BYTES[0]:
            return values[0] if values else b""
        if tag == _FLOAT[0]:
            return np.frombuffer(b"".join(values), "<f4")
        if tag == _INT[0] and values:
            number = _read_varint(values[0], 0)[0]
            return number - (1 << 64) if number >> 63 else number
    raise ValueError("a feature without a value")


def _field(tag: bytes, body: bytes) -> bytes:
    return tag + _varint(len(body)) + body


@lru_cache(maxsize=1 << 15)
def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a number that does not end")
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number & 0xFFFFFFFFFFFFFFFF, at


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        tag = data[at]
        if tag & 7 != 2 or tag >= 128:
            raise ValueError(f"unexpected tag {tag} in an example")
        length, start = _read_varint(data, at + 1)
        at = start + length
        if at > len(data):
            raise ValueError("a field that runs past the end")
        yield tag, data[start:at]
