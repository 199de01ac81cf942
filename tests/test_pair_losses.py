"""Losses of pairs and annotated triplets against loops over plain numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from learners.base import Learner
from learners.cross_domain import ALPHA, BETA, EPSILON, LAMBDA, info_nce, multi_similarity
from learners.mining import MINING, Kinds, squared_distances
from learners.registry import build_learner
from sketchspace.errors import UserError

LABELS = [0, 0, 1, 1, 2, 0, 1]
INSTANCES = [0, 1, 0, 1, 0, 0, 0]  # pairs 0 and 5 are of one object, and so are 2 and 6
COUNT = len(LABELS)
ALL = {"info_nce": 1.0, "multi_similarity": 1.0, "triplet": 1.0, "cross_entropy": 1.0}


def learner_of(name: str, weights: dict[str, float], logits: bool = True, **settings) -> Learner:
    image = tf_keras.Input((4,), name="image")
    outputs = {"embedding": tf_keras.layers.Dense(3, name="embedding")(image)}
    if logits:
        outputs["logits"] = tf_keras.layers.Dense(3, name="logits")(image)
    return build_learner(name, tf_keras.Model({"image": image}, outputs), weights, settings)


def objects() -> dict[str, tf.Tensor]:
    """Labels and instances of interleaved pairs of the same objects, `[2N]`."""
    return {
        "label": tf.constant(np.repeat(LABELS, 2), tf.int32),
        "instance": tf.constant(np.repeat(INSTANCES, 2), tf.int32),
    }


def vectors(count: int = 2 * COUNT, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)


def same(i: int, j: int) -> bool:
    return (LABELS[i], INSTANCES[i]) == (LABELS[j], INSTANCES[j])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def slow_info_nce(anchors: np.ndarray, others: np.ndarray, temperature: float, i: int) -> float:
    total = 0.0
    for j in range(COUNT):
        if j == i or not same(i, j):
            total += math.exp(cosine(anchors[i], others[j]) / temperature)
    return math.log(total) - cosine(anchors[i], others[i]) / temperature


def slow_multi_similarity(anchors: np.ndarray, others: np.ndarray, i: int) -> float:
    each = [cosine(anchors[i], other) for other in others]
    least = min(each[j] for j in range(COUNT) if same(i, j))
    most = max(each[j] for j in range(COUNT) if not same(i, j))
    positives = [each[j] for j in range(COUNT) if same(i, j) and each[j] < most + EPSILON]
    negatives = [each[j] for j in range(COUNT) if not same(i, j) and each[j] > least - EPSILON]
    pull = sum(math.exp(-ALPHA * (value - LAMBDA)) for value in positives)
    push = sum(math.exp(BETA * (value - LAMBDA)) for value in negatives)
    return math.log(1 + pull) / ALPHA + math.log(1 + push) / BETA


def slow_triplet(kind: str, sketches: np.ndarray, photos: np.ndarray, margin: float, i: int) -> float:
    to = [float(np.square(sketches[i] - photo).sum()) for photo in photos]
    positives = [to[j] for j in range(COUNT) if same(i, j)]
    negatives = [to[j] for j in range(COUNT) if not same(i, j)]
    if kind == "batch_hard":
        return max(0.0, max(positives) - min(negatives) + margin)
    if kind == "all":
        return float(np.mean([max(0.0, p - n + margin) for p in positives for n in negatives]))
    losses = []
    for p in positives:
        farther = [n for n in negatives if n > p]
        losses.append(max(0.0, p - (min(farther) if farther else max(negatives)) + margin))
    return float(np.mean(losses))


@pytest.mark.parametrize("mining", MINING)
def test_losses_of_pairs_equal_loops(mining):
    """Embeddings are not of unit length: similarities are cosines, distances are not."""
    learner = learner_of("pairs", ALL, mining=mining, temperature=0.2, margin=0.4)
    rows = vectors()
    logits = np.random.default_rng(5).normal(size=(2 * COUNT, 3)).astype(np.float32)
    losses = learner.losses_of(objects(), {"embedding": tf.constant(rows), "logits": tf.constant(logits)})
    assert {value.shape for value in losses.values()} == {(2 * COUNT,)}
    s, p = rows[::2], rows[1::2]
    for i in range(COUNT):
        there, back = 2 * i, 2 * i + 1
        found = {name: value.numpy() for name, value in losses.items()}
        assert found["info_nce"][there] == pytest.approx(slow_info_nce(s, p, 0.2, i), abs=1e-5)
        assert found["info_nce"][back] == pytest.approx(slow_info_nce(p, s, 0.2, i), abs=1e-5)
        assert found["multi_similarity"][there] == pytest.approx(slow_multi_similarity(s, p, i), abs=1e-5)
        assert found["multi_similarity"][back] == pytest.approx(slow_multi_similarity(p, s, i), abs=1e-5)
        assert found["triplet"][there] == pytest.approx(slow_triplet(mining, s, p, 0.4, i), abs=1e-5)
        assert found["triplet"][back] == found["triplet"][there]
        total = math.log(np.exp(logits[there].astype(float)).sum())
        assert found["cross_entropy"][there] == pytest.approx(total - logits[there, LABELS[i]], abs=1e-5)


def test_batch_hard_equals_brute_force_on_many_sketches_and_photos():
    rng = np.random.default_rng(1)
    sketches, photos = rng.normal(size=(40, 5)), rng.normal(size=(30, 5))
    positive = rng.random((40, 30)) < 0.1
    distances = np.square(sketches[:, None] - photos[None]).sum(-1)
    found = squared_distances(tf.constant(sketches, tf.float32), tf.constant(photos, tf.float32))
    np.testing.assert_allclose(found, distances, atol=1e-4)
    mined = MINING["batch_hard"](found, Kinds(tf.constant(positive), tf.constant(~positive)))
    for anchor, row in enumerate(positive):
        assert float(mined.mask[anchor, 0, 0]) == row.any()
        if row.any():
            farthest = max(distances[anchor, j] for j in range(30) if row[j])
            closest = min(distances[anchor, j] for j in range(30) if not row[j])
            assert float(mined.positive[anchor, 0, 0]) == pytest.approx(farthest, abs=1e-4)
            assert float(mined.negative[anchor, 0, 0]) == pytest.approx(closest, abs=1e-4)


def test_values_by_hand():
    similar = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    apart = tf.constant(np.eye(2, dtype=bool))
    np.testing.assert_allclose(info_nce(similar, apart, 0.5), [math.log(1 + math.exp(-2))] * 2, rtol=1e-5)
    together = tf.ones([2, 2], tf.bool)
    np.testing.assert_allclose(info_nce(similar, together, 0.5), [0, 0], atol=1e-6)
    np.testing.assert_allclose(multi_similarity(similar, apart), [0, 0], atol=1e-6)
    wrong = float(multi_similarity(tf.constant([[0.5, 0.5]]), tf.constant([[True, False]]))[0])
    assert wrong == pytest.approx(math.log(2) / 2 + math.log(2) / 50, rel=1e-5)


def test_small_temperatures_and_high_similarities_do_not_overflow():
    similar = tf.Variable([[1.0, -1.0], [1.0, -1.0]])
    with tf.GradientTape() as tape:
        losses = info_nce(similar, tf.constant(np.eye(2, dtype=bool)), 0.001)
    np.testing.assert_allclose(losses, [0, 2000], rtol=1e-5)
    assert np.isfinite(tape.gradient(losses, similar).numpy()).all()


def test_scores_of_pairs_equal_loops():
    learner, rows = learner_of("pairs", ALL), vectors(seed=3)
    scores = learner.scores_of(objects(), {"embedding": tf.constant(rows)})
    s, p = rows[::2], rows[1::2]
    for i in range(COUNT):
        to = [np.square(s[i] - photo).sum() for photo in p]
        back = [np.square(p[i] - sketch).sum() for sketch in s]
        assert scores["acc_at_1"][2 * i] == same(i, int(np.argmin(to)))
        assert scores["acc_at_1"][2 * i + 1] == same(i, int(np.argmin(back)))
        right = [to[n] > to[j] for j in range(COUNT) if same(i, j) for n in range(COUNT) if not same(i, n)]
        assert float(scores["triplet_accuracy"][2 * i]) == pytest.approx(np.mean(right), abs=1e-6)
    assert 0 < float(tf.reduce_mean(scores["acc_at_1"])) < 1


@pytest.mark.parametrize("match", ["class", "instance"])
def test_contrastive_loss_and_scores_equal_a_loop(match):
    learner = learner_of("contrastive", {"contrastive": 1.0}, margin=1.5, match=match)
    labels, instances = [3, 3, 4, 3, 5, 5, 6, 6], [0, 0, 1, 0, 2, 1, 0, 0]
    batch = {"label": tf.constant(labels), "instance": tf.constant(instances)}
    rows = 0.6 * vectors(8)
    losses = learner.losses_of(batch, {"embedding": tf.constant(rows)})["contrastive"].numpy()
    scores = learner.scores_of(batch, {"embedding": tf.constant(rows)})
    kinds: dict[bool, list[float]] = {True: [], False: []}
    for i in range(4):
        a, b = 2 * i, 2 * i + 1
        other = labels[a] != labels[b] or (match == "instance" and instances[a] != instances[b])
        distance = math.sqrt(np.square(rows[a] - rows[b]).sum())
        wanted = max(0.0, 1.5 - distance) ** 2 / 2 if other else distance**2 / 2
        assert losses[a] == losses[b] == pytest.approx(wanted, abs=1e-5)
        assert scores["pair_accuracy"][i] == ((distance < 0.75) != other)
        kinds[other].append(distance)
    for name, other in (("matching_distance", False), ("other_distance", True)):
        values, weights = (part.numpy() for part in scores[name])
        assert np.average(values, weights=weights) == pytest.approx(np.mean(kinds[other]), abs=1e-5)
    assert len(kinds[True]) == (1 if match == "class" else 2)


def test_mean_distances_of_each_kind_are_those_of_all_pairs_of_an_epoch():
    """Batches with different numbers of matching pairs: pairs count alike, batches do not."""
    learner = learner_of("contrastive", {"contrastive": 1.0})
    learner.compile(optimizer=tf_keras.optimizers.SGD(0.0))
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(12, 4)).astype(np.float32), [0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 2, 2]
    batch = {"image": images, "label": np.array(labels, np.int32), "instance": np.zeros(12, np.int32)}
    numbers = learner.evaluate(
        tf.data.Dataset.from_tensor_slices(batch).batch(6), return_dict=True, verbose=0
    )
    points = learner.encoder(images)["embedding"].numpy()
    apart = np.sqrt(np.square(points[::2] - points[1::2]).sum(1))
    match = np.array(labels[::2]) == np.array(labels[1::2])
    assert numbers["matching_distance"] == pytest.approx(apart[match].mean(), rel=1e-5)
    assert numbers["other_distance"] == pytest.approx(apart[~match].mean(), rel=1e-5)


def test_annotated_triplets_equal_a_loop():
    learner, rows = learner_of("annotated", {"triplet": 1.0}, margin=0.3), vectors(12)
    losses = learner.losses_of({}, {"embedding": tf.constant(rows)})["triplet"].numpy()
    scores = learner.scores_of({}, {"embedding": tf.constant(rows)})
    for i in range(4):
        sketch, closer, farther = rows[3 * i : 3 * i + 3]
        near, far = np.square(sketch - closer).sum(), np.square(sketch - farther).sum()
        np.testing.assert_allclose(losses[3 * i : 3 * i + 3], max(0.0, near - far + 0.3), atol=1e-5)
        assert scores["triplet_accuracy"][i] == (far > near)
        assert scores["active"][i] == (near - far + 0.3 > 0)
    assert losses.min() == 0 < losses.max()


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("contrastive", {"contrastive": 1.0}),
        ("annotated", {"triplet": 1.0}),
        *[("pairs", {loss: 1.0}) for loss in ALL if loss != "cross_entropy"],
    ],
)
def test_gradients_are_finite_where_all_points_coincide(name, weights):
    learner = learner_of(name, weights)
    for value in (0.0, 0.5):
        points = tf.Variable(tf.fill([6, 3], value))
        batch = {"label": tf.constant([0, 0, 1, 1, 2, 0]), "instance": tf.zeros(6, tf.int32)}
        with tf.GradientTape() as tape:
            losses = learner.losses_of(batch, {"embedding": points})
        assert all(np.isfinite(loss.numpy()).all() for loss in losses.values())
        gradient = tape.gradient(losses, points)
        assert np.isfinite(tf.convert_to_tensor(gradient).numpy()).all()


def test_training_finds_the_pairs_that_a_rotation_of_half_the_inputs_hides():
    """Sketches are the photos' first two numbers, turned and with noise beside them."""
    tf_keras.utils.set_random_seed(0)
    learner = learner_of("pairs", {"info_nce": 1.0}, logits=False)
    learner.compile(optimizer=tf_keras.optimizers.Adam(0.03))
    rng = np.random.default_rng(0)
    thing = rng.normal(size=(24, 2))
    sketches = np.concatenate([thing, 3 * rng.normal(size=(24, 2))], axis=1)
    photos = np.concatenate([thing, 3 * rng.normal(size=(24, 2))], axis=1)
    batch = {
        "image": tf.constant(np.stack([sketches, photos], axis=1).reshape(48, 4), tf.float32),
        "label": tf.zeros(48, tf.int32),
        "instance": tf.constant(np.repeat(np.arange(24), 2), tf.int32),
    }
    data = tf.data.Dataset.from_tensors(batch).repeat()
    history = learner.fit(data, steps_per_epoch=50, epochs=5, verbose=0).history
    assert history["acc_at_1"][0] < 0.6
    assert history["acc_at_1"][-1] > 0.9
    assert history["info_nce"][-1] < history["info_nce"][0]


