"""What every model in the list must do; a model that is added there is tested here without a new line."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from common.errors import UserError
from learners.registry import build_learner
from models import sknet
from models.registry import MODELS, listed, model_spec, resolve_options
from models.spec import ModelSpec, Shapes
from training.estimator import RunConfig, compile_learner

EVERY_MODEL = pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS)
SMALL = {"width": "0.0625", "embedding_size": "24"}
CLASSES = 7


def small(spec: ModelSpec, size: int = 16, seed: int = 0, **given: str) -> tf_keras.Model:
    """A model at its smallest, `CLASSES` classes."""
    tf_keras.utils.set_random_seed(seed)
    return spec.build(resolve_options(spec, SMALL | given), Shapes(size, CLASSES))


def shaken(encoder: tf_keras.Model, seed: int = 0) -> tf_keras.Model:
    """Kernels drawn anew and wider, so that outputs are not nearly zero as those of a fresh network are."""
    rng = np.random.default_rng(seed)
    for variable in encoder.variables:
        if "kernel" in variable.name:
            spread = np.sqrt(2 / np.prod(variable.shape[:-1]))
            variable.assign(spread * rng.normal(size=variable.shape))
        elif "bias" in variable.name or "mean" in variable.name:
            variable.assign(0.1 * rng.normal(size=variable.shape))
    return encoder


def batch_of(encoder: tf_keras.Model, count: int = 8, seed: int = 0) -> dict[str, tf.Tensor]:
    """Random inputs in 0..1 as the encoder wants them, and labels."""
    rng = np.random.default_rng(seed)
    inputs = {
        name: tf.constant(rng.random((count, *shape[1:])), tf.float32)
        for name, shape in encoder.input_shape.items()
    }
    return inputs | {"label": tf.constant(np.arange(count) % CLASSES, tf.int32)}


def learner_of(spec: ModelSpec, encoder: tf_keras.Model, seed: int = 0, **changes):
    """The learner of the first stage of the model's recipe, compiled."""
    options = resolve_options(spec, SMALL)
    stage = dataclasses.replace(spec.recipe(options)[0], **changes)
    config = RunConfig(
        Path("unused"), tf.distribute.get_strategy(), tf_random_seed=seed, steps_per_execution=10
    )
    return compile_learner(encoder, stage, config)


@EVERY_MODEL
@pytest.mark.parametrize("size", [16, 28])
def test_outputs_have_their_shapes_and_are_finite_at_two_sizes(spec, size):
    encoder = small(spec, size)
    outputs = encoder({name: v for name, v in batch_of(encoder).items() if name in spec.inputs})
    assert set(encoder.input_names) == set(spec.inputs)
    assert outputs["embedding"].shape == (8, 24)
    assert outputs["logits"].shape == (8, CLASSES)
    for output in outputs.values():
        assert output.dtype == tf.float32
        assert np.isfinite(output).all()


@EVERY_MODEL
def test_outputs_tell_inputs_apart_and_do_not_depend_on_the_batch(spec):
    encoder = shaken(small(spec))
    inputs = {name: v for name, v in batch_of(encoder).items() if name in spec.inputs}
    together = encoder(inputs)["embedding"].numpy()
    alone = encoder({name: v[2:3] for name, v in inputs.items()})["embedding"].numpy()
    np.testing.assert_allclose(alone[0], together[2], rtol=1e-3, atol=1e-4)
    distances = np.linalg.norm(together[:, None] - together[None], axis=-1)
    assert distances[~np.eye(len(together), dtype=bool)].min() > 1e-3


@EVERY_MODEL
def test_every_trainable_variable_gets_a_gradient(spec):
    encoder = small(spec)
    batch = batch_of(encoder)
    with tf.GradientTape() as tape:
        outputs = encoder({name: batch[name] for name in spec.inputs}, training=True)
        # Squares reach every output, and no sum of a softmax's gradient that cancels to zero.
        loss = tf.add_n([tf.reduce_sum(tf.square(output - 0.3)) for output in outputs.values()])
    for variable, gradient in zip(
        encoder.trainable_variables, tape.gradient(loss, encoder.trainable_variables), strict=True
    ):
        assert gradient is not None, variable.name
        assert np.isfinite(gradient).all(), variable.name
        if "bias" not in variable.name:  # A bias in front of batch norm is taken away again.
            assert np.abs(gradient).max() > 0, variable.name


