"""Names of classes: which are valid, which are chosen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from unicodedata import normalize

import numpy as np

from preprocess.spec import Options
from sketchspace.errors import UserError, unknown_name

MAX_NAME = 100


def clean_name(name: str) -> str | None:
    """A class name with single spaces, or None for one that is empty, too long or not printable.

    Letters are composed (Unicode's form C), so that "é" is one name however a system writes it.
    """
    plain = " ".join(normalize("NFC", name).split())
    return plain if plain and len(plain) <= MAX_NAME and plain.isprintable() else None


@lru_cache(maxsize=1)
def official_names() -> tuple[str, ...]:
    """The 345 class names of Quick, Draw!, sorted."""
    text = (Path(__file__).parent / "quickdraw_categories.txt").read_text(encoding="utf-8")
    return tuple(sorted(line for line in text.splitlines() if line))


def same_but_for_case(names: Iterable[str]) -> list[list[str]]:
    """Groups of names that differ in small and capital letters alone, sorted."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(name.casefold(), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def choose_classes(names: Iterable[str], options: Options) -> tuple[str, ...]:
    """The asked-for or drawn ones of `names`, sorted; all of them where nothing was asked for.

    Raises `UserError` for a class that is not among `names`, with the nearest, and for more classes than
    there are.
    """
    known = sorted(set(names))
    for name in options.classes:
        if name not in known:
            raise unknown_name("class", name, known)
    chosen = sorted(set(options.classes)) or known
    if options.num_classes > len(chosen):
        raise UserError(
            f"--num_classes={options.num_classes} is more than the {len(chosen)} classes that there are; "
            "ask for fewer"
        )
    return tuple(draw_classes(chosen, options.num_classes, options.seed) if options.num_classes else chosen)


def draw_classes(names: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` of the sorted `names`, drawn without replacement by `seed`, sorted again."""
    chosen = np.random.default_rng(seed).choice(len(names), count, replace=False)
    ordered = sorted(names)
    return [ordered[number] for number in sorted(chosen.tolist())]
