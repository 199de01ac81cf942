"""Photos in, features out, both as MATLAB files.

Example: python -m sketchspace.mat_features --run=runs/shoes --photos=photos.mat
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from sketchspace import cli
from sketchspace.arrays.mat import read_mat, write_mat
from sketchspace.encoder.embedder import Embedder
from sketchspace.encoder.picture_stacks import prepared, stack_of
from sketchspace.encoder.views import check_mode

FLAGS = flags.FLAGS
flags.DEFINE_string("run", None, "Run folder made by train.py or models.convert. Example: --run=runs/shoes")
flags.DEFINE_string(
    "photos",
    None,
    "MATLAB file whose variable `data` holds grey pictures, uint8 n x h x w or h x w x n, or RGB ones, "
    "n x h x w x 3. Example: --photos=im_data.mat",
)
flags.DEFINE_string("out", "ave_dist_img.mat", "File to write. Example: --out=features.mat")
flags.DEFINE_string(
    "views",
    "mean_feature",
    "What of a picture makes its features: single, mean_feature or mean_distance. Example: --views=single",
)
flags.DEFINE_bool(
    "ready",
    False,
    "The pictures are what the network reads (edge maps, sketches) already. Example: --ready",
)


def main(argv: list[str]) -> None:
    """Read the pictures, embed them, and write `data`, float32 `[n, D]`, in their order."""
    cli.check_flags(argv, "run", "photos")
    views, embedder = check_mode(FLAGS.views), Embedder.open(FLAGS.run)
    pictures = stack_of(read_mat(Path(FLAGS.photos)), FLAGS.photos)
    images = prepared(pictures, embedder.card, FLAGS.ready, FLAGS.photos)
    features = embedder.embed(images, views=views)
    write_mat(Path(FLAGS.out), {"data": features})
    print(f"wrote {FLAGS.out}: data, {len(features):,} x {features.shape[1]} (views: {views})")


if __name__ == "__main__":
    cli.run(main)
