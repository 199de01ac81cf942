"""The drawings and encoders that a study asks, as the commands name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.partial import pictures
from sketchspace.encoder.embedder import MODEL_FILE, Embedder, Encoded
from sketchspace.encoder.inputs import Drawings
from sketchspace.errors import UserError
from sketchspace.files import sha256_of
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch
from tfrecords.dataset import DatasetFolder
from training.run_config import read_origin

Floats = NDArray[np.float32]
Images = NDArray[np.uint8]
Ints = NDArray[np.int32]

SHOWN_SIZE = 184


@dataclass(frozen=True, eq=False)
class Examples:
    """One split in memory, in stored order.

    `points` are absolute, each float32 `[points, 3]`, None where the data has pictures only; `images` uint8
    `[n, size, size]`, 255 paper, None where it has strokes only.
    """

    keys: list[str]
    labels: Ints
    points: list[Floats] | None
    images: Images | None

    def pictures(self, size: int) -> Images:
        """The drawings as uint8 `[n, size, size]`: stored where they have that size, else drawn from strokes.

        Raises `UserError` where neither is possible.
        """
        if self.images is not None and self.images.shape[1] == size:
            return self.images
        if self.points is None:
            raise UserError(f"the data has no strokes and no pictures of {size} px; make it with that size")
        return pictures(self.points, size)


def load(folder: DatasetFolder, split: str) -> Examples:
    """A split of a data set folder; an unknown split, an empty one or a damaged record is a `UserError`."""
    manifest = folder.manifest
    if not manifest.num_examples(split):
        raise UserError(f"split '{split}' of {folder.path} is empty; choose another --split")
    if manifest.has_images:
        read = folder.pictures(split, strokes=manifest.has_strokes)
        return Examples(read.keys, read.labels, read.strokes, read.images)
    found = [(record.key, record.label, folder.strokes_of(record)) for record in folder.whole(split)]
    keys, labels, points = zip(*found, strict=True)
    return Examples(list(keys), np.array(labels, np.int32), list(points), None)


def drawn(examples: Examples, item: int) -> Images:
    """A drawing as it is shown, from its strokes where there are some."""
    if examples.points is not None:
        return rasterize(Sketch.from_points(examples.points[item]), SHOWN_SIZE)
    assert examples.images is not None
    return examples.images[item]


def data_identity(folder: DatasetFolder) -> str:
    """A hash of all that the shards of a folder hold."""
    sums = "".join(f"{name}{shard['sha256']}" for name, shard in sorted(folder.manifest.shards.items()))
    return blake2b(sums.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, eq=False)
class Encoder:
    """A trained run that is asked: its `name` in tables, its configuration and its exported network."""

    name: str
    path: Path
    config: dict[str, Any]
    embedder: Embedder

    @property
    def takes_strokes(self) -> bool:
        """Whether drawings are given as points rather than as pictures."""
        return self.embedder.card.reads_strokes

    @property
    def reads_anywhere(self) -> bool:
        """Whether the state can be read after any point of the drawing."""
        return "read_at" in self.embedder.card.inputs

    def identity(self) -> str:
        """SHA-256 of the exported network."""
        return sha256_of(self.path / "export" / MODEL_FILE)

    def encode(self, examples: Examples) -> Encoded:
        """What the network says of whole drawings."""
        if self.takes_strokes and examples.points is None:
            raise UserError(f"{self.name} reads strokes and the data has pictures only; give drawn data")
        if self.takes_strokes:
            return self.embedder.encode(Drawings(None, examples.points))
        return self.embedder.encode(examples.pictures(self.embedder.card.image_size))

    def logits(self, points: Sequence[Floats], read_at: Ints | None = None) -> Floats:
        """Logits `[n, classes]` of drawings of points; `read_at` as `Embedder.encode` takes it."""
        if self.takes_strokes:
            encoded = self.embedder.encode(Drawings(None, points), read_at=read_at)
        else:
            encoded = self.embedder.encode(pictures(points, self.embedder.card.image_size))
        if encoded.logits is None:
            raise UserError(f"{self.name} is no classifier; give runs of models with logits")
        return encoded.logits


def open_data(runs: Sequence[str], data: str | None) -> DatasetFolder:
    """The data set folder that was given, else the one that the first run was trained on."""
    return DatasetFolder.open(Path(data or _config(Path(runs[0]))["dataset"]["path"]))


def open_encoders(runs: Sequence[str], folder: DatasetFolder) -> list[Encoder]:
    """Finished runs that were trained on the splits of `folder`, in the order given.

    Raises `UserError` for none, a run twice, an unfinished run, and one trained on other splits.
    """
    paths = [Path(run) for run in runs]
    if len({path.resolve() for path in paths}) < len(paths):
        raise UserError("a run is given twice; give each --run once")
    names = [path.name for path in paths]
    shown = [path.name if names.count(path.name) == 1 else str(path) for path in paths]
    return [_open(name, path, folder) for name, path in zip(shown, paths, strict=True)]


def _open(name: str, path: Path, folder: DatasetFolder) -> Encoder:
    config, given = _config(path), folder.manifest
    trained = config["dataset"]["fingerprint"]
    if trained != given.fingerprint or tuple(config["dataset"]["classes"]) != given.classes:
        raise UserError(
            f"{path} was trained on splits {trained}, {folder.path} has {given.fingerprint}; test drawings "
            "may have been trained on: give runs and --data that belong together"
        )
    return Encoder(name, path, config, Embedder.open(path / "export"))


def _config(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise UserError(f"no run folder {path}; train one with: python train.py --run={path}")
    if not (path / "export").is_dir():
        raise UserError(f"{path} is not trained to its end; give the same train.py command again")
    return read_origin(path)
