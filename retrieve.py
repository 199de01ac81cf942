"""Index a data set or a folder of photos with a trained encoder, or find in it by drawing."""

from __future__ import annotations

from pathlib import Path

from absl import flags

import sketchspace.__main__ as command
from sketchspace import cli
from sketchspace.errors import UserError

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
        raise UserError("give --run=RUN --index=DATA to make a gallery, or --query=DRAWING to ask one")
    if asking:
        command.ask(FLAGS.query, "python retrieve.py --query=")
    elif FLAGS.run and FLAGS.index:
        index(Path(FLAGS.index))
    else:
        raise UserError(
            f"--{'index' if FLAGS.run else 'run'} is missing; a gallery needs both --run and --index"
        )


def index(source: Path) -> None:
    """Make a gallery of a data set folder, or of a folder of photos."""
    folder = command.gallery_folder(source)
    if (source / command.DATASET_FILE).is_file():
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
        info = command.index(source)
    command.say_indexed(info, folder, "python retrieve.py --query=sketch.png")


if __name__ == "__main__":
    cli.run(main)