def test_a_learnt_temperature_begins_where_it_is_told_and_finds_a_better_one():
    """Far too high a temperature: the softmax over pairs that fit already is nearly even."""
    learner = learner_of("pairs", {"info_nce": 1.0}, logits=False, temperature=5.0, temperature_is="learnt")
    learner.compile(optimizer=tf_keras.optimizers.Adam(0.05))
    learner.prepare(lambda: tf_keras.optimizers.Adam(0.05))
    assert float(learner.temperature) == 5.0
    learner.encoder.trainable = False
    batch = objects() | {"image": tf.constant(np.repeat(vectors()[::2], 2, axis=0)[:, [0, 1, 2, 0]])}
    fixed = learner_of("pairs", {"info_nce": 1.0}, logits=False, temperature=5.0)
    fixed.encoder.set_weights(learner.encoder.get_weights())
    before = learner.losses_of(batch, learner(batch))["info_nce"]
    np.testing.assert_allclose(before, fixed.losses_of(batch, fixed(batch))["info_nce"], rtol=1e-6)
    for _ in range(60):
        learner.train_step(batch)
    assert float(learner.temperature) < 1.0
    after = learner.losses_of(batch, learner(batch))["info_nce"]
    assert float(tf.reduce_mean(after)) < float(tf.reduce_mean(before))
    learner.learnt["temperature"].assign(-100.0)
    assert float(learner.temperature) == pytest.approx(0.01)


