"""Pickled arrays of NumPy and PyTorch, unpickled without letting them run anything.

This is the one place that unpickles. A pickle names the functions it wants called and the states it wants
set; here those names stand for shells that note shape, type and bytes, of which arrays are made later. Not
even NumPy's own unpickling is called, since a forged type description can make it read any memory. The
unpickler is Python's own that is written in Python: that in C makes room for as many notes as a pickle says
it will take. It knows the steps that arrays are pickled with, and no others.
"""

from __future__ import annotations

import io
import pickle  # noqa: TID251
import re
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sketchspace.arrays.npy import reshaped
from sketchspace.errors import shown

MAX_NAMES, MAX_PARTS = 10_000, 16
Arrays = NDArray[Any] | dict[str, NDArray[Any]] | list[NDArray[Any]]

_SPARE_BYTES = 1 << 20
_PER_BYTE = 8  # how much may be made of each byte of a pickle: a list of ones takes that
_STEPS = """
    PROTO FRAME STOP MARK POP POP_MARK MEMOIZE PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET NONE
    NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING
    SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINBYTES SHORT_BINBYTES BINBYTES8
    EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT DICT SETITEM
    SETITEMS GLOBAL STACK_GLOBAL REDUCE BUILD
"""


def unpickle_arrays(data: bytes) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """The array, or the dict of arrays by name, that a pickle holds (Python 2 pickles as latin-1).

    Arrays hold integers, floats, or such arrays as objects. Raises ValueError for everything else.
    """
    try:
        value = _Unpickler(data, _ArrayShell).load()
        if type(value) is dict:
            return {str(name): _array(shell) for name, shell in value.items()}
        return _array(value)
    except Exception as error:  # a forged pickle can fail in any way
        raise ValueError(f"not a pickle of plain arrays: {shown(error)}") from None


def unpickle_dict(data: bytes) -> dict[str, Arrays]:
    """The dict inside the array around it that `np.save` pickles; also raises whatever a forged one leads to.

    Few enough names that one array under all of them does not fill the memory.
    """
    value = _Unpickler(data, _BoxShell).load()
    if not isinstance(value, _BoxShell) or type(value.boxed) is not dict:
        raise ValueError("it holds no dict")
    if len(value.boxed) > MAX_NAMES:
        raise ValueError(f"its dict has {len(value.boxed):,} names")
    return {str(name): _parts(item) for name, item in value.boxed.items()}


_NDARRAY = object()  # what numpy.ndarray stands for: a token, nothing to call


class _Budget:
    """How many bytes may still be made of a pickle, which can name one thing many times."""

    def __init__(self, data: bytes) -> None:
        self.left = _PER_BYTE * len(data) + _SPARE_BYTES

    def take(self, size: int) -> None:
        """Raise ValueError where there is not so much left."""
        self.left -= size
        if self.left < 0:
            raise ValueError("it would unpack to far more than its size")


_Base: Any = pickle._Unpickler  # type: ignore[attr-defined,unused-ignore]


