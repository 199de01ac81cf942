"""`python -m models.efficientnet_lite.ready`: an encoder that finds photos by drawings before any training.

EfficientNet-Lite0 with its ImageNet weights, cut at stride 16, where the grid of features still says what is
where. Each place's features are brought to fewer, equally strong numbers: the directions and their spread are
those of the embedded pairs of rendered photos and drawings. Made in seconds, without a network connection.
`retrieve.py --index=PHOTOS` makes and takes it by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags
from numpy.typing import NDArray

from sketchspace import cli
from sketchspace.errors import UserError
from sketchspace.ready import READY
from training.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    import tf_keras

IMAGE_SIZE, CHANNELS, PHOTO_AS, FIT = 128, 64, "grey", "box"
OBJECTS = 60
"""Objects of each class that the directions are taken from: a photo and one to three drawings each."""
FLAGS = flags.FLAGS
if __name__ == "__main__":
    flags.DEFINE_string("run", str(READY), "Run folder to write. Example: --run=runs/ready")


def main(argv: list[str]) -> None:
    """Check the flags, make the run."""
    if len(argv) != 0:
        raise UserError(f"unexpected argument '{argv[0]}'; every argument is a flag, see --help")
    for line in make(Path(FLAGS.run)):
        print(line)
    print(f"next: python retrieve.py --run={FLAGS.run} --index=PHOTOS")


def make(path: Path) -> Iterator[str]:
    """Write the run; yields lines that say what it begins with. A folder that is there is a UserError."""
    if path.exists():
        raise UserError(f"{path} is there already; give a new --run, or delete it")
    import_tensorflow()
    from models.registry import model_spec, resolve_options
    from models.spec import Shapes
    from training.recipe import make_config
    from training.untrained import no_data, write_run

    spec = model_spec("efficientnet_lite")
    options = resolve_options(spec, {"grid_channels": str(CHANNELS)})
    encoder = spec.build(options, Shapes(IMAGE_SIZE, 0))
    yield from spec.pretrained(encoder, options)
    _whiten(encoder)
    folder = no_data(IMAGE_SIZE, PHOTO_AS)
    config = make_config(spec, options, (), folder, seed=0, centred=True)
    config["dataset"] |= {"path": "", "photo_as": PHOTO_AS, "fit": FIT}
    yield f"wrote {write_run(path, encoder, config)}"


def _whiten(encoder: tf_keras.Model) -> None:
    """Set the map of each place's features to the embedded pictures' main directions, equally strong."""
    import tf_keras

    reduce = encoder.get_layer("stage5_reduce")
    features = tf_keras.Model(encoder.input, reduce.input)
    ink = (255 - _pictures()[..., None]).astype(np.float32) / 255
    rows = features.predict({"image": ink}, batch_size=64, verbose=0).reshape(-1, reduce.input.shape[-1])
    reduce.kernel.assign(whitening(rows, CHANNELS)[None, None])


def whitening(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The `count` directions of most variance of `rows` `[n, D]`, over their deviations: `[D, count]`."""
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    variance, directions = np.linalg.eigh(centred.T @ centred / len(rows))
    strongest = slice(None, -count - 1, -1)
    return (directions[:, strongest] / np.sqrt(variance[strongest])).astype(np.float32)


def _pictures() -> NDArray[np.uint8]:
    """Rendered photos and drawings of the same things, grey, `[n, size, size]`."""
    from preprocess.sample.pairs import WARES, photo, sketches
    from sketchspace.pictures.photos import load_as
    from sketchspace.sketch.raster import rasterize

    found: list[Any] = []
    for word in WARES:
        for number in range(OBJECTS):
            found.append(load_as(photo(word, number, 0), IMAGE_SIZE, PHOTO_AS, FIT).pixels)
            found += [rasterize(sketch, IMAGE_SIZE) for sketch in sketches(word, number, 0)]
    return np.stack(found)


if __name__ == "__main__":
    cli.run(main)
