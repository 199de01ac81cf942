"""Classification metrics, as pure functions of logits and labels.

Every function takes `logits` float `[n, classes]` (any real scale, larger = more likely) and `labels`
int `[n]` (0 .. classes - 1), and raises ValueError for other shapes or label values, `UserError` for logits
that are not finite. Means are shares between 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax, softmax

from evaluation.bootstrap import interval
from sketchspace.errors import UserError

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def top_k_correct(logits: ArrayLike, labels: ArrayLike, k: int) -> Bools:
    """Whether the true class is among the first `k`, bool `[n]`.

    A class stands ahead of the true one if its logit is larger, or equal with a lower index; so exactly `k`
    classes are "the first k" whatever the ties, and k = 1 is `argmax`. With `k >= classes` all are correct.
    """
    if k < 1:
        raise ValueError(f"k is {k}, expected 1 or more")
    scores, truth = _checked(logits, labels)
    own = scores[np.arange(len(truth)), truth][:, None]
    lower_index = np.arange(scores.shape[1]) < truth[:, None]
    ahead = (scores > own) | ((scores == own) & lower_index)
    return ahead.sum(axis=1) < k


def top_k_accuracy(logits: ArrayLike, labels: ArrayLike, k: int) -> float:
    """Share of examples whose true class is among the first `k` (ties: see `top_k_correct`)."""
    return float(top_k_correct(logits, labels, k).mean())


def accuracy(logits: ArrayLike, labels: ArrayLike) -> float:
    """Share of examples whose most likely class is the true one; equal logits go to the lowest index."""
    return top_k_accuracy(logits, labels, 1)


def cross_entropies(logits: ArrayLike, labels: ArrayLike) -> Doubles:
    """Per-example cross-entropy in nats, float64 `[n]`: minus the log of the softmax at the true class."""
    scores, truth = _checked(logits, labels)
    return -log_softmax(scores, axis=1)[np.arange(len(truth)), truth]


def cross_entropy(logits: ArrayLike, labels: ArrayLike) -> float:
    """Mean cross-entropy in nats; log(classes) for a network that knows nothing."""
    return float(cross_entropies(logits, labels).mean())


def expected_calibration_error(logits: ArrayLike, labels: ArrayLike, bins: int = 15) -> float:
    """How far confidence is from accuracy, 0 .. 1 (Guo et al. 2017, section 2, equation 3).

    Predictions are put into `bins` equally wide intervals (low, high] of confidence, the largest softmax
    value; the result is the mean of |accuracy - mean confidence| over the intervals, weighted by their
    size.
    """
    if bins < 1:
        raise ValueError(f"bins is {bins}, expected 1 or more")
    confidence = softmax(_checked(logits, labels)[0], axis=1).max(axis=1)
    gaps = top_k_correct(logits, labels, 1) - confidence
    inner_edges = np.linspace(0, 1, bins + 1)[1:-1]
    summed = np.bincount(np.searchsorted(inner_edges, confidence, side="left"), weights=gaps)
    return float(np.abs(summed).sum() / len(gaps))


def confusion_matrix(logits: ArrayLike, labels: ArrayLike) -> Ints:
    """Counts, int64 `[classes, classes]`: row = true class, column = predicted class."""
    scores, truth = _checked(logits, labels)
    classes = scores.shape[1]
    cells = truth * classes + scores.argmax(axis=1)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True)
class ClassScores:
    """How one class fared. `count` is the number of its examples; shares with nothing to divide by are 0.

    `most_confused_with` is the class that its examples are most often taken for by mistake (the lowest
    index among equals), None without a mistake.
    """

    label: int
    count: int
    precision: float
    recall: float
    f1: float
    most_confused_with: int | None


def per_class(confusion: ArrayLike) -> list[ClassScores]:
    """The per-class table of a confusion matrix int `[classes, classes]` (rows true, columns predicted)."""
    counts = np.asarray(confusion, dtype=np.int64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or (counts < 0).any():
        raise ValueError(f"a confusion matrix is square without negative counts, this one is {counts.shape}")
    right, of_class, predicted = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    precision, recall = right / np.maximum(predicted, 1), right / np.maximum(of_class, 1)
    f1 = 2 * right / np.maximum(of_class + predicted, 1)
    mistakes = counts - np.diag(right)
    return [
        ClassScores(
            label=label,
            count=int(of_class[label]),
            precision=float(precision[label]),
            recall=float(recall[label]),
            f1=float(f1[label]),
            most_confused_with=int(mistakes[label].argmax()) if mistakes[label].any() else None,
        )
        for label in range(len(counts))
    ]


@dataclass(frozen=True, eq=False)
class Mistakes:
    """Wrong predictions, the most confident first: example `index`, classes, softmax confidence 0 .. 1."""

    index: Ints
    true: Ints
    predicted: Ints
    confidence: Doubles


def worst_mistakes(logits: ArrayLike, labels: ArrayLike, limit: int) -> Mistakes:
    """At most `limit` wrong predictions by falling confidence; equals stay in the order of the examples."""
    scores, truth = _checked(logits, labels)
    predicted = scores.argmax(axis=1)
    confidence = softmax(scores, axis=1).max(axis=1)
    wrong = np.flatnonzero(predicted != truth)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:limit]
    return Mistakes(worst, truth[worst], predicted[worst], confidence[worst])


@dataclass(frozen=True, eq=False)
class ClassificationResult:
    """Everything the headline figures are made of; arrays are per example, `[n]`."""

    correct: Bools
    top_5_correct: Bools
    cross_entropies: Doubles
    calibration_error: float
    confusion: Ints

    def summary(self) -> dict[str, float]:
        """Flat figures by their names in `metrics.json`."""
        recalls = [scores.recall for scores in per_class(self.confusion) if scores.count]
        return {
            "accuracy": float(self.correct.mean()),
            "top_5_accuracy": float(self.top_5_correct.mean()),
            "mean_class_accuracy": float(np.mean(recalls)),
            "cross_entropy": float(self.cross_entropies.mean()),
            "expected_calibration_error": self.calibration_error,
        }

    def intervals(self, samples: int = 2000, seed: int = 0) -> dict[str, tuple[float, float]]:
        """95 % bootstrap intervals over examples for those figures that are means over examples."""
        values: dict[str, ArrayLike] = {
            "accuracy": self.correct,
            "top_5_accuracy": self.top_5_correct,
            "cross_entropy": self.cross_entropies,
        }
        return {name: interval(each, samples, seed) for name, each in values.items()}


def classify_metrics(logits: ArrayLike, labels: ArrayLike) -> ClassificationResult:
    """All classification figures of one evaluation."""
    return ClassificationResult(
        correct=top_k_correct(logits, labels, 1),
        top_5_correct=top_k_correct(logits, labels, 5),
        cross_entropies=cross_entropies(logits, labels),
        calibration_error=expected_calibration_error(logits, labels),
        confusion=confusion_matrix(logits, labels),
    )


def _checked(logits: ArrayLike, labels: ArrayLike) -> tuple[Doubles, Ints]:
    scores, truth = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if scores.ndim != 2 or 0 in scores.shape or truth.shape != scores.shape[:1]:
        raise ValueError(f"logits {scores.shape} and labels {truth.shape}, expected [n, classes] and [n]")
    if truth.dtype.kind not in "iu" or truth.min() < 0 or truth.max() >= scores.shape[1]:
        raise ValueError(f"labels must be integers from 0 to {scores.shape[1] - 1}")
    broken = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if len(broken):
        raise UserError(
            f"the network's output is not finite for {len(broken)} of {len(scores)} examples (the first is "
            f"{broken[0]}), expected numbers; training diverged: try an earlier checkpoint or a lower rate"
        )
    return scores, truth.astype(np.int64)
