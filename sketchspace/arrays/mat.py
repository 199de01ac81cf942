"""Arrays of numbers in MATLAB files: version 5, and version 7.3, which is HDF5.

The file is not trusted. The header of a variable is looked at before its numbers are unpacked, nothing is
unpacked beyond what the header promises, and a 7.3 file, which cannot name other files to be read, is read in
a process of its own (`arrays/mat73.py`). The layout of version 5 is MathWorks' "MAT-File Format".
"""

from __future__ import annotations

import io
import math
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sketchspace.arrays.mat73 import read_mat73
from sketchspace.errors import UserError, shown
from sketchspace.files import write_bytes

MAX_BYTES = 1 << 30
"""Largest array that is read unless the caller says otherwise."""
_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_HEAD_BYTES = 4096  # enough for type, shape and name of a variable
_CLASSES = {
    6: "f8",
    7: "f4",
    8: "i1",
    9: "u1",
    10: "i2",
    11: "u2",
    12: "i4",
    13: "u4",
    14: "i8",
    15: "u8",
}
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_OTHERS = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 16: "function", 17: "opaque"}
_COMPLEX = 0x800
_MAX_VARIABLES = 1000
_MAX_RATIO = 1032  # no deflated byte unpacks to more
_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")


def read_mat(
    source: Path | bytes, name: str | tuple[str, ...] = "data", max_bytes: int = MAX_BYTES
) -> NDArray[Any]:
    """The real numeric array called `name` (of several names, the first that is there).

    Axes are as MATLAB shows them, `[images, rows, columns]` for stacks of pictures, whatever the version.
    Raises `UserError` for a missing or broken file, another format, a variable that is not there (the line
    names what is), one that is no plain array of numbers (cells, structs, objects, functions, text, complex
    or sparse ones), and one of more than `max_bytes`.
    """
    label = str(source) if isinstance(source, Path) else "the .mat file"
    names = (name,) if isinstance(name, str) else name
    try:
        with _open(source) as file:
            if _is_hdf5(file):
                return read_mat73(file, names, max_bytes)
            return _read_v5(file, names, max_bytes)
    except FileNotFoundError:
        raise UserError(f"there is no file {label}") from None
    except (OSError, ValueError, MemoryError, struct.error, zlib.error) as error:
        raise UserError(
            f"{label} is not a .mat file of arrays that can be read: {shown(error, 300)}"
        ) from None