def test_pairs_of_one_class_belong_together_whatever_objects_they_show():
    """The photo next to a sketch is of another object of its class; all classes of the batch differ."""
    learner = learner_of("pairs", {"info_nce": 1.0, "triplet": 1.0}, logits=False)
    points = vectors(8)
    points[1::2] = points[0::2] + 0.01
    batch = {"label": tf.repeat(tf.range(4), 2), "instance": tf.range(8)}
    scores = learner.scores_of(batch, {"embedding": tf.constant(points)})
    np.testing.assert_array_equal(scores["acc_at_1"], 1)
    np.testing.assert_array_equal(scores["triplet_accuracy"], 1)


def test_a_teacher_is_heard_about_photos_alone():
    image = tf_keras.Input((4,), name="image")
    outputs = {"embedding": tf_keras.layers.Dense(3)(image), "distill": image[:, 0]}
    encoder = tf_keras.Model({"image": image}, outputs)
    learner = build_learner("pairs", encoder, {"info_nce": 1.0, "distill": 1.0}, {})
    drawn = tf.constant(np.random.default_rng(1).normal(size=(2 * COUNT, 4)), tf.float32)
    batch = objects() | {"image": drawn, "domain": tf.constant([0, 1] * COUNT)}
    found = learner.losses_of(batch, learner(batch))["distill"].numpy()
    np.testing.assert_array_equal(found[0::2], 0)
    np.testing.assert_allclose(found[1::2], 2 * drawn[1::2, 0])


