"""How long a query takes from process start to printed answer, beside `import tensorflow` alone.

    python benchmarks/query.py [--items=2000] [--embedding_size=256] [--rounds=7]

Makes a gallery of scribbles with an untrained skNet in a temporary folder: the time of an answer does not
depend on what the network has learnt. The two commands take turns, so that both meet the same machine.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from hashlib import blake2b
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sketchspace.files import write_json  # noqa: E402
from sketchspace.sketch.raster import rasterize  # noqa: E402
from sketchspace.sketch.strokes import Sketch  # noqa: E402
from tfrecords.manifest import Manifest  # noqa: E402
from tfrecords.schema import Record  # noqa: E402
from tfrecords.writer import shard_name, write_shard  # noqa: E402

CLASSES = tuple(f"scribble {number}" for number in range(16))


def scribbles(count: int, image_size: int) -> list[Record]:
    """Random walks of three strokes."""
    rng = np.random.default_rng(0)
    records = []
    for number in range(count):
        sketch = Sketch.of(rng.normal(0, 9, (3, 20, 2)).cumsum(axis=1) + 128)
        png = cv2.imencode(".png", rasterize(sketch, image_size))[1].tobytes()
        label = number % len(CLASSES)
        records.append(Record(f"{number:016d}", label, CLASSES[label], "sketch", -1, sketch.to_points(), png))
    return records


def write_dataset(folder: Path, count: int, image_size: int) -> str:
    """A data set of one shard; returns its fingerprint."""
    folder.mkdir()
    name = shard_name("scribbles", "test", 0, 1)
    summary = write_shard(folder / name, scribbles(count, image_size))
    manifest = Manifest(
        name="scribbles",
        classes=CLASSES,
        counts={"test": {"sketch": count}},
        dropped={},
        image_size=image_size,
        seed=0,
        options={},
        sources=[],
        licence="",
        citation="",
        fingerprint=blake2b(summary["sha256"].encode(), digest_size=8).hexdigest(),
        shards={name: {key: summary[key] for key in ("examples", "bytes", "sha256")}},
    )
    manifest.save(folder)
    return manifest.fingerprint


def write_encoder(export: Path, image_size: int, embedding_size: int, fingerprint: str) -> int:
    """An untrained skNet of full width as LiteRT; returns the file's bytes."""
    from sketchspace.quiet import quiet_native_code
    from training.tensorflow_import import import_tensorflow

    import_tensorflow("models.registry")
    import tensorflow as tf

    from models.registry import model_spec, resolve_options
    from models.spec import Shapes

    spec = model_spec("sknet")
    options = resolve_options(spec, {"embedding_size": str(embedding_size)})
    with quiet_native_code():
        model = spec.build(options, Shapes(image_size, len(CLASSES)))

    @tf.function(input_signature=[tf.TensorSpec([None, image_size, image_size, 1], tf.float32, "image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return model({"image": image}, training=False)

    export.mkdir(parents=True)
    with quiet_native_code(), tempfile.TemporaryDirectory() as saved:
        tf.saved_model.save(model, saved, signatures={"serving_default": serve})
        data = tf.lite.TFLiteConverter.from_saved_model(saved).convert()
    (export / "encoder.tflite").write_bytes(data)
    card = {
        "model": "sknet",
        "run": "untrained",
        "inputs": ["image"],
        "image_size": image_size,
        "channels": 1,
    }
    card |= {"embedding_size": embedding_size, "classes": list(CLASSES), "fingerprint": fingerprint}
    card |= {"max_points": 1, "long_strokes": "truncate", "simplify": False, "photo_as": "", "fit": "box"}
    write_json(export / "encoder.json", card | {"input_size": image_size, "schema_version": 3})
    return len(data)


def prepare(folder: Path, items: int, image_size: int, embedding_size: int) -> None:
    """Make the gallery and the query, and tell how fast indexing was."""
    from tfrecords.gallery_items import build_gallery

    fingerprint = write_dataset(folder / "data", items, image_size)
    size = write_encoder(folder / "run" / "export", image_size, embedding_size, fingerprint)
    began = time.perf_counter()
    build_gallery(folder / "run", folder / "data", "test", folder / "gallery")
    seconds = time.perf_counter() - began
    cv2.imwrite(
        str(folder / "query.png"),
        rasterize(Sketch.of([[[0, 0], [80, 90], [160, 0]], [[80, 90], [80, 200]]]), 300),
    )
    print(
        f"skNet at {image_size} px, encoder of {size / 1e6:.1f} MB; indexing {items / seconds:,.0f} items/s"
    )


def time_query(folder: Path) -> tuple[float, float]:
    """Seconds until the last line of the answer is read, and until the contact sheet is on disk."""
    command = [sys.executable, str(ROOT / "retrieve.py"), f"--query={folder / 'query.png'}"]
    command += [f"--gallery={folder / 'gallery'}", f"--out={folder / 'hits.png'}"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(12)]
        answered = time.perf_counter() - began
        process.wait()
    if process.returncode or not lines[-1]:
        raise SystemExit("the query failed")
    return answered, time.perf_counter() - began


def time_import() -> float:
    """Seconds that a process takes which only imports TensorFlow."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import tensorflow"], stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Prepare, measure in turns, print medians and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=2000, help="size of the gallery (default 2000)")
    parser.add_argument("--image_size", type=int, default=64, help="pixels a side (default 64)")
    parser.add_argument("--embedding_size", type=int, default=256, help="numbers in a vector (default 256)")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each (default 7)")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, flags.items, flags.image_size, flags.embedding_size)
        queries, imports = [], []
        for _ in range(flags.rounds):
            queries.append(time_query(folder))
            imports.append(time_import())
    answered, drawn = (statistics.median(times) for times in zip(*queries, strict=True))
    imported = statistics.median(imports)
    print(f"gallery of {flags.items:,} x {flags.embedding_size}, medians of {flags.rounds}")
    print(f"query, start to printed answer            {answered:6.2f} s")
    print(f"query, start to contact sheet and exit    {drawn:6.2f} s")
    print(f"python -c 'import tensorflow'             {imported:6.2f} s")
    print(f"ratio of answer to import                 {answered / imported:6.2f}")


if __name__ == "__main__":
    main()
