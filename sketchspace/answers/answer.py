"""Queries put to a gallery, and their answers as text, JSON and contact sheet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sketchspace.encoder.embedder import Floats, probabilities
from sketchspace.encoder.query import Query, drawings_of
from sketchspace.errors import UserError, printable, shown, unknown_name
from sketchspace.gallery.contents import Hit
from sketchspace.gallery.gallery import Gallery
from sketchspace.tables import columns

GUESSES = 3
LONGEST = 200
"""Characters of a name or path that are shown in a table."""


@dataclass(frozen=True)
class Guess:
    """What the network's classifier takes the query for, with its probability in 0..1."""

    class_name: str
    probability: float

    def __str__(self) -> str:
        return f"{shown(self.class_name)} {100 * self.probability:.1f} %"


@dataclass(frozen=True, eq=False)
class Answer:
    """A query's hits, best first, and the classifier's guesses (none without a classifier)."""

    query: Query
    hits: tuple[Hit, ...]
    guesses: tuple[Guess, ...]
    true_class: str | None = None

    def is_right(self, hit: Hit) -> bool | None:
        """Whether a hit has the query's class; None where that is not known."""
        return None if self.true_class is None else hit.class_name == self.true_class

    def to_json(self, gallery: Gallery) -> dict[str, Any]:
        """The answer as JSON values; paths of thumbnails start with the gallery's folder."""
        return {
            "query": self.query.name,
            "gallery": str(gallery.folder),
            "model": gallery.info.model,
            "run": gallery.info.run,
            "fingerprint": gallery.info.fingerprint,
            "num_items": gallery.info.num_items,
            "notes": list(self.query.notes),
            "label": self.true_class,
            "predicted": [
                {"class": guess.class_name, "probability": guess.probability} for guess in self.guesses
            ],
            "hits": [self._hit_json(hit, gallery.folder) for hit in self.hits],
        }

    def _hit_json(self, hit: Hit, folder: Path) -> dict[str, Any]:
        photo = {} if hit.photo is None else {"photo": hit.photo}
        return {
            **photo,
            "rank": hit.rank,
            "distance": hit.distance,
            "key": hit.key,
            "label": hit.label,
            "class": hit.class_name,
            "path": str(folder / hit.path),
            "right": self.is_right(hit),
        }

    def to_text(self) -> str:
        """An aligned table under one line about the query."""
        of_photos = any(hit.photo is not None for hit in self.hits)
        rows = [("rank", "distance", "photo" if of_photos else "class", "" if of_photos else "key")]
        for hit in self.hits:
            names = (hit.class_name, hit.key) if hit.photo is None else (hit.photo, "")
            names = shown(names[0], LONGEST), shown(names[1], LONGEST)
            rows.append((f"{hit.rank}", f"{hit.distance:.4f}", *names))
        verdicts = ["", *({None: "", True: "right", False: "wrong"}[self.is_right(hit)] for hit in self.hits)]
        table = columns([(*row, verdict) for row, verdict in zip(rows, verdicts, strict=True)], (2, 3, 4))
        guess = ", ".join(map(str, self.guesses))
        name = printable(self.query.name)
        head = f"{name}: {guess}" if guess else name
        return f"{head}\n{table}"


def answer(
    gallery: Gallery, queries: Sequence[Query], top: int, true_classes: Sequence[str | None]
) -> list[Answer]:
    """The `top` nearest items for each query; `true_classes` has one name or None for each.

    Raises `UserError` for `top` below 1 and for a broken gallery.
    """
    embedder = gallery.embedder
    encoded = gallery.encode(embedder, drawings_of(queries))
    guesses = _guesses(embedder.card.classes, encoded.logits, len(queries))
    found = gallery.search_vectors(encoded.embedding, top)
    return [
        Answer(query, tuple(hits), guess, true_class)
        for query, hits, guess, true_class in zip(queries, found, guesses, true_classes, strict=True)
    ]


def _guesses(classes: Sequence[str], logits: Floats | None, count: int) -> list[tuple[Guess, ...]]:
    if logits is None:
        return [()] * count
    return [
        tuple(Guess(classes[label], float(row[label])) for label in np.argsort(-row, kind="stable")[:GUESSES])
        for row in probabilities(logits)
    ]


def true_classes(labels: Sequence[str], count: int, known: Sequence[str]) -> list[str | None]:
    """One class name or None for each of `count` queries, from the labels given for none, all or each."""
    if labels and not known:
        raise UserError("the photos of this gallery have no classes to compare with; leave --label out")
    for label in labels:
        if label not in known:
            raise unknown_name("class", label, known)
    if len(labels) not in (0, 1, count):
        raise UserError(f"--label is given {len(labels)} times for {count} queries; give one for each")
    return list(labels) if len(labels) > 1 else [labels[0] if labels else None] * count


def check_sheet_path(path: Path) -> None:
    """Refuse a path that no contact sheet can be written to, before anything is computed."""
    if path.suffix.lower() != ".png" or path.is_dir():
        raise UserError(f"{path} is no name for a PNG; a contact sheet is written as .png, such as hits.png")
    for folder in path.absolute().parents:
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{path} cannot be written: {folder} is a file, expected a folder")


def write_answers(path: Path, gallery: Gallery, answers: Sequence[Answer]) -> None:
    """Write one contact sheet of all answers as a PNG."""
    # Pillow is not needed for the answer itself, and the answer is printed before the picture is drawn.
    from sketchspace.answers.sheet import SheetRow, Tile, write_sheet

    rows = []
    for result in answers:
        tiles = tuple(
            Tile(gallery.thumbnail(hit.index), hit.rank, hit.distance, hit.class_name or Path(hit.key).name)
            for hit in result.hits
        )
        guess = "looks like " + str(result.guesses[0]) if result.guesses else ""
        query = result.query
        rows.append(SheetRow(query.name, query.given, query.seen, tiles, result.true_class, guess))
    info = gallery.info
    title = f"{info.model}   ·   gallery {gallery.folder.name}   ·   {info.num_items:,} items"
    write_sheet(path, rows, title)


def json_line(value: Any) -> str:
    """One line of JSON; where it has characters that a terminal could act on, all but ASCII is escaped."""
    line = json.dumps(value, ensure_ascii=False)
    return line if line.isprintable() else json.dumps(value)
