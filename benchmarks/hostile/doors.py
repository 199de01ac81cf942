"""The doors: every function by which a file from outside comes in, as queries and trainings call it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from benchmarks.hostile import whole
from benchmarks.hostile.spoil_arrays import spoil_npy, spoil_npz, spoil_pickle
from benchmarks.hostile.spoil_bytes import Spoil, spoil_bytes, spoil_mat5, spoil_png, spoil_records
from benchmarks.hostile.spoil_text import spoil_json, spoil_lines, spoil_svg
from sketchspace.encoder.metadata import EncoderCard
from sketchspace.errors import UserError

MAX_MAT_BYTES = 64 << 20
Whole = Callable[[], tuple[bytes, ...]]


@dataclass(frozen=True)
class Door:
    """One kind of file: whole ones, how they are spoilt, and what reads them from a path with `suffix`.

    `knock` is given the folder in which it may work, and a path in it that holds the file.
    """

    suffix: str
    whole: Whole
    spoil: Spoil
    knock: Callable[[Path, Path], None]

    def input(self, name: str, seed: int, number: int) -> bytes:
        """Hostile file `number`: the same for the same seed, whatever was made before."""
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
        known = self.whole()
        return self.spoil(rng, known[int(rng.integers(len(known)))])


def _cards() -> tuple[EncoderCard, EncoderCard]:
    values = {name: whole.CARD[name] for name in EncoderCard.__dataclass_fields__}
    values["classes"] = tuple(values["classes"])
    strokes = {"inputs": ("length", "read_at", "strokes"), "channels": 1}
    return EncoderCard(**{**values, "inputs": ("image",)}), EncoderCard(**{**values, **strokes})


def _query(folder: Path, path: Path) -> None:
    """As a query of an encoder of pictures, and of one of strokes."""
    from sketchspace.encoder.query import STROKES, query_of

    pictures, strokes = _cards()
    query_of(str(path), pictures)
    if path.suffix in STROKES:
        query_of(str(path), strokes)


def _sketch(folder: Path, path: Path) -> None:
    from sketchspace.encoder.stroke_files import read_sketch

    read_sketch(path)


def _both(folder: Path, path: Path) -> None:
    """As a query, and as a drawing that is read by itself."""
    try:
        _query(folder, path)
    except UserError:
        _sketch(folder, path)
        raise


def _photo(folder: Path, path: Path) -> None:
    from sketchspace.gallery.photo_folder import decode_photo, read_photo

    _, data = read_photo(path)
    decode_photo(data, _cards()[0])
    _query(folder, path)


def _npz(folder: Path, path: Path) -> None:
    from sketchspace.sketch.readers import read_stroke3_npz

    read_stroke3_npz(path)


def _npy_dict(folder: Path, path: Path) -> None:
    from sketchspace.arrays.safe_numpy import read_npy_dict

    read_npy_dict(path)


def _pickle(folder: Path, path: Path) -> None:
    from sketchspace.arrays.safe_numpy import unpickle_arrays

    try:
        unpickle_arrays(path.read_bytes())
    except ValueError as error:
        raise UserError(str(error)) from None


def _mat(folder: Path, path: Path) -> None:
    from sketchspace.arrays.mat import read_mat
    from sketchspace.encoder.picture_stacks import prepared, stack_of

    pictures = stack_of(read_mat(path, max_bytes=MAX_MAT_BYTES), path.name)
    if len(pictures) <= 100:
        prepared(pictures, _cards()[0], False, path.name)


def _gallery(name: str, folder: Path, path: Path) -> None:
    """One file of a gallery is forged, its checksum too; then the gallery is opened, asked and shown."""
    from sketchspace.files import sha256_of
    from sketchspace.gallery.gallery import Gallery

    place = folder / "gallery"
    if not place.exists():
        whole.write_gallery(place)
    target = place / name
    kept = target.read_bytes()
    info = json.loads((place / "gallery.json").read_bytes())
    try:
        target.write_bytes(path.read_bytes())
        if name in info["sha256"]:
            hashes = {**info["sha256"], name: sha256_of(target)}
            (place / "gallery.json").write_text(json.dumps({**info, "sha256": hashes}))
        gallery = Gallery.open(place)
        for hit in gallery.search_vectors(np.eye(1, gallery.info.embedding_size, dtype=np.float32), 3)[0]:
            gallery.thumbnail(hit.index)
    finally:
        target.write_bytes(kept)
        (place / "gallery.json").write_text(json.dumps(info))


def _encoder(folder: Path, path: Path) -> None:
    from sketchspace.encoder.query import query_of

    card = EncoderCard.load(path.parent)
    query_of([[[0, 0], [5, 5]], [[1, 2]]], card)
    card.vector_size(card.usual_views)


def _manifest(folder: Path, path: Path) -> None:
    from tfrecords.dataset import DatasetFolder

    found = DatasetFolder.open(path.parent)
    for split in found.manifest.counts:
        found.manifest.num_bytes(split)
        found.manifest.num_examples(split, "photo")
    found.next_command()


def _annotations(folder: Path, path: Path) -> None:
    from tfrecords.dataset import DatasetFolder
    from tfrecords.manifest import Manifest

    values = whole.manifest()
    DatasetFolder(path.parent, Manifest(**values)).annotations()


def _config(folder: Path, path: Path) -> None:
    from training.run_config import read_config, read_origin

    origin = read_origin(path.parent)
    [data["fingerprint"] for stage in origin.get("stage_data", {}).values() for data in stage]
    read_config(path.parent, "model", "model_options", "dataset.image_size", "dataset.classes", "stages")


def _plan(folder: Path, path: Path) -> None:
    from preprocess.plan import Plan

    if Plan.load(path.parent) is None:
        raise UserError("no plan")


def _shard(folder: Path, path: Path) -> None:
    from tfrecords.dataset import decode_image, shard_records

    for record in shard_records(path):
        decode_image(record, whole.SIZE)


def _json(make: Callable[[], object]) -> Whole:
    return lambda: (json.dumps(make()).encode(),)


def _plans() -> object:
    counts = {"train": 3, "test": 2}
    named = {"classes": ["cat"], "first": {"cat": "k"}, "files": [["a", "b"]], "fingerprint": "01"}
    return {**named, "counts": counts, "dropped": {"empty": 1}, "notes": {}}


def _triplets() -> object:
    return {
        "triplets": {"train": {"shoe": [[0, 1, 2], [1, 2, 0]]}},
        "attributes": {"shoe": {"names": ["heel"]}},
    }


@cache
def _gallery_file(name: str) -> tuple[bytes, ...]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return ((whole.write_gallery(Path(folder) / "g") / name).read_bytes(),)


def _in_gallery(name: str, spoil: Spoil) -> Door:
    return Door(Path(name).suffix, partial(_gallery_file, name), spoil, partial(_gallery, name))


DOORS = {
    "ndjson": Door(".ndjson", cache(whole.lines), spoil_lines, _both),
    "canvas": Door(".json", lambda: whole.CANVAS, spoil_json, _both),
    "svg": Door(".svg", lambda: whole.SVG, spoil_svg, _both),
    **{
        kind.lower(): Door(f".{kind.lower()}", cache(partial(whole.bitmaps, kind)), spoil, _photo)
        for kind, spoil in (
            ("PNG", spoil_png),
            ("JPEG", spoil_bytes),
            ("WEBP", spoil_bytes),
            ("BMP", spoil_bytes),
            ("GIF", spoil_bytes),
        )
    },
    "npz": Door(".npz", cache(whole.npz), spoil_npz, _npz),
    "npy_dict": Door(".npy", cache(whole.npy_dicts), spoil_npy, _npy_dict),
    "pickle": Door(".pickle", cache(whole.pickles), spoil_pickle, _pickle),
    "mat5": Door(".mat", cache(whole.mat5), spoil_mat5, _mat),
    "mat73": Door(".mat", cache(whole.mat73), spoil_bytes, _mat),
    "gallery.json": _in_gallery("gallery.json", spoil_json),
    "items.jsonl": _in_gallery("items.jsonl", spoil_lines),
    "vectors.npy": _in_gallery("vectors.npy", spoil_npy),
    "thumbnail": _in_gallery("thumbnails/00000/00000000.png", spoil_png),
    "encoder.json": Door("encoder.json", _json(lambda: whole.CARD), spoil_json, _encoder),
    "manifest.json": Door("manifest.json", cache(_json(whole.manifest)), spoil_json, _manifest),
    "annotations.json": Door("annotations.json", _json(_triplets), spoil_json, _annotations),
    "config.json": Door("config.json", cache(_json(whole.config)), spoil_json, _config),
    "plan.json": Door("plan.json", _json(_plans), spoil_json, _plan),
    "shard": Door(".tfrecord-00000-of-00001", lambda: (whole.records(),), spoil_records, _shard),
}
"""By name. A suffix without a dot in front is the whole name of the file."""
