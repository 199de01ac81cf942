"""Files of drawings as lines of JSON, whatever they are packed in: gzip, UTF-16, CSV, a JSON array."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from sketchspace.errors import UserError
from sketchspace.sketch.errors import MAX_LINE_BYTES

TEXTS = (".ndjson", ".jsonl", ".json", ".csv")
"""Files of drawings as text, which may end in `.gz` as well."""
MAX_RATIO = 200
"""How many times larger a file may unpack; drawings as text pack to about a quarter."""
MAX_UNPACKED_BYTES = 8 << 30
FREE_BYTES = 16 << 20
"""Below this size the ratio is nobody's concern."""
MAX_ARRAY_BYTES = 256 << 20
"""Of a JSON array, which is read at once."""
EXAMPLE = '{"word": "cat", "key_id": "1", "recognized": true, "drawing": [[[10, 30], [20, 40]]]}'
"""A line as it is read, with one stroke from (10, 20) to (30, 40)."""

_GZIP = b"\x1f\x8b"
_PIECE = 1 << 18
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COLUMN = "drawing"


class NoDrawings(UserError):
    """A table that holds something else than drawings."""


def text_suffix(name: str) -> str:
    """The suffix of a file of drawings in small letters, `.gz` taken off: `.csv` of `Cat.CSV.gz`.

    A bare `.gz` is taken for `.ndjson.gz`.
    """
    path = Path(name.lower())
    return Path(path.stem).suffix or ".ndjson" if path.suffix == ".gz" else path.suffix


def is_plain(path: Path, name: str) -> bool:
    """Whether a file is lines of JSON in UTF-8 as it stands, so that it can be read from any place."""
    if text_suffix(name) == ".json":
        return False
    with path.open("rb") as file:
        head = file.read(4)
        if head.startswith(_GZIP) or _encoding(head) not in (None, "utf-8"):
            return False
    with open_text(path, name) as file:
        first = _first_line(file)
    return not first or (first.lstrip().startswith(b"{") and _parsed(first) is not None)


def json_lines(path: Path, name: str) -> Iterator[tuple[int, bytes]]:
    """Every drawing of a file as (number of its line from 1, JSON text), blank lines left out.

    The file is lines of JSON; or a CSV table with a column "drawing", as Kaggle's; or one JSON text: a list
    of records counts as one a line, anything else as one drawing. Each may be compressed by gzip and be
    UTF-16. A text of more than `MAX_LINE_BYTES` is cut off somewhere beyond. `name` is how the user knows the
    file. Raises `UserError` for a table without that column, and for a file that is damaged or unpacks too
    far.
    """
    with open_text(path, name) as file:
        first = _first_line(file)
    if _is_table(first, name):
        yield from _rows(path, name)
        return
    if first.lstrip()[:1] == b"[" or text_suffix(name) == ".json" or _parsed(first) is None:
        with open_text(path, name) as file:
            text = file.read(MAX_ARRAY_BYTES + 1)
        value = _parsed(text) if len(text) <= MAX_ARRAY_BYTES else None
        if value is not None:
            yield from enumerate(_items(value, text), 1)
            return
    with open_text(path, name) as file:
        yield from ((number, line) for number, line in _lines(file) if line and not line.isspace())


