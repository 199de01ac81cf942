"""ResNet-v2: published counts, Keras' network with the same weights, small pictures, group norm, recipes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models import resnet_v2
from models.group_norm import GroupNorm
from models.registry import resolve_options
from models.resnet_v2 import SPEC
from models.spec import Shapes
from tests.small_models import SHALLOW, converted

TINY: dict[str, Any] = {"width": "0.0625", "embedding_size": "24"}


def built(classes: int = 7, size: int = 64, **given: Any) -> tf_keras.Model:
    return SPEC.build(resolve_options(SPEC, given), Shapes(size, classes))


def trainable(encoder: tf_keras.Model) -> int:
    return sum(int(np.prod(variable.shape)) for variable in encoder.trainable_variables)


def randomise(encoder: tf_keras.Model, seed: int = 0) -> tf_keras.Model:
    """Every norm's numbers and every bias drawn anew: fresh ones are zeros and ones, which hide mistakes."""
    rng = np.random.default_rng(seed)
    for variable in encoder.variables:
        if "kernel" not in variable.name:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return encoder


@pytest.mark.parametrize(
    ("preset", "given", "count"),
    [
        ("published", {}, 25_698_964),
        ("as_built", {}, 25_676_244),
        ("simple", {}, 24_190_804),
        ("as_built", {"embedding_size": "256", "head": "256"}, 24_168_084),
    ],
)
def test_parameter_counts_are_the_published_ones(preset, given, count):
    assert trainable(built(340, preset=preset, **given)) == count


def theirs(name: str) -> str:
    """The name of the same layer in `tf_keras.applications`."""
    name = {"stem": "conv1_conv", "post_norm": "post_bn"}.get(name, name).replace("_unit", "_block")
    if name.endswith("_norm"):
        return name.replace("_norm", "_bn")
    return name.replace("_shortcut", "_0_conv") if name[-1] not in "123" else f"{name}_conv"


def test_backbone_equals_the_network_of_keras_with_the_same_weights():
    other = tf_keras.applications.ResNet50V2(include_top=False, weights=None, input_shape=(96, 80, 1))
    image = tf_keras.Input((96, 80, 1))
    options = resolve_options(SPEC, {"preset": "published"})
    mine = randomise(tf_keras.Model(image, resnet_v2.backbone(image, options)))
    copied = 0
    for layer in mine.layers:
        if layer.weights:
            other.get_layer(theirs(layer.name)).set_weights(layer.get_weights())
            copied += len(layer.weights)
    assert copied == len(other.weights)
    pictures = np.random.default_rng(1).random((2, 96, 80, 1), np.float32)
    found, expected = mine(pictures).numpy(), other(pictures).numpy()
    assert found.shape == (2, 3, 3, 2048)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * expected.max())


@pytest.mark.parametrize(("stem", "side"), [("7x7", 2), ("3x3/2", 4), ("3x3", 8)])
def test_a_stem_sets_the_side_of_the_last_map(stem, side):
    image = tf_keras.Input((64, 64, 1))
    options = resolve_options(SPEC, TINY | {"stem": stem})
    assert resnet_v2.backbone(image, options).shape[1:3] == (side, side)


@pytest.mark.parametrize("stem", resnet_v2.STEMS)
def test_pictures_of_16_pixels_are_told_apart(stem):
    encoder = built(size=16, stem=stem, **TINY)
    pictures = np.random.default_rng(0).random((4, 16, 16, 1), np.float32)
    embedding = encoder({"image": pictures})["embedding"].numpy()
    assert embedding.shape == (4, 24)
    assert np.linalg.norm(embedding - embedding[::-1], axis=1).min() > 1e-3


