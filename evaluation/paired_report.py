"""What a paired evaluation leaves behind: figures, a line for every query, and a sheet to look at."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.definitions import define
from evaluation.paired import PairedReport, Side
from evaluation.plots.pairs import PairRow, save_pairs
from sketchspace.files import whole_folder, write_bytes, write_json

ROWS = 4
"""Queries in each group of the sheet: the best, those in the middle, the worst."""
Pixels = NDArray[np.uint8]
Shown = Callable[[Sequence[str]], Mapping[str, Pixels]]


def write_paired_report(
    report: PairedReport, folder: Path, provenance: Mapping[str, Any], shown: Shown | None = None
) -> None:
    """Write `metrics.json`, `per_query.csv` and `queries.png` into `folder`, whole or not at all.

    `provenance` (fingerprint, command, seed, ...) is stored beside the figures. `shown` gives pictures of
    photos for people by their keys; what it does not give is shown as the network sees it.
    """
    figures = report.figures()
    with whole_folder(folder) as partial:
        metrics = {
            **figures,
            **provenance,
            "views": report.views,
            "intervals": report.intervals(),
            "baselines": report.baselines,
            "definitions": define(figures),
        }
        write_json(partial / "metrics.json", metrics)
        write_bytes(partial / "per_query.csv", _per_query_csv(report).encode())
        _save_sheet(partial / "queries.png", report, shown)


def _ranks(report: PairedReport) -> NDArray[np.float64]:
    """Place of each sketch's own photo, from 1; NaN where it has none."""
    return report.forward.ranking.per_query["first_rank"]


def own_photos(report: PairedReport) -> list[int | None]:
    """For each sketch the row of its own photo; without instances, of the first photo of its class."""
    paired = report.forward.ranking.has_instances

    def objects(side: Side) -> list[tuple[int, int]]:
        instances = side.instances if paired else np.zeros_like(side.instances)
        return list(zip(side.labels.tolist(), instances.tolist(), strict=True))

    first = {found: row for row, found in reversed(list(enumerate(objects(report.photos))))}
    return [first.get(wanted) if wanted[1] >= 0 else None for wanted in objects(report.sketches)]


def _per_query_csv(report: PairedReport) -> str:
    """One row a sketch: its key and class, its own photo and the photo's place, and what was found first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = ["key", "class", "photo", "rank", "first"]
    if report.shares is not None:
        columns.append("triplet_accuracy")
    writer.writerow(columns)
    keys = report.photos.keys
    for row, (own, rank) in enumerate(zip(own_photos(report), _ranks(report), strict=True)):
        found = [report.sketches.keys[row], report.classes[report.sketches.labels[row]]]
        place = "" if np.isnan(rank) else str(int(rank))
        found += ["" if own is None else keys[own], place, keys[report.first[row, 0]]]
        if report.shares is not None:
            found.append("" if np.isnan(report.shares[row]) else f"{report.shares[row]:.4f}")
        writer.writerow(found)
    return text.getvalue()


def _groups(ranks: NDArray[np.float64]) -> list[tuple[str, list[int]]]:
    """Rows of the best, the middle and the worst queries; none twice."""
    order = [int(row) for row in np.argsort(ranks, kind="stable") if not np.isnan(ranks[row])]
    if len(order) <= 3 * ROWS:
        return [("All queries, best first", order)]
    middle = (len(order) - ROWS) // 2
    return [
        ("Best", order[:ROWS]),
        ("In the middle", order[middle : middle + ROWS]),
        ("Worst", order[-ROWS:]),
    ]


def _last(key: str) -> str:
    """The last part of a key that is a path, without a suffix, which there is no room for."""
    return PurePosixPath(key).stem


def _save_sheet(path: Path, report: PairedReport, shown: Shown | None) -> None:
    ranks, own, first = _ranks(report), own_photos(report), report.first
    groups = _groups(ranks)
    rows = [row for _, members in groups for row in members]
    wanted = {int(photo) for row in rows for photo in (own[row], *first[row]) if photo is not None}
    keys = report.photos.keys
    pictures = shown([keys[photo] for photo in sorted(wanted)]) if shown else {}

    def look(photo: int) -> Pixels:
        return pictures.get(keys[photo], report.photos.images[photo])

    def pair(row: int) -> PairRow:
        mine = own[row]
        assert mine is not None
        found = first[row].tolist()
        return PairRow(
            name=_last(report.sketches.keys[row]),
            query=report.sketches.images[row],
            own=look(mine),
            rank=int(ranks[row]),
            first=[look(photo) for photo in found],
            names=[_last(keys[photo]) for photo in found],
            own_place=found.index(mine) if mine in found else None,
        )

    drawn = [(heading, [pair(row) for row in members]) for heading, members in groups]
    figures = report.figures()
    title = f"{len(ranks):,} sketches, {len(keys):,} photos"
    note = "own photo first for {acc_at_1:.1%}, among the first ten for {acc_at_10:.1%}; it is framed green"
    save_pairs(path, drawn, title, note.format(**figures))
