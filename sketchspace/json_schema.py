"""What a JSON file must hold, said as a value (`Fields({"size": Whole(1, 1024)})`) and checked in one place.

A schema answers with the first thing that is wrong, where it is and what was expected, as text that may be
printed. It never goes deeper than itself, so that nesting in a file costs nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from sketchspace.errors import shown

LARGEST_WHOLE = (1 << 63) - 1
MOST = 1 << 24


class Kind:
    """A part of a schema. Plain classes: a data class costs half a millisecond of a query's start."""

    def wrong(self, value: Any, where: str) -> str:
        """What is wrong with a value that stands at `where`; empty where it is sound."""
        raise NotImplementedError


class Text(Kind):
    """A string of at most `longest` characters; with `choices` one of them, with `pattern` all of it fits."""

    def __init__(self, longest: int = 10_000, choices: tuple[str, ...] = (), pattern: str = "") -> None:
        self.longest, self.choices, self.pattern = longest, choices, pattern

    def wrong(self, value: Any, where: str) -> str:
        """See `Kind`."""
        if type(value) is not str or len(value) > self.longest:
            return _is(where, value, f"text of at most {self.longest:,} characters")
        if self.choices and value not in self.choices:
            return _is(where, value, f"one of {', '.join(map(repr, self.choices))}")
        if self.pattern and not re.fullmatch(self.pattern, value):
            return _is(where, value, f"text like {self.pattern}")
        return ""


class Whole(Kind):
    """A whole number from `low` to `high`; true and 1.0 are none."""

    def __init__(self, low: int = 0, high: int = LARGEST_WHOLE) -> None:
        self.low, self.high = low, high

    def wrong(self, value: Any, where: str) -> str:
        """See `Kind`."""
        if type(value) is int and self.low <= value <= self.high:
            return ""
        top = f"to {self.high:,}" if self.high < LARGEST_WHOLE else "up"
        return _is(where, value, f"a whole number from {self.low:,} {top}")


class OneOf(Kind):
    """One of a few whole numbers."""

    def __init__(self, choices: tuple[int, ...]) -> None:
        self.choices = choices

    def wrong(self, value: Any, where: str) -> str:
        """See `Kind`."""
        if type(value) is int and value in self.choices:
            return ""
        return _is(where, value, f"one of {', '.join(map(str, self.choices))}")


class Number(Kind):
    """Any finite number."""

    def wrong(self, value: Any, where: str) -> str:
        """See `Kind`."""
        sound = type(value) in (int, float) and abs(value) < 1e300 and math.isfinite(value)
        return "" if sound else _is(where, value, "a number")


class Flag(Kind):
    """True or false."""

    def wrong(self, value: Any, where: str) -> str:
        """See `Kind`."""
        return "" if type(value) is bool else _is(where, value, "true or false")


class Maybe(Kind):
    """Null, or what `kind` says."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def wrong(self, value: Any, where: str) -> str:
        """See `Kind`."""
        return "" if value is None else self.kind.wrong(value, where)


class ListOf(Kind):
    """A list of `least` to `most` values of one kind."""

    def __init__(self, kind: Kind, least: int = 0, most: int = MOST) -> None:
        self.kind, self.least, self.most = kind, least, most

    def wrong(self, value: Any, where: str) -> str:
        """See `Kind`."""
        if type(value) is not list or not self.least <= len(value) <= self.most:
            size = f"{self.least:,}" if self.least == self.most else f"{self.least:,} to {self.most:,}"
            size = f"{self.least:,} or more" if self.most == MOST else size
            return _is(where, value, f"a list of {size}")
        return _first(self.kind.wrong(item, f"{where}[{number}]") for number, item in enumerate(value))


_ANY_TEXT = Text()


class MapOf(Kind):
    """Names, each a string of the kind `names`, with values of one kind."""

    def __init__(self, kind: Kind, names: Kind = _ANY_TEXT) -> None:
        self.kind, self.names = kind, names

    def wrong(self, value: Any, where: str) -> str:
        """See `Kind`."""
        if type(value) is not dict:
            return _is(where, value, "names with values")
        for name, item in value.items():
            found = self.names.wrong(name, f"a name in {where}") or self.kind.wrong(item, _at(where, name))
            if found:
                return found
        return ""


class Fields(Kind):
    """An object with fields that are `needed` and ones that are `optional`; `others` may be there or not."""

    def __init__(
        self, needed: Mapping[str, Kind], optional: Mapping[str, Kind] | None = None, others: bool = False
    ) -> None:
        self.needed, self.optional, self.others = needed, optional or {}, others

    def wrong(self, value: Any, where: str) -> str:
        """See `Kind`."""
        if type(value) is not dict:
            return _is(where, value, f"an object with {', '.join(list(self.needed)[:4])}")
        missing = [_at(where, name) for name in self.needed if name not in value]
        if missing:
            return f"{missing[0]} is missing"
        free = Free() if self.others else None
        for name, item in value.items():
            kind = self.needed.get(name) or self.optional.get(name) or free
            found = kind.wrong(item, _at(where, name)) if kind else f"{_at(where, name)} is not known"
            if found:
                return found
        return ""


class Free(Kind):
    """Any value that nests no deeper than `depth` and has no number that a 64-bit one cannot hold."""

    def __init__(self, depth: int = 12) -> None:
        self.depth = depth

    def wrong(self, value: Any, where: str) -> str:
        """See `Kind`."""
        if type(value) is int and not -LARGEST_WHOLE <= value <= LARGEST_WHOLE:
            return _is(where, value, "a number of 64 bits")
        if type(value) is float and not math.isfinite(value):
            return _is(where, value, "a finite number")
        if type(value) not in (dict, list):
            return ""
        if not self.depth:
            return f"{where} nests too deep"
        deeper = Free(self.depth - 1)
        pairs = value.items() if type(value) is dict else enumerate(value)
        return _first(deeper.wrong(item, _at(where, name)) for name, item in pairs)


def _at(where: str, name: object) -> str:
    """The place of a part; text from the file, so of bounded length."""
    return shown(f"{where}.{shown(name, 40)}" if where else shown(name, 40), 120)


def _is(where: str, value: object, expected: str) -> str:
    quoted = repr(value) if type(value) is str and len(value) < 1000 else value
    return f"{where or 'the file'} is {shown(quoted)}, expected {expected}"


def _first(findings: Any) -> str:
    return next((found for found in findings if found), "")