def test_settings_of_a_stage_reach_the_learners():
    pairs = learner_of("pairs", ALL, margin=0.7, mining="all", temperature=0.1)
    assert (pairs.temperature, pairs.margin, pairs.mine) == (0.1, 0.7, MINING["all"])
    contrastive = learner_of("contrastive", {"contrastive": 1.0}, margin=0.7, match="instance")
    assert (contrastive.margin, contrastive.match) == (0.7, "instance")
    assert learner_of("annotated", {"triplet": 1.0}, margin=0.7).margin == 0.7


@pytest.mark.parametrize(
    ("name", "weights", "settings", "message"),
    [
        ("pairs", {"info_nse": 1.0}, {}, "did you mean 'info_nce'"),
        ("pairs", {"cross_entropy": 1.0}, {"logits": False}, "this one has none"),
        ("pairs", {"info_nce": 1.0}, {"temperature": 0.0}, "temperature=0.0: expected a number above 0"),
        ("pairs", {"triplet": 1.0}, {"mining": "hard"}, "mining"),
        ("contrastive", {"contrastive": 1.0}, {"match": "klass"}, "did you mean 'class'"),
        ("contrastive", {"contrastive": 1.0}, {"margin": -1.0}, "expected a number above 0"),
        ("annotated", {"triplet": 1.0}, {"margin": float("nan")}, "expected a number above 0"),
    ],
)
def test_wrong_settings_are_named(name, weights, settings, message):
    with pytest.raises(UserError, match=message):
        learner_of(name, weights, **settings)
