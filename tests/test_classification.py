"""Classification metrics against plain loops, hand-derived values and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from evaluation import classification as c
from sketchspace.errors import UserError


@pytest.fixture
def scored():
    """Logits rounded to one digit, so that many are equal, and labels of 7 classes (class 6 never occurs)."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 6, 200)
    logits = rng.normal(size=(200, 7)).round(1)
    logits[np.arange(200), labels] += 1
    return logits, labels


def slow_top_k(logits, labels, k):
    """Sort the classes of each example by falling score, equal scores by rising index, and look."""
    found = []
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        ranked = sorted(range(len(row)), key=lambda index: (-row[index], index))
        found.append(label in ranked[:k])
    return found


def softmax(row):
    weights = [math.exp(value - max(row)) for value in row]
    return [weight / sum(weights) for weight in weights]


@pytest.mark.parametrize("k", [1, 2, 5, 7, 9])
def test_top_k_equals_sorting_each_row(scored, k):
    logits, labels = scored
    assert c.top_k_correct(logits, labels, k).tolist() == slow_top_k(logits, labels, k)


def test_top_k_agrees_with_scikit_learn_without_ties():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(300, 8)), rng.integers(0, 8, 300)
    for k in (1, 3, 5):
        expected = sk.top_k_accuracy_score(labels, logits, k=k, labels=range(8))
        assert c.top_k_accuracy(logits, labels, k) == pytest.approx(expected)
    assert c.accuracy(logits, labels) == pytest.approx(sk.accuracy_score(labels, logits.argmax(axis=1)))


def test_equal_logits_go_to_the_lower_index():
    # All four classes tie, so the order is 0, 1, 2, 3: class 1 is second, class 3 last.
    tied = np.zeros((2, 4))
    assert c.top_k_correct(tied, np.array([1, 3]), 1).tolist() == [False, False]
    assert c.top_k_correct(tied, np.array([1, 3]), 2).tolist() == [True, False]
    assert c.top_k_correct(tied, np.array([1, 3]), 4).tolist() == [True, True]
    assert c.accuracy(tied, np.array([0, 0])) == 1


def test_accuracy_is_the_trace_of_the_confusion_matrix(scored):
    confusion = c.confusion_matrix(*scored)
    assert c.accuracy(*scored) == np.trace(confusion) / confusion.sum()


def test_confusion_matrix_agrees_with_scikit_learn(scored):
    logits, labels = scored
    confusion = c.confusion_matrix(logits, labels)
    assert confusion.dtype == np.int64
    np.testing.assert_array_equal(
        confusion, sk.confusion_matrix(labels, logits.argmax(axis=1), labels=range(7))
    )


def test_per_class_table_agrees_with_scikit_learn(scored):
    logits, labels = scored
    table = c.per_class(c.confusion_matrix(logits, labels))
    expected = sk.precision_recall_fscore_support(
        labels, logits.argmax(axis=1), labels=range(7), zero_division=0
    )
    got = [[row.precision, row.recall, row.f1, row.count] for row in table]
    np.testing.assert_allclose(np.array(got).T, np.array(expected), atol=1e-12)
    assert table[6].count == 0 and table[6].most_confused_with is None


def test_per_class_table_by_hand():
    # Class 0: 3 of its 5 right, 4 predicted 0: precision 3/4, recall 3/5, F1 = 2 * 3 / (5 + 4) = 2/3.
    # Class 1 has no mistake. Class 2 is taken once for 0 and once for 1: the lower index is named.
    first, second, third = c.per_class([[3, 0, 2], [0, 4, 0], [1, 1, 3]])
    assert (first.precision, first.recall, first.f1) == (0.75, 0.6, pytest.approx(2 / 3))
    assert first.most_confused_with == 2
    assert second.recall == 1 and second.most_confused_with is None
    assert third.most_confused_with == 0


def test_cross_entropy_equals_the_loop_and_scikit_learn(scored):
    logits, labels = scored
    loop = [-math.log(softmax(row)[label]) for row, label in zip(logits.tolist(), labels, strict=True)]
    np.testing.assert_allclose(c.cross_entropies(logits, labels), loop)
    shares = np.array([softmax(row) for row in logits.tolist()])
    assert c.cross_entropy(logits, labels) == pytest.approx(sk.log_loss(labels, shares, labels=range(7)))


def test_cross_entropy_of_equal_logits_is_log_classes_and_large_logits_do_not_overflow():
    assert c.cross_entropy(np.full((3, 10), 4.0), np.array([0, 5, 9])) == pytest.approx(math.log(10))
    assert c.cross_entropy(np.array([[1e6, 0.0]]), np.array([1])) == pytest.approx(1e6)


