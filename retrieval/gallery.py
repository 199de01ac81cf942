"""A gallery: vectors, items, thumbnails and their encoder in one folder that answers alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from common.files import read_json, sha256_of, write_json
from retrieval import items
from retrieval.card import CARD_FILE, EncoderCard
from retrieval.embedder import MODEL_FILE, Embedder
from retrieval.items import Item, ItemFile
from retrieval.search import FAISS_ABOVE, Floats, nearest

SCHEMA_VERSION = 1
INFO_FILE = "gallery.json"
VECTORS_FILE = "vectors.npy"
HASHED_FILES = (VECTORS_FILE, items.FILE_NAME, MODEL_FILE, CARD_FILE)
MAX_THUMBNAIL_BYTES = 1 << 22
MAX_ITEMS = 1 << 31


@dataclass(frozen=True)
class GalleryInfo:
    """Where a gallery comes from, stored as `gallery.json`.

    `fingerprint` is that of the indexed data, `encoder_fingerprint` that of the data the encoder was
    trained on. `normalize` tells whether vectors have length 1. `sha256` maps file to checksum.
    """

    model: str
    run: str
    dataset: str
    split: str
    fingerprint: str
    encoder_fingerprint: str
    image_size: int
    embedding_size: int
    normalize: bool
    num_items: int
    classes: tuple[str, ...]
    options: dict[str, Any]
    sha256: dict[str, str]
    schema_version: int = SCHEMA_VERSION

    def save(self, folder: Path) -> None:
        """Write `gallery.json` into a folder."""
        write_json(folder / INFO_FILE, dataclasses.asdict(self))

    @staticmethod
    def load(folder: Path) -> GalleryInfo:
        """Read and check `gallery.json`; another schema or a value of a wrong kind is a `UserError`."""
        if not folder.is_dir():
            raise UserError(f"no gallery {folder}; make one with: retrieve.py --run=RUN --index=DATA")
        values = read_json(folder / INFO_FILE)
        if values.get("schema_version") != SCHEMA_VERSION:
            raise UserError(
                f"{folder} has schema version {values.get('schema_version')}, expected {SCHEMA_VERSION};"
                " build the gallery again"
            )
        wrong = _wrong_fields(values)
        if wrong:
            raise UserError(f"{folder / INFO_FILE} is wrong in {', '.join(wrong)}; build the gallery again")
        return GalleryInfo(**{**values, "classes": tuple(values["classes"])})


def _wrong_fields(values: Mapping[str, Any]) -> list[str]:
    """Names of missing, unknown and ill-typed fields of a `gallery.json`."""
    kinds = {"classes": list, "options": dict, "sha256": dict, "normalize": bool}
    counts = ("image_size", "embedding_size", "num_items", "schema_version")
    known = [field.name for field in fields(GalleryInfo)]
    wrong = [name for name in values if name not in known]
    for name in known:
        kind = kinds.get(name, int if name in counts else str)
        if type(values.get(name)) is not kind or (name in counts and not 1 <= values[name] < MAX_ITEMS):
            wrong.append(name)
    for name in ("classes", "sha256"):
        parts = values.get(name)
        parts = parts.values() if isinstance(parts, dict) else parts
        if name not in wrong and not all(isinstance(part, str) for part in parts or ()):
            wrong.append(name)
    return wrong


@dataclass(frozen=True)
class Hit:
    """One answer: `rank` from 1, `distance` squared Euclidean, `path` the thumbnail within the gallery."""

    rank: int
    distance: float
    key: str
    label: int
    class_name: str
    path: str
    index: int


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
        if (card.image_size, card.embedding_size) != (info.image_size, info.embedding_size):
            raise UserError(f"{folder}: {CARD_FILE} and {INFO_FILE} differ in sizes; build the gallery again")
        vectors = _open_vectors(folder / VECTORS_FILE, (info.num_items, info.embedding_size))
        return Gallery(
            folder, info, card, vectors, ItemFile.open(folder / items.FILE_NAME, info.num_items, info.classes)
        )

    def open_embedder(self) -> Embedder:
        """The encoder that made this gallery, from the gallery's own copy."""
        return Embedder.open(self.folder)

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
        return Hit(rank, distance, item.key, item.label, item.class_name, item.path, index)

    def thumbnail(self, index: int) -> NDArray[np.uint8]:
        """Thumbnail of item `index`, uint8 `[h, w]`, 255 paper; a missing or broken one is a `UserError`."""
        path = self.folder / items.thumbnail_path(index)
        if not path.resolve().is_relative_to(self.folder.resolve()) or not path.is_file():
            raise UserError(f"thumbnail {path} is missing; build the gallery again")
        if path.stat().st_size > MAX_THUMBNAIL_BYTES:
            raise UserError(
                f"thumbnail {path} has more than {MAX_THUMBNAIL_BYTES:,} bytes; build the gallery again"
            )
        return decode_thumbnail(path.read_bytes(), self.info.image_size, str(path))


def decode_thumbnail(data: bytes, size: int, name: str) -> NDArray[np.uint8]:
    """A grey PNG `[size, size]`; anything else is a `UserError` naming `name`.

    The size stands in the first 24 bytes, and is checked before a pixel is decoded.
    """
    header = data[:24]
    sides = (int.from_bytes(header[16:20]), int.from_bytes(header[20:24]))
    image = None
    if header[:8] == b"\x89PNG\r\n\x1a\n" and sides == (size, size):
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None or image.shape != (size, size):
        raise UserError(f"{name} is not a PNG of {size} x {size} pixels")
    return image.astype(np.uint8, copy=False)


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
