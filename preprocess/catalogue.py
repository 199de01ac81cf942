"""All rows that indexing found, on disk in buckets by rank, so that memory does not grow with the source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np

from preprocess.spec import ROW, Index, Rows
from sketchspace.errors import UserError

T = TypeVar("T")
MAX_CLASSES = 50_000
BUCKET_BYTES = 64 << 20  # of source for each bucket: some 150,000 lines, 5 MB of rows
MAX_BUCKETS = 256
MAX_DETAIL = 300
"""Letters that are told of what is wrong with an example."""


class Catalogue:
    """Rows of many chunks, given back in order of rank, each rank once.

    Indexes are added in the order of the chunks, so that "the first of each key" does not depend on which
    worker was quicker. `files` and `words` are the lists that the rows' numbers mean; `counts` has the rows
    of each word after `drop_duplicates`; `dropped` counts by reason and `first` where it was first seen, and
    what was there.
    """

    def __init__(self, folder: Path, source_bytes: int, strict: bool = False) -> None:
        """Rows go into `folder`; `source_bytes` decides into how many buckets."""
        folder.mkdir(parents=True, exist_ok=True)
        wanted = min(MAX_BUCKETS, max(1, source_bytes // BUCKET_BYTES))
        self._bits = int(wanted - 1).bit_length()
        self._paths = [folder / f"{number:03d}.rows" for number in range(1 << self._bits)]
        self._files: list[BinaryIO] = [path.open("wb") for path in self._paths]
        self._strict = strict
        self._file_numbers: dict[tuple[str, str], int] = {}
        self._word_numbers: dict[str, int] = {}
        self._lines: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        self.is_split = False

    @property
    def files(self) -> list[tuple[str, str]]:
        """Path and origin of every file, by number."""
        return list(self._file_numbers)

    @property
    def words(self) -> list[str]:
        """Every class name, by number."""
        return list(self._word_numbers)

    def add(self, index: Index) -> None:
        """Take in the next chunk's index; raises `UserError` for its first bad line where that is strict."""
        self._note_bad(index)
        rows = index.rows.copy()
        _renumber(rows, "file", index.files, self._file_numbers)
        _renumber(rows, "word", index.words, self._word_numbers)
        if len(self._word_numbers) > MAX_CLASSES:
            raise UserError(
                f"more than {MAX_CLASSES:,} different classes; does the source name classes at all?"
            )
        self.is_split |= bool((rows["split"] >= 0).any())
        bucket = self._bucket(rows)
        for number in np.unique(bucket).tolist():
            self._files[number].write(rows[bucket == number].tobytes())

    def _bucket(self, rows: Rows) -> np.ndarray:
        return rows["rank"] >> np.uint64(64 - self._bits) if self._bits else np.zeros(len(rows), np.uint64)

    def _note_bad(self, index: Index) -> None:
        for bad in index.bad:
            place = f"{bad.origin}, line {self._lines[bad.origin] + bad.line}" if bad.line else bad.origin
            harmless = bad.reason == "not_recognized" or bad.reason.startswith("not_read_")
            if self._strict and not harmless:
                raise UserError(
                    f"{place}: {bad.reason}: {bad.detail}; mend it, or leave out --strict to skip it"
                )
            self.first.setdefault(bad.reason, f"{place}: {' '.join(bad.detail.split())[:MAX_DETAIL]}")
        for origin in {origin for _, origin in index.files}:
            self._lines[origin] += index.lines
        self.dropped.update(index.dropped)

    def drop_duplicates(self) -> None:
        """Sort each bucket and keep the first row of each rank; the others count as dropped."""
        by_word, twins = np.zeros(len(self._word_numbers), np.int64), list[tuple[int, int]]()
        for path, file in zip(self._paths, self._files, strict=True):
            file.close()
            rows = np.fromfile(path, ROW)
            _, first = np.unique(rows["rank"], return_index=True)
            if len(first) < len(rows):
                self.dropped["duplicate_key"] += len(rows) - len(first)
                again = np.delete(rows, first)
                twins.append(min(zip(again["file"].tolist(), again["offset"].tolist(), strict=True)))
            path.write_bytes(rows[first].tobytes())
            by_word += np.bincount(rows["word"][first], minlength=len(by_word))
        if twins:
            self.first["duplicate_key"] = f"{self.files[min(twins)[0]][1]}: it is there already"
        self.counts = Counter(
            {word: int(count) for word, count in zip(self.words, by_word, strict=True) if count}
        )

    def buckets(self) -> Iterator[Rows]:
        """The rows in ascending rank, a bucket at a time; call `drop_duplicates` first."""
        for path in self._paths:
            yield np.fromfile(path, ROW)

    def close(self) -> None:
        """Close the files that are still open."""
        for file in self._files:
            file.close()


def _renumber(rows: Rows, column: str, names: tuple[T, ...], numbers: dict[T, int]) -> None:
    """Change a column from numbers of `names` to those of all names; new ones get the next number."""
    new = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int32)
    if len(rows):
        rows[column] = new[rows[column]]
