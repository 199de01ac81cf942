"""Losses and the update, against loops over plain numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from learners.base import Learner
from learners.classify import Classify
from learners.registry import LEARNERS, build_learner
from learners.settings import SETTINGS, ClassifySettings
from sketchspace.errors import UserError
from training.tensorflow_errors import explain

CLASSES = 6


class OwnTerm(tf_keras.layers.Layer):
    """A `[batch]` term that a model computes itself."""

    def call(self, x):
        return tf.reduce_sum(tf.square(x), axis=-1)


def toy_encoder(seed: int = 0, own_term: bool = False, **first) -> tf_keras.Model:
    """Two dense layers, no batch norm."""
    tf_keras.utils.set_random_seed(seed)
    image = tf_keras.Input((4,), name="image")
    embedding = tf_keras.layers.Dense(5, activation="tanh", name="embedding", **first)(image)
    logits = tf_keras.layers.Dense(CLASSES, name="logits")(embedding)
    outputs = {"embedding": embedding, "logits": logits}
    if own_term:
        outputs["kl"] = OwnTerm()(embedding)
    return tf_keras.Model({"image": image}, outputs)


def toy_batch(count: int = 8, seed: int = 0, scale: float = 1.0) -> dict[str, tf.Tensor]:
    rng = np.random.default_rng(seed)
    return {
        "image": tf.constant(scale * rng.normal(size=(count, 4)), tf.float32),
        "label": tf.constant(rng.integers(0, CLASSES, count), tf.int32),
    }


def compiled(learner: Learner, optimizer=None, **settings) -> Learner:
    learner.compile(optimizer=optimizer or tf_keras.optimizers.SGD(0.1), **settings)
    return learner


def slow_cross_entropy(logits, label: int, smoothing: float = 0.0) -> float:
    """One example's cross-entropy, term by term."""
    total = math.log(sum(math.exp(float(value)) for value in logits))
    loss = 0.0
    for number, value in enumerate(logits):
        target = smoothing / len(logits) + (1 - smoothing if number == label else 0.0)
        loss -= target * (float(value) - total)
    return loss


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_equals_a_plain_loop(smoothing):
    learner = Classify(toy_encoder(), {"cross_entropy": 1.0}, settings=ClassifySettings(smoothing))
    batch = toy_batch()
    outputs = learner(batch)
    losses = learner.losses_of(batch, outputs)["cross_entropy"].numpy()
    expected = [
        slow_cross_entropy(row, label, smoothing)
        for row, label in zip(outputs["logits"].numpy(), batch["label"].numpy(), strict=True)
    ]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_scores_equal_a_plain_loop():
    learner = Classify(toy_encoder(), {"cross_entropy": 1.0})
    batch = toy_batch(50)
    outputs = learner(batch)
    scores = learner.scores_of(batch, outputs)
    for row, label, first, top5 in zip(
        outputs["logits"].numpy(), batch["label"].numpy(), *map(np.array, scores.values()), strict=True
    ):
        order = sorted(range(CLASSES), key=lambda number: -row[number])
        assert first == (order[0] == label)
        assert top5 == (label in order[:5])
    assert list(scores) == ["accuracy", "top_5_accuracy"]


def test_five_classes_or_fewer_have_no_top_5():
    image = tf_keras.Input((4,), name="image")
    logits = tf_keras.layers.Dense(5)(image)
    learner = Classify(
        tf_keras.Model({"image": image}, {"embedding": image, "logits": logits}), {"cross_entropy": 1}
    )
    batch = toy_batch()
    assert set(learner.scores_of(batch, learner(batch))) == {"accuracy"}


