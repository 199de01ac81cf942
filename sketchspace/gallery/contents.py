"""A gallery's folder, read and checked: vectors, items, thumbnails, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sketchspace.arrays.npy import map_array
from sketchspace.encoder.embedder import MODEL_FILE
from sketchspace.encoder.metadata import CARD_FILE, EncoderCard
from sketchspace.errors import UserError
from sketchspace.files import sha256_of
from sketchspace.gallery import indexed_items
from sketchspace.gallery.centring import CENTRE_FILE, Centre, unit_length
from sketchspace.gallery.indexed_items import Item, ItemFile
from sketchspace.gallery.metadata import INFO_FILE, GalleryInfo
from sketchspace.gallery.search import Floats
from sketchspace.gallery.thumbnails import decode_thumbnail

VECTORS_FILE = "vectors.npy"
HASHED_FILES = (VECTORS_FILE, indexed_items.FILE_NAME, MODEL_FILE, CARD_FILE)
_AGAIN = "build the gallery again"


def hashed_files(centred: bool) -> tuple[str, ...]:
    """Names of the files of a gallery that `gallery.json` vouches for."""
    return (*HASHED_FILES, CENTRE_FILE) if centred else HASHED_FILES


MAX_THUMBNAIL_BYTES = 1 << 22


@dataclass(frozen=True)
class Hit:
    """One answer: `rank` from 1, `distance` squared Euclidean, `path` the thumbnail within the gallery.

    `photo` is the indexed file in a gallery of a folder of photos; such a hit has label -1 and no class.
    """

    rank: int
    distance: float
    key: str
    label: int
    class_name: str
    path: str
    index: int
    photo: str | None = None


@dataclass(frozen=True, eq=False)
class Contents:
    """What a gallery's folder held when it was opened; a newer folder in its place does not change it.

    `vectors` is float32 `[num_items, embedding_size]`, mapped from disk; `centre` is what was taken off them.
    """

    folder: Path
    info: GalleryInfo
    card: EncoderCard
    vectors: Floats
    items: ItemFile
    centre: Centre | None = None

    @staticmethod
    def of(folder: Path) -> Contents:
        """Read a gallery's folder; a missing, changed or mismatching file is a `UserError`."""
        info = GalleryInfo.load(folder)
        centred = CENTRE_FILE in info.sha256
        for name in hashed_files(centred):
            _check_hash(folder / name, info.sha256.get(name))
        card = EncoderCard.load(folder)
        if (card.image_size, card.vector_size(info.views)) != (info.image_size, info.embedding_size):
            raise UserError(f"{folder}: {CARD_FILE} and {INFO_FILE} differ in sizes; build the gallery again")
        vectors = _open_vectors(folder / VECTORS_FILE, (info.num_items, info.embedding_size))
        items = ItemFile.open(folder / indexed_items.FILE_NAME, info.num_items, info.classes)
        centre = Centre.load(folder, info.embedding_size, _AGAIN) if centred else None
        return Contents(folder, info, card, vectors, items, centre)

    def asked(self, embeddings: Floats) -> Floats:
        """The network's embeddings `[n, D]` of drawings as they are compared with the vectors."""
        centred = self.centre.of_drawings(embeddings) if self.centre else embeddings
        return unit_length(centred) if self.info.normalize else centred

    def hit(self, rank: int, index: int, distance: float) -> Hit:
        """The answer that item `index` is."""
        item: Item = self.items[index]
        photo = None
        if self.info.source == "photos":
            photo = str(Path(str(self.info.options.get("index", ""))) / item.key)
        return Hit(rank, distance, item.key, item.label, item.class_name, item.path, index, photo)

    def thumbnail(self, index: int) -> NDArray[np.uint8]:
        """Thumbnail of item `index`, uint8 `[h, w]`, 255 paper, or RGB `[h, w, 3]`.

        A missing or broken one is a `UserError`.
        """
        return decode_thumbnail(self.thumbnail_bytes(index), self.info.image_size, self._name(index))

    def thumbnail_bytes(self, index: int) -> bytes:
        """The file of thumbnail `index`; a missing or far too large one is a `UserError`."""
        path = self.folder / indexed_items.thumbnail_path(index)
        if not path.resolve().is_relative_to(self.folder.resolve()) or not path.is_file():
            raise UserError(f"thumbnail {path} is missing; build the gallery again")
        if path.stat().st_size > MAX_THUMBNAIL_BYTES:
            raise UserError(
                f"thumbnail {path} has more than {MAX_THUMBNAIL_BYTES:,} bytes; build the gallery again"
            )
        return path.read_bytes()

    def _name(self, index: int) -> str:
        return str(self.folder / indexed_items.thumbnail_path(index))


def _check_hash(path: Path, expected: str | None) -> None:
    if not path.is_file():
        raise UserError(f"no {path.name} in gallery {path.parent}; build the gallery again")
    if sha256_of(path) != expected:
        raise UserError(
            f"{path} is not the file that {INFO_FILE} describes (checksum); build the gallery again"
        )


def _open_vectors(path: Path, shape: tuple[int, int]) -> Floats:
    return map_array(path, np.float32, shape, _AGAIN).view(np.float32)
