"""Mining and triplet losses against loops over triplets, with ties, lone classes and batches of one class."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from learners.mining import MINING, all_triplets, pairs_within, squared_distances
from learners.registry import build_learner
from learners.settings import TripletSettings
from learners.triplet import LOSSES, Triplet
from models import resnet_v2
from models.registry import resolve_options
from models.spec import Stage
from sketchspace.errors import UserError

LABELS = {
    "even": [0, 0, 0, 1, 1, 1, 2, 2, 2],
    "lone": [0, 0, 0, 1, 2, 2, 2, 2, 3],
    "one class": [4] * 5,
    "all different": [0, 1, 2, 3],
}


def distances_of(points: np.ndarray) -> np.ndarray:
    return np.square(points[:, None] - points[None]).sum(-1)


def chosen(kind: str, distances: np.ndarray, labels: list[int], anchor: int) -> list[tuple[float, float]]:
    """An anchor's triplets as pairs of squared distances, by loops."""
    positives = [p for p, label in enumerate(labels) if label == labels[anchor] and p != anchor]
    negatives = [n for n, label in enumerate(labels) if label != labels[anchor]]
    to = distances[anchor]
    if not positives or not negatives:
        return []
    if kind == "all":
        return [(to[p], to[n]) for p in positives for n in negatives]
    if kind == "batch_hard":
        return [(max(to[p] for p in positives), min(to[n] for n in negatives))]
    found = []
    for p in positives:
        farther = [to[n] for n in negatives if to[n] > to[p]]
        found.append((to[p], min(farther) if farther else max(to[n] for n in negatives)))
    return found


def loss(kind: str, positive: float, negative: float, margin: float) -> float:
    if kind == "hinge":
        return max(0.0, positive - negative + margin)
    up, un = np.exp(np.sqrt(positive)), np.exp(np.sqrt(negative))
    return (up / (up + un)) ** 2


def points_of(name: str, ties: bool) -> np.ndarray:
    """Points on a small grid have many equal distances, and float32 holds their squares exactly."""
    rng = np.random.default_rng(len(name))
    count = len(LABELS[name])
    return rng.integers(0, 3, (count, 2)).astype(np.float32) if ties else rng.normal(size=(count, 4))


def learner_of(**settings) -> Triplet:
    image = tf_keras.Input((2,), name="image")
    layer = tf_keras.layers.Dense(3, name="dense")(image)
    encoder = tf_keras.Model({"image": image}, {"embedding": layer})
    return build_learner("triplet", encoder, {"triplet": 1.0}, settings)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("mining", MINING)
def test_losses_and_scores_equal_loops_over_triplets(mining, labels, ties):
    points, label = points_of(labels, ties), LABELS[labels]
    batch = {"label": tf.constant(label, tf.int32)}
    outputs = {"embedding": tf.constant(points, tf.float32)}
    distances = distances_of(points)
    for kind in LOSSES:
        learner = learner_of(mining=mining, triplet_loss=kind, margin=0.7)
        losses = learner.losses_of(batch, outputs)["triplet"].numpy()
        scores = {name: score.numpy() for name, score in learner.scores_of(batch, outputs).items()}
        for anchor in range(len(label)):
            triplets = chosen(mining, distances, label, anchor)
            every = chosen("all", distances, label, anchor)
            wanted = [loss(kind, p, n, 0.7) for p, n in triplets]
            assert losses[anchor] == pytest.approx(np.mean(wanted) if wanted else 0, abs=1e-5)
            active = [p - n + 0.7 > 0 for p, n in triplets]
            assert scores["active"][anchor] == pytest.approx(np.mean(active) if active else 0, abs=1e-6)
            right = [n > p for p, n in every]
            assert scores["triplet_accuracy"][anchor] == pytest.approx(
                np.mean(right) if right else 1, abs=1e-6
            )


