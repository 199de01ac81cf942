"""What stands beside the pictures of the QMUL sets: edge maps, triplets, attributes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sketchspace.arrays.mat import read_mat
from sketchspace.errors import UserError, shown

MAX_JSON_BYTES = 256 << 20
SIDE = 256


@dataclass(frozen=True)
class Annotation:
    """One split of an annotation file: numbers of photos and sketches in order, and triplets.

    `triplets` int64 `[sketches, rows, 2]`: for each sketch, indices of a closer and of a farther photo.
    """

    images: tuple[int, ...]
    sketches: tuple[int, ...]
    triplets: NDArray[np.int64]

    def among(self, anchors: frozenset[int], photos: frozenset[int]) -> NDArray[np.int64]:
        """Triplets of these sketches and photos as published numbers, `[triplets, 3]`.

        The columns are anchor, closer photo, farther photo.
        """
        rows = self.triplets.shape[1]
        first = np.repeat(np.array(self.sketches, np.int64), rows)
        pairs = np.array(self.images, np.int64)[self.triplets.reshape(-1, 2)]
        kept = np.isin(first, list(anchors)) & np.isin(pairs, list(photos)).all(axis=1)
        return np.concatenate([first[:, None], pairs], axis=1)[kept]


def read_annotation(path: Path, origin: str) -> dict[str, Annotation]:
    """The splits `train` and `test` of `<set>_annotation.json`.

    Raises `UserError` where the file is not in the published form or a triplet names no photo of its split.
    """
    usage = "expected train and test with images, sketches and triplets [sketches, rows, 2]"
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ValueError(f"it has more than {MAX_JSON_BYTES >> 20} MB")
        values = json.loads(path.read_bytes())
        return {split: _split(values[split], f"{origin}, {split}") for split in ("train", "test")}
    except (ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError) as error:
        raise UserError(f"{origin} is no annotation of this data: {shown(error)}; {usage}") from None


def _split(values: dict[str, Any], place: str) -> Annotation:
    images, sketches = (tuple(_number(name) for name in values[key]) for key in ("images", "sketches"))
    triplets = np.array(values["triplets"])
    if triplets.dtype.kind != "i" or triplets.ndim != 3 or triplets.shape[2] != 2:
        raise ValueError(f"its triplets have shape {triplets.shape} and type {triplets.dtype}")
    if len(triplets) != len(sketches):
        raise UserError(
            f"{place}: {len(triplets)} lists of triplets for {len(sketches)} sketches; get the file again"
        )
    if len(set(images)) < len(images) or len(set(sketches)) < len(sketches):
        raise UserError(f"{place}: a picture is listed twice; get the annotation again")
    wrong = triplets[(triplets < 0) | (triplets >= len(images))]
    if len(wrong):
        raise UserError(
            f"{place}: a triplet names photo {wrong[0]}, there are {len(images)}; "
            "is it the annotation of another set?"
        )
    return Annotation(images, sketches, triplets.astype(np.int64))


def _number(name: str) -> int:
    return int(name.rpartition("/")[2].partition(".")[0])


def check_belongs(annotation: Annotation, photos: set[int], sketches: set[int], place: str) -> None:
    """Raise `UserError` where pictures are not in the annotation: it is that of another set.

    The published annotation of the handbags is a copy of that of the shoes.
    """
    for kind, listed, there in (
        ("photos", annotation.images, photos),
        ("sketches", annotation.sketches, sketches),
    ):
        if not there <= set(listed):
            raise UserError(
                f"{place} lists {len(listed)} {kind} from {min(listed, default=0)} to "
                f"{max(listed, default=0)}, the data has {len(there)} from {min(there)} to {max(there)}: it "
                "belongs to another set (the published one of the handbags is that of the shoes); leave "
                "the file or the class out"
            )


def read_edges(path: Path, origin: str, count: int) -> NDArray[np.uint8]:
    """Edge maps of `count` photos, uint8 `[count, 256, 256]`, 255 paper; another shape is a `UserError`."""
    edges = read_mat(path, max_bytes=(count + 1) * SIDE * SIDE)
    if edges.dtype != np.uint8 or edges.shape != (count, SIDE, SIDE):
        shape = "x".join(map(str, edges.shape))
        raise UserError(
            f"{origin} holds {edges.dtype} {shape}, expected uint8 {count}x{SIDE}x{SIDE}: one for each photo"
        )
    return edges


def read_attributes(path: Path, origin: str, numbers: tuple[int, ...]) -> dict[str, Any]:
    """Binary attributes of photos whose published `numbers` are given in order: names and values.

    The file names none; they are numbered from 1. Raises `UserError` for another number of rows.
    """
    table = read_mat(path, ("label", "labels"), max_bytes=64 << 20)
    if table.ndim != 2 or len(table) != len(numbers) or not np.isin(table, (0, 1)).all():
        shape = "x".join(map(str, table.shape))
        raise UserError(f"{origin} holds {shape} values, expected a row of 0 and 1 for {len(numbers)} photos")
    names = [f"attribute {number}" for number in range(1, table.shape[1] + 1)]
    rows = table.astype(int).tolist()
    return {"names": names, "values": {str(n): row for n, row in zip(numbers, rows, strict=True)}}
