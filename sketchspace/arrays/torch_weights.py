"""Weights that PyTorch saved, read without PyTorch and without letting the pickle inside run anything.

Two formats: a zip (since PyTorch 1.6) with the pickle `data.pkl` and one member for each storage; and before
it one file of five pickles (magic number, version, machine, tensors, keys of the storages) and then each
storage, its count as eight bytes first.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from sketchspace.arrays.safe_numpy import MAX_MEMBER_BYTES, check_members
from sketchspace.arrays.shells import MAX_NAMES, TensorShell, unpickle_tensors
from sketchspace.errors import UserError, shown

Tensors = dict[str, NDArray[Any]]

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_COUNT_BYTES = 8


def read_state_dict(path: Path) -> Tensors:
    """The tensors of a `.pth` file by name, float32 or int64.

    Raises `UserError` for a missing or broken file, one of more than 256 MB, and one that holds anything but
    a dict of tensors of these types.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MEMBER_BYTES + 1)
        if len(data) > MAX_MEMBER_BYTES:
            raise ValueError(f"it is larger than {MAX_MEMBER_BYTES >> 20} MB")
        shells, stored = _from_zip(data) if data.startswith(b"PK") else _from_pickles(data)
        return _tensors(shells, stored)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except Exception as error:  # a forged pickle can fail in any way
        raise UserError(f"{path} is not a readable file of PyTorch weights ({shown(error)})") from None


def _from_pickles(data: bytes) -> tuple[Any, dict[str, bytes]]:
    stream = io.BytesIO(data)
    if unpickle_tensors(stream) != _MAGIC or unpickle_tensors(stream) != _VERSION:
        raise ValueError("it does not begin as such files do")
    unpickle_tensors(stream)
    shells, keys = unpickle_tensors(stream), unpickle_tensors(stream)
    sizes = {shell.key: np.dtype(shell.type).itemsize for shell in _checked(shells).values()}
    stored = {}
    for key in keys:
        count = int.from_bytes(stream.read(_COUNT_BYTES), "little")
        stored[key] = stream.read(count * sizes[key])
    return shells, stored


def _from_zip(data: bytes) -> tuple[Any, dict[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        check_members(archive)
        members = {member.filename.partition("/")[2]: member for member in archive.infolist()}
        if "byteorder" in members and archive.read(members["byteorder"]) != b"little":
            raise ValueError("its numbers are in another order of bytes")
        stored = {
            name.removeprefix("data/"): archive.read(member)
            for name, member in members.items()
            if name.startswith("data/")
        }
        return unpickle_tensors(io.BytesIO(archive.read(members["data.pkl"]))), stored


def _checked(shells: Any) -> Mapping[str, TensorShell]:
    if not isinstance(shells, dict) or len(shells) > MAX_NAMES:
        raise ValueError("it holds no dict of tensors")
    for name, shell in shells.items():
        if type(name) is not str or type(shell) is not TensorShell:
            raise ValueError(f"{shown(name)} is no tensor")
    return shells


def _tensors(shells: Any, stored: Mapping[str, bytes]) -> Tensors:
    made, left = {}, MAX_MEMBER_BYTES
    for name, shell in _checked(shells).items():
        flat = np.frombuffer(stored[shell.key], shell.type)
        left -= _size(shell, flat.size) * flat.itemsize
        if flat.size != shell.count or left < 0:
            raise ValueError(f"{shown(name)} has not as many numbers as it says")
        steps = tuple(step * flat.itemsize for step in shell.strides)
        made[name] = as_strided(flat[shell.offset :], shell.shape, steps).copy()
    return made


def _size(shell: TensorShell, available: int) -> int:
    """How many numbers a tensor has; ValueError where its shape leads out of those that are stored."""
    axes = (shell.offset, *shell.shape, *shell.strides)
    whole = all(type(number) is int and number >= 0 for number in axes)
    if not whole or len(shell.shape) != len(shell.strides):
        raise ValueError("a tensor has a shape of other things than whole numbers")
    size = math.prod(shell.shape)
    last = shell.offset + sum(
        (side - 1) * step for side, step in zip(shell.shape, shell.strides, strict=True)
    )
    if size and last >= available:
        raise ValueError("a tensor reaches beyond its numbers")
    return size