def test_3_classes_of_10_give_270_semi_hard_triplets():
    label = tf.constant(np.repeat([0, 1, 2], 10), tf.int32)
    triplets = MINING["semi_hard"](
        squared_distances(tf.random.stateless_normal([30, 8], [0, 0])), pairs_within(label)
    )
    assert float(tf.reduce_sum(triplets.mask)) == 270


def test_a_pair_without_a_farther_negative_takes_the_farthest_one():
    """Anchor at 0, positive at 5, negatives at 1 and 2: both are too close, 2 is the easier."""
    points = tf.constant([[0.0], [5.0], [1.0], [2.0]])
    triplets = MINING["semi_hard"](squared_distances(points), pairs_within(tf.constant([0, 0, 1, 1])))
    assert float(triplets.negative[0, 1, 0]) == 4.0
    assert float(triplets.positive[0, 1, 0]) == 25.0


def test_distances_are_those_of_pairs_and_never_negative():
    points = np.random.default_rng(0).normal(size=(7, 5))
    found = squared_distances(tf.constant(points, tf.float32)).numpy()
    np.testing.assert_allclose(found, distances_of(points), atol=1e-4)
    far = squared_distances(tf.constant([[1e4, 1.0], [1e4, 1.0]])).numpy()
    assert (far >= 0).all()


@pytest.mark.parametrize("triplet_loss", LOSSES)
@pytest.mark.parametrize("mining", MINING)
def test_gradients_are_finite_where_points_coincide(mining, triplet_loss):
    learner = learner_of(mining=mining, triplet_loss=triplet_loss)
    points = tf.Variable([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    with tf.GradientTape() as tape:
        losses = learner.losses_of({"label": tf.constant([0, 0, 1, 1])}, {"embedding": points})["triplet"]
        total = tf.reduce_sum(losses)
    gradient = tape.gradient(total, points).numpy()
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0


@pytest.mark.parametrize("triplet_loss", LOSSES)
@pytest.mark.parametrize("mining", MINING)
def test_training_brings_classes_together_that_a_line_can_tell(mining, triplet_loss):
    tf_keras.utils.set_random_seed(0)
    learner = learner_of(mining=mining, triplet_loss=triplet_loss)
    learner.compile(optimizer=tf_keras.optimizers.Adam(0.03))
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], 8)
    wide = np.stack([label + rng.uniform(-0.2, 0.2, 24), rng.uniform(-4, 4, 24)], axis=1)
    batch = {"image": tf.constant(wide, tf.float32), "label": tf.constant(label, tf.int32)}
    history = learner.fit(
        tf.data.Dataset.from_tensors(batch).repeat(), steps_per_epoch=50, epochs=6, verbose=0
    )
    assert history.history["triplet_accuracy"][0] < 0.95
    assert history.history["triplet_accuracy"][-1] > 0.97
    assert history.history["triplet"][-1] < history.history["triplet"][0]


def test_settings_of_a_stage_reach_the_learner():
    stage = Stage(learner="triplet", settings={"margin": 0.3, "mining": "all", "triplet_loss": "ratio"})
    learner = learner_of(**stage.settings)
    assert (learner.margin, learner.mine, learner.loss_of) == (0.3, all_triplets, LOSSES["ratio"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mining": "semihard"}, "did you mean 'semi_hard'"),
        ({"triplet_loss": "hing"}, "did you mean 'hinge'"),
        ({"margin": 0.0}, "expected a number above 0"),
        ({"margin": float("nan")}, "expected a number above 0"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(UserError, match=message):
        learner_of(**settings)


def test_the_published_stage_has_3_classes_of_10_and_margin_1():
    triplets, probe = resnet_v2.SPEC.recipe(resolve_options(resnet_v2.SPEC, {"preset": "triplet"}))
    settings = TripletSettings(**triplets.settings)
    assert (triplets.grouping, triplets.batch_size, settings.margin) == ("3x10", 30, 1.0)
    assert (settings.mining, settings.triplet_loss, triplets.learning_rate) == ("semi_hard", "hinge", 1e-4)
    assert (probe.max_steps, probe.learner) == (300, "classify")
