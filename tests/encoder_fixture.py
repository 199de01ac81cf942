"""A tiny encoder and data set for the tests of galleries."""

from __future__ import annotations

import shutil
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sketchspace.files import read_json, write_json
from sketchspace.gallery.thumbnails import encode_thumbnail
from sketchspace.quiet import quiet_native_code
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch
from tests.made_once import made_once
from tfrecords.gallery_items import build_gallery
from tfrecords.manifest import Manifest
from tfrecords.schema import Record
from tfrecords.writer import shard_name, write_shard
from training.tensorflow_import import import_tensorflow

SIZE = 32
CLASSES = ("circle", "cross", "square")
EMBEDDING_SIZE = 24


def drawing(name: str, seed: int) -> Sketch:
    """A circle, a square or a cross from a shaky hand."""
    rng = np.random.default_rng(seed)
    if name == "cross":
        lines = [np.array([[0, 0], [100, 100]]), np.array([[100, 0], [0, 100]])]
    else:
        corners = 24 if name == "circle" else 4
        turn = np.linspace(0, 2 * np.pi, corners + 1) + (np.pi / 4 if name == "square" else 0)
        lines = [np.stack([50 + 50 * np.cos(turn), 50 + 50 * np.sin(turn)], axis=1)]
    return Sketch.of([line + rng.normal(0, 4, line.shape) for line in lines])


def png_of(sketch: Sketch, size: int = SIZE) -> bytes:
    """A drawing as the bytes of a grey PNG."""
    return cv2.imencode(".png", rasterize(sketch, size))[1].tobytes()


def records(per_class: int, first_seed: int = 0) -> list[Record]:
    """`per_class` records of each class, classes taking turns."""
    made = []
    for number in range(per_class):
        for label, name in enumerate(CLASSES):
            sketch = drawing(name, first_seed + 100 * label + number)
            key = f"{name}-{first_seed + number}"
            made.append(Record(key, label, name, strokes=sketch.to_points(), image=png_of(sketch)))
    return made


def write_dataset(folder: Path, items: list[Record], name: str = "shapes", split: str = "test") -> Path:
    """A data set folder of one split with two shards."""
    folder.mkdir(parents=True)
    half = (len(items) + 1) // 2
    shards = {}
    for index, part in enumerate((items[:half], items[half:])):
        file_name = shard_name(name, split, index, 2)
        summary = write_shard(folder / file_name, part)
        shards[file_name] = {key: summary[key] for key in ("examples", "bytes", "sha256")}
    Manifest(
        name=name,
        classes=CLASSES,
        counts={split: {"sketch": len(items)}},
        dropped={},
        image_size=SIZE,
        seed=0,
        options={},
        sources=[],
        licence="CC0",
        citation="",
        fingerprint=blake2b("".join(item.key for item in items).encode(), digest_size=8).hexdigest(),
        shards=shards,
    ).save(folder)
    return folder


def photo(seed: int, size: tuple[int, int] = (60, 80)) -> NDArray[np.uint8]:
    """A coloured thing on white, RGB uint8."""
    rng = np.random.default_rng(seed)
    picture = np.full((*size, 3), 255, np.uint8)
    corners = (rng.random((5, 2)) * [size[1] - 20, size[0] - 20] + 10).astype(np.int32)
    cv2.fillPoly(picture, [cv2.convexHull(corners)], rng.integers(0, 200, 3).tolist())
    return picture


def write_pairs(folder: Path, per_class: int = 3) -> Path:
    """A paired data set: drawings by one hand stand for the photos, each with a picture for people."""
    sketches = [replace(record, instance=row // 3) for row, record in enumerate(records(per_class, 900))]
    photos = [
        replace(
            record,
            key=f"photo/{record.key}",
            domain="photo",
            instance=row // 3,
            strokes=None,
            shown=encode_thumbnail(cv2.resize(photo(row), (SIZE, SIZE)).astype(np.uint8)),
        )
        for row, record in enumerate(records(per_class))
    ]
    data = write_dataset(folder, [*sketches, *photos])
    changes = {
        "counts": {"test": {"sketch": len(sketches), "photo": len(photos)}},
        "options": {"photo_as": "grey", "fit": "box"},
    }
    write_json(data / "manifest.json", read_json(data / "manifest.json") | changes)
    return data


def exported_encoder() -> Path:
    """A folder with `saved_model`, `encoder.tflite` and `encoder.json` of a small, fixed network."""
    return made_once("encoder", _export)


def _export(folder: Path) -> None:
    import_tensorflow()
    import tensorflow as tf
    import tf_keras

    tf_keras.utils.set_random_seed(7)
    image = tf_keras.Input((SIZE, SIZE, 1), name="image")
    maps = tf_keras.layers.Conv2D(8, 5, strides=2, activation="relu")(image)
    maps = tf_keras.layers.MaxPool2D(3, 2)(maps)
    embedding = tf_keras.layers.Dense(EMBEDDING_SIZE)(tf_keras.layers.Flatten()(maps))
    logits = tf_keras.layers.Dense(len(CLASSES))(embedding)
    model = tf_keras.Model(image, {"embedding": embedding, "logits": logits})

    @tf.function(input_signature=[tf.TensorSpec([None, SIZE, SIZE, 1], tf.float32, "image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return model(image, training=False)

    saved = str(folder / "saved_model")
    with quiet_native_code():
        tf.saved_model.save(model, saved, signatures={"serving_default": serve})
        (folder / "encoder.tflite").write_bytes(tf.lite.TFLiteConverter.from_saved_model(saved).convert())
    card = {"model": "tiny", "inputs": ["image"], "image_size": SIZE, "channels": 1, "schema_version": 3}
    card |= {"max_points": 150, "long_strokes": "resample", "simplify": False}
    card |= {"photo_as": "grey", "fit": "box", "input_size": SIZE}
    card |= {"embedding_size": EMBEDDING_SIZE, "classes": list(CLASSES)}
    write_json(folder / "encoder.json", card)


def write_run(folder: Path, data_fingerprint: str) -> Path:
    """A run folder with the exported encoder, trained (so it says) on data of that fingerprint."""
    shutil.copytree(exported_encoder(), folder / "export")
    card = read_json(folder / "export" / "encoder.json")
    card |= {"run": folder.name, "fingerprint": data_fingerprint}
    write_json(folder / "export" / "encoder.json", card)
    return folder


@pytest.fixture
def run_and_data(tmp_path: Path) -> tuple[Path, Path]:
    """A run folder and the data set folder that it was trained on (20 drawings of each of 3 classes)."""
    data = write_dataset(tmp_path / "data" / "shapes", records(20))
    return write_run(tmp_path / "runs" / "tiny", Manifest.load(data).fingerprint), data


@pytest.fixture
def gallery_folder(run_and_data: tuple[Path, Path], tmp_path: Path) -> Path:
    """A gallery of that run and data set."""
    run, data = run_and_data
    build_gallery(run, data, "test", tmp_path / "galleries" / "shapes")
    return tmp_path / "galleries" / "shapes"
