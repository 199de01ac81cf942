"""What is wrong with a drawing from outside, and how much of one is read."""

from __future__ import annotations

MAX_POINTS = 100_000
MAX_COORDINATE = 1e9
"""Larger coordinates count as not finite: offsets and sums of them would overflow further on."""


class BadDrawing(ValueError):
    """A line or file that is no drawing: `reason` is a stable word to count by, `detail` says what was found.

    Reasons: line_too_long, bad_json, bad_xml, not_an_object, no_key, no_class, no_drawing, empty_drawing,
    unequal_lists, not_a_number, not_finite, too_many_points, wrong_type.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
