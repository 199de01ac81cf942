"""LSTM and BLSTM as models: sizes, what a read-out depends on, presets, and the exported form."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from ai_edge_litert.interpreter import Interpreter

from models import blstm, lstm
from models.recurrent import StackedLSTM
from models.registry import resolve_options
from models.spec import ModelSpec, Shapes
from sketchspace.errors import UserError
from sketchspace.quiet import quiet_native_code

BOTH = pytest.mark.parametrize("spec", [lstm.SPEC, blstm.SPEC], ids=["lstm", "blstm"])
SMALL = {"units": "12", "head": "8"}
CLASSES = 7
LENGTH = np.array([9, 1, 4, 6], np.int32)


def small(spec: ModelSpec, **given: str) -> tf_keras.Model:
    """A small model with kernels so wide that answers differ clearly."""
    tf_keras.utils.set_random_seed(0)
    encoder = spec.build(resolve_options(spec, SMALL | given), Shapes(16, CLASSES))
    for number, variable in enumerate(encoder.trainable_variables):
        variable.assign(0.5 * np.random.default_rng(number).normal(size=variable.shape))
    return encoder


def drawings(length: np.ndarray = LENGTH, seed: int = 0) -> dict[str, tf.Tensor]:
    """Points in 0..255, zeros behind `length`, read at the last point."""
    rng = np.random.default_rng(seed)
    strokes = rng.integers(0, 256, (len(length), max(length), 3)) * [1, 1, 0]
    strokes[..., 2] = rng.integers(0, 2, strokes.shape[:2])
    strokes *= np.arange(max(length))[:, None] < length[:, None, None]
    return {
        "strokes": tf.constant(strokes, tf.float32),
        "length": tf.constant(length),
        "read_at": tf.constant(length - 1),
    }


def read_in_the_middle(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {**batch, "read_at": batch["length"] // 2}


def cut_in_the_middle(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    middle = batch["length"] // 2
    there = tf.range(batch["strokes"].shape[1]) <= middle[:, None]
    strokes = tf.where(there[:, :, None], batch["strokes"], 0.0)
    return {"strokes": strokes, "length": middle + 1, "read_at": middle}


def count(variables: list[tf.Variable]) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)


@pytest.mark.parametrize(
    ("spec", "classes", "parameters", "size"),
    [
        (lstm.SPEC, 345, 3_211_225, 512),
        (lstm.SPEC, 340, 3_210_900, 512),
        (blstm.SPEC, 345, 6_399_961, 1024),
        (blstm.SPEC, 340, 6_399_636, 1024),
    ],
)
@pytest.mark.parametrize("preset", ["default", "published"])
def test_parameter_counts_and_embedding_sizes_are_the_published_ones(spec, classes, parameters, size, preset):
    encoder = spec.build(resolve_options(spec, {"preset": preset}), Shapes(64, classes))
    assert count(encoder.trainable_variables) == parameters
    assert count(encoder.non_trainable_variables) == 0
    assert encoder.output_shape == {"embedding": (None, size), "logits": (None, classes)}
    assert len({variable.name for variable in encoder.variables}) == len(encoder.variables)


@BOTH
def test_padding_changes_nothing(spec):
    encoder, batch = small(spec), drawings()
    longer = {**batch, "strokes": tf.pad(batch["strokes"], [[0, 0], [0, 5], [0, 0]], constant_values=77.0)}
    for name, output in encoder(batch).items():
        assert np.isfinite(output).all()
        np.testing.assert_allclose(encoder(longer)[name], output, atol=1e-6)


@BOTH
def test_a_drawing_alone_gives_what_it_gives_in_a_batch(spec):
    encoder, batch = small(spec), drawings()
    together = encoder(batch)["logits"]
    for number, length in enumerate(LENGTH):
        alone = {name: value[number : number + 1] for name, value in batch.items()}
        alone["strokes"] = alone["strokes"][:, :length]
        np.testing.assert_allclose(encoder(alone)["logits"][0], together[number], atol=1e-5)


@BOTH
def test_a_read_out_in_the_middle_is_that_of_the_drawing_cut_there(spec):
    encoder, batch = small(spec, strokes="published"), drawings()
    read, cut = encoder(read_in_the_middle(batch)), encoder(cut_in_the_middle(batch))
    np.testing.assert_allclose(read["embedding"], cut["embedding"], atol=1e-6)
    np.testing.assert_allclose(read["logits"], cut["logits"], atol=1e-5)


def test_the_published_backward_state_has_seen_the_end_from_the_middle_and_one_point_from_the_end():
    encoder, batch = small(blstm.SPEC, preset="published"), drawings()
    middle, cut = encoder(read_in_the_middle(batch)), encoder(cut_in_the_middle(batch))
    np.testing.assert_allclose(middle["embedding"][:, :12], cut["embedding"][:, :12], atol=1e-6)
    assert np.abs(middle["embedding"][0, 12:] - cut["embedding"][0, 12:]).max() > 0.01
    recurrent = [v for v in encoder.trainable_variables if "backward" in v.name and "recurrent" in v.name]
    assert len(recurrent) == 2
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(encoder(batch)["logits"] ** 2)
    assert not any(gradient.numpy().any() for gradient in tape.gradient(total, recurrent))


def test_both_directions_are_read_in_the_default():
    encoder, batch = small(blstm.SPEC), drawings(np.array([9, 9, 9], np.int32))
    changed = batch["strokes"].numpy()
    changed[:, [0, 4, 8], 2] = 1 - changed[:, [0, 4, 8], 2]
    difference = np.abs(encoder({**batch, "strokes": changed})["embedding"] - encoder(batch)["embedding"])
    assert difference[:, :12].max() > 0.01 < difference[:, 12:].max()


@BOTH
def test_moving_and_scaling_a_drawing_changes_nothing_by_default(spec):
    encoder, batch = small(spec), drawings()
    there = tf.range(9) < batch["length"][:, None]
    moved = tf.where(there[:, :, None], batch["strokes"] * [2.5, 2.5, 1] + [30, -90, 0], 0.0)
    for name, output in encoder(batch).items():
        np.testing.assert_allclose(encoder({**batch, "strokes": moved})[name], output, atol=1e-4)


@BOTH
def test_presets(spec):
    default, published = resolve_options(spec, {}), resolve_options(spec, {"preset": "published"})
    assert (default["strokes"], default["long_strokes"], default["normalize"]) == ("sketch", "resample", True)
    assert (published["strokes"], published["long_strokes"]) == ("published", "truncate")
    assert (published["dropout"], published["normalize"], published["max_points"]) == (0.0, False, 150)
    (stage,) = spec.recipe(published)
    assert (stage.optimizer, stage.learning_rate, stage.schedule) == ("adam", 4e-4, "constant")
    assert (stage.batch_size, stage.max_steps, stage.clip_value, stage.clip) == (30, 250_000, 1.0, 0.0)
    assert (stage.augment, stage.warmup_steps) == ("none", 0)
    assert spec.recipe(default)[0].select == "last"


@BOTH
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"units": "0"}, "expected a number from 1"),
        ({"layers": "2.5"}, "expected a int"),
        ({"strokes": "publish"}, "did you mean 'published'"),
        ({"long_strokes": "drop"}, "resample"),
    ],
)
def test_wrong_options_are_named(spec, given, message):
    with pytest.raises(UserError, match=message):
        resolve_options(spec, given)


def converted(encoder: tf_keras.Model) -> Interpreter:
    """The encoder as its export makes it: portable form, any batch and any number of points."""
    stacks = [layer for layer in encoder.submodules if hasattr(layer, "portable")]
    assert len(stacks) == sum(isinstance(layer, StackedLSTM) for layer in encoder.layers)
    for layer in stacks:
        layer.portable = True
    specs = {
        name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name)
        for name, tensor in zip(encoder.input_names, encoder.inputs, strict=True)
    }
    module = tf.Module()
    module.weights = encoder.variables
    module.encode = tf.function(lambda inputs: encoder(inputs, training=False), input_signature=[specs])
    with quiet_native_code():
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [module.encode.get_concrete_function()], module
        )
        assert converter.target_spec.supported_ops == {tf.lite.OpsSet.TFLITE_BUILTINS}
        return Interpreter(model_content=converter.convert())


@BOTH
def test_a_converted_encoder_agrees_for_any_batch_and_any_number_of_points(spec):
    """The default preset is exported with all other models."""
    encoder = small(spec, preset="published")
    batches = [drawings(), drawings(np.array([1], np.int32)), read_in_the_middle(drawings(np.arange(3, 24)))]
    expected = [encoder(batch) for batch in batches]
    runner = converted(encoder).get_signature_runner()
    for batch, outputs in zip(batches, expected, strict=True):
        answer = runner(**{name: tf.cast(value, encoder.input[name].dtype) for name, value in batch.items()})
        for name, output in outputs.items():
            np.testing.assert_allclose(answer[name], output, atol=1e-4)