class _Unpickler(_Base):
    """Admits the names that pickled arrays use, old and new homes of the same function being one."""

    dispatch: ClassVar[dict[int, Any]] = {
        code[0]: _Base.dispatch[code[0]] for code in (getattr(pickle, step) for step in _STEPS.split())
    }

    def __init__(self, data: bytes, shell: type[_ArrayShell]) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")
        budget = _Budget(data)
        rebuilt = _Callable(lambda *given: shell(budget, *given))
        self._known: dict[tuple[str, str], Any] = {
            ("numpy", "ndarray"): _NDARRAY,
            ("numpy", "dtype"): _Callable(_TypeShell),
            ("_codecs", "encode"): _Callable(lambda *given: _latin1_bytes(budget, *given)),
        }
        for home in ("numpy.core.multiarray", "numpy._core.multiarray"):
            self._known[home, "_reconstruct"] = rebuilt
            if shell is _BoxShell:
                self._known[home, "scalar"] = _Callable(lambda *given: _single_number(budget, *given))

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name; ValueError for any that arrays do not need."""
        if (module, name) not in self._known:
            raise ValueError(f"it asks for {shown(module)}.{shown(name)}")
        return self._known[module, name]

    def load_setitem(self) -> None:
        """Names in dicts are text or whole numbers: a nested one would be hashed level by level."""
        _check_names(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        """As `load_setitem`."""
        _check_names(self.stack[::2])
        super().load_setitems()

    def load_dict(self) -> None:
        """As `load_setitem`."""
        _check_names(self.stack[::2])
        super().load_dict()

    dispatch |= {
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.DICT[0]: load_dict,
    }


class TensorShell:
    """Stands for a PyTorch tensor: a view of the numbers that are stored under `key`, `count` of `type`."""

    def __init__(self, storage: object, offset: Any, shape: Any, strides: Any, *said: object) -> None:
        if type(storage) is not tuple or any(type(axes) is not tuple for axes in (shape, strides)):
            raise ValueError("a tensor is made of something else than stored numbers")
        self.type, self.key, self.count = storage
        self.offset, self.shape, self.strides = offset, shape, strides

    def __setstate__(self, state: object) -> None:
        raise ValueError("it sets the state of a tensor")


class _Named(dict[str, Any]):
    """Stands for an OrderedDict; what PyTorch notes about its modules beside it is not kept."""

    def __setstate__(self, state: object) -> None:
        """Nothing is kept."""


class _TensorUnpickler(_Unpickler):
    """Admits the names that PyTorch pickles a dict of tensors with."""

    dispatch = _Unpickler.dispatch | {pickle.BINPERSID[0]: _Base.dispatch[pickle.BINPERSID[0]]}

    def __init__(self, stream: io.BytesIO) -> None:
        _Base.__init__(self, stream, encoding="utf-8")
        self._known = {
            ("collections", "OrderedDict"): _Callable(_Named),
            ("torch._utils", "_rebuild_tensor_v2"): _Callable(TensorShell),
            ("torch", "FloatStorage"): "<f4",
            ("torch", "LongStorage"): "<i8",
        }

    def persistent_load(self, name: Any) -> tuple[str, str, int]:
        """Stored numbers as a pickle names them: type, key and count."""
        _, kind, key, _, count = name[:5]
        if kind not in ("<f4", "<i8") or type(key) is not str or type(count) is not int:
            raise ValueError("it stores something else than numbers")
        return kind, key, count


def unpickle_tensors(stream: io.BytesIO) -> Any:
    """The next pickle of a PyTorch file, tensors as `TensorShell`; raises whatever a forged one leads to."""
    return _TensorUnpickler(stream).load()


def _check_names(names: list[Any]) -> None:
    if any(type(name) not in (str, bytes, int) for name in names):
        raise ValueError("a dict has names that are no text")


class _Callable:
    """A function that a pickle may call, and not change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *given: Any) -> Any:
        return self._function(*given)

    def __setstate__(self, state: object) -> None:
        raise ValueError("it sets the state of a function")


class _TypeShell:
    """Stands for a dtype: one of the integers or floats, or object."""

    def __init__(self, code: str, align: object = None, copy: object = None) -> None:
        if not re.fullmatch(r"[iu][1248]|f[248]|b1|O8?", code):
            raise ValueError(f"arrays of type {shown(code)!r} are not read")
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] not in ("<", ">", "|", "="):
            raise ValueError(f"unknown byte order {shown(state[1])!r}")
        self.order = state[1]


class _ArrayShell:
    """Stands for an array whose content arrives with its state."""

    def __init__(self, budget: _Budget, kind: object, shape: object, code: object) -> None:
        if kind is not _NDARRAY:
            raise ValueError("something else than an array is rebuilt")
        self.budget = budget
        self.array: NDArray[Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, content = state
        array = self._objects(content) if kind.code[0] == "O" else _numbers(self.budget, kind, content)
        self.array = reshaped(array, shape, bool(fortran))

    def _objects(self, content: Any) -> NDArray[Any]:
        if type(content) is not list:
            raise ValueError(f"an array of objects holds {type(content).__name__}")
        arrays = [_array(item) for item in content]
        self.budget.take(sum(8 + item.nbytes for item in arrays))
        array = np.empty(len(arrays), dtype=object)
        for place, item in enumerate(arrays):  # a slice would try to stack arrays of equal shape
            array[place] = item
        return array


class _BoxShell(_ArrayShell):
    """Stands for an array, or for that of no dimensions around one object."""

    boxed: object = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, _, content = state
        if kind.code[0] == "O" and shape == ():
            (self.boxed,) = content
        else:
            super().__setstate__(state)


def _single_number(budget: _Budget, kind: Any, content: object) -> _ArrayShell:
    shell = _ArrayShell(budget, _NDARRAY, (), b"b")
    shell.array = _numbers(budget, kind, content).reshape(())
    return shell


def _numbers(budget: _Budget, kind: Any, content: Any) -> NDArray[Any]:
    """The numbers that bytes hold; Python 2 has no bytes, its strings come as text."""
    data = _latin1_bytes(budget, content, "latin1") if type(content) is str else content
    if type(data) is not bytes:
        raise ValueError(f"numbers are in {type(data).__name__}")
    form = kind.order + kind.code
    return np.frombuffer(data, form) if data else np.empty(0, form)


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


def _latin1_bytes(budget: _Budget, text: str, encoding: str) -> bytes:
    if encoding != "latin1" or type(text) is not str:
        raise ValueError(f"bytes are encoded as {shown(encoding)}")
    budget.take(len(text))
    return text.encode("latin1")