@EVERY_MODEL
def test_overfits_eight_examples(spec):
    encoder = small(spec, dropout="0")
    learner = learner_of(spec, encoder, schedule="constant", learning_rate=3e-3)
    batch = batch_of(encoder)
    data = tf.data.Dataset.from_tensors(batch).repeat()
    history = learner.fit(data, steps_per_epoch=50, epochs=5, verbose=0).history
    assert history["loss"][-1] < 0.05 < history["loss"][0]
    assert history["accuracy"][-1] == 1.0


@EVERY_MODEL
def test_a_normalised_embedding_has_unit_length_and_the_direction_of_the_plain_one(spec):
    plain, unit = (shaken(small(spec, normalize=normalize)) for normalize in ("false", "true"))
    inputs = {name: v for name, v in batch_of(plain).items() if name in spec.inputs}
    vectors = plain(inputs)["embedding"].numpy()
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(unit(inputs)["embedding"], vectors / lengths, atol=1e-5)
    np.testing.assert_allclose(unit(inputs)["logits"], plain(inputs)["logits"], atol=1e-5)


@EVERY_MODEL
def test_a_checkpoint_gives_the_same_outputs(spec, tmp_path):
    encoder, other = shaken(small(spec), seed=1), shaken(small(spec), seed=2)
    inputs = {name: v for name, v in batch_of(encoder).items() if name in spec.inputs}
    before = encoder(inputs)["logits"].numpy()
    assert np.abs(other(inputs)["logits"].numpy() - before).max() > 0.01
    path = tf.train.Checkpoint(encoder=encoder).write(str(tmp_path / "weights"))
    tf.train.Checkpoint(encoder=other).read(path).assert_consumed()
    np.testing.assert_array_equal(other(inputs)["logits"].numpy(), before)


@EVERY_MODEL
def test_the_same_seed_gives_the_same_losses_and_another_seed_others(spec):
    def losses(seed):
        learner = learner_of(spec, small(spec, seed=seed), seed, schedule="constant", learning_rate=1e-2)
        batch = batch_of(learner.encoder)
        return [float(learner.train_step(batch)["loss"]) for _ in range(3)]

    first = losses(5)
    assert losses(5) == first
    assert losses(6) != first


@EVERY_MODEL
def test_recipe_names_a_known_learner_and_positive_numbers(spec):
    for preset in ("default", *spec.presets):
        options = resolve_options(spec, SMALL | {"preset": preset})
        for stage in spec.recipe(options):
            assert stage.max_steps > 0 < stage.batch_size
            build_learner(stage.learner, small(spec), stage.loss_weights, {})


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


@EVERY_MODEL
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


@EVERY_MODEL
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


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"wdth": "1"}, "did you mean 'width'"),
        ({"width": "wide"}, "expected a float such as 1.0"),
        ({"width": "0"}, "expected a number from"),
        ({"width": "nan"}, "expected a number from"),
        ({"dropout": "1"}, "expected a number from 0 to 0.99"),
        ({"embedding_size": "12.5"}, "expected a int"),
        ({"pixels": "inc"}, "did you mean 'ink'"),
        ({"preset": "faithfull"}, "did you mean 'faithful'"),
    ],
)
def test_wrong_options_are_named(given, message):
    with pytest.raises(UserError, match=message):
        resolve_options(sknet.SPEC, given)


def test_an_option_of_the_user_wins_over_the_preset():
    options = resolve_options(sknet.SPEC, {"preset": "faithful", "bn_momentum": "0.5"})
    assert (options["bn_momentum"], options["pixels"]) == (0.5, "mean_image")


def test_unknown_model_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'sknet'"):
        model_spec("sknett")


def test_a_name_cannot_be_listed_twice():
    with pytest.raises(ValueError, match="twice"):
        listed(sknet.SPEC, sknet.SPEC)
