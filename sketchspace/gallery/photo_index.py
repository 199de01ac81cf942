"""A plain folder of photos and an encoder become a gallery; a second time, only what changed is embedded."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sketchspace.encoder.embedder import MODEL_FILE, Embedder, encoder_folder
from sketchspace.encoder.inputs import Drawings, Images
from sketchspace.encoder.metadata import CARD_FILE
from sketchspace.encoder.views import check_mode
from sketchspace.errors import UserError, shown
from sketchspace.files import sha256_of, whole_folder
from sketchspace.gallery.centring import centre_of
from sketchspace.gallery.gallery import Gallery
from sketchspace.gallery.indexed_items import Item
from sketchspace.gallery.metadata import INFO_FILE
from sketchspace.gallery.photo_folder import Listing, decode_photo, list_photos, read_photo
from sketchspace.gallery.search import Floats
from sketchspace.gallery.thumbnails import encode_thumbnail, has_size
from sketchspace.gallery.writer import (
    GalleryWriter,
    Ways,
    check_target,
    describe,
    gallery_writer,
)
from sketchspace.pictures.decode import BITMAPS

BATCH_SIZE = 64
Tell = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class _Row:
    """One photo on its way into the gallery: a finished `vector`, or `pixels` still to be embedded."""

    key: str
    checksum: str
    thumbnail: bytes
    pixels: Images | None = None
    vector: Floats | None = None


@dataclass(frozen=True, eq=False)
class _Known:
    """What the gallery that is there knows of photos, by checksum and by name."""

    gallery: Gallery | None
    by_checksum: dict[str, int]
    keys: frozenset[str]

    def row(self, key: str, checksum: str) -> _Row | None:
        """The finished row of a photo that was embedded before, whatever its name was then."""
        if self.gallery is None or checksum not in self.by_checksum:
            return None
        index = self.by_checksum[checksum]
        try:
            thumbnail = self.gallery.contents.thumbnail_bytes(index)
        except UserError:
            return None
        if not has_size(thumbnail, self.gallery.info.image_size):
            return None
        return _Row(key, checksum, thumbnail, vector=np.array(self.gallery.vectors[index]))


@dataclass(eq=False)
class _Pass:
    """One walk through the photos; `written` are (path, checksum), `skipped` (path, reason)."""

    photos: Path
    embedder: Embedder
    ways: Ways
    known: _Known
    skipped: list[tuple[str, str]]
    written: list[tuple[str, str]] = field(default_factory=list)
    embedded: int = 0

    def add(self, writer: GalleryWriter, names: Sequence[str], pool: ThreadPoolExecutor) -> None:
        """Read, embed and write one batch of photos."""
        rows = []
        for name, row in zip(names, pool.map(self._row, names), strict=True):
            if isinstance(row, _Row):
                rows.append(row)
            else:
                self.skipped.append((name, row))
        if rows:
            vectors = self._vectors(rows)
            found = [
                Item(writer.count + number, row.key, -1, "", "photo", -1, row.checksum)
                for number, row in enumerate(rows)
            ]
            writer.add(found, vectors, [row.thumbnail for row in rows])
            self.written += [(row.key, row.checksum) for row in rows]

    def _row(self, key: str) -> _Row | str:
        """A photo's row, or why there is none."""
        try:
            checksum, data = read_photo(self.photos / key)
            row = self.known.row(key, checksum)
            if row is None:
                photo = decode_photo(data, self.embedder.card)
                row = _Row(key, checksum, encode_thumbnail(photo.shown), photo.pixels)
        except UserError as error:
            return str(error).removeprefix("the image ")
        return row

    def _vectors(self, rows: Sequence[_Row]) -> Floats:
        """The rows' vectors, float32 `[n, width]`: those known already, and the others from the network."""
        vectors = np.empty((len(rows), self.embedder.card.vector_size(self.ways.views)), np.float32)
        new = [number for number, row in enumerate(rows) if row.pixels is not None]
        for number, row in enumerate(rows):
            if row.vector is not None:
                vectors[number] = row.vector
        if new:
            pixels = np.stack([pixels for row in rows if (pixels := row.pixels) is not None])
            vectors[new] = self.ways.vectors(self.embedder, Drawings(pixels))
            self.embedded += len(new)
        return vectors

    def counts(self, others: int) -> dict[str, int]:
        """What `gallery.json` says of this pass; `others` are files of other kinds."""
        keys = {key for key, _ in self.written}
        return {
            "photo": len(self.written),
            "embedded": self.embedded,
            "kept": len(self.written) - self.embedded,
            "removed": len(self.known.keys - keys),
            "skipped": len(self.skipped),
        } | ({"other": others} if others else {})