def open_text(path: Path, name: str) -> BinaryIO:
    """A text file as UTF-8 without a byte order mark, unpacked; both are told by the first bytes.

    Raises `UserError` on opening and reading; see `json_lines`.
    """
    raw = path.open("rb")
    file: BinaryIO = raw
    if raw.peek(2).startswith(_GZIP):
        file = io.BufferedReader(_Stream(_unpacked(raw, name), raw), _PIECE)
    head = file.peek(4)[:4]  # type: ignore[attr-defined]
    encoding = _encoding(head)
    if encoding == "utf-8":
        file.read(len(codecs.BOM_UTF8))
    elif encoding:
        file = io.BufferedReader(_Stream(_recoded(file, encoding), raw), _PIECE)
    return file


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file; closes the file that they come from."""

    def __init__(self, pieces: Iterator[bytes], source: BinaryIO) -> None:
        self._pieces, self._source, self._rest = pieces, source, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        self._source.close()
        super().close()


def _unpacked(raw: BinaryIO, name: str) -> Iterator[bytes]:
    """The pieces of a gzip file; a `UserError` where it is damaged or unpacks from little to very much."""
    packed, size = os.fstat(raw.fileno()).st_size, 0
    try:
        with gzip.GzipFile(fileobj=raw) as file:
            while piece := file.read1(_PIECE):
                size += len(piece)
                if size > MAX_UNPACKED_BYTES or (size > FREE_BYTES and size > MAX_RATIO * packed):
                    raise UserError(
                        f"{name} unpacks from {packed:,} to more than {size:,} bytes, which no file of "
                        "drawings does; if you trust it, unpack it yourself and give the file in it"
                    )
                yield piece
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{name} cannot be unpacked ({error}); get the file again") from None


def _recoded(file: BinaryIO, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    while piece := file.read(_PIECE):
        yield decoder.decode(piece).encode("utf-8", "replace")
    yield decoder.decode(b"", True).encode("utf-8", "replace")


def _encoding(head: bytes) -> str | None:
    """The encoding that the first bytes name or, by zeros among letters, show; None for plain text."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if len(head) == 4 and head[0] and not head[1] and head[2] and not head[3]:
        return "utf-16-le"
    if len(head) == 4 and not head[0] and head[1] and not head[2] and head[3]:
        return "utf-16-be"
    return None


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, never more than `MAX_LINE_BYTES` and a byte of each."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        yield number, line.removesuffix(b"\n")
        while line and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES)


def _first_line(file: BinaryIO) -> bytes:
    """The first line that is not blank, empty where there is none."""
    return next((line for _, line in _lines(file) if line and not line.isspace()), b"")


def _parsed(text: bytes) -> Any:
    """The value of a JSON text, None where it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _items(value: Any, text: bytes) -> Iterator[bytes]:
    """The records of a list, or of a list that is all there is in an object; else the text itself."""
    values = list(value.values()) if type(value) is dict else []
    records = values[0] if len(values) == 1 else value
    if type(records) is list and records and all(type(item) is dict and _COLUMN in item for item in records):
        yield from map(orjson.dumps, records)
    else:
        yield text


def _is_table(first: bytes, name: str) -> bool:
    if first.lstrip()[:1] in (b"", b"{", b"[") or _parsed(first) is not None:
        return False
    return text_suffix(name) == ".csv" or _COLUMN in _header(first.decode("utf-8", "replace"))[0]


def _header(line: str) -> tuple[list[str], str]:
    """The names of a table's columns in small letters, and what stands between columns."""
    between = max(",;\t", key=line.count)
    return [name.strip().lower() for name in next(csv.reader([line], delimiter=between), [])], between


def _rows(path: Path, name: str) -> Iterator[tuple[int, bytes]]:
    """The rows of a table as JSON records, with the number of the line where each ends."""
    csv.field_size_limit(MAX_LINE_BYTES)
    with open_text(path, name) as file:
        texts = (line.decode("utf-8", "replace") for _, line in _lines(file))
        before, head = 1, next(texts)
        while not head or head.isspace():
            before, head = before + 1, next(texts)
        columns, between = _header(head)
        if _COLUMN not in columns:
            shown = ", ".join(ascii(column[:20]) for column in columns[:6])
            raise NoDrawings(
                f"{name} has the columns {shown} and no column 'drawing'; expected a first line such as "
                "countrycode,drawing,key_id,recognized,timestamp,word"
            )
        rows = csv.reader((f"{text}\n" for text in texts), delimiter=between)
        try:
            for row in rows:
                if row:
                    yield before + rows.line_num, orjson.dumps(dict(zip(columns, row, strict=False)))
        except csv.Error as error:
            raise UserError(
                f"{name}, line {before + rows.line_num} is no row of a CSV table ({error}); expected "
                'a drawing in quotes, such as DE,"[[[10, 30], [20, 40]]]",1,True,,cat'
            ) from None
