"""One evaluation of an encoder: figures, baselines, tables and pictures in one folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.baselines import hog_features, pixel_features
from evaluation.bootstrap import interval
from evaluation.classification import ClassificationResult, classify_metrics, per_class, worst_mistakes
from evaluation.definitions import define
from evaluation.plots import class_plots
from evaluation.ranking import RankingResult, rank_metrics
from evaluation.tables import figure_table
from evaluation.votes import VOTERS, knn_leave_one_out, knn_predict
from sketchspace.files import whole_folder, write_bytes, write_json

KS = (1, 5, 10)
BASELINES = {"pixels": pixel_features, "hog": hog_features}
WORST_MISTAKES = 24
KNN = f"knn_{VOTERS}_accuracy"
HEADLINES = ("accuracy", "map_all", "precision_at_10", KNN, "cosine_map_all")


@dataclass(frozen=True, eq=False)
class Examples:
    """Drawings of one split: `images` uint8 `[n, size, size]` (255 paper), `labels` int32 `[n]`."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Report:
    """All that one evaluation found.

    `votes` tells for each example whether its nearest others vote for its class (None with too few others);
    `baselines` is name -> flat figures.
    """

    classes: tuple[str, ...]
    examples: Examples
    logits: NDArray[np.float32]
    classification: ClassificationResult
    ranking: RankingResult
    cosine: RankingResult
    votes: NDArray[np.bool_] | None
    baselines: dict[str, dict[str, float]]

    def figures(self) -> dict[str, float]:
        """The flat figures of `metrics.json`."""
        cosine = self.cosine.summary()
        extra = {f"cosine_{name}": cosine[name] for name in ("map_all", "precision_at_10")}
        if self.votes is not None:
            extra[KNN] = float(self.votes.mean())
        return {**self.classification.summary(), **self.ranking.summary(), **extra}

    def intervals(self) -> dict[str, list[float]]:
        """95 % bootstrap intervals under the figures' names."""
        cosine = self.cosine.intervals()
        found = {**self.classification.intervals(), **self.ranking.intervals()}
        found |= {f"cosine_{name}": cosine[name] for name in ("map_all", "precision_at_10")}
        if self.votes is not None:
            found[KNN] = interval(self.votes)
        return {name: list(pair) for name, pair in found.items()}

    def table(self) -> str:
        """The headline figures of the encoder and its baselines, for people."""
        rows = {"model": self.figures(), **self.baselines}
        return figure_table(rows, HEADLINES, _cell, 10)


def evaluate(
    examples: Examples,
    logits: NDArray[np.float32],
    embeddings: NDArray[np.float32],
    classes: tuple[str, ...],
    reference: Examples | None = None,
    with_baselines: bool = True,
) -> Report:
    """Measure classification and retrieval; every example queries all others.

    `logits` is `[n, classes]`, `embeddings` `[n, D]`. The baselines classify by the five nearest of
    `reference` (the training split) and rank like the encoder; without `reference` they only rank.
    """
    return Report(
        classes=classes,
        examples=examples,
        logits=logits,
        classification=classify_metrics(logits, examples.labels),
        ranking=_rank(embeddings, examples.labels),
        cosine=_rank(embeddings, examples.labels, "cosine"),
        votes=_votes(embeddings, examples.labels),
        baselines=_baselines(examples, reference) if with_baselines else {},
    )


def _rank(
    embeddings: NDArray[np.float32], labels: NDArray[np.int32], metric: str = "sqeuclidean"
) -> RankingResult:
    return rank_metrics(embeddings, embeddings, labels, labels, exclude_self=True, ks=KS, metric=metric)


def _votes(embeddings: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.bool_] | None:
    if len(labels) <= VOTERS:
        return None
    return np.asarray(knn_leave_one_out(embeddings, labels) == labels)


def _baselines(examples: Examples, reference: Examples | None) -> dict[str, dict[str, float]]:
    found = {}
    for name, encode in BASELINES.items():
        features = encode(examples.images)
        found[name] = _rank(features, examples.labels).summary()
        votes = _votes(features, examples.labels)
        if votes is not None:
            found[name][KNN] = float(votes.mean())
        if reference is not None:
            predicted = knn_predict(encode(reference.images), reference.labels, features, k=5)
            found[name]["accuracy"] = float(np.mean(predicted == examples.labels))
    return found


def write_report(report: Report, folder: Path, provenance: Mapping[str, Any]) -> None:
    """Write `metrics.json`, `per_class.csv`, and the pictures into `folder`, whole or not at all.

    `provenance` (fingerprint, command, seed, ...) is stored beside the figures.
    """
    figures = report.figures()
    with whole_folder(folder) as partial:
        metrics = {
            **figures,
            **provenance,
            "intervals": report.intervals(),
            "baselines": report.baselines,
            "definitions": define(figures),
        }
        write_json(partial / "metrics.json", metrics)
        table = per_class(report.classification.confusion)
        write_bytes(partial / "per_class.csv", _per_class_csv(report, table).encode())
        mistakes = worst_mistakes(report.logits, report.examples.labels, WORST_MISTAKES)
        class_plots.save_confusion(partial / "confusion.png", report.classification.confusion, report.classes)
        class_plots.save_class_accuracy(partial / "class_accuracy.png", table, report.classes)
        class_plots.save_mistakes(
            partial / "mistakes.png", report.examples.images[mistakes.index], mistakes, report.classes
        )


def _per_class_csv(report: Report, table: list[Any]) -> str:
    """One row a class: counts, precision, recall, F1, mean AP, and the class it is most often taken for."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["class", "count", "precision", "recall", "f1", "map_all", "most_confused_with"])
    average_precision = report.ranking.per_query["map_all"]
    for row in table:
        own = average_precision[report.examples.labels == row.label]
        confused = "" if row.most_confused_with is None else report.classes[row.most_confused_with]
        shown = [f"{value:.4f}" for value in (row.precision, row.recall, row.f1, _mean_of(own))]
        writer.writerow([report.classes[row.label], row.count, *shown, confused])
    return text.getvalue()


def _cell(name: str, figure: float | None) -> str:
    """A figure as the table shows it: accuracies in per cent, the rest as a share."""
    if figure is None:
        return "-"
    return f"{100 * figure:.1f} %" if name.endswith("accuracy") else f"{figure:.3f}"


def _mean_of(values: NDArray[np.float64]) -> float:
    """Mean of what is not NaN (queries without a match), 0 where nothing is left."""
    found = values[~np.isnan(values)]
    return float(found.mean()) if len(found) else 0.0
