"""Lines of a file, chunk by chunk, without ever holding more than a chunk and one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sketchspace.sketch.errors import MAX_LINE_BYTES

CHUNK_BYTES = 4 << 20
_PIECE = 1 << 20
_MARK = b"\xef\xbb\xbf"  # the byte order mark that some editors put before UTF-8


def cuts(size: int) -> Iterator[tuple[int, int]]:
    """Chunks `(start, end)` of a file of `size` bytes."""
    for start in range(0, size, CHUNK_BYTES):
        yield start, min(start + CHUNK_BYTES, size)


def lines(path: Path, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, line) for every line that begins in bytes `start`..`end`, without its newline.

    Blank lines are yielded too, so that lines can be counted. A line longer than `MAX_LINE_BYTES` is cut off
    somewhere beyond that length.
    """
    with path.open("rb") as file:
        first = max(start - 1, 0)
        file.seek(first)
        block = file.read(end - first)
        if start:
            head = block.find(b"\n") + 1
            if head == 0:
                return
        else:
            head = len(_MARK) if block.startswith(_MARK) else 0
        offset, block = first + head, block[head:]
        if block and not block.endswith(b"\n"):
            block += _rest_of_line(file, len(block) - block.rfind(b"\n") - 1)
    for line in block.removesuffix(b"\n").split(b"\n") if block else ():
        yield offset, line
        offset += len(line) + 1


def _rest_of_line(file: BinaryIO, length: int) -> bytes:
    """What follows up to the next newline; cut off once the line has more than `MAX_LINE_BYTES`."""
    pieces: list[bytes] = []
    while length <= MAX_LINE_BYTES and (piece := file.read(_PIECE)):
        cut = piece.find(b"\n")
        if cut >= 0:
            return b"".join((*pieces, piece[:cut]))
        pieces.append(piece)
        length += len(piece)
    return b"".join(pieces)
