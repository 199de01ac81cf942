"""What every gallery is written with: its encoder, vectors, items and thumbnails, batch by batch."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sketchspace.encoder.embedder import MODEL_FILE, Embedder
from sketchspace.encoder.inputs import Drawings
from sketchspace.encoder.metadata import CARD_FILE, EncoderCard
from sketchspace.encoder.views import Mode
from sketchspace.errors import UserError
from sketchspace.files import sha256_of
from sketchspace.gallery import indexed_items
from sketchspace.gallery.centring import CENTRE_FILE, Centre, unit_length
from sketchspace.gallery.contents import VECTORS_FILE, hashed_files
from sketchspace.gallery.indexed_items import Item
from sketchspace.gallery.metadata import INFO_FILE, GalleryInfo
from sketchspace.gallery.search import Floats


@dataclass(frozen=True)
class Ways:
    """How vectors are made: of which `views`, whether they get length 1, and what is taken off of them."""

    views: Mode
    normalize: bool
    centre: Centre | None = None

    @staticmethod
    def of(card: EncoderCard, views: Mode | None, normalize: bool) -> Ways:
        """The given views, by default the encoder's usual ones."""
        return Ways(views or card.usual_views, normalize)

    def vectors(self, embedder: Embedder, drawings: Drawings) -> Floats:
        """The gallery's vectors of some drawings, float32 `[n, embedding_size]`."""
        embeddings = embedder.embed(drawings, views=self.views)
        if self.centre:
            embeddings = self.centre.of_photos(embeddings)
        return unit_length(embeddings) if self.normalize else embeddings


@dataclass(eq=False)
class GalleryWriter:
    """Fills a folder. Rows are appended, so their number need not be known, nor fit into memory.

    `count` items were added so far, of which `domains` says how many of each domain; `fingerprint` identifies
    them by key and checksum.
    """

    folder: Path
    rows: BinaryIO
    lines: BinaryIO
    count: int = 0
    domains: Counter[str] = field(default_factory=Counter)
    _folders: set[Path] = field(default_factory=set)
    _contents: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    def add(self, found: Sequence[Item], vectors: Floats, thumbnails: Sequence[bytes]) -> None:
        """Append items, numbered on from `count`, with their vectors and the bytes of their thumbnails."""
        for item, thumbnail in zip(found, thumbnails, strict=True):
            path = self.folder / item.path
            if path.parent not in self._folders:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._folders.add(path.parent)
            path.write_bytes(thumbnail)
        self.rows.write(np.ascontiguousarray(vectors, np.float32).data)
        self.lines.writelines(item.to_line() for item in found)
        for item in found:
            self._contents.update(f"{item.key}\0{item.checksum}\n".encode())
        self.domains.update(item.domain for item in found)
        self.count += len(found)

    @property
    def fingerprint(self) -> str:
        """A hash of the keys and checksums of all items in order."""
        return self._contents.hexdigest()


@contextmanager
def gallery_writer(
    folder: Path, export: Path, width: int, centre: Centre | None = None
) -> Iterator[GalleryWriter]:
    """A writer into an empty folder; it gets a copy of the encoder in `export`, and at the end the vectors.

    `width` is the number of numbers of a vector. Nothing added is a `UserError`.
    """
    for name in (MODEL_FILE, CARD_FILE):
        shutil.copyfile(export / name, folder / name)
    if centre:
        centre.save(folder)
    raw = folder / "vectors.raw"
    with raw.open("wb") as rows, (folder / indexed_items.FILE_NAME).open("wb") as lines:
        writer = GalleryWriter(folder, rows, lines)
        yield writer
    if not writer.count:
        raise UserError("nothing was indexed; a gallery needs one picture or more")
    np.save(folder / VECTORS_FILE, np.memmap(raw, np.float32, "r", shape=(writer.count, width)))
    raw.unlink()


def check_target(out: Path) -> None:
    """Refuse a folder that is something else than a gallery, and a path that leads through a file."""
    if out.is_dir() and any(out.iterdir()) and not (out / INFO_FILE).is_file():
        raise UserError(f"{out} exists and is not a gallery; it is left alone, give another --gallery")
    files = [path for path in (out, *out.parents) if path.exists() and not path.is_dir()]
    if files:
        raise UserError(f"{files[0]} is a file, expected a folder; give another --gallery")


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 by name of the `hashed_files` of a filled folder."""
    centred = (folder / CENTRE_FILE).is_file()
    return {name: sha256_of(folder / name) for name in hashed_files(centred)}


def describe(folder: Path, card: EncoderCard, ways: Ways, num_items: int, **origin: Any) -> GalleryInfo:
    """Write and return the `gallery.json` of a filled folder; `origin` has the fields that are left."""
    info = GalleryInfo(
        model=card.model,
        run=card.run,
        encoder_fingerprint=card.fingerprint,
        image_size=card.image_size,
        embedding_size=card.vector_size(ways.views),
        views=ways.views,
        normalize=ways.normalize,
        num_items=num_items,
        sha256=checksums(folder),
        **origin,
    )
    info.save(folder)
    return info
