"""Which split an example belongs to: a function of its rank, never of the file that it came from."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from preprocess.spec import SPLIT_NAMES, ZERO_SHOT, Rows
from sketchspace.errors import UserError, unknown_name

Shares = dict[str, float]
Counts = dict[str, int]
ASKED = SPLIT_NAMES[:ZERO_SHOT]
"""The splits that can be asked for."""
SPLIT_FOLDERS = {"train": 0, "training": 0, "validation": 1, "valid": 1, "val": 1, "test": 2, "testing": 2}
"""Names of folders that say a split (in small letters), and its number in `SPLIT_NAMES`."""


class Splitter(Protocol):
    """Gives rows, in ascending rank, their split: `assign(rows, label)` is int8, -1 for no split.

    `short` says how many examples are missing by split, after all rows have passed.
    """

    names: tuple[str, ...]

    def assign(self, rows: Rows, label: NDArray[np.int32]) -> NDArray[np.int8]:
        """The number in `SPLIT_NAMES` of each row; `label` int32, one a row, all 0 or more."""

    def short(self) -> dict[str, int]:
        """Notes: what is fewer than asked for."""


class Given:
    """The splits that the source came with."""

    names: tuple[str, ...] = ASKED

    def assign(self, rows: Rows, label: NDArray[np.int32]) -> NDArray[np.int8]:
        """The rows' own splits; raises `UserError` where only a part of the source has them."""
        if (rows["split"] < 0).any():
            raise UserError(
                "some sources are split into train, validation and test folders, some are not; give one kind"
            )
        return np.asarray(rows["split"], np.int8)

    def short(self) -> dict[str, int]:
        """Nothing was asked for."""
        return {}


class ByShare:
    """Fractions of the range of ranks: test from 0 on, then validation, then train."""

    def __init__(self, shares: Shares) -> None:
        self.names = tuple(name for name in SPLIT_NAMES if shares.get(name))
        self._order = [SPLIT_NAMES.index(name) for name in reversed(self.names)]
        ends = np.cumsum([shares[SPLIT_NAMES[number]] for number in self._order])
        self._ends = ends[:-1]

    def assign(self, rows: Rows, label: NDArray[np.int32]) -> NDArray[np.int8]:
        """Where each rank falls."""
        part = rows["rank"].astype(np.float64) / 2.0**64
        return np.array(self._order, np.int8)[np.searchsorted(self._ends, part, side="right")]

    def short(self) -> dict[str, int]:
        """Shares have no number to fall short of."""
        return {}


class ByCount:
    """So many of each class, lowest ranks first: test is filled, then validation, then train.

    Asking for more training examples therefore never changes what is tested on.
    """

    def __init__(self, counts: Counts, num_classes: int) -> None:
        self.names = tuple(name for name in SPLIT_NAMES if counts.get(name))
        order = [SPLIT_NAMES.index(name) for name in reversed(self.names)]
        self._split = np.array([*order, -1], np.int8)
        self._ends = np.cumsum([counts[SPLIT_NAMES[number]] for number in order])
        self._seen = np.zeros(num_classes, np.int64)

    def assign(self, rows: Rows, label: NDArray[np.int32]) -> NDArray[np.int8]:
        """Each row's place among those of its class decides."""
        by_label = np.argsort(label, kind="stable")
        counts = np.bincount(label, minlength=len(self._seen))
        place = np.empty(len(label), np.int64)
        place[by_label] = np.arange(len(label)) - np.repeat(np.cumsum(counts) - counts, counts)
        place += self._seen[label]
        self._seen += counts
        return self._split[np.searchsorted(self._ends, place, side="right")]

    def short(self) -> dict[str, int]:
        """`short_<split>` examples are missing, in `short_<split>_classes` classes."""
        notes, low = {}, 0
        for number, end in zip(self._split, self._ends.tolist(), strict=False):
            missing = (end - low) - np.clip(self._seen - low, 0, end - low)
            if missing.any():
                notes[f"short_{SPLIT_NAMES[number]}"] = int(missing.sum())
                notes[f"short_{SPLIT_NAMES[number]}_classes"] = int((missing > 0).sum())
            low = end
        return notes


class HeldOut:
    """Another splitter for all classes but those held out, which go into `zeroshot` as they are."""

    def __init__(self, others: Splitter, held: NDArray[np.bool_]) -> None:
        """`held` says it of each label; `others` is made for the number of the other classes."""
        self.names = (*others.names, SPLIT_NAMES[ZERO_SHOT])
        self._others, self._held = others, held
        self._label = np.cumsum(~held, dtype=np.int32) - 1

    def assign(self, rows: Rows, label: NDArray[np.int32]) -> NDArray[np.int8]:
        """The others' split, or that of the classes held out."""
        held = self._held[label]
        split = np.full(len(rows), ZERO_SHOT, np.int8)
        split[~held] = self._others.assign(rows[~held], self._label[label[~held]])
        return split

    def short(self) -> dict[str, int]:
        """What the other classes lack."""
        return self._others.short()


def make_splitter(text: str, num_classes: int) -> Splitter:
    """The splitter for `train:600,validation:50,test:150` (each class) or `0.8,0.1,0.1` (shares of all).

    Raises `UserError` for anything else.
    """
    wanted = parse_splits(text)
    if any(isinstance(value, float) for value in wanted.values()):
        return ByShare(wanted)
    return ByCount({name: int(value) for name, value in wanted.items()}, num_classes)


def parse_splits(text: str) -> dict[str, float]:
    """Counts a class (int) or shares (float) by split name, in the order of `ASKED`, without zeros.

    Raises `UserError` where the text is neither.
    """
    usage = (
        f"--splits={text} is neither counts like train:600,validation:50,test:150 "
        "nor fractions like 0.8,0.1,0.1"
    )
    try:
        return _parse_counts(text, usage) if ":" in text else _parse_shares(text, usage)
    except ValueError:
        raise UserError(usage) from None


def _parse_counts(text: str, usage: str) -> dict[str, float]:
    pairs = [part.strip().split(":") for part in text.split(",")]
    counts: dict[str, float] = {name.strip(): int(count) for name, count in pairs}
    unknown = next((name for name in counts if name not in SPLIT_NAMES), None)
    if unknown is not None:
        raise unknown_name("split", unknown, ASKED)
    if len(counts) < len(pairs) or min(counts.values()) < 0 or not any(counts.values()):
        raise UserError(f"{usage}; each split once, with more than nothing in all")
    return {name: counts[name] for name in ASKED if counts.get(name)}


def _parse_shares(text: str, usage: str) -> dict[str, float]:
    shares = [float(part) for part in text.split(",")]
    if len(shares) not in (2, 3) or not min(shares) >= 0 or not abs(sum(shares) - 1) <= 1e-6:
        raise UserError(f"{usage}; fractions must be two (train, test) or three and add up to 1")
    names = ASKED if len(shares) == 3 else ("train", "test")
    return {name: share for name, share in zip(names, shares, strict=True) if share > 0}
