"""skNet and skResNet: published shapes, counts, initial values and presets."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models import sknet, skresnet
from models.registry import model_spec, resolve_options
from models.spec import Shapes
from tests.small_models import small

BOTH = pytest.mark.parametrize("spec", [sknet.SPEC, skresnet.SPEC], ids=["sknet", "skresnet"])


@pytest.mark.parametrize(
    ("name", "parameters", "statistics"), [("sknet", 18_322_468, 2_304), ("skresnet", 20_980_900, 5_120)]
)
def test_parameter_counts_are_the_published_ones(name, parameters, statistics):
    encoder = model_spec(name).build(model_spec(name).defaults, Shapes(128, 100))
    assert sum(int(np.prod(v.shape)) for v in encoder.trainable_variables) == parameters
    assert sum(int(np.prod(v.shape)) for v in encoder.non_trainable_variables) == statistics


def test_sknet_layers_have_the_published_shapes_and_counts():
    encoder = model_spec("sknet").build(sknet.DEFAULTS, Shapes(128, 100))
    counts = {
        "conv1_1": 640, "conv1_2": 36_928, "conv2_1": 73_856, "conv2_2": 147_584, "conv3_1": 147_584,
        "conv3_2": 147_584, "conv4_1": 295_168, "conv4_2": 590_080, "fc_1": 16_778_240, "fc_2": 102_500,
    }  # fmt: skip
    assert {name: encoder.get_layer(name).count_params() for name in counts} == counts
    sides = {name: encoder.get_layer(name).output_shape[1:] for name in ("pool1", "pool2", "pool3", "pool4")}
    assert list(sides.values()) == [(64, 64, 64), (32, 32, 128), (16, 16, 128), (8, 8, 256)]
    assert sum(isinstance(layer, tf_keras.layers.Conv2D) for layer in encoder.layers) == 8


def test_skresnet_has_17_convolutions_and_6_sums_after_the_second_relu():
    encoder = model_spec("skresnet").build(sknet.DEFAULTS, Shapes(128, 100))
    assert sum(isinstance(layer, tf_keras.layers.Conv2D) for layer in encoder.layers) == 17
    sums = [layer for layer in encoder.layers if isinstance(layer, tf_keras.layers.Add)]
    assert len(sums) == 6
    for layer in sums:
        names = [tensor.node.layer.name for tensor in layer.input]
        assert names[1].endswith("_2_relu")
        assert layer.outbound_nodes[0].outbound_layer.name.startswith(("conv", "pool"))


@BOTH
def test_initial_values_are_the_published_ones(spec):
    encoder = spec.build(dict(spec.defaults) | {"width": 0.5}, Shapes(32, 100))
    for layer in encoder.layers:
        if isinstance(layer, tf_keras.layers.Conv2D | tf_keras.layers.Dense):
            spread = 0.01 if isinstance(layer, tf_keras.layers.Conv2D) else 0.02
            kernel = layer.kernel.numpy()
            assert np.abs(kernel).max() <= 2 * spread + 1e-7
            # A normal distribution cut at two deviations has 0.88 of its spread.
            assert kernel.std() == pytest.approx(0.88 * spread, rel=0.1)
            assert not layer.bias.numpy().any()
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            assert layer.epsilon == 1e-3
            assert layer.scale


@BOTH
def test_presets_are_input_momentum_and_dropout(spec):
    default, faithful = resolve_options(spec, {}), resolve_options(spec, {"preset": "faithful"})
    assert (default["pixels"], faithful["pixels"]) == ("ink", "mean_image")
    assert faithful["dropout"] == 0.25
    assert faithful["embedding_size"] == 1024
    assert faithful["width"] == 1.0
    assert (default["normalize"], faithful["normalize"]) == (True, False)
    encoder = small(spec, preset="faithful")
    norms = [layer for layer in encoder.layers if isinstance(layer, tf_keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in norms} == {0.99}
    stage = spec.recipe(faithful)[0]
    assert (stage.optimizer, stage.learning_rate, stage.schedule) == ("adam", 1e-3, "constant")
    assert (stage.augment, stage.weight_decay, stage.warmup_steps) == ("none", 0.0, 0)
    assert (stage.max_steps, stage.batch_size) == (14_000, {"sknet": 200, "skresnet": 50}[spec.name])


def test_mean_image_preset_gives_grey_levels_minus_the_mean_training_image():
    encoder = small(sknet.SPEC, preset="faithful")
    grey = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 1))
    ink = 1 - grey / 255
    layer = encoder.get_layer("pixel_mean")
    layer.adapt([{"image": ink[:6]}, {"image": ink[6:]}])
    np.testing.assert_allclose(layer.mean_level, grey.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(layer(tf.constant(ink, tf.float32)), grey - grey.mean(axis=0), atol=1e-3)


def test_mean_of_no_pictures_is_refused():
    with pytest.raises(ValueError, match="no pictures"):
        small(sknet.SPEC, preset="faithful").get_layer("pixel_mean").adapt([])


def test_dropout_keeps_three_quarters_and_follows_from_its_seed():
    layer = small(sknet.SPEC).get_layer("dropout")
    assert layer.rate == 0.25
    ones = tf.ones((200, 100))
    np.testing.assert_array_equal(layer(ones, training=False), ones)
    assert (layer(ones, training=True).numpy() != layer(ones, training=True).numpy()).any()
    layer.draw_from(lambda: tf.constant([1, 2]))
    first = layer(ones, training=True).numpy()
    np.testing.assert_array_equal(layer(ones, training=True), first)
    assert set(np.unique(first).round(5)) == {0, np.float32(4 / 3).round(5)}
    assert (first > 0).mean() == pytest.approx(0.75, abs=0.01)
    layer.draw_from(lambda: tf.constant([1, 3]))
    agree = (layer(ones, training=True).numpy() == first).mean()
    assert agree == pytest.approx(0.75**2 + 0.25**2, abs=0.02)


def test_dropout_is_off_when_the_network_answers():
    encoder = small(sknet.SPEC, dropout="0.9")
    image = tf.random.stateless_uniform([4, 16, 16, 1], [0, 0])
    np.testing.assert_array_equal(
        encoder({"image": image})["logits"], encoder({"image": image}, training=False)["logits"]
    )


def test_width_scales_every_convolution():
    filters = [layer.filters for layer in small(sknet.SPEC).layers if hasattr(layer, "filters")]
    assert filters == [4, 4, 8, 8, 8, 8, 16, 16]