def test_a_term_of_the_model_counts_with_its_weight_and_is_ignored_without_one():
    encoder, batch = toy_encoder(own_term=True), toy_batch()
    plain = compiled(Classify(encoder, {"cross_entropy": 1.0})).test_step(batch)
    with_term = compiled(Classify(encoder, {"cross_entropy": 2.0, "kl": 0.5})).test_step(batch)
    assert "kl" not in plain
    kl = float(np.mean(np.sum(np.square(encoder(batch["image"])["embedding"].numpy()), axis=1)))
    assert float(with_term["kl"]) == pytest.approx(kl, rel=1e-5)
    assert float(plain["loss"]) == float(plain["cross_entropy"])
    assert float(with_term["loss"]) == pytest.approx(2 * float(plain["cross_entropy"]) + 0.5 * kl, rel=1e-5)


def test_a_weighted_term_moves_the_weights_and_an_unweighted_one_does_not():
    batch = toy_batch()
    kernels = []
    for weights in (
        {"cross_entropy": 1.0},
        {"cross_entropy": 1.0, "kl": 0.0},
        {"cross_entropy": 1.0, "kl": 1.0},
    ):
        learner = compiled(Classify(toy_encoder(own_term=True), weights))
        learner.train_step(batch)
        kernels.append(learner.encoder.get_layer("embedding").kernel.numpy())
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert np.abs(kernels[2] - kernels[0]).max() > 1e-4


def test_a_weight_for_something_that_nobody_gives_is_an_error():
    learner = compiled(Classify(toy_encoder(), {"cross_entropy": 1.0, "nll": 1.0}))
    with pytest.raises(ValueError, match="nll"):
        learner.train_step(toy_batch())


def test_one_step_of_gradient_descent_equals_finite_differences():
    learner = compiled(Classify(toy_encoder(), {"cross_entropy": 1.5}), tf_keras.optimizers.SGD(1.0))
    batch, bias = toy_batch(), learner.encoder.get_layer("logits").bias
    before, slopes = bias.numpy(), []
    for number in range(CLASSES):
        sides = []
        for shift in (1e-2, -1e-2):
            bias.assign(before + shift * np.eye(CLASSES)[number])
            rows = learner(batch)["logits"].numpy()
            losses = [slow_cross_entropy(r, y) for r, y in zip(rows, batch["label"].numpy(), strict=True)]
            sides.append(1.5 * np.mean(losses))
        slopes.append((sides[0] - sides[1]) / 2e-2)
    bias.assign(before)
    learner.train_step(batch)
    np.testing.assert_allclose(before - bias.numpy(), slopes, atol=1e-4)


def test_regularisation_of_the_encoder_takes_part_in_the_update():
    kernels = []
    for strength in (0.0, 0.1):
        encoder = toy_encoder(kernel_regularizer=tf_keras.regularizers.L2(strength))
        start = encoder.get_layer("embedding").kernel.numpy()
        compiled(Classify(encoder, {"cross_entropy": 1.0})).train_step(toy_batch())
        kernels.append(encoder.get_layer("embedding").kernel.numpy())
    np.testing.assert_allclose(kernels[0] - kernels[1], 0.1 * 2 * 0.1 * start, atol=1e-6)


def test_evaluation_changes_nothing_and_steps_are_counted():
    learner = compiled(Classify(toy_encoder(), {"cross_entropy": 1.0}))
    before = [variable.numpy() for variable in learner.encoder.variables]
    learner.test_step(toy_batch())
    for old, variable in zip(before, learner.encoder.variables, strict=True):
        np.testing.assert_array_equal(old, variable)
    assert int(learner.step) == 0
    learner.train_step(toy_batch())
    assert int(learner.step) == 1


class Spy:
    """Stands for an encoder and remembers what it is given."""

    input_names = ("image",)

    def __call__(self, inputs, training):
        self.seen = set(inputs)
        return {}


def test_the_encoder_never_sees_the_label():
    learner = Classify(toy_encoder(), {"cross_entropy": 1.0})
    learner.encoder = Spy()
    learner.call(toy_batch())
    assert learner.encoder.seen == {"image"}


