"""A gallery: what was indexed, and the encoder that searches it, in one folder that answers alone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sketchspace.encoder.embedder import Embedder, Encoded
from sketchspace.encoder.inputs import Drawings
from sketchspace.encoder.metadata import EncoderCard
from sketchspace.encoder.query import Given, Query, drawings_of, query_of
from sketchspace.errors import UserError
from sketchspace.gallery.changes import Paths, add_photos, remove_items
from sketchspace.gallery.contents import Contents, Hit
from sketchspace.gallery.indexed_items import ItemFile
from sketchspace.gallery.metadata import INFO_FILE, GalleryInfo
from sketchspace.gallery.search import FAISS_ABOVE, Distances, Floats, Indices, nearest


class Gallery:
    """An opened gallery: `len(gallery)` items, found by drawing them. Open one with `Gallery.open`.

    Safe for several threads at once; a search sees the gallery as it was before or after a change, never
    between.
    """

    def __init__(self, folder: Path, contents: Contents) -> None:
        self.folder = folder
        self.contents = contents
        self._lock = threading.RLock()

    @staticmethod
    def open(folder: str | PathLike[str]) -> Gallery:
        """Open a gallery and check every file but the thumbnails against its checksum.

        A missing, changed, truncated or mismatching file is a `UserError`. Nothing is unpickled.
        """
        return Gallery(Path(folder), Contents.of(Path(folder)))

    def reload(self) -> None:
        """Take notice of what has changed in the folder; raises `UserError` as `open` does."""
        self.contents = Contents.of(self.folder)

    def __len__(self) -> int:
        return self.info.num_items

    def __repr__(self) -> str:
        return f"Gallery({str(self.folder)!r}, {len(self)} items, {self.info.model})"

    @property
    def info(self) -> GalleryInfo:
        """Where the gallery comes from, as its `gallery.json` says."""
        return self.contents.info

    @property
    def card(self) -> EncoderCard:
        """What the gallery's encoder says of itself."""
        return self.contents.card

    @property
    def vectors(self) -> Floats:
        """Float32 `[num_items, embedding_size]`, mapped from disk."""
        return self.contents.vectors

    @property
    def items(self) -> ItemFile:
        """The items by number, from 0; an item is read when it is asked for."""
        return self.contents.items

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
        return self.contents.asked(found)

    def search(self, query: Given, k: int = 10) -> list[Hit]:
        """The `k` items nearest to a drawing, best first; all items where there are fewer.

        The drawing is the path of a file (png, jpg, webp, bmp, gif, svg, ndjson, canvas json), a picture
        uint8 `[h, w]` or RGB `[h, w, 3]`, or strokes: a `Sketch`, or one array `[points, 2]` (x right, y
        down) a stroke. Raises `UserError` where it cannot be read, for `k` below 1, and for a broken gallery.
        """
        return self._hits(self.contents, self.embed([query]), k)[0]

    def kneighbors(self, vectors: Floats, n_neighbors: int = 10) -> tuple[Distances, Indices]:
        """Squared Euclidean distances float64 and item numbers int64, both `[n, n_neighbors]`, nearest first.

        `vectors` are float32 `[n, embedding_size]`, as `embed` gives them. Equal distances stand in the
        gallery's order.
        """
        found = nearest(np.asarray(vectors, np.float32), self.vectors, n_neighbors)
        return found.distances, found.indices

    def add(self, photos: Paths) -> int:
        """Embed photos, or those of a folder, and append them; returns how many were new or had changed.

        Only for a gallery of photos. Its folder is written anew, whole or not at all. Raises `UserError`, and
        changes nothing, where one of them cannot be read.
        """
        with self._lock:
            added = add_photos(self.contents, self.embedder, photos)
            self.reload()
        return added

    def remove(self, keys: str | Iterable[str]) -> int:
        """Take out the items with these keys (`Hit.key`); returns how many there were.

        Raises `UserError`, and changes nothing, for a key that is not there and where nothing would be left.
        """
        with self._lock:
            removed = remove_items(self.contents, keys)
            self.reload()
        return removed

    def search_vectors(
        self, embeddings: Floats, k: int = 10, faiss_above: int = FAISS_ABOVE
    ) -> list[list[Hit]]:
        """The `k` nearest items for each of the network's `embeddings` `[queries, D]`, best first."""
        contents = self.contents
        return self._hits(contents, contents.asked(embeddings), k, faiss_above)

    @staticmethod
    def _hits(contents: Contents, queries: Floats, k: int, faiss_above: int = FAISS_ABOVE) -> list[list[Hit]]:
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
        return self.contents.thumbnail(index)


def newest_gallery(parent: Path) -> Path:
    """The gallery under `parent` that was built last; none is a `UserError`."""
    built = [path.parent for path in parent.glob(f"*/{INFO_FILE}") if not path.parent.name.startswith(".")]
    if not built:
        raise UserError(f"no gallery under {parent}; make one with: retrieve.py --run=RUN --index=DATA")
    return max(built, key=lambda folder: (folder / INFO_FILE).stat().st_mtime_ns)
