"""Ways to write the same drawings, for `benchmarks/preprocess.py`: one file of lines in, TFRecords out.

Run as a program it times one way and prints a JSON line: records, seconds of processor, seconds of clock.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import orjson  # noqa: E402
from PIL import Image, ImageDraw  # noqa: E402

from training.tensorflow_import import import_tensorflow  # noqa: E402


def ours(lines: Path, size: int, out: Path) -> int:
    """This project's builder in one process, from indexing to the finished folder."""
    from preprocess.pipeline import build
    from preprocess.spec import Options

    manifest = build("quickdraw", [lines], out, Options(image_size=size, splits="1,0"), workers=1)
    return manifest.num_examples("train")


def drawn_by_pil(drawing: list[list[list[int]]], size: int) -> Image.Image:
    """The published picture: 256 x 256, lines of width 3 without antialiasing, averaged down by area."""
    picture = Image.new("L", (256, 256), 255)
    pen = ImageDraw.Draw(picture)
    for stroke in drawing:
        pen.line(list(zip(stroke[0], stroke[1], strict=True)), fill=0, width=3)
    return picture.resize((size, size), Image.Resampling.BOX)


def published(lines: Path, size: int, out: Path) -> int:
    """The published record: raw pixels and a label, nothing else."""
    import tensorflow as tf

    labels: dict[str, int] = {}
    count = 0
    with tf.io.TFRecordWriter(str(out)) as writer, lines.open("rb") as file:
        for line in file:
            record = json.loads(line)
            picture = drawn_by_pil(record["drawing"], size)
            label = labels.setdefault(record["word"], len(labels))
            features = {"image": _bytes(np.asarray(picture).tobytes()), "label": _int(label)}
            writer.write(_example(features))
            count += 1
    return count


def published_full(lines: Path, size: int, out: Path) -> int:
    """Drawn and written the published way, with all that our record holds: PNG, strokes, key, names."""
    import tensorflow as tf

    labels: dict[str, int] = {}
    count = 0
    with tf.io.TFRecordWriter(str(out)) as writer, lines.open("rb") as file:
        for line in file:
            record = json.loads(line)
            buffer = io.BytesIO()
            drawn_by_pil(record["drawing"], size).save(buffer, "PNG")
            points = [
                value
                for stroke in record["drawing"]
                for x, y, end in zip(*stroke, [0] * (len(stroke[0]) - 1) + [1], strict=True)
                for value in (x, y, end)
            ]
            features = {
                "key": _bytes(record["key_id"].encode()),
                "label": _int(labels.setdefault(record["word"], len(labels))),
                "class_name": _bytes(record["word"].encode()),
                "domain": _int(0),
                "instance": _int(-1),
                "strokes": tf.train.Feature(float_list=tf.train.FloatList(value=points)),
                "image": _bytes(buffer.getvalue()),
            }
            writer.write(_example(features))
            count += 1
    return count


def _bytes(value: bytes) -> Any:
    import tensorflow as tf

    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _int(value: int) -> Any:
    import tensorflow as tf

    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def _example(features: dict[str, Any]) -> bytes:
    import tensorflow as tf

    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def with_tfds(lines: Path, size: int, out: Path) -> int:
    """The same records through a `GeneratorBasedBuilder`, with this project's reader and rasteriser."""
    import tensorflow_datasets as tfds

    from sketchspace.sketch.quickdraw import parse_quickdraw
    from sketchspace.sketch.raster import rasterize
    from tfrecords.schema import DOMAINS

    with lines.open("rb") as file:
        classes = sorted({orjson.loads(line)["word"] for line in file})

    class Drawings(tfds.core.GeneratorBasedBuilder):
        """Quick, Draw! drawings with the features of our record."""

        VERSION = tfds.core.Version("1.0.0")
        pkg_dir_path = Path(__file__).parent

        def _info(self) -> tfds.core.DatasetInfo:
            features = {
                "key": tfds.features.Text(),
                "label": tfds.features.ClassLabel(names=classes),
                "class_name": tfds.features.Text(),
                "domain": tfds.features.ClassLabel(names=list(DOMAINS)),
                "instance": tfds.features.Scalar(np.int64),
                "strokes": tfds.features.Tensor(shape=(None, 3), dtype=np.float32),
                "image": tfds.features.Image(shape=(size, size, 1), encoding_format="png"),
            }
            return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            return {"train": self._generate_examples()}

        def _generate_examples(self) -> Iterator[tuple[str, dict[str, Any]]]:
            with lines.open("rb") as file:
                for line in file:
                    drawing = parse_quickdraw(line)
                    sketch = drawing.simplified()
                    yield (
                        drawing.key,
                        {
                            "key": drawing.key,
                            "label": drawing.word,
                            "class_name": drawing.word,
                            "domain": "sketch",
                            "instance": -1,
                            "strokes": sketch.to_points(),
                            "image": rasterize(sketch, size)[..., None],
                        },
                    )

    tfds.display_progress_bar(False)
    builder = Drawings(data_dir=str(out))
    builder.download_and_prepare()
    return int(builder.info.splits["train"].num_examples)


WAYS: dict[str, Callable[[Path, int, Path], int]] = {
    "ours": ours,
    "published": published,
    "published_full": published_full,
    "tfds": with_tfds,
}


def main(way: str, lines: str, size: str, out: str) -> None:
    """Time one way after everything is imported."""
    modules = ("tensorflow_datasets",) if way == "tfds" else ()
    if way == "ours":
        importlib.import_module("preprocess.pipeline")
        importlib.import_module("tfrecords.tfds_info")
    else:
        import_tensorflow(*modules)
    began, clock = time.process_time(), time.perf_counter()
    records = WAYS[way](Path(lines), int(size), Path(out))
    used = {"seconds": time.process_time() - began, "clock": time.perf_counter() - clock}
    print(json.dumps({"records": records, **used}))


if __name__ == "__main__":
    main(*sys.argv[1:])
