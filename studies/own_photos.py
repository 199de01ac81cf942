"""How well a gallery of photos answers drawings of them: each drawing's own photo, among all.

A drawing belongs to the photo of the same name: `boot.png` and `boot-2.svg` to `boot.jpg`, in the same folder
below if there are folders. Prints acc@1, @5, @10 with intervals of 95 % over the drawings, the mean rank, and
the milliseconds of a query.
Example: python -m studies.own_photos --gallery=galleries/photos --sketches=sketches/
"""

from __future__ import annotations

import re
import time
from pathlib import Path, PurePosixPath

import numpy as np
from absl import flags
from numpy.typing import NDArray

from evaluation.bootstrap import interval
from sketchspace import cli
from sketchspace.encoder.stroke_files import STROKES
from sketchspace.errors import UserError, shown
from sketchspace.gallery.gallery import Gallery
from sketchspace.pictures.decode import BITMAPS
from sketchspace.tables import columns

FLAGS = flags.FLAGS
if __name__ == "__main__":
    flags.DEFINE_string("gallery", None, "Gallery of a folder of photos. Example: --gallery=galleries/photos")
    flags.DEFINE_string("sketches", None, "Folder of drawings of these photos. Example: --sketches=sketches")

CUTS = (1, 5, 10)
_TURN = re.compile(r"[-_]\d{1,2}$")


def main(argv: list[str]) -> None:
    """Check the flags, ask every drawing, print the figures."""
    if len(argv) != 0:
        raise UserError(f"unexpected argument '{argv[0]}'; every argument is a flag, see --help")
    cli.check_given("gallery")
    cli.check_given("sketches")
    gallery, folder = Gallery.open(FLAGS.gallery), Path(FLAGS.sketches)
    pairs, left = pairs_of(gallery, folder)
    if left:
        print(f"{len(left)} drawings have no photo of their name in the gallery, the first {shown(left[0])}")
    if not pairs:
        raise UserError(f"no drawing in {folder} has a photo of its name in {FLAGS.gallery}")
    began = time.perf_counter()
    ranks = ranks_of(gallery, folder, pairs)
    spent = (time.perf_counter() - began) / len(pairs)
    rows = [(f"acc@{cut}", *_share(ranks <= cut)) for cut in CUTS]
    rows.append(("mean rank", f"{ranks.mean():.1f}", ""))
    print(f"{len(pairs)} drawings, {len(gallery)} photos, {spent * 1000:.0f} ms a query")
    print(columns(rows))


def pairs_of(gallery: Gallery, folder: Path) -> tuple[list[tuple[str, int]], list[str]]:
    """Drawings below a folder with the number of their photo's item, and the drawings that have none."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; give the drawings of these photos")
    items: dict[str, int] = {}
    for item in gallery.items:
        items.setdefault(str(PurePosixPath(item.key).with_suffix("")), item.index)
    pairs, left = [], []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in BITMAPS + STROKES:
            continue
        name = path.relative_to(folder).as_posix()
        stem = str(PurePosixPath(name).with_suffix(""))
        number = items.get(stem, items.get(_TURN.sub("", stem)))
        if number is None:
            left.append(name)
        else:
            pairs.append((name, number))
    return pairs, left


def ranks_of(gallery: Gallery, folder: Path, pairs: list[tuple[str, int]]) -> NDArray[np.int64]:
    """The place of each drawing's own photo, from 1."""
    ranks = []
    for name, number in pairs:
        _, found = gallery.kneighbors(gallery.embed([folder / name]), len(gallery))
        ranks.append(1 + int(np.flatnonzero(found[0] == number)[0]))
    return np.array(ranks, np.int64)


def _share(right: NDArray[np.bool_]) -> tuple[str, str]:
    low, high = interval(right)
    return f"{right.mean():.1%}", f"{low:.1%} - {high:.1%}"


if __name__ == "__main__":
    cli.run(main)
