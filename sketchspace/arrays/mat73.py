"""Arrays in MATLAB 7.3 files, which are HDF5 with MATLAB's order of axes.

HDF5's library may run without end over a file of which one byte is wrong, and cannot be interrupted. It reads
in a process of its own, `python -m sketchspace.arrays.mat73`, which has so much time and memory as the file's
size can need.
"""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import zlib
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sketchspace.arrays.npy import MAX_HEAD_BYTES, plain_array, read_head
from sketchspace.errors import shown

_FILTERS = {"shuffle", "deflate"}
_MAX_RATIO = 1032  # no deflated byte unpacks to more
_BASE_SECONDS, _BYTES_A_SECOND = 3, 4 << 20
_BASE_MEMORY = 700 << 20  # of addresses: the interpreter with NumPy and h5py
_REFUSED = 3


def read_mat73(file: BinaryIO, names: tuple[str, ...], max_bytes: int) -> NDArray[Any]:
    """The array called by the first of `names` that is there, its axes in MATLAB's order.

    HDF5 can name further files, make arrays of pieces of them, and load code for its filters: only arrays
    that lie in the file itself, plain or deflated, are read. Raises ValueError or OSError for all else, and
    where reading takes far more time or memory than a file of that size can need.
    """
    size = file.seek(0, io.SEEK_END)
    seconds = _BASE_SECONDS + size // _BYTES_A_SECOND
    room = min(max_bytes, size * _MAX_RATIO)
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as found:
        source = _with_number(file, given)
        wish = [json.dumps(names), str(max_bytes), str(seconds), str(_BASE_MEMORY + 3 * room)]
        try:
            ended = subprocess.run(
                [sys.executable, "-s", "-m", "sketchspace.arrays.mat73", *wish],
                stdin=source,
                stdout=found,
                stderr=subprocess.PIPE,
                timeout=10 * seconds,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        except subprocess.TimeoutExpired:
            raise ValueError("it is damaged: reading it does not come to an end") from None
        if ended.returncode:
            told = ended.stderr[-1000:].decode(errors="replace") if ended.returncode == _REFUSED else ""
            raise ValueError(told or f"it is damaged: it cannot be read within {seconds:,} s")
        found.seek(0)
        data = found.read(max_bytes + MAX_HEAD_BYTES)
    return plain_array(data, read_head(data))


def _with_number(file: BinaryIO, room: BinaryIO) -> BinaryIO:
    """A file that another process can be given, at its first byte; one in memory is put into `room`."""
    file.seek(0)
    try:
        os.lseek(file.fileno(), 0, os.SEEK_SET)
    except io.UnsupportedOperation:
        shutil.copyfileobj(file, room)
        room.seek(0)
        return room
    return file


def _main(names: str, max_bytes: str, seconds: str, memory: str) -> None:
    """Read from standard input and write a `.npy` file to standard output, or a reason to standard error."""
    import resource  # systems without it have no such limits

    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        array = _read(sys.stdin.buffer, tuple(json.loads(names)), int(max_bytes))
        np.lib.format.write_array(sys.stdout.buffer, array, allow_pickle=False)
    except Exception as error:  # what h5py raises for a broken file is not one kind of error
        print(shown(error, 900), file=sys.stderr, end="")
        sys.exit(_REFUSED)


def _read(file: Any, names: tuple[str, ...], max_bytes: int) -> NDArray[Any]:
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
        return shown(name)
    data = store[name]
    shape = "x".join(str(length) for length in reversed(data.shape or ()))
    return f"{shown(name)} ({shown(data.dtype)} {shown(shape)})"


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
    if data.size * data.dtype.itemsize > data.id.get_storage_size() * _MAX_RATIO:
        raise ValueError(f"'{name}' is damaged")
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


if __name__ == "__main__":
    _main(*sys.argv[1:])
