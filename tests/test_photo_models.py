"""Networks for sketches and photos: published sizes, layer shapes, initial values, presets, small inputs."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models import dssa, siamese, sketch_a_net
from models.layers import image_input
from models.registry import resolve_options
from models.spec import Shapes
from tests.small_models import CLASSES, shaken, shared, small_options
from training.session import count

SHOE_MODELS = pytest.mark.parametrize("spec", [sketch_a_net.SPEC, dssa.SPEC], ids=["sketch_a_net", "dssa"])
COUNTS = {"sketch_a_net": 8_249_088, "dssa": 8_315_137}
PUBLISHED_SHAPES = {
    "conv1_s1": (71, 71, 64),
    "pool1": (35, 35, 64),
    "conv2_s1": (31, 31, 128),
    "pool2": (15, 15, 128),
    "conv3_s1": (15, 15, 256),
    "conv4_s1": (15, 15, 256),
    "conv5_s1": (15, 15, 256),
    "pool3": (7, 7, 256),
    "flatten": (12_544,),
    "fc6_s1": (512,),
    "fc7_sketch": (256,),
}


def full(spec, size: int, **given: str) -> tf_keras.Model:
    """A network at its own width."""
    tf_keras.utils.set_random_seed(0)
    options = resolve_options(spec, given)
    return spec.build(options, Shapes(size, CLASSES))


@SHOE_MODELS
def test_layers_and_parameters_are_the_published_ones(spec):
    encoder = full(spec, 256)
    assert encoder.input_shape["image"] == (None, 225, 225, 1)
    assert {name: encoder.get_layer(name).output_shape[1:] for name in PUBLISHED_SHAPES} == PUBLISHED_SHAPES
    assert encoder.output_shape == {"embedding": (None, {"sketch_a_net": 256, "dssa": 512}[spec.name])}
    assert count(encoder.trainable_weights) == COUNTS[spec.name]
    assert not encoder.non_trainable_weights
    assert encoder.get_layer("conv1_s1").kernel.shape == (15, 15, 1, 64)


def test_siamese_default_has_the_documented_parameters():
    encoder = full(siamese.SPEC, 100)
    assert count(encoder.trainable_weights) == 9_695_040
    assert encoder.get_layer("flatten").output_shape == (None, 18_432)
    assert encoder.output_shape == {"embedding": (None, 128)}


def test_siamese_faithful_has_the_published_parameters_norms_and_initial_values():
    encoder = full(siamese.SPEC, 100, preset="faithful")
    assert count(encoder.trainable_weights) == 40_254_465
    assert encoder.output_shape == {"embedding": (None, 5)}
    biases = []
    for layer in encoder.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            assert (layer.epsilon, layer.momentum) == (1e-5, 0.9)
        if hasattr(layer, "kernel"):
            bound = 1 / np.sqrt(np.prod(layer.kernel.shape[:-1]))
            for weight in (layer.kernel.numpy()[..., :50], layer.bias.numpy()):
                assert np.abs(weight).max() <= bound
            assert np.abs(layer.kernel.numpy()[:200]).max() > 0.9 * bound
            biases.extend(layer.bias.numpy() / bound)
    assert np.std(biases) == pytest.approx(1 / np.sqrt(3), rel=0.05)


def test_siamese_faithful_pads_by_reflection_and_sees_white_as_one():
    encoder = shared(siamese.SPEC, preset="faithful")
    ink = np.random.default_rng(0).random((2, 16, 16, 1)).astype(np.float32)
    names = ["paper", "conv1_pad"]
    seen, padded = tf_keras.Model(encoder.inputs, [encoder.get_layer(name).output for name in names])(ink)
    np.testing.assert_allclose(seen, 1 - ink, atol=1e-6)
    np.testing.assert_array_equal(padded, np.pad(seen, [(0, 0), (1, 1), (1, 1), (0, 0)], "reflect"))


def test_siamese_norms_follow_the_activation():
    encoder = shared(siamese.SPEC)
    kinds = [type(layer).__name__ for layer in encoder.layers[1:4]]
    assert kinds == ["Conv2D", "BatchNormalization", "MaxPooling2D"]
    assert encoder.get_layer("conv1").activation is tf_keras.activations.relu
    assert encoder.get_layer("fc3").activation is tf_keras.activations.linear


def test_siamese_recipes():
    for given, margin, steps in (({}, 1.0, 6_000), ({"preset": "faithful"}, 2.0, 440_000)):
        (stage,) = siamese.recipe(resolve_options(siamese.SPEC, given))
        assert (stage.learner, stage.grouping, stage.batch_size) == ("contrastive", "balanced:32", 64)
        assert (stage.optimizer, stage.learning_rate, stage.settings["margin"]) == ("adam", 5e-4, margin)
        assert stage.max_steps == steps


def test_mean_level_is_grey_level_minus_the_published_mean():
    image, x = image_input(4, "mean_level")
    grey = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1) * 17
    found = tf_keras.Model(image, x)(1 - grey / 255)
    np.testing.assert_allclose(found, grey - 250.42, atol=1e-3)


@pytest.mark.parametrize("spec", [siamese.SPEC, sketch_a_net.SPEC, dssa.SPEC], ids=lambda spec: spec.name)
def test_colour_is_taken(spec):
    encoder = spec.build(small_options(spec), Shapes(28, CLASSES, channels=3))
    assert encoder.input_shape["image"] == (None, 28, 28, 3)
    image = np.zeros((2, 28, 28, 3), np.float32)
    image[1, 8:20, 8:20, 1] = 1
    dark, green = shaken(encoder)({"image": image})["embedding"].numpy()
    assert np.abs(dark - green).max() > 1e-3


@SHOE_MODELS
def test_small_pictures_are_padded_where_no_window_fits_and_stride_one_keeps_places(spec):
    def grid(size, stride):
        options = small_options(spec, stride=stride)
        return spec.build(options, Shapes(size, CLASSES)).get_layer("pool3").output_shape[1]

    assert [grid(size, "3") for size in (10, 64, 96, 128)] == [1, 1, 1, 2]
    assert [grid(size, "1") for size in (64, 96)] == [4, 8]


def test_the_crop_decides_the_side_of_the_input():
    spec = sketch_a_net.SPEC
    for crop, size, side in (("0.88", 256, 225), ("1.0", 96, 96), ("0.875", 96, 84)):
        assert spec.input_size(resolve_options(spec, {"crop": crop}), Shapes(size, 3)) == side


@SHOE_MODELS
def test_published_stage_trains_the_last_layers_on_annotated_triplets(spec):
    options = resolve_options(spec, {"preset": "published"})
    assert (options["pixels"], options["crop"], options["init"]) == ("mean_level", 0.88, "published")
    (stage,) = spec.recipe(options)
    assert (stage.learner, stage.grouping, stage.settings["hard_ratio"]) == (
        "annotated",
        "triplets:128",
        0.75,
    )
    assert (stage.optimizer, stage.learning_rate, stage.schedule) == ("sgd", 1e-3, "constant")
    assert (stage.settings["margin"], stage.max_steps, stage.batch_size) == (0.3, 20_000, 384)
    more = ["conv5_s1", "attention_hidden", "attention"] if spec is dssa.SPEC else []
    encoder = shared(spec)
    assert trained(encoder, stage) == [*more, "fc6_s1", "fc7_sketch"]


def trained(encoder, stage) -> list[str]:
    """Names of the layers with weights that a stage trains."""
    return [
        layer.name for layer in encoder.layers if layer.weights and re.fullmatch(stage.trainable, layer.name)
    ]


def test_default_trains_all_layers_and_classifies_first_where_data_are_named():
    spec = sketch_a_net.SPEC
    (only,) = spec.recipe(resolve_options(spec, {"loss": "semi_hard"}))
    assert (only.learner, only.grouping, only.settings["mining"]) == ("pairs", "pairs:64", "semi_hard")
    assert only.loss_weights == {"triplet": 1.0}
    assert len(trained(shared(spec), only)) == 7
    first, last = spec.recipe(resolve_options(spec, {"pretrain": "data/drawings", "loss": "info_nce"}))
    assert (first.name, first.learner, first.data) == ("classify", "classify", "data/drawings")
    assert (last.loss_weights, last.data) == ({"info_nce": 1.0}, "")
    assert "logits" not in shared(spec).output_shape
    assert shared(spec, pretrain=".").output_shape["logits"] == (None, CLASSES)


def test_published_initial_values_are_normal_and_cut_at_two_deviations():
    kernel = shared(sketch_a_net.SPEC, init="published").get_layer("conv1_s1").kernel.numpy()
    assert np.abs(kernel).max() <= 0.2 + 1e-6
    assert kernel.std() == pytest.approx(0.088, rel=0.1)


@pytest.mark.parametrize("attention", ["softmax", "sigmoid"])
def test_attention_adds_the_share_that_its_mask_lets_through(attention):
    maps = np.random.default_rng(0).random((2, 3, 5, 4)).astype(np.float32)
    scores = np.random.default_rng(1).normal(size=(2, 3, 5, 1)).astype(np.float32)
    found = dssa.Attend(attention, name="attend")((maps, scores))
    for number in range(2):
        mask = np.exp(scores[number])
        mask = mask / mask.sum() if attention == "softmax" else mask / (1 + mask)
        np.testing.assert_allclose(found[number], maps[number] + maps[number] * mask, rtol=1e-5)


def test_softmax_attention_learns_where_there_are_places():
    options = small_options(dssa.SPEC, attention="softmax")
    encoder = dssa.SPEC.build(options, Shapes(64, CLASSES))
    image = tf.random.stateless_uniform([4, 64, 64, 1], [0, 0])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(encoder({"image": image})["embedding"] - 0.3))
    kernel = encoder.get_layer("attention_hidden").kernel
    assert np.abs(tape.gradient(loss, kernel)).max() > 0


def test_both_vectors_of_the_attended_maps_have_unit_length():
    encoder = shaken(shared(dssa.SPEC))
    image = tf.random.stateless_uniform([4, 16, 16, 1], [0, 0])
    parts = [encoder.get_layer(name).output for name in ("attend", "fc7_sketch")]
    maps, fine = tf_keras.Model(encoder.inputs, parts)(image)
    halves = [fine.numpy(), maps.numpy().sum(axis=(1, 2))]
    halves = [half / np.linalg.norm(half, axis=1, keepdims=True) for half in halves]
    np.testing.assert_allclose(encoder({"image": image})["embedding"], np.hstack(halves), atol=1e-5)
