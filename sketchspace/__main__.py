"""Find things by drawing them.

sketchspace index PHOTOS [--run=RUN] make a gallery of a folder of photos, or bring it up to date
sketchspace query DRAWING ...        find what looks like a drawing: a picture, an SVG, ndjson or canvas JSON
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from sketchspace import cli
from sketchspace.errors import UserError, printable, unknown_name
from sketchspace.ready import READY_IS, ready

if TYPE_CHECKING:
    from sketchspace.gallery.metadata import GalleryInfo

FLAGS = flags.FLAGS
GALLERIES = Path("galleries")
COMMANDS = ("index", "query")
COUNTED = ("photo", "sketch", "embedded", "kept", "removed", "skipped", "other")
DATASET_FILE = "manifest.json"

flags.DEFINE_string(
    "run",
    None,
    "Run folder, or another folder with an exported encoder; when indexing. Example: --run=runs/shoes",
)
flags.DEFINE_string(
    "views",
    None,
    "What of a picture makes its vector: single (its centre), mean_feature or mean_distance (ten crops, or "
    "two mirror images); by default mean_distance for photos, else single. Example: --views=single",
)
flags.DEFINE_string(
    "gallery",
    None,
    "Gallery folder to write or to ask; by default galleries/<what is indexed> when indexing, the newest "
    "under galleries/ when asking. Example: --gallery=galleries/quickdraw",
)
flags.DEFINE_bool(
    "normalize", False, "Index vectors scaled to length 1, ranking by angle. Example: --normalize"
)
flags.DEFINE_integer(
    "line", 1, "Drawing of an ndjson or CSV query, counted from 1. Example: --line=7", lower_bound=1
)
flags.DEFINE_multi_string(
    "label",
    None,
    "True class of the query, to mark hits right or wrong; once for all queries or once for each. "
    "Example: --label=cat",
)
flags.DEFINE_integer("top", 10, "How many hits to show. Example: --top=20", lower_bound=1)
flags.DEFINE_string(
    "out", "hits.png", "Contact sheet to write (PNG); empty for none. Example: --out=answers/cat.png"
)
flags.DEFINE_bool("json", False, "Print one JSON object a query instead of tables. Example: --json")


def main(argv: list[str]) -> None:
    """Do what the first argument names with the others."""
    if not argv:
        raise UserError("say what to do: sketchspace index PHOTOS --run=RUN, or sketchspace query DRAWING")
    command, *given = argv
    if command not in COMMANDS:
        raise unknown_name("command", command, COMMANDS)
    if command == "query":
        if not given:
            raise UserError("give a drawing to look for, such as: sketchspace query sketch.png")
        ask(given, "sketchspace query ")
    elif len(given) != 1:
        raise UserError("give one folder of photos: sketchspace index PHOTOS --run=RUN")
    elif (Path(given[0]) / DATASET_FILE).is_file():
        raise UserError(
            f"{given[0]} is a data set folder; in a checkout of the project it is indexed with: "
            f"python retrieve.py --run={FLAGS.run or 'RUN'} --index={given[0]}"
        )
    else:
        say_indexed(index(Path(given[0])), gallery_folder(Path(given[0])), "sketchspace query sketch.png")


def gallery_folder(source: Path) -> Path:
    """Where the gallery of something is written."""
    return Path(FLAGS.gallery or GALLERIES / source.resolve().name)


def index(photos: Path) -> GalleryInfo:
    """Make or bring up to date the gallery of a folder of photos."""
    from sketchspace.gallery.photo_index import index_photos

    encoder = FLAGS.run or ready()
    if not FLAGS.run:
        tell(f"encoder: {encoder} ({READY_IS}; --run takes another)")
    ways = {"views": FLAGS.views, "normalize": FLAGS.normalize}
    return index_photos(photos, encoder, gallery_folder(photos), tell=tell, **ways).info


def say_indexed(info: GalleryInfo, folder: Path, asking: str) -> None:
    """What was written, and how it is asked."""
    if not info.encoder_fingerprint and FLAGS.run:
        tell(f"note: nothing is known about what run {info.run} was trained on, these pictures perhaps")
    counts = ", ".join(f"{info.counts[name]:,} {name}" for name in COUNTED if name in info.counts)
    print(f"wrote {folder} with {info.num_items:,} items of {info.dataset} ({counts}; views: {info.views})")
    print(f"next: {asking} --gallery={shlex.quote(str(folder))}")


def ask(drawings: Sequence[str], asking: str) -> None:
    """Answer queries: tables or JSON on standard output first, then the contact sheet.

    `asking` is how the command that asks begins, for the hint at the end.
    """
    from sketchspace.answers.answer import answer, check_sheet_path, json_line, true_classes, write_answers
    from sketchspace.encoder.query import read_query
    from sketchspace.gallery.gallery import Gallery, newest_gallery

    if FLAGS.out:
        check_sheet_path(Path(FLAGS.out))
    folder = Path(FLAGS.gallery) if FLAGS.gallery else newest_gallery(GALLERIES)
    if not FLAGS.gallery:
        tell(f"gallery: {folder} (the newest; --gallery chooses another)")
    gallery = Gallery.open(folder)
    classes = true_classes(FLAGS.label or [], len(drawings), gallery.info.classes)
    queries = [read_query(Path(name), gallery.card, FLAGS.line) for name in drawings]
    for query in queries:
        for note in query.notes:
            tell(f"note: {query.name}: {note}")
    answers = answer(gallery, queries, FLAGS.top, classes)
    if FLAGS.json:
        print("\n".join(json_line(found.to_json(gallery)) for found in answers))
    else:
        print("\n\n".join(found.to_text() for found in answers))
    close = tell if FLAGS.json else print
    sys.stdout.flush()
    if FLAGS.out:
        write_answers(Path(FLAGS.out), gallery, answers)
        close(f"wrote {FLAGS.out}")
    again = [drawings[0], f"--gallery={folder}", f"--top={2 * FLAGS.top}"]
    close(f"next: {asking}{shlex.join(again)}")


def tell(message: str) -> None:
    """A line for the user that is no result."""
    print(printable(message), file=sys.stderr)


def console() -> None:
    """Entry point of `sketchspace`."""
    cli.run(main)


if __name__ == "__main__":
    console()