@pytest.mark.parametrize("bins", [1, 4, 15])
def test_calibration_error_equals_the_loop(scored, bins):
    logits, labels = scored
    shares = [softmax(row) for row in logits.tolist()]
    total = 0.0
    for low in np.arange(bins) / bins:
        inside = [i for i, row in enumerate(shares) if low < max(row) <= low + 1 / bins]
        if inside:
            right = np.mean([shares[i].index(max(shares[i])) == labels[i] for i in inside])
            confidence = np.mean([max(shares[i]) for i in inside])
            total += len(inside) / len(labels) * abs(right - confidence)
    assert c.expected_calibration_error(logits, labels, bins) == pytest.approx(total)


def test_calibration_error_by_hand():
    # Softmax of (log 3, 0) is (3/4, 1/4). Four such predictions, two of them right: |1/2 - 3/4| = 1/4.
    logits = np.tile([math.log(3), 0.0], (4, 1))
    assert c.expected_calibration_error(logits, np.array([0, 0, 1, 1])) == pytest.approx(0.25)
    # Three of four right is what a confidence of 3/4 promises.
    assert c.expected_calibration_error(logits, np.array([0, 0, 0, 1])) == pytest.approx(0, abs=1e-12)


def test_a_confidence_on_a_border_belongs_to_the_interval_below():
    # (0, 1/2] holds the tie, a wrong guess: gap 1/2. (1/2, 1] holds 3/4, a right one: gap 1/4. Mean 3/8.
    logits = np.array([[0.0, 0.0], [math.log(3), 0.0]])
    assert c.expected_calibration_error(logits, np.array([1, 0]), bins=2) == pytest.approx(3 / 8)


def test_worst_mistakes_are_wrong_and_ordered_by_confidence(scored):
    logits, labels = scored
    mistakes = c.worst_mistakes(logits, labels, limit=1000)
    assert set(mistakes.index) == set(np.flatnonzero(logits.argmax(axis=1) != labels))
    assert (np.diff(mistakes.confidence) <= 0).all()
    np.testing.assert_array_equal(mistakes.true, labels[mistakes.index])
    np.testing.assert_array_equal(mistakes.predicted, logits.argmax(axis=1)[mistakes.index])
    for index, confidence in zip(mistakes.index, mistakes.confidence, strict=True):
        assert confidence == pytest.approx(max(softmax(logits[index].tolist())))
    few = c.worst_mistakes(logits, labels, limit=3)
    np.testing.assert_array_equal(few.index, mistakes.index[:3])


def test_result_gathers_the_single_figures(scored):
    logits, labels = scored
    result = c.classify_metrics(logits, labels)
    summary = result.summary()
    assert summary["accuracy"] == c.accuracy(*scored)
    assert summary["top_5_accuracy"] == c.top_k_accuracy(logits, labels, 5)
    assert summary["cross_entropy"] == c.cross_entropy(*scored)
    assert summary["expected_calibration_error"] == c.expected_calibration_error(*scored)
    expected = np.mean([np.mean(logits[labels == label].argmax(axis=1) == label) for label in range(6)])
    assert summary["mean_class_accuracy"] == pytest.approx(expected)
    for name, (low, high) in result.intervals(samples=200).items():
        assert low < summary[name] < high


def test_perfect_and_worst_classifiers():
    labels = np.arange(6)
    perfect = c.classify_metrics(np.eye(6) * 50, labels).summary()
    assert (perfect["accuracy"], perfect["mean_class_accuracy"], perfect["top_5_accuracy"]) == (1, 1, 1)
    assert perfect["cross_entropy"] == pytest.approx(0, abs=1e-12)
    worst = c.classify_metrics(np.eye(6) * -50, labels).summary()
    assert (worst["accuracy"], worst["top_5_accuracy"]) == (0, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_name_the_first_example(scored, value):
    logits, labels = scored
    logits[17, 2] = value
    with pytest.raises(UserError, match="first is 17"):
        c.accuracy(logits, labels)


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (np.zeros(3), np.zeros(3, int)),
        (np.zeros((3, 2)), np.zeros(2, int)),
        (np.zeros((3, 2)), np.array([0, 1, 2])),
        (np.zeros((3, 2)), np.array([0, -1, 1])),
        (np.zeros((3, 2)), np.zeros(3)),
        (np.zeros((0, 2)), np.zeros(0, int)),
    ],
)
def test_wrong_shapes_and_labels_are_refused(logits, labels):
    with pytest.raises(ValueError, match="labels"):
        c.accuracy(logits, labels)


def test_a_k_below_one_and_a_crooked_confusion_matrix_are_refused():
    with pytest.raises(ValueError, match="k is 0"):
        c.top_k_accuracy(np.zeros((1, 2)), np.zeros(1, int), 0)
    with pytest.raises(ValueError, match="square"):
        c.per_class(np.zeros((2, 3)))
