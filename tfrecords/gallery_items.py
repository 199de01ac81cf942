"""A data set and an encoder become a gallery."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sketchspace.encoder.embedder import Embedder, encoder_folder
from sketchspace.encoder.inputs import Drawings, Images
from sketchspace.encoder.metadata import EncoderCard
from sketchspace.encoder.views import Mode
from sketchspace.errors import UserError, shown, unknown_name
from sketchspace.files import whole_folder
from sketchspace.gallery.indexed_items import Item
from sketchspace.gallery.metadata import DOMAINS, GalleryInfo
from sketchspace.gallery.thumbnails import decode_thumbnail, encode_thumbnail, has_size
from sketchspace.gallery.writer import (
    GalleryWriter,
    Ways,
    check_target,
    describe,
    gallery_writer,
)
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Floats, Sketch
from tfrecords.dataset import DatasetFolder
from tfrecords.manifest import Manifest
from tfrecords.schema import Record

BATCH_SIZE = 64


def build_gallery(
    run_folder: Path,
    dataset_folder: Path,
    split: str,
    out: Path,
    *,
    normalize: bool = False,
    allow_other_data: bool = False,
    domain: str | None = None,
    views: Mode | None = None,
) -> GalleryInfo:
    """Embed a split with a run's exported encoder and write the gallery `out`, whole or not at all.

    `domain` is one of `DOMAINS`, by default the photos where there are any; `views` are as `Ways.of` has
    them. `normalize` scales vectors to length 1. Memory does not grow with the split beyond one batch. Raises
    `UserError` where the encoder was trained on data of another fingerprint and `allow_other_data`
    is not set, where pictures do not fit the encoder, and where `out` is a folder of something else.
    """
    check_target(out)
    embedder, dataset = Embedder.open(run_folder), DatasetFolder.open(dataset_folder)
    card, manifest = embedder.card, dataset.manifest
    counts, domain = _chosen(manifest, split, domain)
    _check_data(manifest, card, allow_other_data)
    ways, total = Ways.of(card, views, normalize), sum(counts.values())
    named = {"run": str(run_folder), "index": str(dataset_folder), "allow_other_data": allow_other_data}
    origin = {
        "dataset": manifest.name,
        "split": split,
        "domain": domain,
        "counts": counts,
        "fingerprint": manifest.fingerprint,
        "classes": manifest.classes,
        "options": named | {"split": split, "domain": domain, "views": ways.views, "normalize": normalize},
    }
    with whole_folder(out) as folder:
        with gallery_writer(folder, encoder_folder(run_folder), card.vector_size(ways.views)) as writer:
            records = (item for item in dataset.records(split) if domain in ("all", item.domain))
            _write_items(writer, records, total, embedder, ways)
        return describe(folder, card, ways, total, **origin)


def _chosen(manifest: Manifest, split: str, domain: str | None) -> tuple[dict[str, int], str]:
    """How many items of each domain are indexed, and the domain itself."""
    total, counts = manifest.num_examples(split), manifest.counts[split]
    if total < 1:
        raise UserError(f"split '{split}' of data set {manifest.name} is empty; give another --split")
    if domain is None:
        domain = "photo" if counts.get("photo") else "all"
    if domain not in DOMAINS:
        raise unknown_name("domain", domain, DOMAINS)
    chosen = {name: number for name, number in counts.items() if number and domain in ("all", name)}
    if not chosen:
        raise UserError(f"split '{split}' of data set {manifest.name} has no {domain}; give another --domain")
    return chosen, domain


def _check_data(manifest: Manifest, card: EncoderCard, allow_other_data: bool) -> None:
    if card.fingerprint not in ("", manifest.fingerprint) and not allow_other_data:
        raise UserError(
            f"data set {manifest.name} has fingerprint {manifest.fingerprint}, but run {card.run} was"
            f" trained on {card.fingerprint}; --allow_other_data indexes it all the same"
        )
    check_pictures(manifest, card)


def check_pictures(manifest: Manifest, card: EncoderCard) -> None:
    """Raise `UserError` where a data set's photos are not what an encoder was trained on."""
    for name in ("photo_as", "fit", "channels") if manifest.has_photos and card.photo_as else ("channels",):
        wanted, given = getattr(card, name), getattr(manifest, name)
        if wanted != given and not card.reads_strokes:
            raise UserError(
                f"run {card.run} reads pictures with {name} {wanted}, those of data set {manifest.name} have"
                f" {given}; make the data set as the run's own"
            )


def _write_items(
    writer: GalleryWriter, records: Iterator[Record], num_items: int, embedder: Embedder, ways: Ways
) -> None:
    """Write vectors, items and thumbnails batch by batch; `UserError` unless `num_items` records come."""
    # disable=None: silent where standard error is not a terminal.
    with tqdm(total=num_items, desc="index", unit=" items", disable=None) as progress:
        while batch := list(islice(records, BATCH_SIZE)):
            if writer.count + len(batch) > num_items:
                raise UserError(
                    f"the data set holds more than the {num_items} records that its manifest counts"
                )
            found = [_item(writer.count + row, record) for row, record in enumerate(batch)]
            pictures = [_picture(record, embedder.card) for record in batch]
            points = _strokes(batch) if embedder.card.reads_strokes else None
            vectors = ways.vectors(embedder, Drawings(np.stack(pictures), points))
            shown = [_shown(*pair) for pair in zip(batch, pictures, strict=True)]
            writer.add(found, vectors, shown)
            progress.update(len(batch))
    if writer.count != num_items:
        raise UserError(
            f"the data set holds {writer.count} records, its manifest counts {num_items}; make it again"
        )


def _strokes(batch: list[Record]) -> list[Floats]:
    """The batch's strokes; a record without them is a `UserError`."""
    for record in batch:
        if record.strokes is None or not len(record.strokes):
            raise UserError(f"record {shown(record.key)} has no strokes to be read; index another data set")
    return [record.strokes for record in batch if record.strokes is not None]


def _item(index: int, record: Record) -> Item:
    return Item(index, record.key, record.label, record.class_name, record.domain, record.instance)


def _picture(record: Record, card: EncoderCard) -> Images:
    """A record's pixels; drawn from its strokes where the stored picture has another size."""
    name = f"the picture of record {shown(record.key)}"
    try:
        image = decode_thumbnail(record.image or b"", card.image_size, name)
    except UserError:
        if record.strokes is None or not len(record.strokes):
            raise
        image = rasterize(Sketch.from_points(record.strokes), card.image_size)
    if image.ndim == 3 and card.channels == 1:
        raise UserError(f"{name} has colours, and {card.model} reads grey; index another data set")
    return image if card.channels == 1 or image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def _shown(record: Record, picture: Images) -> bytes:
    """What people are shown: the photo in colour, else what the network sees."""
    size = len(picture)
    for stored in (record.shown, record.image):
        if stored is not None and has_size(stored, size):
            return stored
    return encode_thumbnail(picture)
