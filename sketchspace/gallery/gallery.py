"""A gallery: vectors, items, thumbnails and their encoder in one folder that answers alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sketchspace.encoder.embedder import MODEL_FILE, Embedder, Encoded
from sketchspace.encoder.inputs import Drawings
from sketchspace.encoder.metadata import CARD_FILE, EncoderCard
from sketchspace.errors import UserError
from sketchspace.files import sha256_of
from sketchspace.gallery import indexed_items as items
from sketchspace.gallery.indexed_items import Item, ItemFile
from sketchspace.gallery.metadata import INFO_FILE, GalleryInfo
from sketchspace.gallery.search import FAISS_ABOVE, Floats, nearest
from sketchspace.gallery.thumbnails import decode_thumbnail

VECTORS_FILE = "vectors.npy"
HASHED_FILES = (VECTORS_FILE, items.FILE_NAME, MODEL_FILE, CARD_FILE)
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
class Gallery:
    """An opened gallery. `vectors` is float32 `[num_items, embedding_size]`, mapped from disk."""

    folder: Path
    info: GalleryInfo
    card: EncoderCard
    vectors: Floats
    items: ItemFile

    @staticmethod
    def open(folder: Path) -> Gallery:
        """Open a gallery and check every file but the thumbnails against its checksum.

        A missing, changed, truncated or mismatching file is a `UserError`. Nothing is unpickled.
        """
        info = GalleryInfo.load(folder)
        for name in HASHED_FILES:
            _check_hash(folder / name, info.sha256.get(name))
        card = EncoderCard.load(folder)
        if (card.image_size, card.vector_size(info.views)) != (info.image_size, info.embedding_size):
            raise UserError(f"{folder}: {CARD_FILE} and {INFO_FILE} differ in sizes; build the gallery again")
        vectors = _open_vectors(folder / VECTORS_FILE, (info.num_items, info.embedding_size))
        return Gallery(
            folder, info, card, vectors, ItemFile.open(folder / items.FILE_NAME, info.num_items, info.classes)
        )

    def open_embedder(self) -> Embedder:
        """The encoder that made this gallery, from the gallery's own copy."""
        return Embedder.open(self.folder)

    def encode(self, embedder: Embedder, drawings: Drawings) -> Encoded:
        """What `embedder` says of queries, with the views that the gallery was made with."""
        return embedder.encode(drawings, views=self.info.views)

    def search(self, embeddings: Floats, top: int, faiss_above: int = FAISS_ABOVE) -> list[list[Hit]]:
        """The `top` nearest items for each of the network's `embeddings` `[queries, D]`, best first."""
        queries = unit_length(embeddings) if self.info.normalize else embeddings
        found = nearest(queries, self.vectors, top, faiss_above)
        return [
            [
                self._hit(rank, int(index), float(distance))
                for rank, (index, distance) in enumerate(pairs, start=1)
            ]
            for pairs in (zip(*row, strict=True) for row in zip(found.indices, found.distances, strict=True))
        ]

    def _hit(self, rank: int, index: int, distance: float) -> Hit:
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
        path = self.folder / items.thumbnail_path(index)
        if not path.resolve().is_relative_to(self.folder.resolve()) or not path.is_file():
            raise UserError(f"thumbnail {path} is missing; build the gallery again")
        if path.stat().st_size > MAX_THUMBNAIL_BYTES:
            raise UserError(
                f"thumbnail {path} has more than {MAX_THUMBNAIL_BYTES:,} bytes; build the gallery again"
            )
        return path.read_bytes()

    def _name(self, index: int) -> str:
        return str(self.folder / items.thumbnail_path(index))


def unit_length(vectors: Floats) -> Floats:
    """Rows scaled to length 1, float32 `[n, D]`; a row of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def newest_gallery(parent: Path) -> Path:
    """The gallery under `parent` that was built last; none is a `UserError`."""
    built = [path.parent for path in parent.glob(f"*/{INFO_FILE}") if not path.parent.name.startswith(".")]
    if not built:
        raise UserError(f"no gallery under {parent}; make one with: retrieve.py --run=RUN --index=DATA")
    return max(built, key=lambda folder: (folder / INFO_FILE).stat().st_mtime_ns)


def _check_hash(path: Path, expected: str | None) -> None:
    if not path.is_file():
        raise UserError(f"no {path.name} in gallery {path.parent}; build the gallery again")
    if sha256_of(path) != expected:
        raise UserError(
            f"{path} is not the file that {INFO_FILE} describes (checksum); build the gallery again"
        )


def _open_vectors(path: Path, shape: tuple[int, int]) -> Floats:
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} cannot be opened as an array ({error}); build the gallery again") from None
    if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32 or vectors.shape != shape:
        raise UserError(f"{path} is not float32 {shape[0]} x {shape[1]}; build the gallery again")
    return vectors