def test_as_built_has_no_inner_norm_and_the_others_do_not_scale():
    encoder = built(preset="as_built", **TINY)
    norms = [layer for layer in encoder.layers if isinstance(layer, tf_keras.layers.BatchNormalization)]
    assert len(norms) == 16 + 1
    assert {layer.name.rpartition("_")[0].rpartition("_")[2] for layer in norms} == {"preact", "post"}
    assert not any(layer.scale for layer in norms)
    assert all(layer.use_bias for layer in encoder.layers if isinstance(layer, tf_keras.layers.Conv2D))


def test_full_layout_has_biases_on_stem_last_convolution_and_shortcut_only():
    encoder = built(**TINY)
    convolutions = [layer for layer in encoder.layers if isinstance(layer, tf_keras.layers.Conv2D)]
    assert len(convolutions) == 1 + 3 * 16 + 4
    for layer in convolutions:
        assert layer.use_bias == layer.name.endswith(("stem", "_3", "_shortcut")), layer.name


@pytest.mark.parametrize("width", ["0.0625", "0.3", "0.5", "1"])
def test_group_norm_fits_any_width_in_groups_of_at_most_16(width):
    encoder = built(size=16, width=width, norm="group")
    norms = [layer for layer in encoder.layers if isinstance(layer, GroupNorm)]
    assert len(norms) == 16 * 3 + 1
    for layer in norms:
        assert layer.gamma is not None
        assert layer.gamma.shape[0] % layer.group_size == 0
        assert layer.group_size in (4, 8, 16)


def test_group_norm_is_that_of_keras_and_does_not_see_the_batch():
    mine, other = GroupNorm("norm"), tf_keras.layers.GroupNormalization(2, epsilon=1e-5)
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, (3, 5, 4, 32)).astype(np.float32)
    for layer in (mine, other):
        layer(x)  # Makes its weights.
    weights = list(rng.random((2, 32), np.float32))
    mine.set_weights(weights)
    other.set_weights(weights)
    expected = other(x).numpy()
    np.testing.assert_allclose(mine(x, training=True), expected, atol=1e-5)
    np.testing.assert_allclose(mine(x[1:2]), expected[1:2], atol=1e-5)


@pytest.mark.parametrize("given", [{"norm": "group"}, {"preset": "as_built"}])
def test_a_lite_model_answers_as_the_encoder_for_any_batch(given, monkeypatch):
    """The default is exported with all other models."""
    monkeypatch.setattr(resnet_v2, "STAGES", SHALLOW)
    encoder = randomise(built(size=32, **TINY, **given))
    spec = {"image": tf.TensorSpec([None, 32, 32, 1], tf.float32, "image")}
    function = tf.function(lambda inputs: encoder(inputs, training=False), input_signature=[spec])
    runner = converted(function.get_concrete_function(), encoder).get_signature_runner()
    for count in (1, 5):
        pictures = np.random.default_rng(count).random((count, 32, 32, 1), np.float32)
        found, expected = runner(image=pictures), encoder({"image": pictures})
        for name in expected:
            scale = np.abs(expected[name]).max()
            np.testing.assert_allclose(found[name], expected[name], atol=1e-4 * scale)


def test_the_published_recipe_is_adam_clipped_by_value():
    for preset in ("published", "as_built", "simple"):
        (stage,) = SPEC.recipe(resolve_options(SPEC, {"preset": preset}))
        assert (stage.optimizer, stage.learning_rate, stage.batch_size) == ("adam", 4e-4, 30)
        assert (stage.clip_value, stage.schedule, stage.augment) == (1.0, "constant", "none")


@pytest.mark.parametrize("given", [{"objective": "triplet"}, {"preset": "triplet"}])
def test_with_triplets_the_second_stage_trains_the_head_alone(given):
    triplets, probe = SPEC.recipe(resolve_options(SPEC, given))
    assert (triplets.learner, probe.learner) == ("triplet", "classify")
    classes, examples = map(int, triplets.grouping.split("x"))
    assert classes * examples == triplets.batch_size
    encoder = built(size=16, **TINY)
    trained = {layer.name for layer in encoder.layers if re.fullmatch(probe.trainable, layer.name)}
    assert trained == {"head", "logits"}
