"""Both exports answer as the trained encoder does, here and in another process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models import resnet_v2
from models.registry import MODELS, model_spec
from sketchspace.encoder.embedder import Embedder
from sketchspace.encoder.inputs import Drawings
from sketchspace.errors import UserError
from sketchspace.files import read_json
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch
from tests.small_models import SHALLOW, SMALL
from tests.tiny_dataset import CLASSES, SIZE, picture, write_tiny_dataset
from tfrecords.dataset import DatasetFolder
from training.export import export_run
from training.recipe import make_config, make_recipe
from training.runs import Run

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def shallow(monkeypatch):
    monkeypatch.setattr(resnet_v2, "STAGES", SHALLOW)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> DatasetFolder:
    return DatasetFolder.open(write_tiny_dataset(tmp_path_factory.mktemp("export") / "tiny", train=12))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Seven pictures as the data set stores them, uint8 `[7, size, size]`."""
    rng = np.random.default_rng(3)
    return np.stack([picture(number / 7, rng) for number in range(7)])


def run_of(path: Path, folder: DatasetFolder, model: str, **given: str) -> tuple[Run, tf_keras.Model]:
    """A run whose best weights are drawn at random, and its encoder."""
    known = {key: text for key, text in (SMALL | given).items() if key in model_spec(model).defaults}
    options, stages = make_recipe(model_spec(model), known)
    run = Run(path)
    run.claim(make_config(model_spec(model), options, stages, folder, seed=0))
    encoder = run.build_encoder()
    rng = np.random.default_rng(1)
    for variable in encoder.variables:
        if "kernel" in variable.name:
            variable.assign(rng.normal(size=variable.shape) * np.sqrt(2 / np.prod(variable.shape[:-1])))
        elif "mean_level" in variable.name:
            variable.assign(rng.uniform(200, 255, variable.shape))
        elif "variance" not in variable.name and "gamma" not in variable.name:
            variable.assign(0.1 * rng.normal(size=variable.shape))
    run.save_best(encoder, {"stage": 0, "step": 5})
    return run, encoder


def ink_of(images: np.ndarray) -> np.ndarray:
    return (1 - images[..., None] / 255).astype(np.float32)


def drawn_points(count: int) -> list[np.ndarray]:
    """Drawings of 5 to `count + 4` points, float32 `[points, 3]`."""
    rng = np.random.default_rng(4)
    drawings = []
    for number in range(count):
        points = rng.uniform(0, 255, (5 + number, 3)).astype(np.float32)
        points[:, 2] = np.arange(len(points)) % 3 == 2
        points[-1, 2] = 1
        drawings.append(points)
    return drawings


def keras_inputs(
    names: tuple[str, ...], images: np.ndarray, points: list[np.ndarray]
) -> dict[str, tf.Tensor]:
    """What a model is fed for these drawings, asked at their ends, put together by hand."""
    length = np.array([len(rows) for rows in points], np.int32)
    strokes = np.zeros((len(points), length.max(), 3), np.float32)
    for row, rows in zip(strokes, points, strict=True):
        row[: len(rows)] = rows
    whole = np.stack([rasterize(Sketch.from_points(rows), SIZE) for rows in points])
    every = {
        "image": ink_of(images),
        "strokes": strokes,
        "length": length,
        "read_at": length - 1,
        "snapshots": ink_of(whole)[:, None],
        "snapshot_at": length[:, None] - 1,
    }
    return {name: tf.constant(every[name]) for name in names}