def write_mat(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name as a compressed version 5 file, whole or not at all; same arrays, same bytes.

    MATLAB, Octave and SciPy read it; a vector becomes one row. Raises `UserError` for a name that is no
    MATLAB variable, for anything but real numbers, and for 2 GB or more, which the format cannot hold.
    """
    from scipy.io import savemat

    for name, array in arrays.items():
        if not _VARIABLE.fullmatch(name):
            raise UserError(f"{name!r} cannot name a MATLAB variable; use letters, digits and underscores")
        if np.asarray(array).dtype.kind not in "biuf" or np.asarray(array).dtype.itemsize not in (1, 2, 4, 8):
            raise UserError(f"'{name}' holds {np.asarray(array).dtype}, a .mat file gets plain numbers")
        if np.asarray(array).nbytes >= 1 << 31:
            raise UserError(f"'{name}' has 2 GB or more, which a .mat file cannot hold; write a part of it")
    file = io.BytesIO()
    savemat(file, dict(arrays), do_compression=True, oned_as="row")
    text = b"MATLAB 5.0 MAT-file, written by sketchspace".ljust(116)  # SciPy's own has the time in it
    write_bytes(path, text + file.getvalue()[116:])


@dataclass(frozen=True)
class _Variable:
    """What the header of a variable says, and where in its element the numbers begin."""

    name: str
    kind: int
    complex: bool
    shape: tuple[int, ...]
    at: int

    def describe(self) -> str:
        kind = np.dtype(_CLASSES[self.kind]).name if self.kind in _CLASSES else _OTHERS.get(self.kind, "?")
        kind = f"complex {kind}" if self.complex else kind
        return f"{shown(self.name)} ({kind} {'x'.join(map(str, self.shape))})"


def _open(source: Path | bytes) -> BinaryIO:
    return source.open("rb") if isinstance(source, Path) else io.BytesIO(source)


def _is_hdf5(file: BinaryIO) -> bool:
    """An HDF5 file may begin with a block of its user's, of 512 bytes in MATLAB's."""
    for start in (0, 512):
        file.seek(start)
        if file.read(8) == b"\x89HDF\r\n\x1a\n":
            return True
    return False


def _read_v5(file: BinaryIO, names: tuple[str, ...], max_bytes: int) -> NDArray[Any]:
    file.seek(0)
    order = {b"IM": "<", b"MI": ">"}.get(file.read(_HEADER)[126:])
    if order is None:
        raise ValueError("it has no header of a version 5 or 7.3 file")
    found: dict[str, tuple[_Variable, int, int, bool]] = {}
    for start, size, packed in _elements(file, order):
        variable = _variable(_content(file, start, size, packed, _HEAD_BYTES, whole=False), order)
        found.setdefault(variable.name, (variable, start, size, packed))
    for name in names:
        if name in found:
            variable, start, size, packed = found[name]
            room = _bytes_of(variable, max_bytes) + _HEAD_BYTES
            if room > _HEAD_BYTES + 8 * _MAX_RATIO * size:  # a double may be stored as a byte
                raise ValueError(f"{variable.describe()} is damaged or cut off")
            data = _content(file, start, size, packed, room, whole=True)
            return _numbers(data, variable, order)
    inside = ", ".join([variable.describe() for variable, *_ in found.values() if variable.name][:20])
    raise ValueError(f"there is no '{names[0]}' in it, it holds {inside or 'nothing'}")


def _elements(file: BinaryIO, order: str) -> Iterator[tuple[int, int, bool]]:
    """Start and size of every variable in the file, and whether it is compressed."""
    at, end = _HEADER, file.seek(0, io.SEEK_END)
    for _ in range(_MAX_VARIABLES + 1):
        if at >= end:
            return
        file.seek(at)
        kind, size = struct.unpack(order + "II", file.read(8))
        if kind not in (_MATRIX, _COMPRESSED) or at + 8 + size > end:
            raise ValueError("it is damaged or cut off")
        yield at + 8, size, kind == _COMPRESSED
        at += 8 + size
    raise ValueError(f"it has more than {_MAX_VARIABLES:,} variables")


def _content(file: BinaryIO, start: int, size: int, packed: bool, limit: int, whole: bool) -> bytes:
    """A variable's element without its tag: its first `limit` bytes, or all of it if that is not more."""
    file.seek(start)
    if not packed:
        data = file.read(min(size, limit + 1))
    else:
        # A tag comes first inside; ask for one byte more, to see whether there is more.
        inflater = zlib.decompressobj()
        data = inflater.decompress(file.read(size if whole else min(size, _HEAD_BYTES)), limit + 9)[8:]
    if whole and len(data) > limit:
        raise ValueError("a variable unpacks to more than its header says")
    return data


def _part(data: bytes, at: int, order: str) -> tuple[int, int, int, int]:
    """Type, first byte, number of bytes, and the place of the next part; short parts share their tag."""
    kind, size = struct.unpack_from(order + "II", data, at)
    if kind >> 16:
        return kind & 0xFFFF, at + 4, min(kind >> 16, 4), at + 8
    return kind, at + 8, size, at + 8 + size + -size % 8


def _variable(data: bytes, order: str) -> _Variable:
    _, flags_at, _, at = _part(data, 0, order)
    (flags,) = struct.unpack_from(order + "I", data, flags_at)
    if flags & 0xFF == 17:  # an opaque thing has its name where others have their shape
        _, start, size, _ = _part(data, at, order)
        return _Variable(data[start : start + size].decode("latin1"), 17, False, (), at)
    _, start, size, at = _part(data, at, order)
    if size > 4 * 32:
        raise ValueError("a variable has more than 32 axes")
    shape = struct.unpack_from(f"{order}{size // 4}i", data, start)
    _, start, size, at = _part(data, at, order)
    name = data[start : start + size].decode("latin1")
    return _Variable(name, flags & 0xFF, bool(flags & _COMPLEX), shape, at)


def _bytes_of(variable: _Variable, max_bytes: int) -> int:
    if variable.kind not in _CLASSES or variable.complex:
        raise ValueError(f"{variable.describe()} is no array of real numbers")
    size = np.dtype(_CLASSES[variable.kind]).itemsize
    for length in variable.shape:
        size *= max(length, 0)
    if min(variable.shape, default=0) < 0 or size > max_bytes:
        raise ValueError(f"{variable.describe()} is larger than {max_bytes:,} bytes")
    return size


def _numbers(data: bytes, variable: _Variable, order: str) -> NDArray[Any]:
    """The numbers may be stored in a smaller type than that of the variable."""
    kind, start, size, _ = _part(data, variable.at, order)
    count = math.prod(variable.shape)
    if kind not in _STORED or start + size > len(data) or size != count * np.dtype(_STORED[kind]).itemsize:
        raise ValueError(f"{variable.describe()} is damaged or cut off")
    stored = np.frombuffer(data, order + _STORED[kind], count, start)
    return np.ascontiguousarray(stored.astype(_CLASSES[variable.kind]).reshape(variable.shape, order="F"))
