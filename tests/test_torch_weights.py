"""PyTorch's weight files, both formats, as written by hand; nothing in them runs."""

from __future__ import annotations

import io
import pickle  # noqa: TID251
import struct
import zipfile
from typing import Any, ClassVar

import numpy as np
import pytest

from sketchspace.arrays.torch_weights import read_state_dict
from sketchspace.errors import UserError

GRID = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7
STEPS = np.array([3, 5], np.int64)


class _Name:
    """A global of another package, pickled by its name without being there."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class _Rebuilt:
    """What PyTorch pickles for a tensor: the function's name, and its arguments."""

    def __init__(self, *arguments):
        self.arguments = arguments


class _Stored(tuple):
    """What PyTorch gives a name outside of the pickle."""


_Base: Any = pickle._Pickler  # type: ignore[attr-defined,unused-ignore]


class _Pickler(_Base):
    dispatch: ClassVar[dict[Any, Any]] = _Base.dispatch.copy()

    def persistent_id(self, value):
        return tuple(value) if type(value) is _Stored else None

    def save_name(self, value):
        self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())

    def save_rebuilt(self, value):
        self.save(_Name("torch._utils", "_rebuild_tensor_v2"))
        self.save(value.arguments)
        self.write(pickle.REDUCE)

    dispatch[_Name], dispatch[_Rebuilt] = save_name, save_rebuilt


def pickled(value) -> bytes:
    file = io.BytesIO()
    _Pickler(file, 2).dump(value)
    return file.getvalue()


def tensor(key, kind, count, offset, shape, strides):
    name = _Stored(("storage", _Name("torch", kind), key, "cpu", count))
    return _Rebuilt(name, offset, shape, strides, False, {})


def tensors(**changes):
    """`grid` is stored with its last axis first, as in converted files; `steps` from its second number."""
    grid = {"offset": 0, "shape": (2, 3, 4), "strides": (3, 1, 6)} | changes
    return {
        "grid": tensor("7", "FloatStorage", 24, **grid),
        "steps": tensor("8", "LongStorage", 3, 1, (2,), (1,)),
    }


STORED = {"7": GRID.transpose(2, 0, 1).tobytes(), "8": np.array([0, 3, 5]).tobytes()}


def old_format(path, value, stored=STORED):
    parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, value, list(stored)]
    numbers = [
        struct.pack("<q", len(data) // (4 if key == "7" else 8)) + data for key, data in stored.items()
    ]
    path.write_bytes(b"".join(map(pickled, parts)) + b"".join(numbers))
    return path


def zip_format(path, value, stored=STORED):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/data.pkl", pickled(value))
        archive.writestr("weights/byteorder", "little")
        for key, data in stored.items():
            archive.writestr(f"weights/data/{key}", data)
    return path


FORMATS = pytest.mark.parametrize("write", [old_format, zip_format])


@FORMATS
def test_tensors_are_views_of_what_is_stored(tmp_path, write):
    found = read_state_dict(write(tmp_path / "a.pth", tensors()))
    assert list(found) == ["grid", "steps"]
    np.testing.assert_array_equal(found["grid"], GRID)
    np.testing.assert_array_equal(found["steps"], STEPS)
    assert (found["grid"].dtype, found["steps"].dtype) == (np.float32, np.int64)


class _Harm:
    def __reduce__(self):
        return print, ("ran",)


@FORMATS
@pytest.mark.parametrize(
    "value",
    [
        _Harm(),
        {"grid": _Harm()},
        {"grid": GRID},
        {"grid": [1.0]},
        {7: tensor("7", "FloatStorage", 24, 0, (24,), (1,))},
        {"grid": tensor("7", "DoubleStorage", 12, 0, (12,), (1,))},
        {"grid": tensor("9", "FloatStorage", 24, 0, (24,), (1,))},
        {"grid": tensor("7", "FloatStorage", 25, 0, (24,), (1,))},
        tensors(offset=1),
        tensors(offset=-1),
        tensors(shape=(2, 3, 5)),
        tensors(strides=(3, 1, 7)),
        tensors(strides=(-3, 1, 6)),
        tensors(shape=(2, 3)),
        tensors(shape=(1 << 40, 1, 1), strides=(0, 0, 0)),
        tensors(shape=("2", 3, 4)),
    ],
)
def test_nothing_else_is_read(tmp_path, capfd, write, value):
    path = write(tmp_path / "bad.pth", value)
    with pytest.raises(UserError, match=r"bad\.pth is not a readable file of PyTorch weights"):
        read_state_dict(path)
    assert capfd.readouterr().out == ""


@FORMATS
def test_a_cut_off_file_is_no_file_of_weights(tmp_path, write):
    path = write(tmp_path / "cut.pth", tensors())
    whole = path.read_bytes()
    for size in range(0, len(whole), 41):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError):
            read_state_dict(path)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        read_state_dict(tmp_path / "none.pth")