@pytest.mark.parametrize("model", MODELS)
def test_both_exports_reproduce_the_outputs(tmp_path, folder, images, model):
    """Presets are converted in the tests of their models, sknet's in the next test."""
    run, encoder = run_of(tmp_path / "run", folder, model)
    points = drawn_points(len(images))
    inputs = keras_inputs(model_spec(model).inputs, images, points)
    expected = encoder(inputs)
    assert export_run(run) == tmp_path / "run" / "export"
    saved = tf.saved_model.load(str(run.export / "saved_model")).signatures["serving_default"]
    answers = saved(**inputs)
    assert set(answers) == {"embedding", "logits"} & set(expected)
    light = Embedder.open(run.export).encode(Drawings(images, points), batch_size=3)
    for name in answers:
        scale = np.abs(expected[name]).max()
        assert scale > 1e-2
        np.testing.assert_allclose(answers[name] / scale, expected[name] / scale, atol=1e-4)
        np.testing.assert_allclose(getattr(light, name) / scale, expected[name] / scale, atol=1e-4)


READ_LITE = """
import json, sys
import numpy as np
from pathlib import Path
from sketchspace.encoder.embedder import Embedder
encoded = Embedder.open(Path(sys.argv[1])).encode(np.load(sys.argv[2]))
assert "tensorflow" not in sys.modules
print(json.dumps([encoded.embedding.tolist(), encoded.logits.tolist()]))
"""
READ_SAVED = """
import json, sys
import numpy as np
import tensorflow as tf
assert "models" not in sys.modules
encode = tf.saved_model.load(sys.argv[1] + "/saved_model").signatures["serving_default"]
ink = (1 - np.load(sys.argv[2])[..., None] / 255).astype(np.float32)
outputs = encode(image=tf.constant(ink))
print(json.dumps([outputs["embedding"].numpy().tolist(), outputs["logits"].numpy().tolist()]))
"""


def test_a_new_process_gets_the_same_outputs_from_both_files(tmp_path, folder, images):
    run, encoder = run_of(tmp_path / "run", folder, "sknet", preset="faithful")
    expected = encoder({"image": ink_of(images)})
    export_run(run)
    np.save(tmp_path / "images.npy", images)
    for code in (READ_LITE, READ_SAVED):
        done = subprocess.run(
            [sys.executable, "-c", code, str(run.export), str(tmp_path / "images.npy")],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        for values, name in zip(json.loads(done.stdout), ("embedding", "logits"), strict=True):
            scale = np.abs(expected[name]).max()
            np.testing.assert_allclose(values / scale, expected[name] / scale, atol=1e-4)


def test_an_export_takes_the_place_of_an_older_one_in_silence_and_says_what_it_is(tmp_path, folder, capfd):
    run, _ = run_of(tmp_path / "my run", folder, "sknet")
    run.export.mkdir()
    (run.export / "old").write_text("x")
    capfd.readouterr()
    export_run(run)
    assert capfd.readouterr() == ("", "")
    assert {item.name for item in run.export.iterdir()} == {"encoder.json", "encoder.tflite", "saved_model"}
    assert read_json(run.export / "encoder.json") == {
        "schema_version": 3,
        "model": "sknet",
        "run": "my run",
        "inputs": ["image"],
        "max_points": 150,
        "long_strokes": "resample",
        "simplify": False,
        "image_size": SIZE,
        "input_size": SIZE,
        "channels": 1,
        "photo_as": "",
        "fit": "box",
        "centred": False,
        "embedding_size": 24,
        "classes": list(CLASSES),
        "fingerprint": folder.manifest.fingerprint,
        "step": 5,
    }


def test_a_run_of_lower_precision_exports_float32(tmp_path, folder, images):
    run, encoder = run_of(tmp_path / "run", folder, "sknet")
    expected = encoder({"image": ink_of(images)})["embedding"]
    tf_keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        export_run(run)
        assert tf_keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    np.testing.assert_allclose(Embedder.open(run.export).embed(images), expected, atol=1e-4)


def test_no_weights_or_damaged_weights_are_a_clear_error(tmp_path, folder):
    run, _ = run_of(tmp_path / "run", folder, "sknet")
    data = next(run.best.glob("weights.data*"))
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(UserError, match="is damaged or of another program"):
        export_run(run)
    (run.best / "weights.index").unlink()
    with pytest.raises(UserError, match="no trained weights yet"):
        export_run(run)
    assert not run.export.exists()