@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_a_loss_that_is_not_finite_stops_at_its_step_and_names_itself(steps_per_execution):
    learner = compiled(Classify(toy_encoder(own_term=True), {"cross_entropy": 1.0, "kl": 1.0}),
                       steps_per_execution=steps_per_execution)  # fmt: skip
    batches = [toy_batch(seed=number) for number in range(12)]
    batches[6]["image"] = tf.fill((8, 4), math.nan)
    data = tf.data.Dataset.from_generator(
        lambda: iter(batches),
        output_signature={
            "image": tf.TensorSpec((8, 4), tf.float32),
            "label": tf.TensorSpec((8,), tf.int32),
        },
    )
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        learner.fit(data, steps_per_epoch=12, epochs=1, verbose=0)
    message = str(explain(caught.value))
    assert isinstance(explain(caught.value), UserError)
    assert "at step 7;" in message
    assert "loss 'cross_entropy'" in message or "loss 'kl'" in message


def test_only_the_broken_loss_is_named():
    learner = compiled(Classify(toy_encoder(own_term=True), {"cross_entropy": 1.0, "kl": 1.0}))
    batch = toy_batch()
    outputs = learner(batch) | {"kl": tf.constant([1.0, math.inf])}
    with pytest.raises(tf.errors.InvalidArgumentError, match="loss kl at step") as caught:
        learner._assert_finite(learner.losses_of(batch, outputs))
    assert "cross_entropy" not in str(caught.value)


def test_other_errors_are_not_taken_for_a_broken_loss():
    error = tf.errors.InvalidArgumentError(None, None, "Incompatible shapes")
    assert explain(error) is error
    assert "damaged records" in str(explain(tf.errors.DataLossError(None, None, "corrupted record at 12")))
    assert "smaller --batch_size" in str(explain(tf.errors.ResourceExhaustedError(None, None, "OOM")))


@pytest.fixture
def float16_policy():
    tf_keras.mixed_precision.set_global_policy("mixed_float16")
    yield
    tf_keras.mixed_precision.set_global_policy("float32")


def test_float16_scales_its_loss_and_makes_nearly_the_same_update(float16_policy):
    learner = compiled(Classify(toy_encoder(), {"cross_entropy": 1.0}))
    assert isinstance(learner.optimizer, tf_keras.mixed_precision.LossScaleOptimizer)
    tf_keras.mixed_precision.set_global_policy("float32")
    exact = compiled(Classify(toy_encoder(), {"cross_entropy": 1.0}))
    numbers = learner.train_step(toy_batch())
    assert float(numbers["loss"]) == pytest.approx(float(exact.train_step(toy_batch())["loss"]), rel=2e-2)
    assert learner.encoder.get_layer("logits").kernel.dtype == tf.float32
    assert np.abs(learner.encoder.get_layer("logits").bias.numpy()).max() > 1e-3
    for a, b in zip(learner.encoder.variables, exact.encoder.variables, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)


def test_float16_counts_a_step_whose_update_overflows_and_leaves_the_weights(float16_policy):
    optimizer = tf_keras.mixed_precision.LossScaleOptimizer(
        tf_keras.optimizers.SGD(0.1), initial_scale=2.0**40
    )
    learner = compiled(Classify(toy_encoder(), {"cross_entropy": 1.0}), optimizer)
    before = [variable.numpy() for variable in learner.encoder.variables]
    learner.train_step(toy_batch())
    for old, variable in zip(before, learner.encoder.variables, strict=True):
        np.testing.assert_array_equal(old, variable)
    assert int(learner.step) == 1
    assert float(learner.optimizer.loss_scale) == 2.0**39


def test_unknown_learner_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'classify'"):
        build_learner("clasify", toy_encoder(), {"cross_entropy": 1.0}, {})


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_takes_its_settings_by_name(name):
    settings = {"label_smoothing": 0.2} if "label_smoothing" in vars(SETTINGS[name]()) else {}
    learner = build_learner(name, toy_encoder(), {"cross_entropy": 1.0}, settings, 3)
    assert learner.seed == 3
    assert getattr(learner, "label_smoothing", 0.2) == 0.2
