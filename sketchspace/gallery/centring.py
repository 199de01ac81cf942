"""Drawings and photos brought to a common middle, for an encoder that was not trained on pairs of them.

What all drawings have in common, and what all photos have, says nothing of what they show; without it, that
is with the mean of each domain taken off, the rest can be compared. A gallery knows photos, and no drawings
yet: edge maps of its photos stand in for these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sketchspace.arrays.npy import map_array
from sketchspace.encoder.embedder import Embedder
from sketchspace.encoder.inputs import Drawings, Images
from sketchspace.encoder.metadata import EncoderCard
from sketchspace.encoder.views import Mode
from sketchspace.errors import UserError
from sketchspace.gallery.photo_folder import read_photo
from sketchspace.gallery.search import Floats
from sketchspace.pictures.decode import decode
from sketchspace.pictures.photos import load_as

CENTRE_FILE = "centre.npy"
MOST_PHOTOS = 256
"""As many photos, spread evenly over the folder, tell the means."""
_PRIOR = 10  # photos: with fewer, the mean is mostly what they show, and little of it is taken off


@dataclass(frozen=True, eq=False)
class Centre:
    """What is taken off embeddings of drawings and photos, float32 `[D]` each; what is left gets length 1."""

    drawings: Floats
    photos: Floats

    def of_drawings(self, embeddings: Floats) -> Floats:
        """Embeddings `[n, D]` of drawings without what drawings have in common."""
        return unit_length(embeddings - self.drawings)

    def of_photos(self, embeddings: Floats) -> Floats:
        """Embeddings `[n, D]` of photos without what photos have in common."""
        return unit_length(embeddings - self.photos)

    def save(self, folder: Path) -> None:
        """Write `centre.npy`, `[2, D]`."""
        np.save(folder / CENTRE_FILE, np.stack([self.drawings, self.photos]))

    @staticmethod
    def load(folder: Path, width: int, again: str) -> Centre:
        """Read `centre.npy`; anything but `[2, width]` is a `UserError` that ends with `again`."""
        rows = map_array(folder / CENTRE_FILE, np.float32, (2, width), again)
        return Centre(np.array(rows[0], np.float32), np.array(rows[1], np.float32))


def centre_of(folder: Path, names: Sequence[str], embedder: Embedder, views: Mode) -> Centre | None:
    """The centre of a gallery of photos `names` in `folder`; None where none of those tried is readable."""
    chosen = [names[at] for at in np.unique(np.linspace(0, len(names) - 1, MOST_PHOTOS).astype(int))]
    read = [both for name in chosen if (both := _both(folder / name, embedder.card)) is not None]
    if not read:
        return None
    share = len(read) / (len(read) + _PRIOR)
    photos, edges = (
        share * embedder.embed(Drawings(np.stack(pictures)), views=views).mean(axis=0)
        for pictures in zip(*read, strict=True)
    )
    return Centre(edges.astype(np.float32), photos.astype(np.float32))


def _both(path: Path, card: EncoderCard) -> tuple[Images, Images] | None:
    """A photo as the encoder reads it and, with as many channels, its edge map; None if unreadable."""
    try:
        _, data = read_photo(path)
        pixels = decode(data).pixels
        photo, edges = (
            load_as(pixels, card.image_size, kind, card.fit).pixels for kind in (card.photo_as, "edges")
        )
    except UserError:
        return None
    return photo, edges if photo.ndim == 2 else np.repeat(edges[..., None], photo.shape[2], axis=2)


def unit_length(vectors: Floats) -> Floats:
    """Rows scaled to length 1, float32 `[n, D]`; a row of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
