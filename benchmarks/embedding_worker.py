"""An exported run as a worker of `benchmarks/embedding.py`: settings as JSON in, JSON lines out.

Prints one line when ready; for every line with a number of steps that it reads, it embeds the photos so many
times and answers with that number, the seconds by the clock and the seconds of processor time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.step_server import repeated
from benchmarks.training_worker import Steps, serve

Embed = Callable[[np.ndarray], np.ndarray]


def start(settings: dict) -> tuple[Steps, dict]:
    """What makes steps, and facts: the version, and the first photo's vector."""
    export = Path(settings["run"]) / "export"
    engine = _litert if settings["engine"] == "litert" else _saved_model
    embed, version = engine(export, settings["intra"])
    photos = np.random.default_rng(1).integers(0, 256, (settings["photos"], 256, 256), np.uint8)

    return repeated(lambda: embed(photos)), {"version": version, "answer": embed(photos)[0].tolist()}


def _litert(export: Path, threads: int) -> tuple[Embed, str]:
    """As retrieve.py embeds photos."""
    from importlib.metadata import version

    from sketchspace.encoder.embedder import Embedder

    embedder = Embedder.open(export, threads)
    return lambda photos: embedder.embed(photos, views="mean_feature"), f"LiteRT {version('ai-edge-litert')}"


def _saved_model(export: Path, threads: int) -> tuple[Embed, str]:
    """The SavedModel on batches of the same size."""
    from training.tensorflow_import import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    from sketchspace.encoder.views import blocks, join, views
    from training.strategy import set_threads

    set_threads(threads, 1)
    loaded = tf.saved_model.load(str(export / "saved_model"))
    encode = loaded.signatures["serving_default"]

    def embed(photos: np.ndarray) -> np.ndarray:
        found = []
        for rows in blocks(len(photos), 64, 10):
            cut = views(photos[rows], 225)
            ink = 1 - cut.reshape(-1, 225, 225, 1).astype(np.float32) / 255
            vectors = encode(image=tf.constant(ink))["embedding"].numpy()
            found.append(join(vectors.reshape(len(cut), 10, -1), "mean_feature"))
        return np.concatenate(found)

    return embed, f"TensorFlow {tf.__version__}"


if __name__ == "__main__":
    serve(start)
