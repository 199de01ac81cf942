"""Index a data set or a folder of photos with a trained encoder, or find in it by drawing."""

from __future__ import annotations

from pathlib import Path

from absl import flags

import sketchspace.__main__ as command
from sketchspace import cli
from sketchspace.errors import UserError
from sketchspace.ready import READY

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(command)
flags.DEFINE_string(
    "index", None, "Data set or folder of photos to make a gallery of. Example: --index=data/qmul"
)
flags.DEFINE_string("split", "test", "Split of the data set to index. Example: --split=train")
flags.DEFINE_string(
    "domain",
    None,
    "Index photo, sketch or all of a data set; by default its photos if it has any. Example: --domain=all",
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


def main(argv: list[str]) -> None:
    """Check which of the two things is asked for, and do it."""
    if argv:
        raise UserError(f"unexpected argument '{argv[0]}'; every argument is a flag, see --help")
    indexing, asking = bool(FLAGS.run or FLAGS.index), bool(FLAGS.query)
    if indexing == asking:
        raise UserError(
            "give --index=PHOTOS or --run=RUN --index=DATA to make a gallery, or --query=DRAWING to ask"
        )
    if asking:
        command.ask(FLAGS.query, "python retrieve.py --query=")
    elif not FLAGS.index:
        raise UserError("--index is missing; give what to make a gallery of, such as --index=photos/")
    else:
        index(Path(FLAGS.index))


def index(source: Path) -> None:
    """Make a gallery of a data set folder, or of a folder of photos; photos need no run."""
    folder = command.gallery_folder(source)
    if (source / command.DATASET_FILE).is_file():
        if not FLAGS.run:
            raise UserError("--run is missing; a gallery of a data set needs the encoder of a run")
        from sketchspace.encoder.views import check_mode
        from tfrecords.gallery_items import build_gallery

        info = build_gallery(
            Path(FLAGS.run),
            source,
            FLAGS.split,
            folder,
            domain=FLAGS.domain,
            allow_other_data=FLAGS.allow_other_data,
            views=check_mode(FLAGS.views) if FLAGS.views else None,
            normalize=FLAGS.normalize,
        )
    else:
        if not FLAGS.run and source.is_dir():
            make_ready()
        info = command.index(source)
    command.say_indexed(info, folder, "python retrieve.py --query=sketch.png")


def make_ready() -> None:
    """Make the encoder that needs no training, if it is not there."""
    if READY.exists():
        return
    from models.efficientnet_lite.ready import make

    command.tell(f"no --run: making {READY}, once")
    for line in make(READY):
        command.tell(line)


if __name__ == "__main__":
    cli.run(main)