def index_photos(
    photos: str | PathLike[str],
    encoder: str | PathLike[str],
    out: str | PathLike[str],
    *,
    normalize: bool = False,
    views: str | None = None,
    tell: Tell = lambda line: None,
) -> Gallery:
    """Embed a folder of photos into the gallery `out`, whole or not at all, and open it.

    `encoder` is a run, its export folder or a gallery. `views` is one of `encoder.views.MODES`, by default
    the encoder's usual ones; `normalize` scales vectors to length 1. Where `out` is a gallery of the same
    encoder and views, photos whose bytes it knows are taken from it, whatever they are called now; photos
    that have gone leave it. `info.counts` of the result says how many were embedded, kept, removed and
    skipped. `tell` gets one line for every file that cannot be used. Raises `UserError` where no photo is
    left, and where `out` is a folder of something else.
    """
    photos, out, source = Path(photos), Path(out), encoder_folder(Path(encoder))
    check_target(out)
    embedder = Embedder.open(source)
    card, listing = embedder.card, list_photos(photos)
    if card.reads_strokes or not card.photo_as:
        raise UserError(f"run {card.run} was trained without photos; index a data set of drawings")
    ways = Ways.of(card, check_mode(views) if views else None, normalize)
    known = _known(out, source, ways, tell)
    if card.centred:
        known, ways = _centred(known, ways, photos, listing.photos, embedder)
    walk = _Pass(photos, embedder, ways, known, list(listing.skipped))
    with whole_folder(out) as folder:
        with gallery_writer(folder, source, card.vector_size(ways.views), ways.centre) as writer:
            _walk(walk, writer, listing.photos)
            _tell_skipped(walk, listing, tell)
        others = sum(listing.others.values())
        origin = _origin(walk, Path(encoder), writer.fingerprint, others)
        describe(folder, card, ways, writer.count, **origin)
    return Gallery.open(out)


def _centred(
    known: _Known, ways: Ways, photos: Path, names: Sequence[str], embedder: Embedder
) -> tuple[_Known, Ways]:
    """What is known, and ways with a centre: that of the gallery there, until it has more than doubled."""
    if known.gallery is not None and len(names) <= 2 * len(known.gallery):
        return known, replace(ways, centre=known.gallery.contents.centre)
    centre = centre_of(photos, names, embedder, ways.views)
    return _Known(None, {}, known.keys), replace(ways, centre=centre)


def _walk(walk: _Pass, writer: GalleryWriter, names: Sequence[str]) -> None:
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=len(names), desc="index", unit=" photos", disable=None) as progress,
    ):
        for start in range(0, len(names), BATCH_SIZE):
            batch = names[start : start + BATCH_SIZE]
            walk.add(writer, batch, pool)
            progress.update(len(batch))


def _tell_skipped(walk: _Pass, listing: Listing, tell: Tell) -> None:
    """Name every file that was left out; a `UserError` where no photo remains."""
    others = ", ".join(
        f"{number} {suffix} (first {listing.first_others[suffix]!a})"
        for suffix, number in sorted(listing.others.items())
    )
    if others:
        tell(f"note: left out, not photos by their names: {others}")
    for key, reason in walk.skipped:
        tell(f"skipped {shown(key, 500)}: {shown(reason, 500)}")
    if not walk.written:
        refused = f" that can be read ({len(walk.skipped)} were skipped)" if walk.skipped else ""
        raise UserError(
            f"{walk.photos} has no photos{refused}, and no manifest.json of a data set either; "
            f"expected {', '.join(suffix[1:] for suffix in BITMAPS)}"
        )


def _known(out: Path, export: Path, ways: Ways, tell: Tell) -> _Known:
    """What can be taken over from the gallery `out`: nothing from a broken one or another encoder's."""
    nothing = _Known(None, {}, frozenset())
    if not (out / INFO_FILE).is_file():
        return nothing
    try:
        gallery = Gallery.open(out)
        info = gallery.info
        same = all(info.sha256[name] == sha256_of(export / name) for name in (MODEL_FILE, CARD_FILE))
        if info.source != "photos" or not same or Ways(info.views, info.normalize) != ways:
            tell(f"{out} was made in another way: every photo is embedded anew")
            return nothing
        stored = [gallery.items[index] for index in range(info.num_items)]
    except UserError as error:
        tell(f"{shown(error, 500)}: every photo is embedded anew")
        return nothing
    keys = frozenset(item.key for item in stored)
    return _Known(gallery, {item.checksum: item.index for item in stored}, keys)


def _origin(walk: _Pass, run_folder: Path, fingerprint: str, others: int) -> dict[str, object]:
    """Where a gallery of photos comes from, as `gallery.json` says it."""
    options = {
        "run": str(run_folder),
        "index": str(walk.photos.resolve()),
        "views": walk.ways.views,
        "normalize": walk.ways.normalize,
    }
    return {
        "source": "photos",
        "dataset": walk.photos.resolve().name,
        "split": "",
        "domain": "photo",
        "classes": (),
        "fingerprint": fingerprint,
        "counts": walk.counts(others),
        "options": options,
    }
