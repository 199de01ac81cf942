"""Whole files of every kind that is read from outside, to be spoilt; the same bytes every time."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks.hostile.spoil_arrays import pickled
from sketchspace.encoder.metadata import EncoderCard
from sketchspace.files import sha256_of
from sketchspace.gallery.contents import HASHED_FILES
from sketchspace.gallery.indexed_items import Item
from sketchspace.gallery.metadata import GalleryInfo
from sketchspace.gallery.thumbnails import encode_thumbnail

SIZE, WIDTH, ITEMS = 32, 8, 4
CARD: dict[str, Any] = {
    "model": "tiny",
    "run": "r",
    "inputs": ["image"],
    "image_size": SIZE,
    "embedding_size": WIDTH,
    "classes": ["cat", "dog"],
    "fingerprint": "0123",
    "max_points": 150,
    "long_strokes": "resample",
    "simplify": True,
    "channels": 1,
    "photo_as": "grey",
    "fit": "box",
    "input_size": SIZE,
    "centred": False,
    "schema_version": 3,
    "step": 500.0,
}
SVG = (
    b"""<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="100" height="100">
<g transform="translate(3,4) rotate(10)" stroke="black" fill="none" style="stroke-width:2">
<path d="M10 10 L90 10 h-5 v20 C 20 20, 40 20, 50 10 S 70 40 80 80"/>
<path d="M1 1 Q 1 2 3 4 T 9 9 A 30 50 0 0 1 62 57 Z m5 5 l9-9"/>
<line x1="1" y1="2" x2="50" y2="60"/><polyline points="0,0 10,20 30,5"/><polygon points="9,9 30,9 20,30"/>
<rect x="5" y="5" width="20" height="10" rx="2"/><circle cx="50" cy="50" r="20"/>
<ellipse cx="9" cy="8" rx="7" ry="3"/>
</g></svg>""",
    b'<svg viewBox="0 0 9 9"><path d="M0 0L9 9" stroke="red" stroke-width=".2" transform="scale(.9)"/></svg>',
)
_STROKES = [[[0, 50, 100], [40, 0, 40]], [[10, 10, 90, 90], [40, 100, 100, 40]], [[50], [70]]]
CANVAS = tuple(
    json.dumps(value).encode()
    for value in (
        {"strokes": [[[0, 0], [50, 40], [100, 0]], [[9, 9], [80, 70]]], "width": 100, "height": 100},
        {"strokes": [{"points": [{"x": 1, "y": 2}, {"x": 50, "y": 60}], "color": "#000", "width": 3}]},
        [[[0, 0], [50, 40]], [[9, 9], [80, 70]]],
        {"drawing": _STROKES, "word": "house"},
        {
            "version": "5.3.0",
            "objects": [
                {"type": "path", "path": [["M", 0, 0], ["Q", 1, 2, 30, 40], ["L", 50, 9]], "left": 1}
            ],
        },
    )
)


def lines() -> tuple[bytes, ...]:
    """Quick, Draw! files: simplified, raw, and labelled by parts."""
    raw = [[*stroke, list(range(len(stroke[0])))] for stroke in _STROKES]
    records = (
        {"key_id": "1", "word": "house", "recognized": True, "countrycode": "CL", "drawing": _STROKES},
        {"key_id": "2", "word": "house", "timestamp": "2017-03-01", "drawing": raw},
        {"key_id": 3, "drawing": raw},
    )
    return tuple(json.dumps(record).encode() + b"\n" + json.dumps(record).encode() for record in records)


def bitmaps(kind: str) -> tuple[bytes, ...]:
    """Pictures of a drawing: grey, in colour, transparent, with a palette; what the kind knows of these."""
    grey = np.full((40, 50), 255, np.uint8)
    cv2.polylines(grey, [np.array([[5, 30], [25, 8], [45, 30], [5, 30]], np.int32)], False, 0, 2)
    image, made = Image.fromarray(grey), []
    for mode in ("L", "RGB", "RGBA", "P", "1", "CMYK"):
        file = io.BytesIO()
        try:
            image.convert(mode).save(file, kind)
        except (OSError, ValueError, KeyError):
            continue
        made.append(file.getvalue())
    return tuple(made)


def thumbnails() -> tuple[bytes, ...]:
    """Small pictures of items, grey and RGB."""
    grey = np.arange(SIZE * SIZE, dtype=np.uint32).reshape(SIZE, SIZE).astype(np.uint8)
    return encode_thumbnail(grey), encode_thumbnail(np.dstack([grey] * 3))


def drawings() -> list[np.ndarray]:
    """Stroke-3 drawings, int16 `[points, 3]`."""
    return [np.array([[1, 2, 0], [3, -4, 1], [number, 9, 1]], np.int16) for number in range(5)]


def _objects(items: list[np.ndarray]) -> np.ndarray:
    array = np.empty(len(items), object)
    array[:] = items
    return array


def npy(array: np.ndarray) -> bytes:
    """A `.npy` file of numbers."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def npy_of_objects(value: Any, shape: tuple[int, ...], protocol: int = 2) -> bytes:
    """A `.npy` file with a pickle in it, as `np.save` writes it."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": shape})
    return file.getvalue() + pickled(value, protocol)


def npz() -> tuple[bytes, ...]:
    """Archives of stroke-3 drawings, as objects and as plain arrays."""
    made = []
    for protocol in (2, 4):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for split in ("train", "valid"):
                archive.writestr(f"{split}.npy", npy_of_objects(_objects(drawings()), (5,), protocol))
            archive.writestr("test.npy", npy(np.stack(drawings())))
        made.append(file.getvalue())
    return tuple(made)


def pickles() -> tuple[bytes, ...]:
    """Pickled arrays: of objects, and a dict of them by name."""
    named = {f"chair{number}": drawing for number, drawing in enumerate(drawings())}
    return tuple(
        pickled(value, protocol) for value in (_objects(drawings()), named) for protocol in (0, 2, 4)
    )


def npy_dicts() -> tuple[bytes, ...]:
    """Weights as `np.save` writes a dict."""
    value: Any = {"conv1": {"weights": np.eye(3, dtype=np.float32)}, "fc": [np.zeros(3), np.ones((2, 2))]}
    box = np.empty((), object)
    box[()] = value
    return tuple(npy_of_objects(box, (), protocol) for protocol in (2, 4))


def mat5() -> tuple[bytes, ...]:
    """MATLAB files of version 5, plain and compressed."""
    from scipy.io import savemat

    made = []
    for packed in (False, True):
        file = io.BytesIO()
        stack = np.arange(5 * 6 * 6, dtype=np.uint8).reshape(5, 6, 6)
        savemat(file, {"data": stack, "note": "x", "eye": np.eye(3)}, do_compression=packed)
        made.append(file.getvalue())
    return tuple(made)


def mat73() -> tuple[bytes, ...]:
    """MATLAB files of version 7.3: in one piece, in pieces, and compressed."""
    import h5py

    made = []
    for how in ({}, {"chunks": (2, 3, 3)}, {"chunks": (2, 3, 3), "compression": "gzip", "shuffle": True}):
        file = io.BytesIO()
        with h5py.File(file, "w", userblock_size=512) as store:
            stack = np.arange(5 * 6 * 6, dtype=np.uint8).reshape(5, 6, 6)
            data = store.create_dataset("data", data=stack, **how)
            data.attrs["MATLAB_class"] = np.bytes_(b"uint8")
            store.create_dataset("other", data=np.eye(3))
        made.append(file.getvalue())
    return tuple(made)


def write_gallery(folder: Path) -> Path:
    """A gallery of four items; its network is no network."""
    folder.mkdir(parents=True)
    (folder / "encoder.tflite").write_bytes(b"none")
    (folder / "encoder.json").write_text(json.dumps(CARD))
    (folder / "vectors.npy").write_bytes(npy(np.eye(ITEMS, WIDTH, dtype=np.float32)))
    items = [Item(n, f"key{n}", n % 2, ("cat", "dog")[n % 2], "sketch", -1) for n in range(ITEMS)]
    (folder / "items.jsonl").write_bytes(b"".join(item.to_line() for item in items))
    for item in items:
        path = folder / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(thumbnails()[item.index % 2])
    card = EncoderCard.load(folder)
    info = GalleryInfo(
        model=card.model,
        run=card.run,
        dataset="shapes",
        split="test",
        fingerprint="0123",
        encoder_fingerprint="0123",
        image_size=SIZE,
        embedding_size=WIDTH,
        normalize=False,
        num_items=ITEMS,
        classes=card.classes,
        options={"index": "data/shapes", "views": "single", "normalize": False},
        sha256={name: sha256_of(folder / name) for name in HASHED_FILES},
        counts={"sketch": ITEMS},
    )
    info.save(folder)
    return folder


def manifest() -> dict[str, Any]:
    """A data set's description."""
    from tfrecords.manifest import Manifest

    shard = {"examples": 2, "bytes": 100, "sha256": "0" * 64}
    return dataclasses.asdict(
        Manifest(
            name="shapes",
            classes=("cat", "dog"),
            counts={"train": {"sketch": 2}, "test": {"sketch": 2, "photo": 1}},
            dropped={"empty_drawing": 3},
            image_size=SIZE,
            seed=0,
            options={"photo_as": "grey", "fit": "box", "classes": [], "per_class": 0},
            sources=[{"name": "a.ndjson", "bytes": 10, "sha256": "0" * 64}],
            licence="CC0",
            citation="",
            fingerprint="0123",
            shards={
                "shapes-train.tfrecord-00000-of-00001": shard,
                "shapes-test.tfrecord-00000-of-00001": shard,
            },
        )
    )


def config() -> dict[str, Any]:
    """A run's configuration."""
    from models.spec import Stage

    data = {
        name: CARD[name] for name in ("fingerprint", "image_size", "classes", "channels", "photo_as", "fit")
    }
    return {
        "schema_version": 1,
        "model": "sknet",
        "paper": "",
        "model_options": {"width": 0.25, "normalize": True, "pixels": "ink"},
        "dataset": {**data, "path": "data/shapes", "name": "shapes", "simplify": True},
        "stages": [dataclasses.asdict(Stage(settings={"label_smoothing": 0.1}, anneal={"kl": [0.1, 10]}))],
        "stage_data": {"train": [{"name": "shapes", "fingerprint": "0123", "weight": 1.0}]},
        "logit_classes": ["cat", "dog"],
        "seed": 0,
        "patience": 0,
    }


def records() -> bytes:
    """A shard of two records."""
    from tfrecords.schema import Record, serialize
    from tfrecords.wire import frame

    points = np.array([[0, 0, 0], [9, 9, 1]], np.float32)
    image = thumbnails()[0]
    return b"".join(
        frame(serialize(Record(f"k{n}", n, "cat", strokes=points, image=image))) for n in range(2)
    )
