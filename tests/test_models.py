"""What every model in the list must do; a model that is added there is tested here without a new line."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from learners.registry import build_learner
from models import sknet
from models.registry import MODELS, listed, model_spec, resolve_options
from sketchspace.errors import UserError
from tests.small_models import (
    CLASSES,
    SIDE,
    first_stage,
    inputs_of,
    labelled,
    learner_of,
    shaken,
    shared,
    small,
    small_options,
    without_dropout,
)

SPECS = {name: model_spec(name) for name in MODELS}
EVERY_MODEL = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
READS_STROKES = {name: spec for name, spec in SPECS.items() if "strokes" in spec.inputs}
NORMALISES = {name: spec for name, spec in SPECS.items() if "normalize" in spec.defaults}
EVERY_STROKE_MODEL = pytest.mark.parametrize("spec", READS_STROKES.values(), ids=READS_STROKES)


@EVERY_MODEL
@pytest.mark.parametrize("size", [SIDE, 28])
def test_outputs_have_their_shapes_and_are_finite_at_two_sizes(spec, size):
    encoder = shared(spec, size)
    outputs = encoder(inputs_of(spec.inputs, size=size))
    assert set(encoder.input_names) == set(spec.inputs)
    assert outputs["embedding"].shape == (8, encoder.output_shape["embedding"][-1])
    assert "logits" in outputs or first_stage(spec).learner != "classify"
    if "logits" in outputs:
        assert outputs["logits"].shape == (8, CLASSES)
    for output in outputs.values():
        assert output.dtype == tf.float32
        assert np.isfinite(output).all()


@EVERY_MODEL
def test_outputs_tell_inputs_apart_and_do_not_depend_on_the_batch(spec):
    encoder, inputs = shaken(shared(spec)), inputs_of(spec.inputs)
    together = encoder(inputs)["embedding"].numpy()
    alone = encoder({name: v[2:3] for name, v in inputs.items()})["embedding"].numpy()
    np.testing.assert_allclose(alone[0], together[2], rtol=1e-3, atol=1e-4)
    distances = np.linalg.norm(together[:, None] - together[None], axis=-1)
    assert distances[~np.eye(len(together), dtype=bool)].min() > 1e-3


@EVERY_STROKE_MODEL
def test_what_stands_beyond_the_length_changes_nothing(spec):
    encoder, inputs = shaken(shared(spec)), inputs_of(spec.inputs)
    before = encoder(inputs)
    longer = tf.pad(inputs["strokes"], [[0, 0], [0, 5], [0, 0]])
    there = tf.sequence_mask(inputs["length"], longer.shape[1])[..., None]
    noise = 1000 * tf.random.stateless_normal(longer.shape, [1, 2])
    after = encoder(inputs | {"strokes": tf.where(there, longer, noise)})
    for name, output in before.items():
        np.testing.assert_allclose(after[name], output, rtol=1e-4, atol=1e-5, err_msg=name)


@EVERY_STROKE_MODEL
def test_a_single_point_and_strange_coordinates_stay_finite(spec):
    encoder, inputs = shared(spec), inputs_of(spec.inputs, count=4)
    ones = tf.ones([4], tf.int32)
    strokes = tf.constant([[[0, 0, 1]], [[5, -3, 1]], [[1e6, 1e6, 1]], [[1e-6, 0, 1]]], tf.float32)
    short = {
        "strokes": strokes,
        "length": ones,
        "read_at": ones - 1,
        "snapshot_at": 0 * inputs.get("snapshot_at", 0),
    }
    outputs = encoder(inputs | {name: value for name, value in short.items() if name in spec.inputs})
    assert all(np.isfinite(output).all() for output in outputs.values())


@EVERY_STROKE_MODEL
def test_moving_and_enlarging_a_drawing_changes_nothing(spec):
    encoder, inputs = shaken(shared(spec)), inputs_of(spec.inputs)
    there = tf.sequence_mask(inputs["length"], inputs["strokes"].shape[1])[..., None]
    moved = inputs["strokes"] * [4.0, 4.0, 1.0] + [64.0, -32.0, 0.0]
    after = encoder(inputs | {"strokes": tf.where(there, moved, 0.0)})["embedding"]
    np.testing.assert_allclose(after, encoder(inputs)["embedding"], rtol=1e-3, atol=1e-4)


@EVERY_MODEL
def test_every_trainable_variable_gets_a_gradient(spec):
    encoder, batch = shared(spec), labelled(spec)
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
def test_overfits_eight_examples_or_four_tuples(spec):
    learner = learner_of(
        spec,
        shaken(without_dropout(shared(spec))),
        schedule="constant",
        learning_rate=3e-3,
        warmup_steps=0,
        clip=0.0,
        clip_value=0.0,
        average=0.0,
    )
    loss = "cross_entropy" if "cross_entropy" in learner.loss_weights else next(iter(learner.loss_weights))
    data = tf.data.Dataset.from_tensors(labelled(spec)).repeat()
    first = learner.test_step(labelled(spec))[loss]
    for _ in range(40):
        history = learner.fit(data, steps_per_epoch=20, verbose=0).history
        if history[loss][-1] < 0.05 and history[learner.best_score][-1] == 1.0:
            break
    assert history[loss][-1] < 0.05 < first
    assert history[learner.best_score][-1] == 1.0


@pytest.mark.parametrize("spec", NORMALISES.values(), ids=NORMALISES)
def test_a_normalised_embedding_has_unit_length_and_the_direction_of_the_plain_one(spec):
    plain, unit = (shaken(shared(spec, normalize=normalize)) for normalize in ("false", "true"))
    inputs = inputs_of(spec.inputs)
    expected, found = plain(inputs), unit(inputs)
    vectors = expected["embedding"].numpy()
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(found["embedding"], vectors / lengths, atol=1e-5)
    for name in expected.keys() - {"embedding"}:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5)


@EVERY_MODEL
def test_a_checkpoint_gives_the_same_outputs(spec, tmp_path):
    encoder, other = shaken(shared(spec), seed=1), shaken(shared(spec, seed=1), seed=2)
    inputs = inputs_of(spec.inputs)
    before = encoder(inputs)
    assert all(np.abs(value - before[name]).max() > 0.01 for name, value in other(inputs).items())
    path = tf.train.Checkpoint(encoder=encoder).write(str(tmp_path / "weights"))
    tf.train.Checkpoint(encoder=other).read(path).assert_consumed()
    for name, value in other(inputs).items():
        np.testing.assert_array_equal(value, before[name])


@EVERY_MODEL
def test_the_same_seed_gives_the_same_losses_and_another_seed_others(spec):
    def losses(encoder, seed):
        learner = learner_of(spec, encoder, seed, schedule="constant", learning_rate=1e-2)
        batch = labelled(spec)
        return float(learner.train_step(batch)["loss"]), float(learner.test_step(batch)["loss"])

    first = losses(shared(spec), 0)
    assert losses(small(spec), 0) == first
    others = losses(shared(spec, seed=1), 1)
    assert others[0] != first[0]
    assert others[1] != first[1]


@EVERY_MODEL
def test_recipe_names_a_known_learner_and_positive_numbers(spec):
    encoder = shared(spec)
    for preset in ("default", *spec.presets):
        for stage in spec.recipe(small_options(spec, preset=preset)):
            assert stage.max_steps > 0 < stage.batch_size
            if "cross_entropy" in stage.loss_weights and "logits" not in encoder.output_shape:
                encoder = shared(spec, preset=preset)
            build_learner(stage.learner, encoder, stage.loss_weights, {})


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
        listed(MODELS["sknet"], MODELS["sknet"])
