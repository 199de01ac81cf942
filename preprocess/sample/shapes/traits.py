"""Records whose fields say how they vary: the recipe of a random instance is its type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, fields
from functools import cache
from typing import Any, TypeVar

import numpy as np

Record = TypeVar("Record")


def between(low: float, high: float, bend: float = 1.0) -> Any:
    """A float field in `[low, high)`; `bend` above 1 makes values near `low` more common."""
    return field(metadata={"of": lambda u: low + (high - low) * u**bend})


def chance(probability: float) -> Any:
    """A bool field that is true with `probability`."""
    return field(metadata={"of": lambda u: u < probability})


def choice(*values: Any) -> Any:
    """A field that takes one of `values`; repeat a value to make it more common."""
    return field(metadata={"of": lambda u: values[int(u * len(values))]})


def draw_record(kind: type[Record], rng: np.random.Generator) -> Record:
    """A random instance of a dataclass whose fields were made by this module.

    Takes exactly one number from `rng` for each field, in the order of the fields.
    """
    recipes = _recipes(kind)  # type: ignore[arg-type]
    return kind(*(recipe(u) for recipe, u in zip(recipes, rng.random(len(recipes)).tolist(), strict=True)))


@cache
def _recipes(kind: type) -> tuple[Callable[[float], Any], ...]:
    return tuple(item.metadata["of"] for item in fields(kind))
