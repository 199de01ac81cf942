"""Classes of two sides matched by name: numbers mean something within one data set alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import UserError

_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Matched:
    """Which examples have a class that the network knows, and its number there.

    `rows` int64 are the places of these examples, `labels` int32 `[len(rows)]` their numbers among the
    network's classes; `unknown` names classes of the data that it does not know, `missing` those that it
    knows and the data has not.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int32]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]

    def note(self, count: int) -> str:
        """One line that says over what a figure is, "" where both sides have the same classes."""
        parts = []
        if self.unknown:
            left = count - len(self.rows)
            parts.append(
                f"classes that the run does not know are left out, {left:,} drawings: {_names(self.unknown)}"
            )
        if self.missing:
            parts.append(f"classes that the data lacks: {_names(self.missing)}")
        return (
            f"{'; '.join(parts)}; figures are over {len(self.rows):,} of {count:,} drawings" if parts else ""
        )


def match_classes(labels: NDArray[np.int32], given: Sequence[str], known: Sequence[str]) -> Matched:
    """Match `labels` int32 `[n]`, numbers among the classes `given`, with the classes `known` by name.

    Raises `UserError` where no example has a known class.
    """
    place = {name: number for number, name in enumerate(known)}
    numbers = np.array([place.get(name, -1) for name in given], np.int32)
    found = numbers[labels]
    rows = np.flatnonzero(found >= 0)
    if not len(rows):
        raise UserError(
            f"the run knows none of these classes: it knows {_names(known)}, the data has {_names(given)}"
        )
    return Matched(
        rows,
        found[rows],
        tuple(name for name in given if name not in place),
        tuple(name for name in known if name not in set(given)),
    )


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
