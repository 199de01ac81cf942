"""The VRNN as a model: parameters, representations, what it must not depend on, exports, recipes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from ai_edge_litert.interpreter import Interpreter

from models.registry import model_spec, resolve_options
from models.spec import Shapes
from models.vrnn import model as vrnn
from models.vrnn.layer import Sizes, Vrnn
from models.vrnn.packing import pack
from tests.test_vrnn_losses import SIZES, random_batch, random_vrnn

CLASSES = 5
SMALL = {"units": "7", "latent": "5", "net": "6", "head": "8"}


def small(seed: int = 0, **given: str) -> tf_keras.Model:
    """A small encoder with random weights and biases."""
    encoder = vrnn.build(resolve_options(vrnn.SPEC, SMALL | given), Shapes(64, CLASSES))
    rng = np.random.default_rng(seed)
    for variable in encoder.trainable_variables:
        variable.assign(rng.normal(0, 0.4, variable.shape))
    return encoder


def drawings(seed: int = 1, padding: int = 2) -> dict[str, tf.Tensor]:
    """Points of four random drawings as the reader makes them, read at their ends."""
    offsets, length, _ = random_batch(seed=seed, padding=padding)
    points = offsets.copy()
    points[..., :2] = 100 + 20 * offsets[..., :2].cumsum(axis=1) * (offsets[..., :1] != 0)
    inputs = {"strokes": points, "length": length, "read_at": length - 1}
    return {name: tf.constant(value) for name, value in inputs.items()}


def test_published_sizes_have_the_published_numbers_of_parameters():
    encoder = model_spec("vrnn").build(vrnn.DEFAULTS, Shapes(64, 345))
    counts: dict[str, int] = {}
    for name, variable in encoder.get_layer("vrnn").by_name.items():
        net = name.split("_")[0]
        counts[net] = counts.get(net, 0) + int(np.prod(variable.shape))
    assert counts == {
        "encoder": 1_579_008, "prior": 1_575_936, "phi": 525_312, "decoder": 5_125, "lstm": 4_204_544,
    }  # fmt: skip
    head = encoder.get_layer("head").count_params() + encoder.get_layer("logits").count_params()
    assert head == 88_025
    assert sum(int(np.prod(v.shape)) for v in encoder.trainable_variables) == 7_977_950
    assert not encoder.non_trainable_variables


def test_initial_values_are_glorot_with_open_forget_gates():
    encoder = vrnn.build(
        resolve_options(vrnn.SPEC, {"units": "64", "latent": "32", "net": "48"}), Shapes(64, 5)
    )
    for name, variable in encoder.get_layer("vrnn").by_name.items():
        value = variable.numpy()
        if name.endswith("kernel"):
            bound = np.sqrt(6 / sum(value.shape))
            assert 0.9 * bound < np.abs(value).max() <= bound, name
        elif name.startswith("lstm"):
            np.testing.assert_array_equal(value, np.repeat([0, 1, 0, 0], 64))
        else:
            assert not value.any(), name


@pytest.mark.parametrize("representation", vrnn.REPRESENTATIONS)
def test_a_representation_chooses_the_embedding_and_nothing_else(representation):
    inputs = drawings()
    encoder = small(representation=representation, normalize="false")
    outputs = encoder(inputs)
    offsets = encoder.get_layer("offsets")((inputs["strokes"], inputs["length"]))
    read = encoder.get_layer("vrnn")((offsets, inputs["length"], inputs["read_at"]))
    want = np.concatenate([read[name] for name in vrnn.REPRESENTATIONS[representation]], axis=1)
    np.testing.assert_allclose(outputs["embedding"], want, atol=1e-6)
    np.testing.assert_allclose(outputs["logits"], small()(inputs)["logits"], atol=1e-6)
    unit = small(representation=representation)(inputs)["embedding"]
    np.testing.assert_allclose(unit, want / np.linalg.norm(want, axis=1, keepdims=True), atol=1e-6)


def test_padding_of_any_content_and_any_length_changes_nothing():
    encoder, inputs = small(), drawings(padding=0)
    before = encoder(inputs)
    strokes = np.pad(inputs["strokes"], [[0, 0], [0, 6], [0, 0]])
    for row, points in zip(strokes, inputs["length"].numpy(), strict=True):
        row[points:] = np.nan
    after = encoder(inputs | {"strokes": tf.constant(strokes)})
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value, atol=1e-6, err_msg=name)


def test_the_answer_at_a_point_does_not_see_later_points():
    encoder, inputs = small(strokes="published"), drawings()
    early = inputs | {"read_at": inputs["length"] // 2}
    strokes = inputs["strokes"].numpy()
    for row, points in zip(strokes, early["read_at"].numpy(), strict=True):
        row[points + 1 :, :2] += 50
    for name in ("embedding", "logits"):
        np.testing.assert_allclose(
            encoder(early | {"strokes": tf.constant(strokes)})[name], encoder(early)[name], atol=1e-6
        )
        assert np.abs(encoder(early)[name] - encoder(inputs)[name]).max() > 1e-3


def test_the_state_that_is_read_has_not_seen_the_point_but_the_latent_vector_has():
    layer, (offsets, length, _) = random_vrnn(), random_batch()
    other = offsets.copy()
    other[np.arange(len(length)), length - 1, :2] += 1
    before, after = (layer((points, length, length - 1)) for points in (offsets, other))
    np.testing.assert_array_equal(before["hidden"], after["hidden"])
    assert np.abs(before["latent"] - after["latent"]).max() > 1e-2


def test_latent_vectors_are_drawn_in_training_by_the_seed_of_the_step():
    encoder, inputs = small(), drawings()
    layer = encoder.get_layer("vrnn")

    def latent(seed, training=True):
        layer.draw_from(lambda: tf.constant(seed))
        return encoder(inputs, training=training)["embedding"].numpy()

    np.testing.assert_array_equal(latent([1, 2]), latent([1, 2]))
    assert np.abs(latent([1, 2]) - latent([1, 3])).max() > 1e-2
    np.testing.assert_array_equal(latent([1, 2], False), latent([1, 3], False))


def test_latent_vectors_are_drawn_at_inference_on_request():
    encoder, inputs = small(sample="sample"), drawings()
    encoder.get_layer("vrnn").draw_from(lambda: tf.constant([1, 2]))
    drawn = encoder(inputs)["embedding"].numpy()
    np.testing.assert_array_equal(encoder(inputs)["embedding"], drawn)
    assert np.abs(drawn - small()(inputs)["embedding"]).max() > 1e-2


def test_replicas_draw_different_numbers():
    layer = random_vrnn()
    layer.draw_from(lambda: tf.constant([3, 4]))
    packing = pack(tf.constant([3, 2]))
    alone = layer.noise_of(packing)
    np.testing.assert_array_equal(layer.noise_of(packing), alone)
    context = type("Context", (), {"replica_id_in_sync_group": 1})()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.distribute, "get_replica_context", lambda: context)
        assert np.abs(layer.noise_of(packing) - alone).max() > 0.1


def test_drawn_numbers_are_standard_normal():
    layer = random_vrnn(sizes=Sizes(3, 1, 50, 3))
    noise = layer.noise_of(pack(tf.fill([100], 20))).numpy()
    assert noise.shape == (2000, 50)
    assert abs(noise.mean()) < 0.02
    assert noise.std() == pytest.approx(1, abs=0.02)


def test_portable_form_gives_the_same_answer_and_converts_to_builtin_operations(tmp_path):
    encoder, inputs = small(), drawings()
    inputs |= {"read_at": inputs["length"] // 2}
    want = encoder(inputs)
    encoder.get_layer("vrnn").portable = True
    shapes = {
        "strokes": ([None, None, 3], tf.float32),
        "length": ([None], tf.int32),
        "read_at": ([None], tf.int32),
    }

    @tf.function(input_signature=[{name: tf.TensorSpec(*kind, name) for name, kind in shapes.items()}])
    def encode(inputs):
        outputs = encoder(inputs, training=False)
        return {name: outputs[name] for name in ("embedding", "logits")}

    for name, value in encode(inputs).items():
        np.testing.assert_allclose(value, want[name], atol=1e-5, err_msg=name)
    module = tf.Module()
    module.weights, module.encode = encoder.variables, encode
    tf.saved_model.save(module, str(tmp_path), signatures=encode.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    runner = Interpreter(model_content=converter.convert()).get_signature_runner()
    for count in (4, 2):
        some = {name: value.numpy()[:count] for name, value in inputs.items()}
        some["strokes"] = some["strokes"][:, : some["length"].max()]
        for name, value in runner(**some).items():
            np.testing.assert_allclose(value, want[name][:count], atol=1e-4, err_msg=name)


def test_mixed_precision_stays_near_the_full_one_and_learns():
    tf_keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        mixed = small()
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    inputs = drawings()
    exact, rough = small()(inputs), mixed(inputs)
    assert mixed.get_layer("vrnn").loop_weights().phi[0].dtype == tf.bfloat16
    for name, value in rough.items():
        assert value.dtype == tf.float32
        np.testing.assert_allclose(value, exact[name], rtol=0.05, atol=0.05, err_msg=name)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(mixed(inputs, training=True)["kl"])
    for gradient, variable in zip(
        tape.gradient(total, mixed.get_layer("vrnn").trainable_variables),
        mixed.get_layer("vrnn").trainable_variables,
        strict=True,
    ):
        if not variable.name.split("/")[-2].startswith("decoder"):
            assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.name


def test_recipes():
    published = resolve_options(vrnn.SPEC, {"preset": "published"})
    assert (published["strokes"], published["long_strokes"], published["max_points"]) == (
        "published", "truncate", 150,
    )  # fmt: skip
    stage = vrnn.recipe(published)[0]
    assert (stage.optimizer, stage.learning_rate, stage.schedule) == ("adam", 4e-4, "constant")
    assert (stage.batch_size, stage.clip_value, stage.clip, stage.augment) == (30, 1.0, 0.0, "none")
    assert stage.anneal == {"kl": [0.4, 10_000]}
    default = vrnn.recipe(vrnn.DEFAULTS)[0]
    assert (default.schedule, default.clip, default.augment) == ("cosine", 1.0, "affine")
    for each in (stage, default):
        assert set(each.loss_weights) == {"cross_entropy", "nll_xy", "nll_pen", "kl"}
        assert each.anneal["kl"][0] == 0.4


def test_sizes_are_those_of_the_vrnn_layer():
    layer = small(layers="3").get_layer("vrnn")
    assert isinstance(layer, Vrnn)
    assert layer.sizes == SIZES._replace(layers=3)
