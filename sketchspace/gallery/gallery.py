"""A gallery: vectors, items, thumbnails and their encoder in one folder that answers alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sketchspace.encoder.embedder import MODEL_FILE, Embedder, Encoded
from sketchspace.encoder.inputs import Drawings
from sketchspace.encoder.metadata import CARD_FILE, EncoderCard
from sketchspace.encoder.query import Given, Query, drawings_of, query_of
from sketchspace.errors import UserError
from sketchspace.files import sha256_of
from sketchspace.gallery import indexed_items
from sketchspace.gallery.indexed_items import Item, ItemFile
from sketchspace.gallery.metadata import INFO_FILE, GalleryInfo
from sketchspace.gallery.search import FAISS_ABOVE, Distances, Floats, Indices, nearest
from sketchspace.gallery.thumbnails import decode_thumbnail

VECTORS_FILE = "vectors.npy"
HASHED_FILES = (VECTORS_FILE, indexed_items.FILE_NAME, MODEL_FILE, CARD_FILE)
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
class _Contents:
    """What a gallery's folder held when it was opened."""

    info: GalleryInfo
    card: EncoderCard
    vectors: Floats
    items: ItemFile

    @staticmethod
    def of(folder: Path) -> _Contents:
        info = GalleryInfo.load(folder)
        for name in HASHED_FILES:
            _check_hash(folder / name, info.sha256.get(name))
        card = EncoderCard.load(folder)
        if (card.image_size, card.vector_size(info.views)) != (info.image_size, info.embedding_size):
            raise UserError(f"{folder}: {CARD_FILE} and {INFO_FILE} differ in sizes; build the gallery again")
        vectors = _open_vectors(folder / VECTORS_FILE, (info.num_items, info.embedding_size))
        items = ItemFile.open(folder / indexed_items.FILE_NAME, info.num_items, info.classes)
        return _Contents(info, card, vectors, items)

    def hit(self, rank: int, index: int, distance: float) -> Hit:
        item: Item = self.items[index]
        photo = None
        if self.info.source == "photos":
            photo = str(Path(str(self.info.options.get("index", ""))) / item.key)
        return Hit(rank, distance, item.key, item.label, item.class_name, item.path, index, photo)


class Gallery:
    """An opened gallery: `len(gallery)` items, found by drawing them. Open one with `Gallery.open`.

    Safe for several threads at once; a search sees the gallery as it was before or after a change, never
    between.
    """

    def __init__(self, folder: Path, contents: _Contents) -> None:
        self.folder = folder
        self._contents = contents
        self._lock = threading.Lock()

    @staticmethod
    def open(folder: str | PathLike[str]) -> Gallery:
        """Open a gallery and check every file but the thumbnails against its checksum.

        A missing, changed, truncated or mismatching file is a `UserError`. Nothing is unpickled.
        """
        return Gallery(Path(folder), _Contents.of(Path(folder)))

    def reload(self) -> None:
        """Take notice of what has changed in the folder; raises `UserError` as `open` does."""
        self._contents = _Contents.of(self.folder)

    def __len__(self) -> int:
        return self.info.num_items

    def __repr__(self) -> str:
        return f"Gallery({str(self.folder)!r}, {len(self)} items, {self.info.model})"

    @property
    def info(self) -> GalleryInfo:
        """Where the gallery comes from, as its `gallery.json` says."""
        return self._contents.info

    @property
    def card(self) -> EncoderCard:
        """What the gallery's encoder says of itself."""
        return self._contents.card

    @property
    def vectors(self) -> Floats:
        """Float32 `[num_items, embedding_size]`, mapped from disk."""
        return self._contents.vectors

    @property
    def items(self) -> ItemFile:
        """The items by number, from 0; an item is read when it is asked for."""
        return self._contents.items

    @cached_property
    def embedder(self) -> Embedder:
        """The encoder that made this gallery, opened on first use."""
        with self._lock:
            return self.__dict__.get("embedder") or self.open_embedder()

    def open_embedder(self) -> Embedder:
        """The encoder that made this gallery, from the gallery's own copy."""
        return Embedder.open(self.folder)

    def encode(self, embedder: Embedder, drawings: Drawings) -> Encoded:
        """What `embedder` says of queries, with the views that the gallery was made with."""
        return embedder.encode(drawings, views=self.info.views)

    def read(self, given: Given) -> Query:
        """A drawing as the gallery's encoder gets it, with notes on what was decided; see `search`."""
        return query_of(given, self.card)

    def embed(self, queries: Sequence[Given]) -> Floats:
        """The gallery's vectors of drawings, float32 `[n, embedding_size]`; each is as `search` takes it."""
        if isinstance(queries, str | PathLike) or not len(queries):
            raise UserError("embed takes a list of drawings, one or more; give [drawing]")
        found = self.encode(self.embedder, drawings_of([self.read(given) for given in queries])).embedding
        return unit_length(found) if self.info.normalize else found

    def search(self, query: Given, k: int = 10) -> list[Hit]:
        """The `k` items nearest to a drawing, best first; all items where there are fewer.

        The drawing is the path of a file (png, jpg, webp, bmp, gif, svg, ndjson, canvas json), a picture
        uint8 `[h, w]` or RGB `[h, w, 3]`, or strokes: a `Sketch`, or one array `[points, 2]` (x right, y
        down) a stroke. Raises `UserError` where it cannot be read, for `k` below 1, and for a broken gallery.
        """
        return self.search_vectors(self.embed([query]), k)[0]

    def kneighbors(self, vectors: Floats, n_neighbors: int = 10) -> tuple[Distances, Indices]:
        """Squared Euclidean distances float64 and item numbers int64, both `[n, n_neighbors]`, nearest first.

        `vectors` are float32 `[n, embedding_size]`, as `embed` gives them. Equal distances stand in the
        gallery's order.
        """
        found = nearest(np.asarray(vectors, np.float32), self.vectors, n_neighbors)
        return found.distances, found.indices

    def search_vectors(
        self, embeddings: Floats, k: int = 10, faiss_above: int = FAISS_ABOVE
    ) -> list[list[Hit]]:
        """The `k` nearest items for each of the network's `embeddings` `[queries, D]`, best first."""
        contents = self._contents
        queries = unit_length(embeddings) if contents.info.normalize else embeddings
        found = nearest(queries, contents.vectors, k, faiss_above)
        return [
            [
                contents.hit(rank, int(index), float(distance))
                for rank, (index, distance) in enumerate(pairs, start=1)
            ]
            for pairs in (zip(*row, strict=True) for row in zip(found.indices, found.distances, strict=True))
        ]

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
