"""A data set and an encoder become a gallery."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from common.errors import UserError
from common.files import sha256_of, whole_folder
from retrieval import items
from retrieval.card import CARD_FILE
from retrieval.drawings import Drawings, Images
from retrieval.embedder import MODEL_FILE, Embedder
from retrieval.gallery import (
    HASHED_FILES,
    INFO_FILE,
    VECTORS_FILE,
    GalleryInfo,
    decode_thumbnail,
    unit_length,
)
from retrieval.items import Item
from sketch.raster import rasterize
from sketch.strokes import Floats, Sketch
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
) -> GalleryInfo:
    """Embed a split with a run's exported encoder and write the gallery `out`, whole or not at all.

    `normalize` scales vectors to length 1. Memory does not grow with the split beyond one batch. Raises
    `UserError` where the encoder was trained on data of another fingerprint and `allow_other_data`
    is not set, where pictures do not fit the encoder, and where `out` is a folder of something else.
    """
    _check_target(out)
    export = run_folder / "export"
    if not export.is_dir():
        raise UserError(f"no export folder in {run_folder}; train.py writes it when training ends")
    dataset, embedder = DatasetFolder.open(dataset_folder), Embedder.open(export)
    _check_data(dataset.manifest, embedder, split, allow_other_data)
    options = {
        "run": str(run_folder),
        "index": str(dataset_folder),
        "split": split,
        "normalize": normalize,
        "allow_other_data": allow_other_data,
    }
    with whole_folder(out) as folder:
        for name in (MODEL_FILE, CARD_FILE):
            shutil.copyfile(export / name, folder / name)
        num_items = dataset.manifest.num_examples(split)
        _write_items(folder, dataset.records(split), num_items, embedder, normalize)
        info = _describe(folder, dataset.manifest, embedder, split, normalize, options)
        info.save(folder)
    return info


def _check_target(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()) and not (out / INFO_FILE).is_file():
        raise UserError(f"{out} exists and is not a gallery; it is left alone, give another --gallery")
    files = [path for path in (out, *out.parents) if path.exists() and not path.is_dir()]
    if files:
        raise UserError(f"{files[0]} is a file, expected a folder; give another --gallery")


def _check_data(manifest: Manifest, embedder: Embedder, split: str, allow_other_data: bool) -> None:
    card = embedder.card
    if manifest.num_examples(split) < 1:
        raise UserError(f"split '{split}' of data set {manifest.name} is empty; give another --split")
    if manifest.fingerprint != card.fingerprint and not allow_other_data:
        raise UserError(
            f"data set {manifest.name} has fingerprint {manifest.fingerprint}, but run {card.run} was"
            f" trained on {card.fingerprint}; --allow_other_data indexes it all the same"
        )


def _write_items(
    folder: Path, records: Iterator[Record], num_items: int, embedder: Embedder, normalize: bool
) -> None:
    """Write vectors, items and thumbnails batch by batch; `UserError` unless `num_items` records come."""
    shape = (num_items, embedder.card.embedding_size)
    vectors = np.lib.format.open_memmap(folder / VECTORS_FILE, mode="w+", dtype=np.float32, shape=shape)
    with ExitStack() as stack:
        lines = stack.enter_context((folder / items.FILE_NAME).open("wb"))
        # disable=None: silent where standard error is not a terminal.
        progress = stack.enter_context(tqdm(total=num_items, desc="index", unit=" items", disable=None))
        done = 0
        while batch := list(islice(records, BATCH_SIZE)):
            if done + len(batch) > num_items:
                raise UserError(
                    f"the data set holds more than the {num_items} records that its manifest counts"
                )
            images = _store_pictures(folder, batch, done, embedder.card.image_size)
            points = _strokes(batch) if embedder.card.reads_strokes else None
            embeddings = embedder.embed(Drawings(images, points))
            vectors[done : done + len(batch)] = unit_length(embeddings) if normalize else embeddings
            lines.writelines(_item(done + row, record).to_line() for row, record in enumerate(batch))
            done += len(batch)
            progress.update(len(batch))
    if done != num_items:
        raise UserError(f"the data set holds {done} records, its manifest counts {num_items}; make it again")
    vectors.flush()


def _strokes(batch: list[Record]) -> list[Floats]:
    """The batch's strokes; a record without them is a `UserError`."""
    for record in batch:
        if record.strokes is None or not len(record.strokes):
            raise UserError(f"record {record.key} has no strokes to be read; index another data set")
    return [record.strokes for record in batch if record.strokes is not None]


def _item(index: int, record: Record) -> Item:
    return Item(index, record.key, record.label, record.class_name, record.domain, record.instance)


def _store_pictures(folder: Path, batch: list[Record], first: int, size: int) -> Images:
    """Write the batch's thumbnails and return its pictures, uint8 `[len(batch), size, size]`."""
    images = np.empty((len(batch), size, size), np.uint8)
    for row, record in enumerate(batch):
        data, images[row] = _picture(record, size)
        path = folder / items.thumbnail_path(first + row)
        if row == 0 or (first + row) % items.PER_FOLDER == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return images


def _picture(record: Record, size: int) -> tuple[bytes, Images]:
    """A record's PNG and pixels; drawn from its strokes where the stored picture has another size."""
    name = f"the picture of record {record.key}"
    try:
        return record.image or b"", decode_thumbnail(record.image or b"", size, name)
    except UserError:
        if record.strokes is None or not len(record.strokes):
            raise
    image = rasterize(Sketch.from_points(record.strokes), size)
    return cv2.imencode(".png", image)[1].tobytes(), image


def _describe(
    folder: Path,
    manifest: Manifest,
    embedder: Embedder,
    split: str,
    normalize: bool,
    options: dict[str, object],
) -> GalleryInfo:
    card = embedder.card
    return GalleryInfo(
        model=card.model,
        run=card.run,
        dataset=manifest.name,
        split=split,
        fingerprint=manifest.fingerprint,
        encoder_fingerprint=card.fingerprint,
        image_size=card.image_size,
        embedding_size=card.embedding_size,
        normalize=normalize,
        num_items=manifest.num_examples(split),
        classes=manifest.classes,
        options=options,
        sha256={name: sha256_of(folder / name) for name in HASHED_FILES},
    )
