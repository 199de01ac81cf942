"""Tables of a study: csv for programs, aligned columns for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sketchspace.files import write_bytes


def rows_as_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a header and rows as csv, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())


def columns(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Rows of texts as aligned lines: the first `left` columns to the left, numbers to the right.

    >>> print(columns([["run", "accuracy"], ["a", "9.5"]]))
    run  accuracy
    a         9.5
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
