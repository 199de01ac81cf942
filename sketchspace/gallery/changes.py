"""Photos added to a gallery and items taken out of it; whole or not at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np

from sketchspace.encoder.embedder import Embedder
from sketchspace.encoder.inputs import Drawings, Images
from sketchspace.errors import UserError, unknown_name
from sketchspace.files import whole_folder
from sketchspace.gallery.contents import Contents
from sketchspace.gallery.indexed_items import Item
from sketchspace.gallery.photo_folder import decode_photo, list_photos, read_photo
from sketchspace.gallery.search import Indices
from sketchspace.gallery.thumbnails import encode_thumbnail
from sketchspace.gallery.writer import GalleryWriter, Ways, checksums, gallery_writer

BATCH_SIZE = 64
Paths = str | PathLike[str] | Iterable[str | PathLike[str]]


@dataclass(frozen=True, eq=False)
class _NewPhoto:
    """A photo that is to be embedded: `pixels` as the network reads it, `thumbnail` as people see it."""

    key: str
    checksum: str
    thumbnail: bytes
    pixels: Images


def add_photos(gallery: Contents, embedder: Embedder, photos: Paths) -> int:
    """Embed photos, or all photos of a folder, and append them to a gallery of photos; returns how many.

    A photo that the gallery has already, by path and bytes, is left as it is; one whose bytes have changed
    takes the place of the old one. Its key is its path within the indexed folder, or its full path where it
    lies elsewhere. Raises `UserError`, and changes nothing, for a gallery of a data set and for a photo that
    cannot be read.
    """
    if gallery.info.source != "photos":
        raise UserError(
            f"{gallery.folder} was made of data set {gallery.info.dataset}; photos are added to a gallery "
            "that was made of a folder of photos"
        )
    stored = {item.key: item.checksum for item in gallery.items}
    root = Path(str(gallery.info.options.get("index", "")))
    new: dict[str, _NewPhoto] = {}
    for path in _files_of(photos):
        key = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
        photo = _read(path, key, gallery)
        if stored.get(key) != photo.checksum:
            new[key] = photo
    if new:
        ways = Ways(gallery.info.views, gallery.info.normalize, gallery.centre)
        embed = partial(_embed, ways, embedder, list(new.values()))
        _rewrite(gallery, _rows_without(gallery, set(new)), embed)
    return len(new)


def remove_items(gallery: Contents, keys: str | Iterable[str]) -> int:
    """Take items out of a gallery by their keys; returns how many.

    Raises `UserError`, and changes nothing, for a key that the gallery does not have, and where nothing
    would be left.
    """
    wanted = {keys} if isinstance(keys, str) else set(keys)
    known = {item.key for item in gallery.items}
    for key in sorted(wanted - known):
        raise unknown_name("key", key, sorted(known))
    rows = _rows_without(gallery, wanted)
    if not len(rows):
        raise UserError(f"nothing would be left in {gallery.folder}; delete the folder instead")
    removed = gallery.info.num_items - len(rows)
    if removed:
        _rewrite(gallery, rows)
    return removed


def _rows_without(gallery: Contents, keys: set[str]) -> Indices:
    return np.array([item.index for item in gallery.items if item.key not in keys], np.int64)


def _files_of(photos: Paths) -> list[Path]:
    """Absolute paths of photos, those of folders in their place."""
    given = [photos] if isinstance(photos, str | PathLike) else list(photos)
    found: list[Path] = []
    for path in map(Path, given):
        names = list_photos(path).photos if path.is_dir() else ()
        found += [path.resolve() / name for name in names] if path.is_dir() else [_upright(path)]
    return found


def _upright(path: Path) -> Path:
    """A file's full path; the file itself may be a link."""
    return path.parent.resolve() / path.name


def _read(path: Path, key: str, gallery: Contents) -> _NewPhoto:
    try:
        checksum, data = read_photo(path)
        photo = decode_photo(data, gallery.card)
    except UserError as error:
        raise UserError(f"{path}: {str(error).removeprefix('the image ')}; nothing was added") from None
    return _NewPhoto(key, checksum, encode_thumbnail(photo.shown), photo.pixels)


def _rewrite(gallery: Contents, rows: Indices, more: Callable[[GalleryWriter], None] | None = None) -> None:
    """Write the items `rows` as the gallery's folder, and what `more` adds to them."""
    info = gallery.info
    with whole_folder(gallery.folder) as folder:
        with gallery_writer(folder, gallery.folder, info.embedding_size, gallery.centre) as writer:
            for start in range(0, len(rows), BATCH_SIZE):
                _copy(writer, gallery, rows[start : start + BATCH_SIZE])
            if more is not None:
                more(writer)
        counts = dict(writer.domains)
        if info.source == "photos":
            removed = gallery.info.num_items - len(rows)
            counts |= {
                "embedded": writer.count - len(rows),
                "kept": len(rows),
                "removed": removed,
                "skipped": 0,
            }
        dataclasses.replace(
            info,
            num_items=writer.count,
            counts=counts,
            fingerprint=writer.fingerprint if info.source == "photos" else info.fingerprint,
            sha256=checksums(folder),
        ).save(folder)


def _copy(writer: GalleryWriter, gallery: Contents, rows: Indices) -> None:
    items = [gallery.items[int(row)] for row in rows]
    found = [dataclasses.replace(item, index=writer.count + at) for at, item in enumerate(items)]
    writer.add(found, gallery.vectors[rows], [gallery.thumbnail_bytes(int(row)) for row in rows])


def _embed(ways: Ways, embedder: Embedder, photos: Sequence[_NewPhoto], writer: GalleryWriter) -> None:
    """Append photos with the vectors that their gallery would have given them."""
    for start in range(0, len(photos), BATCH_SIZE):
        batch = photos[start : start + BATCH_SIZE]
        vectors = ways.vectors(embedder, Drawings(np.stack([photo.pixels for photo in batch])))
        found = [
            Item(writer.count + at, photo.key, -1, "", "photo", -1, photo.checksum)
            for at, photo in enumerate(batch)
        ]
        writer.add(found, vectors, [photo.thumbnail for photo in batch])
