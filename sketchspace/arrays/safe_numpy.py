"""Legacy NumPy object arrays, which are pickles inside: read without letting them run anything.

This is the one place that unpickles. A pickle names the functions it wants called and the states it wants
set; here those names stand for shells that note shape, type and bytes, of which arrays are made later. Not
even NumPy's own unpickling is called, since a forged type description can make it read any memory.
"""

from __future__ import annotations

import io
import pickle  # noqa: TID251
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import UserError

MAX_MEMBER_BYTES = 256 << 20
"""Largest unpacked member of an archive, and largest file by itself, that is read."""
MAX_NAMES, MAX_PARTS = 10_000, 16
Arrays = NDArray[Any] | dict[str, NDArray[Any]] | list[NDArray[Any]]


def unpickle_arrays(data: bytes) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """The array, or the dict of arrays by name, that a pickle holds (Python 2 pickles as latin-1).

    Arrays hold integers, floats, or such arrays as objects. Raises ValueError for everything else.
    """
    try:
        value = _ArrayUnpickler(io.BytesIO(data), encoding="latin1").load()
        if type(value) is dict:
            return {str(name): _array(shell) for name, shell in value.items()}
        return _array(value)
    except Exception as error:  # a forged pickle can fail in any way
        raise ValueError(f"not a pickle of plain arrays: {error}") from None


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an `.npz` file by name; object arrays pass through `unpickle_arrays`.

    Raises `UserError` for a missing or broken file, for members of more than 256 MB and for object arrays
    that hold anything but arrays of numbers.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {_name(member): _read_member(archive, member) for member in archive.infolist()}
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable .npz file of arrays ({error})") from None


def read_npy_dict(path: Path) -> dict[str, Arrays]:
    """The dict that `np.save` wrote into a `.npy` file, by name: an array, or a dict or list of arrays.

    Python 2 may have written it. Raises `UserError` for a missing or broken file, one of more than 256 MB,
    and for everything but arrays of numbers.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MEMBER_BYTES + 1)
        if len(data) > MAX_MEMBER_BYTES:
            raise ValueError(f"it is larger than {MAX_MEMBER_BYTES >> 20} MB")
        stream = io.BytesIO(data)
        shape, dtype = _header(stream)
        if shape or not dtype.hasobject:
            raise ValueError(f"it holds one array of shape {shape}")
        return _unboxed(_DictUnpickler(stream, encoding="latin1").load())
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except Exception as error:  # a forged pickle can fail in any way
        raise UserError(f"{path} is not a readable .npy file of a dict of arrays ({error})") from None


_NDARRAY = object()  # what numpy.ndarray stands for: a token, nothing to call


class _ArrayUnpickler(pickle.Unpickler):
    """Admits the names that pickled arrays use; old and new homes of the same function are one."""

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("numpy", "ndarray"): _NDARRAY,
            ("numpy", "dtype"): _TypeShell,
            ("numpy.core.multiarray", "_reconstruct"): _ArrayShell,
            ("numpy._core.multiarray", "_reconstruct"): _ArrayShell,
            ("_codecs", "encode"): _latin1_bytes,
        }
        if (module, name) not in known:
            raise ValueError(f"it asks for {module}.{name}")
        return known[module, name]


class _TypeShell:
    """Stands for a dtype: one of the integers or floats, or object."""

    def __init__(self, code: str, align: object = None, copy: object = None) -> None:
        if not re.fullmatch(r"[iu][1248]|f[248]|b1|O8?", code):
            raise ValueError(f"arrays of type {code!r} are not read")
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] not in ("<", ">", "|", "="):
            raise ValueError(f"unknown byte order {state[1]!r}")
        self.order = state[1]


class _ArrayShell:
    """Stands for an array whose content arrives with its state."""

    def __init__(self, kind: object, shape: object, code: object) -> None:
        if kind is not _NDARRAY:
            raise ValueError("something else than an array is rebuilt")
        self.array: NDArray[Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, content = state
        if kind.code[0] == "O":
            array = np.empty(len(content), dtype=object)
            for place, item in enumerate(content):  # a slice would try to stack arrays of equal shape
                array[place] = _array(item)
        else:
            array = _numbers(kind, content)
        self.array = array.reshape(shape, order="F" if fortran else "C")


class _DictUnpickler(_ArrayUnpickler):
    """Also admits the array around one dict that `np.save` makes, and single numbers."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar")):
            return _single_number
        known = super().find_class(module, name)
        return _BoxShell if known is _ArrayShell else known


class _BoxShell(_ArrayShell):
    """Stands for an array, or for that of no dimensions around one object."""

    boxed: object = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, _, content = state
        if kind.code[0] == "O" and shape == ():
            (self.boxed,) = content
        else:
            super().__setstate__(state)


def _single_number(kind: Any, content: object) -> _ArrayShell:
    shell = _ArrayShell(_NDARRAY, (), b"b")
    shell.array = _numbers(kind, content).reshape(())
    return shell


def _numbers(kind: Any, content: Any) -> NDArray[Any]:
    """The numbers that bytes hold; Python 2 has no bytes, its strings come as text."""
    return np.frombuffer(
        content.encode("latin1") if type(content) is str else content, kind.order + kind.code
    )


def _unboxed(value: object) -> dict[str, Arrays]:
    """The dict in the box; few enough names that one array under all of them does not fill the memory."""
    if not isinstance(value, _BoxShell) or type(value.boxed) is not dict:
        raise ValueError("it holds no dict")
    if len(value.boxed) > MAX_NAMES:
        raise ValueError(f"its dict has {len(value.boxed):,} names")
    return {str(name): _parts(item) for name, item in value.boxed.items()}


def _parts(value: object) -> Arrays:
    if type(value) in (dict, list, tuple) and len(value) > MAX_PARTS:  # type: ignore[arg-type]
        raise ValueError(f"it holds {type(value).__name__} of more than {MAX_PARTS} arrays")
    if isinstance(value, dict):
        return {str(name): _array(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_array(item) for item in value]
    array = _array(value)
    return list(array) if array.dtype.hasobject else array


def _array(value: object) -> NDArray[Any]:
    if not isinstance(value, _ArrayShell) or value.array is None:
        raise ValueError(f"it holds {type(value).__name__}, expected arrays")
    return value.array


def _latin1_bytes(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise ValueError(f"bytes are encoded as {encoding}")
    return text.encode("latin1")


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    if member.file_size > MAX_MEMBER_BYTES:
        raise ValueError(f"{member.filename} unpacks to {member.file_size >> 20} MB")
    with archive.open(member) as packed:
        data = packed.read(MAX_MEMBER_BYTES + 1)
    file = io.BytesIO(data)
    shape, dtype = _header(file)
    if not dtype.hasobject:
        plain: NDArray[Any] = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        return plain
    array = unpickle_arrays(file.read())
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise ValueError(f"{member.filename} holds another array than its header says")
    return array


def _header(file: io.BytesIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type that the head of a `.npy` file gives; what follows is its content."""
    version = np.lib.format.read_magic(file)
    read_header = (
        np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read_header(file)
    return shape, dtype
