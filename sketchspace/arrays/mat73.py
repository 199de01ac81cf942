"""Arrays in MATLAB 7.3 files, which are HDF5 with MATLAB's order of axes."""

from __future__ import annotations

import math
import zlib
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_FILTERS = {"shuffle", "deflate"}


def read_mat73(file: BinaryIO, names: tuple[str, ...], max_bytes: int) -> NDArray[Any]:
    """The array called by the first of `names` that is there, its axes in MATLAB's order.

    HDF5 can name further files, make arrays of pieces of them, and load code for its filters: only arrays
    that lie in the file itself, plain or deflated, are read. Raises ValueError or OSError for all else.
    """
    import h5py

    with h5py.File(file, "r") as store:
        for name in names:
            if name in store:
                link, data = store.get(name, getlink=True), None
                if isinstance(link, h5py.HardLink):
                    data = store[name]
                if not isinstance(data, h5py.Dataset):
                    raise ValueError(f"'{name}' is no array but a struct, an object or a link")
                _check(name, data, max_bytes)
                return np.ascontiguousarray(np.asarray(data[()]).T)
        inside = ", ".join(_describe(store, name) for name in list(store)[:20] if not name.startswith("#"))
    raise ValueError(f"there is no '{names[0]}' in it, it holds {inside or 'nothing'}")


def _describe(store: Any, name: str) -> str:
    import h5py

    if not isinstance(store.get(name, getlink=True), h5py.HardLink) or store.get(name, getclass=True) is not (
        h5py.Dataset
    ):
        return name
    data = store[name]
    shape = "x".join(str(length) for length in reversed(data.shape or ()))
    return f"{name} ({data.dtype} {shape})"


def _check(name: str, data: Any, max_bytes: int) -> None:
    """Refuse whatever is no plain array of at most `max_bytes`, before its numbers are read."""
    meaning = data.attrs.get("MATLAB_class", b"double") if data.attrs.keys() else b"double"
    if data.dtype.kind not in "iufb" or meaning in (b"cell", b"char", b"function_handle"):
        raise ValueError(f"'{name}' is no array of real numbers")
    if data.attrs.get("MATLAB_empty", 0):
        raise ValueError(f"'{name}' is empty")
    if data.external or data.is_virtual:
        raise ValueError(f"'{name}' lies in another file")
    if data.shape is None or data.size * data.dtype.itemsize > max_bytes:
        raise ValueError(f"'{name}' is larger than {max_bytes:,} bytes")
    _check_pieces(name, data, max_bytes)


def _check_pieces(name: str, data: Any, max_bytes: int) -> None:
    """Every compressed piece unpacks to just its size, found out a piece at a time."""
    recipe = data.id.get_create_plist()
    filters = {recipe.get_filter(number)[3].decode("latin1") for number in range(recipe.get_nfilters())}
    if not filters:
        return
    size = math.prod(data.chunks) * data.dtype.itemsize
    if not filters <= _FILTERS or size > max_bytes:
        raise ValueError(f"'{name}' is packed in a way that is not read ({', '.join(sorted(filters))})")
    for number in range(data.id.get_num_chunks()):
        skipped, packed = data.id.read_direct_chunk(data.id.get_chunk_info(number).chunk_offset)
        if "deflate" in filters and not skipped:
            inflater = zlib.decompressobj()
            if len(inflater.decompress(packed, size + 1)) != size:
                raise ValueError(f"'{name}' is damaged")
