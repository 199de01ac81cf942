"""Index a data set or a folder of photos with a trained encoder, or find in it by drawing."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from absl import flags

from sketchspace import cli
from sketchspace.errors import UserError

FLAGS = flags.FLAGS
GALLERIES = Path("galleries")

flags.DEFINE_string("run", None, "Run folder made by train.py; with --index. Example: --run=runs/sknet")
flags.DEFINE_string(
    "index", None, "Data set or folder of photos to make a gallery of. Example: --index=data/qmul"
)
flags.DEFINE_string("split", "test", "Split of the data set to index. Example: --split=train")
flags.DEFINE_string(
    "domain",
    None,
    "Index photo, sketch or all of a data set; by default its photos if it has any. Example: --domain=all",
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
    "Gallery folder to write or to ask; by default galleries/<data set> when indexing, the newest under "
    "galleries/ when asking. Example: --gallery=galleries/quickdraw",
)
flags.DEFINE_bool(
    "normalize", False, "Index vectors scaled to length 1, ranking by angle. Example: --normalize"
)
flags.DEFINE_bool(
    "allow_other_data",
    False,
    "Index a data set that the encoder was not trained on. Example: --allow_other_data",
)
flags.DEFINE_multi_string(
    "query",
    None,
    "Drawing to look for: png, jpg, webp, bmp, gif, svg, ndjson or canvas json; may be given several times. "
    "Example: --query=sketch.png",
)
flags.DEFINE_integer("line", 1, "Line of an ndjson query, counted from 1. Example: --line=7", lower_bound=1)
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
    """Check which of the two things is asked for, and do it."""
    if argv:
        raise UserError(f"unexpected argument '{argv[0]}'; every argument is a flag, see --help")
    indexing, asking = bool(FLAGS.run or FLAGS.index), bool(FLAGS.query)
    if indexing == asking:
        raise UserError("give --run=RUN --index=DATA to make a gallery, or --query=DRAWING to ask one")
    if asking:
        ask()
    elif FLAGS.run and FLAGS.index:
        index()
    else:
        raise UserError(
            f"--{'index' if FLAGS.run else 'run'} is missing; a gallery needs both --run and --index"
        )


def index() -> None:
    """Make a gallery."""
    from sketchspace.encoder.views import check_mode
    from tfrecords import manifest
    from tfrecords.gallery_items import build_gallery

    data, run = Path(FLAGS.index), Path(FLAGS.run)
    folder = Path(FLAGS.gallery or GALLERIES / data.resolve().name)
    ways = {"views": check_mode(FLAGS.views) if FLAGS.views else None, "normalize": FLAGS.normalize}
    if (data / manifest.FILE_NAME).is_file():
        chosen = {"domain": FLAGS.domain, "allow_other_data": FLAGS.allow_other_data}
        info = build_gallery(run, data, FLAGS.split, folder, **chosen, **ways)
    else:
        from sketchspace.gallery.photo_index import index_photos

        info = index_photos(run, data, folder, tell=tell, **ways)
    if not info.encoder_fingerprint:
        tell(f"note: nothing is known about what run {info.run} was trained on, these pictures perhaps")
    counts = ", ".join(f"{number:,} {name}" for name, number in info.counts.items())
    print(f"wrote {folder} with {info.num_items:,} items of {info.dataset} ({counts}; views: {info.views})")
    print(f"next: python retrieve.py --query=sketch.png --gallery={shlex.quote(str(folder))}")


def ask() -> None:
    """Answer queries: tables or JSON on standard output first, then the contact sheet."""
    from sketchspace.answers.answer import answer, check_sheet_path, true_classes, write_answers
    from sketchspace.answers.query import read_query
    from sketchspace.gallery.gallery import Gallery, newest_gallery

    if FLAGS.out:
        check_sheet_path(Path(FLAGS.out))
    folder = Path(FLAGS.gallery) if FLAGS.gallery else newest_gallery(GALLERIES)
    if not FLAGS.gallery:
        tell(f"gallery: {folder} (the newest; --gallery chooses another)")
    gallery = Gallery.open(folder)
    classes = true_classes(FLAGS.label or [], len(FLAGS.query), gallery.info.classes)
    queries = [read_query(Path(name), gallery.card, FLAGS.line) for name in FLAGS.query]
    for query in queries:
        for note in query.notes:
            tell(f"note: {query.name}: {note}")
    answers = answer(gallery, queries, FLAGS.top, classes)
    if FLAGS.json:
        print("\n".join(json.dumps(found.to_json(gallery), ensure_ascii=False) for found in answers))
    else:
        print("\n\n".join(found.to_text() for found in answers))
    close = tell if FLAGS.json else print
    sys.stdout.flush()
    if FLAGS.out:
        write_answers(Path(FLAGS.out), gallery, answers)
        close(f"wrote {FLAGS.out}")
    again = [f"--query={FLAGS.query[0]}", f"--gallery={folder}", f"--top={2 * FLAGS.top}"]
    close(f"next: python retrieve.py {shlex.join(again)}")


def tell(message: str) -> None:
    """A line for the user that is no result."""
    print(message, file=sys.stderr)


def console() -> None:
    """Entry point of `sketchspace-retrieve`."""
    cli.run(main)


if __name__ == "__main__":
    console()
