"""Legacy NumPy object arrays, which are pickles inside: read without letting them run anything.

Files are read here, `arrays/shells.py` unpickles. A file is bounded before it is unpacked: by its size, by
the sizes that an archive gives, and by what the head of an array says against the bytes that follow.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sketchspace.arrays.npy import plain_array, read_head
from sketchspace.arrays.shells import Arrays, unpickle_arrays, unpickle_dict
from sketchspace.errors import UserError, shown

__all__ = ["read_npy_dict", "read_npz", "unpickle_arrays"]

MAX_MEMBER_BYTES = 256 << 20
"""Largest file by itself, and most that the members of an archive may unpack to together."""
MAX_MEMBERS = 1000
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an `.npz` file by name; object arrays pass through `unpickle_arrays`.

    Raises `UserError` for a missing or broken file, for one that unpacks to more than 256 MB and for object
    arrays that hold anything but arrays of numbers.
    """
    try:
        with path.open("rb") as file:
            _check_size(file.seek(0, io.SEEK_END))
            with zipfile.ZipFile(file) as archive:
                check_members(archive)
                return {_name(member): _read_member(archive, member) for member in archive.infolist()}
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except Exception as error:  # what zipfile raises for a forged archive is not one kind of error
        raise UserError(f"{path} is not a readable .npz file of arrays ({shown(error)})") from None


def read_npy_dict(path: Path) -> dict[str, Arrays]:
    """The dict that `np.save` wrote into a `.npy` file, by name: an array, or a dict or list of arrays.

    Python 2 may have written it. Raises `UserError` for a missing or broken file, one of more than 256 MB,
    and for everything but arrays of numbers.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MEMBER_BYTES + 1)
        _check_size(len(data))
        head = read_head(data)
        if head.shape or not head.type.hasobject:
            raise ValueError(f"it holds one array of shape {head.shape}")
        return unpickle_dict(data[head.start :])
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except Exception as error:  # a forged pickle can fail in any way
        raise UserError(f"{path} is not a readable .npy file of a dict of arrays ({shown(error)})") from None


def _check_size(size: int) -> None:
    if size > MAX_MEMBER_BYTES:
        raise ValueError(f"it is larger than {MAX_MEMBER_BYTES >> 20} MB")


def check_members(archive: zipfile.ZipFile) -> None:
    """Refuse an archive by what its directory says, before anything is unpacked."""
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise ValueError(f"it has {len(members):,} members")
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_MEMBER_BYTES:
        raise ValueError(f"it unpacks to {unpacked >> 20:,} MB")
    for member in members:
        if member.compress_type not in _PACKINGS or member.flag_bits & _ENCRYPTED:
            raise ValueError(f"{shown(member.filename)} is packed in a way that is not read")


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as packed:
        data = packed.read(member.file_size + 1)
    head = read_head(data)
    if not head.type.hasobject:
        return plain_array(data, head)
    array = unpickle_arrays(data[head.start :])
    if not isinstance(array, np.ndarray) or array.shape != head.shape:
        raise ValueError(f"{shown(member.filename)} holds another array than its header says")
    return array
