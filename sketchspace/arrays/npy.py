"""The head of NumPy's `.npy` format, read by a grammar of its own: NumPy's hands it to Python's parser.

The format is that of NumPy Enhancement Proposal 1: a magic string, a version, the length of the head, and the
head, which is a Python dictionary of three entries in a fixed manner of writing.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sketchspace.errors import UserError, shown

MAX_HEAD_BYTES = 4096
MAX_EMPTY = 1 << 20
"""Longest axis of an array without values: it takes no room in a file, and time to walk along."""
_MAGIC = b"\x93NUMPY"
_MAX_AXES = 32
_DESCR = r"['\"]descr['\"]\s?:\s?['\"](?P<type>[<>|=]?[iufb][1248]|[<>|=]?O8?)['\"]"
_ORDER = r"['\"]fortran_order['\"]\s?:\s?(?P<fortran>True|False)"
_SHAPE = r"['\"]shape['\"]\s?:\s?\((?P<shape>[0-9L, ]{0,700})\)"
_LENGTHS = re.compile(r"(?:\d{1,18}L?\s?,\s?)*(?:\d{1,18}L?)?")  # Python 2 wrote its long integers with an L


@dataclass(frozen=True)
class NpyHead:
    """What a `.npy` file says of itself; its numbers begin at byte `start`."""

    shape: tuple[int, ...]
    type: np.dtype[np.generic]
    fortran_order: bool
    start: int

    @property
    def num_bytes(self) -> int:
        """How many bytes of numbers follow."""
        return math.prod(self.shape) * self.type.itemsize


def read_head(data: bytes) -> NpyHead:
    """The head of a `.npy` file from its first `MAX_HEAD_BYTES` (more may be given).

    Types are whole and floating numbers, truth values and objects. Raises ValueError for everything else.
    """
    if data[:6] != _MAGIC or len(data) < 12 or data[6] not in (1, 2, 3):
        raise ValueError("it is no .npy file of a known version")
    wide = 2 if data[6] == 1 else 4
    start = 8 + wide + int.from_bytes(data[8 : 8 + wide], "little")
    if start > min(len(data), MAX_HEAD_BYTES):
        raise ValueError("its head is cut off or too long")
    text = data[8 + wide : start].decode("latin1").strip()
    found = [re.search(entry, text) for entry in (_DESCR, _ORDER, _SHAPE)]
    if None in found:
        raise ValueError(f"its head is {shown(text)}, expected an array of numbers")
    kind, order, shape = [match for match in found if match is not None]
    rest = text
    for match in (kind, order, shape):
        rest = rest.replace(match[0], "", 1)
    lengths = [part.strip(" L") for part in shape["shape"].split(",")]
    if not re.fullmatch(r"\{[\s,]{0,20}\}", rest) or not _LENGTHS.fullmatch(shape["shape"].strip()):
        raise ValueError(f"its head is {shown(text)}, expected an array of numbers")
    axes = tuple(int(length) for length in lengths if length)
    if len(axes) > _MAX_AXES:
        raise ValueError(f"its array has {len(axes)} axes")
    return NpyHead(axes, _type(kind["type"]), order["fortran"] == "True", start)


def _type(name: str) -> np.dtype[np.generic]:
    try:
        return np.dtype(name)
    except TypeError:  # there are no 8-bit floats, and so on
        raise ValueError(f"arrays of type {name} are not read") from None


def plain_array(data: bytes, head: NpyHead) -> NDArray[np.generic]:
    """The numbers of a whole `.npy` file in memory; ValueError where they are not all there."""
    if head.type.hasobject or head.num_bytes > len(data) - head.start:
        raise ValueError(
            f"it has {len(data) - head.start:,} bytes of numbers, its head says {head.num_bytes:,}"
        )
    count = math.prod(head.shape)
    flat: NDArray[np.generic] = np.frombuffer(data, head.type, count, head.start) if count else np.empty(0)
    return reshaped(flat.astype(head.type, copy=False), head.shape, head.fortran_order)


def reshaped(flat: NDArray[Any], shape: tuple[int, ...], fortran: bool) -> NDArray[Any]:
    """An array in the shape that a file gives; ValueError for another size, or for endless nothing."""
    if not flat.size and max(shape, default=0) > MAX_EMPTY:
        raise ValueError(f"it has {max(shape):,} rows of nothing")
    return flat.reshape(shape, order="F" if fortran else "C")


def map_array(path: Path, kind: DTypeLike, shape: tuple[int, ...], again: str) -> NDArray[np.generic]:
    """A `.npy` file of just this type and shape, mapped from disk and not read.

    Raises `UserError` for anything else, which ends with `again`, what the user may try.
    """
    try:
        with path.open("rb") as file:
            head = read_head(file.read(MAX_HEAD_BYTES))
        size = path.stat().st_size - head.start
        if head.type != np.dtype(kind) or head.shape != shape or (head.fortran_order and len(shape) > 1):
            raise ValueError(f"it is {head.type} {' x '.join(map(str, head.shape))}")
        if size != head.num_bytes or not size:
            raise ValueError(f"it has {size:,} bytes of numbers, its head says {head.num_bytes:,}")
        return np.memmap(path, kind, "r", head.start, shape)
    except (OSError, ValueError) as error:
        wanted = f"{np.dtype(kind)} {' x '.join(map(str, shape))}"
        raise UserError(f"{path} is no array {wanted} ({shown(error)}); {again}") from None
