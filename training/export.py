"""A trained encoder for others: a SavedModel, and a LiteRT file that answers queries without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
import tf_keras

from models.registry import model_spec
from sketchspace.files import read_json, whole_folder, write_bytes, write_json
from sketchspace.quiet import quiet_native_code
from training.inputs import wanted_by
from training.runs import Run, classes_of, shapes_of

CARD_VERSION = 3
ANSWER = ("embedding", "logits")


def export_run(run: Run) -> Path:
    """Write `export/` of a run from its best weights, in float32 whatever it was trained in.

    Both files take the model's inputs by name under the signature `serving_default`, such as `image` float32
    `[n, side, side, channels]` (0 paper .. 1 ink) of the card's `input_size`, and give `embedding` `[n, D]`
    and, for classifiers, `logits` `[n, classes]`.
    """
    policy = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy("float32")
    try:
        encoder = run.load_best()
    finally:
        tf_keras.mixed_precision.set_global_policy(policy)
    with whole_folder(run.export) as folder, quiet_native_code():
        module = _module(encoder)
        saved = str(folder / "saved_model")
        tf.saved_model.save(module, saved, signatures=module.encode.get_concrete_function())
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        write_bytes(folder / "encoder.tflite", converter.convert())
        write_json(folder / "encoder.json", _description(run, encoder))
    return run.export


def _module(encoder: tf_keras.Model) -> tf.Module:
    """The encoder's weights and its answer alone; saving the Keras model would trace every layer twice."""
    specs = {
        name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name)
        for name, tensor in zip(encoder.input_names, encoder.inputs, strict=True)
    }

    for layer in encoder.submodules:
        if hasattr(layer, "portable"):
            layer.portable = True

    @tf.function(input_signature=[specs])
    def encode(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        outputs = encoder(inputs, training=False)
        return {name: outputs[name] for name in ANSWER if name in outputs}

    module = tf.Module()
    module.weights, module.encode = encoder.variables, encode
    return module


def _description(run: Run, encoder: tf_keras.Model) -> dict[str, object]:
    config = run.config()
    spec, options, shapes = model_spec(config["model"]), config["model_options"], shapes_of(config)
    wanted = wanted_by(spec, options, shapes)
    return {
        "schema_version": CARD_VERSION,
        "model": config["model"],
        "run": run.path.resolve().name,
        "inputs": sorted(encoder.input_names),
        "max_points": wanted.max_points,
        "long_strokes": wanted.long_strokes,
        "simplify": config["dataset"]["simplify"],
        "image_size": config["dataset"]["image_size"],
        "input_size": spec.input_size(options, shapes),
        "channels": shapes.channels,
        "photo_as": config["dataset"].get("photo_as", ""),
        "fit": config["dataset"].get("fit", "box"),
        "centred": config.get("centred", False),
        "embedding_size": int(encoder.output_shape["embedding"][-1]),
        "classes": list(classes_of(config)) if "logits" in encoder.output_shape else [],
        "fingerprint": config["dataset"]["fingerprint"],
        "step": read_json(run.best / "best.json")["step"],
    }
