"""What is wrong with a drawing from outside, and how much of one is read: the checks of every reader."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import shown

MAX_LINE_BYTES = 8 << 20
"""Of a line of ndjson, and of a whole file of another kind."""
MAX_POINTS = 100_000
MAX_COORDINATE = 1e9
"""Larger coordinates count as not finite: offsets and sums of them would overflow further on."""


class BadDrawing(ValueError):
    """A line or file that is no drawing: `reason` is a stable word to count by, `detail` says what was found.

    Reasons: line_too_long, bad_json, bad_xml, not_an_object, no_key, no_class, no_drawing, empty_drawing,
    unequal_lists, not_a_number, not_finite, too_many_points, wrong_type.
    """

    def __init__(self, reason: str, detail: str) -> None:
        detail = shown(detail, 300)
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def check_bytes(data: bytes) -> None:
    """Raise `BadDrawing` (line_too_long) for a text of more than `MAX_LINE_BYTES`."""
    if len(data) > MAX_LINE_BYTES:
        raise BadDrawing("line_too_long", f"{len(data):,} bytes, at most {MAX_LINE_BYTES:,} are read")


def check_points(count: int) -> None:
    """Raise `BadDrawing` for a drawing of no points (empty_drawing) or of too many (too_many_points)."""
    if not count:
        raise BadDrawing("empty_drawing", "no stroke has a point")
    if count > MAX_POINTS:
        raise BadDrawing("too_many_points", f"{count:,} points, at most {MAX_POINTS:,} are read")


def check_coordinates(values: NDArray[np.float64]) -> None:
    """Raise `BadDrawing` (not_finite) for a number that is too large or NaN; there must be one at least."""
    if not np.abs(values).max() <= MAX_COORDINATE:
        raise BadDrawing("not_finite", f"a coordinate is beyond {MAX_COORDINATE:.0e}")


def check_no_booleans(values: list[Any]) -> None:
    """Raise `BadDrawing` (not_a_number) for true and false, which would pass for the numbers 1 and 0."""
    if bool in map(type, values):
        raise BadDrawing("not_a_number", "a coordinate is true or false")
