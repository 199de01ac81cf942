"""The one error a user is meant to read, and how text from files is quoted in it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_SHOWN = 80
MAX_MESSAGE = 2000


class UserError(Exception):
    """A mistake in what the user gave, told in one sentence.

    The message says what was given, what was expected and what to try. Commands print it alone,
    without a stack trace, and exit with status 1. Whatever it holds, it reads as one printable line of
    bounded length; what it quotes of a file passes through `shown`.
    """

    def __str__(self) -> str:
        return shown(super().__str__(), MAX_MESSAGE)


def shown(value: object, limit: int = MAX_SHOWN) -> str:
    """Anything from a file as it may be printed: one printable line of at most `limit` characters.

    Line breaks and tabs become spaces, other characters that a terminal could act on become question marks,
    and the middle of a longer text is left out.

    >>> shown("a\\x1b[31m\\nb"), shown("x" * 200, 9)
    ('a?[31m b', 'xxxx...xx')
    """
    text = _text(value, limit)
    if len(text) > limit:
        tail = (limit - 3) // 3
        text = f"{text[: limit - 3 - tail]}...{text[len(text) - tail :]}"
    return printable(text)


def printable(text: str) -> str:
    """Text from a file, safe for a terminal: control characters become question marks, breaks spaces."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " if letter in "\n\r\t" else "?" for letter in text)


def _text(value: object, limit: int) -> str:
    """A value as text; of what is nested or huge only the kind and size, so that it costs nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        return repr(bytes(value[: limit + 1]))
    if isinstance(value, dict | list | tuple | set | frozenset):
        return f"a {type(value).__name__} of {len(value):,}"
    if isinstance(value, int) and value.bit_length() > 4 * limit:
        return f"an integer of {value.bit_length():,} bits"
    return str(value)


def unknown_name(kind: str, given: str, known: Iterable[str]) -> UserError:
    """An error for a name that is in no list, with the nearest known names.

    >>> print(unknown_name("model", "sknt", ["sknet", "skresnet"]))
    unknown model 'sknt'; did you mean 'sknet'? Known: sknet, skresnet
    """
    names = list(known)
    near = difflib.get_close_matches(given[:200], names, n=1, cutoff=0.5)
    hint = f"did you mean '{shown(near[0])}'? " if near else ""
    some = ", ".join(map(shown, names[:12])) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return UserError(f"unknown {kind} '{shown(given)}'; {hint}Known: {some}")
