"""The combined model: published count, the two parts at each pen-up, padding, snapshots, export."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models import resnet_v2
from models.combined import SPEC
from models.registry import resolve_options
from models.spec import Shapes
from tests.small_models import SHALLOW, converted

SIZE, CLASSES = 16, 7
WHOLE = resnet_v2.STAGES
TINY: dict[str, Any] = {"width": "0.0625", "units": "8", "picture_size": "12", "head": "10"}


@pytest.fixture(autouse=True)
def shallow(monkeypatch):
    monkeypatch.setattr(resnet_v2, "STAGES", SHALLOW)


def built(seed: int = 0, **given: Any) -> tf_keras.Model:
    tf_keras.utils.set_random_seed(seed)
    return SPEC.build(resolve_options(SPEC, TINY | given), Shapes(SIZE, CLASSES))


def inputs_of(count: int = 3, time: int = 9, snapshots: int = 4, seed: int = 0) -> dict[str, Any]:
    """Random drawings; `length` from 2 to `time`, pen-ups ascending and the last at the end."""
    rng = np.random.default_rng(seed)
    length = rng.integers(2, time + 1, count).astype(np.int32)
    length[0] = time
    at = np.sort(rng.integers(0, length[:, None], (count, snapshots)), axis=1)
    at[:, -1] = length - 1
    strokes = rng.uniform(0, 255, (count, time, 3)).astype(np.float32)
    strokes[..., 2] = 0
    strokes[np.arange(time) >= length[:, None]] = 0
    return {
        "strokes": strokes,
        "length": length,
        "snapshots": rng.random((count, snapshots, SIZE, SIZE, 1), np.float32),
        "snapshot_at": at.astype(np.int32),
    }


def answers(encoder: tf_keras.Model, inputs: dict[str, Any]) -> dict[str, np.ndarray]:
    outputs = encoder({name: tf.constant(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in outputs.items()}


def test_parameter_count_with_ten_classes_is_the_published_one(monkeypatch):
    monkeypatch.setattr(resnet_v2, "STAGES", WHOLE)
    encoder = SPEC.build(resolve_options(SPEC, {"preset": "published"}), Shapes(64, 10))
    assert sum(int(np.prod(variable.shape)) for variable in encoder.trainable_variables) == 24_862_666
    assert encoder.output_shape["embedding"] == (None, 512)


def test_each_snapshot_joins_the_state_at_its_point_and_its_picture():
    encoder, inputs = built(normalize="false", dropout="0"), inputs_of()
    found = answers(encoder, inputs)
    network = encoder.get_layer("pictures").network
    offsets = encoder.get_layer("offsets")((inputs["strokes"], inputs["length"]))
    for row in range(3):
        for number, at in enumerate(inputs["snapshot_at"][row]):
            index = np.array([at], np.int32)
            one = offsets[row : row + 1], inputs["length"][row : row + 1], index
            state = encoder.get_layer("lstm")(one)
            picture = network(inputs["snapshots"][row, number][None])
            both = np.concatenate([state, picture], axis=1)
            logits = encoder.get_layer("logits")(encoder.get_layer("head")(both))
            np.testing.assert_allclose(found["snapshot_logits"][row, number], logits[0], atol=1e-5)
        np.testing.assert_allclose(found["embedding"][row], both[0], atol=1e-5)
    np.testing.assert_array_equal(found["logits"], found["snapshot_logits"][:, -1])


def test_an_early_snapshot_knows_nothing_of_later_points():
    """With fixed scaling: the box of the default preset is that of the whole drawing."""
    encoder, inputs = built(strokes="published"), inputs_of()
    changed = dict(inputs, strokes=inputs["strokes"].copy())
    first = inputs["snapshot_at"][0, 0]
    changed["strokes"][0, first + 1 :, :2] += 50
    before, after = (answers(encoder, given)["snapshot_logits"][0] for given in (inputs, changed))
    np.testing.assert_allclose(after[0], before[0], atol=1e-6)
    assert np.abs(after[-1] - before[-1]).max() > 1e-4


def test_padding_of_any_content_changes_nothing():
    encoder, inputs = built(), inputs_of()
    longer = np.concatenate([inputs["strokes"], np.zeros((3, 5, 3), np.float32)], axis=1)
    longer[np.arange(14) >= inputs["length"][:, None]] = 77
    for name, value in answers(encoder, dict(inputs, strokes=longer)).items():
        np.testing.assert_allclose(value, answers(encoder, inputs)[name], atol=1e-5)


def test_repeating_the_last_snapshot_changes_neither_embedding_nor_logits():
    encoder, inputs = built(), inputs_of()
    more = dict(inputs)
    for name in ("snapshots", "snapshot_at"):
        more[name] = np.concatenate([inputs[name], inputs[name][:, -1:]], axis=1)
    before, after = answers(encoder, inputs), answers(encoder, more)
    for name in ("embedding", "logits"):
        np.testing.assert_allclose(after[name], before[name], atol=1e-5)
    assert after["snapshot_logits"].shape == (3, 5, CLASSES)


def test_a_normalised_embedding_has_unit_length():
    inputs = inputs_of()
    unit = answers(built(), inputs)
    plain = answers(built(normalize="false"), inputs)
    lengths = np.linalg.norm(plain["embedding"], axis=1, keepdims=True)
    np.testing.assert_allclose(unit["embedding"], plain["embedding"] / lengths, atol=1e-5)
    np.testing.assert_allclose(unit["logits"], plain["logits"], atol=1e-5)


def test_training_learns_every_part_from_every_pen_up():
    encoder, inputs = built(), inputs_of()
    with tf.GradientTape() as tape:
        outputs = encoder({name: tf.constant(value) for name, value in inputs.items()}, training=True)
        label = tf.zeros(outputs["snapshot_logits"].shape[:2], tf.int32)
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(label, outputs["snapshot_logits"])
        )
    variables = encoder.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None, variable.name
        assert np.isfinite(gradient).all(), variable.name
        if "bias" not in variable.name:
            assert np.abs(gradient).max() > 0, variable.name


def test_the_recipe_minimises_the_loss_at_every_pen_up_and_reports_the_last():
    for preset in ("default", "published"):
        (stage,) = SPEC.recipe(resolve_options(SPEC, {"preset": preset}))
        assert stage.loss_weights == {"snapshot_cross_entropy": 1.0, "cross_entropy": 0.0}
    assert (stage.learning_rate, stage.batch_size, stage.clip_value, stage.max_steps) == (1e-3, 20, 1, 50_000)


def test_a_lite_model_answers_as_the_encoder_for_any_batch_time_and_number_of_snapshots():
    encoder = built()
    expected = {shape: answers(encoder, inputs_of(*shape)) for shape in ((1, 5, 2), (4, 11, 3))}
    for layer in encoder.submodules:
        if hasattr(layer, "portable"):
            layer.portable = True
    specs = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name)
        for name, tensor in zip(encoder.input_names, encoder.inputs, strict=True)
    }
    function = tf.function(lambda inputs: encoder(inputs, training=False), input_signature=[specs])
    runner = converted(function.get_concrete_function(), encoder).get_signature_runner()
    for shape, wanted in expected.items():
        found = runner(**inputs_of(*shape))
        assert found.keys() == wanted.keys()
        for name in wanted:
            np.testing.assert_allclose(found[name], wanted[name], atol=1e-4, err_msg=name)
