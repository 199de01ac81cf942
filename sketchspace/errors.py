"""The one error a user is meant to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in what the user gave, told in one sentence.

    The message says what was given, what was expected and what to try. Commands print it alone,
    without a stack trace, and exit with status 1.
    """


def unknown_name(kind: str, given: str, known: Iterable[str]) -> UserError:
    """An error for a name that is in no list, with the nearest known names.

    >>> print(unknown_name("model", "sknt", ["sknet", "skresnet"]))
    unknown model 'sknt'; did you mean 'sknet'? Known: sknet, skresnet
    """
    names = list(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'? " if near else ""
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return UserError(f"unknown {kind} '{given}'; {hint}Known: {shown}")
