"""The share of drawings that keep their class when they are photographed, scanned, ruled or framed.

Drawings of a data set are put on paper under each condition (`studies.paper.conditions`), read as a query is,
and looked for in a gallery. One keeps its class where the nearest item has it. Writes `paper.csv`,
`paper.json` and `paper.png`, pages of each condition beside what the network sees of them.
Example: python -m studies.paper --gallery=galleries/sample --data=data/sample --count=640
"""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from absl import flags
from numpy.typing import NDArray

from sketchspace import cli
from sketchspace.answers.grid import GridBlock, GridRow, GridTile, write_grid
from sketchspace.encoder.inputs import Drawings
from sketchspace.errors import UserError
from sketchspace.files import write_json
from sketchspace.gallery.gallery import Gallery
from sketchspace.pictures.bitmaps import load_drawing
from sketchspace.sketch.strokes import Sketch
from sketchspace.tables import columns
from studies.paper.conditions import CONDITIONS, photographed
from studies.tables import rows_as_csv
from tfrecords.dataset import DatasetFolder

FLAGS = flags.FLAGS
if __name__ == "__main__":
    flags.DEFINE_string("gallery", None, "Gallery to ask. Example: --gallery=galleries/sample")
    flags.DEFINE_string("data", None, "Data set folder with strokes. Example: --data=data/sample")
    flags.DEFINE_string("split", "test", "Which split the drawings are of. Example: --split=validation")
    flags.DEFINE_integer("count", 640, "How many drawings, drawn at random.", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "Which drawings, and what happens to each.")
    flags.DEFINE_integer("workers", 2, "Processes that draw and read pictures.", lower_bound=1)
    flags.DEFINE_string("out", "studies-out/paper", "Folder for table and picture.")

Pixels = NDArray[np.uint8]
SHOWN = 6
"""Drawings on the sheet."""


@dataclass(frozen=True)
class Kept:
    """Under a condition: how many of `drawings` kept their class, and how often what was noted."""

    condition: str
    kept: int
    drawings: int
    notes: dict[str, int]


def main(argv: list[str]) -> None:
    """Check the flags, measure, write and print the table."""
    cli.check_flags(argv, "gallery", "data")
    Path(FLAGS.out).mkdir(parents=True, exist_ok=True)
    gallery, folder = Gallery.open(FLAGS.gallery), DatasetFolder.open(Path(FLAGS.data))
    if gallery.card.reads_strokes:
        raise UserError(f"{FLAGS.gallery} answers strokes; give a gallery of a model of pictures")
    drawings = chosen(folder, FLAGS.split, FLAGS.count, FLAGS.seed)
    found: list[Kept] = []
    seen: dict[str, tuple[Pixels, ...]] = {}
    with ProcessPoolExecutor(FLAGS.workers) as pool:
        for condition in CONDITIONS:
            read = partial(as_seen, condition=condition, size=gallery.card.image_size)
            pictures, notes = zip(*pool.map(read, drawings, chunksize=8), strict=True)
            found.append(measured(gallery, condition, drawings, np.stack(pictures), notes))
            seen[condition] = pictures[:SHOWN]
            print(f"{condition}: {found[-1].kept} of {len(drawings)}", file=sys.stderr)
    write(Path(FLAGS.out), found, folder)
    picture = Path(FLAGS.out) / "paper.png"
    write_grid(picture, [GridBlock(rows_of(drawings, seen))], "Drawings on paper, and what the network sees")
    rows = [(line.condition, f"{line.kept / line.drawings:.1%}", _first(line.notes)) for line in found]
    print(columns([("condition", "keep their class", "most often noted"), *rows]))
    print(f"wrote {FLAGS.out}")


@dataclass(frozen=True, eq=False)
class Drawing:
    """A drawing of the data set and its class; `seed` says what happens to it."""

    points: NDArray[np.float32]
    class_name: str
    seed: int


def chosen(folder: DatasetFolder, split: str, count: int, seed: int) -> list[Drawing]:
    """Drawings of a split in an order drawn from `seed`; `UserError` where there are fewer than `count`."""
    records = [record for record in folder.records(split) if record.strokes is not None]
    if len(records) < count:
        raise UserError(f"{folder.path} has {len(records)} drawings with strokes in '{split}'; lower --count")
    places = np.random.default_rng(seed).permutation(len(records))[:count]
    return [
        Drawing(folder.strokes_of(records[place]), records[place].class_name, int(place)) for place in places
    ]


def as_seen(drawing: Drawing, condition: str, size: int) -> tuple[Pixels, tuple[str, ...]]:
    """What a network of pictures of `size` px gets of a drawing under a condition, and what was noted."""
    try:
        loaded = load_drawing(photographed(Sketch.from_points(drawing.points), condition, drawing.seed), size)
    except UserError as error:
        return np.full((size, size), 255, np.uint8), (f"refused: {error}",)
    return loaded.pixels, loaded.notes


def measured(
    gallery: Gallery,
    condition: str,
    drawings: list[Drawing],
    pictures: Pixels,
    notes: tuple[tuple[str, ...], ...],
) -> Kept:
    """How many drawings have their class in the nearest item of a gallery."""
    vectors = gallery.encode(gallery.embedder, Drawings(pictures)).embedding
    _, nearest = gallery.kneighbors(vectors, 1)
    kept = sum(
        gallery.items[int(item)].class_name == drawing.class_name
        for item, drawing in zip(nearest[:, 0], drawings, strict=True)
    )
    return Kept(condition, kept, len(drawings), dict(Counter(note for some in notes for note in some)))


def write(out: Path, found: list[Kept], folder: DatasetFolder) -> None:
    """Write the table as csv and json into `out`."""
    rows = [(line.condition, line.kept, line.drawings) for line in found]
    rows_as_csv(out / "paper.csv", ("condition", "kept", "drawings"), rows)
    facts = {"command": shlex.join(["python", "-m", "studies.paper", *sys.argv[1:]])}
    facts |= {"dataset": folder.manifest.name, "fingerprint": folder.manifest.fingerprint}
    write_json(out / "paper.json", facts | {"conditions": [vars(line) for line in found]})


def rows_of(drawings: list[Drawing], seen: dict[str, tuple[Pixels, ...]]) -> tuple[GridRow, ...]:
    """A row for each condition: some drawings, each beside what the network sees of it."""
    rows = []
    for condition, pictures in seen.items():
        groups = []
        for drawing, pixels in zip(drawings[:SHOWN], pictures, strict=False):
            page = photographed(Sketch.from_points(drawing.points), condition, drawing.seed)
            groups.append(
                (GridTile(cv2.cvtColor(page, cv2.COLOR_RGB2GRAY), "page"), GridTile(pixels, "seen"))
            )
        rows.append(GridRow(condition, tuple(groups)))
    return tuple(rows)


def _first(notes: dict[str, int]) -> str:
    usual = ("cropped to the ink", "thin lines thickened", "thick lines thinned")
    others = {note: count for note, count in notes.items() if note not in usual}
    return max(others, key=lambda note: others[note]) if others else ""


if __name__ == "__main__":
    cli.run(main)
