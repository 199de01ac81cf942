"""Pictures of an evaluation: confusion matrix, worst mistakes, accuracy by class.

Files are PNG, written whole or not at all. Class names come from outside: they are shortened and never
read as formulas. The style is that of `plots_style`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from numpy.typing import ArrayLike, NDArray

from evaluation.classification import ClassScores, Mistakes
from evaluation.plots.style import BLUE, GRID, MUTED, RED, SHADES, TEXT, percent, picture, shown_names

CLASSES_WITH_NUMBERS = 20
LABELS_ON_AN_AXIS = 60
BARS = 50
SHEET_COLUMNS = 6


def save_confusion(path: Path, confusion: ArrayLike, class_names: Sequence[str]) -> None:
    """Draw a confusion matrix of counts int `[classes, classes]`, each row (true class) as shares.

    Up to 20 classes the percentages stand in the cells; above 60 not every class is labelled and the most
    frequent mistakes are listed under the picture.
    """
    counts, names = np.asarray(confusion, dtype=np.float64), shown_names(class_names)
    if counts.shape != (len(names), len(names)):
        raise ValueError(f"a confusion matrix {counts.shape} does not fit {len(names)} class names")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(2.2 + 0.42 * len(names), 4.8, 11))
    with picture(path, side + 0.9, side + 0.4) as figure:
        axes = figure.add_subplot(title="Confusion matrix", xlabel="predicted", ylabel="true")
        image = axes.imshow(shares, cmap=SHADES, norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
        _label_classes(axes, names)
        bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=30, ticks=[0, 0.01, 0.05, 0.1, 0.25, 0.5, 1])
        bar.ax.set_yticklabels(["0", "1 %", "5 %", "10 %", "25 %", "50 %", "100 %"])
        bar.outline.set_visible(False)
        if len(names) <= CLASSES_WITH_NUMBERS:
            axes.set_xlabel("predicted (% of the examples in the row)")
            _write_cells(axes, shares)
        else:
            figure.supxlabel(_frequent_mistakes(shares, names), fontsize=8, color=MUTED)


def save_mistakes(
    path: Path, images: NDArray[np.uint8], mistakes: Mistakes, class_names: Sequence[str]
) -> None:
    """Draw wrongly classified drawings, "true -> predicted 97 %" under each, in the order of `mistakes`.

    `images` is uint8 `[mistakes, size, size]`, 255 = paper. Without mistakes the sheet says so.
    """
    if len(images) != len(mistakes.index):
        raise ValueError(f"{len(images)} images for {len(mistakes.index)} mistakes")
    names = shown_names(class_names)
    columns = max(3, min(SHEET_COLUMNS, len(images)))
    rows = max(1, ceil(len(images) / columns))
    with picture(path, 1.65 * columns, 2.05 * rows + 0.5) as figure:
        figure.suptitle("Most confident mistakes", x=0.02, ha="left", fontsize=12, fontweight="bold")
        cells = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes in cells:
            axes.set_axis_off()
        if not len(images):
            cells[columns // 2].text(0.5, 0.5, "no mistakes", ha="center", va="center", color=MUTED)
        for axes, image, true, predicted, confidence in zip(
            cells, images, mistakes.true, mistakes.predicted, mistakes.confidence, strict=False
        ):
            _draw_mistake(axes, image, names[true], f"{names[predicted]} {percent(confidence)}")


def save_class_accuracy(path: Path, table: Sequence[ClassScores], class_names: Sequence[str]) -> None:
    """Draw accuracy by class (recall), worst first, with the class it is most often taken for.

    Classes without examples are left out; of more than 50 classes the 40 worst and the 10 best are shown.
    """
    if len(table) != len(class_names):
        raise ValueError(f"{len(table)} rows do not fit {len(class_names)} class names")
    names = shown_names(class_names)
    ranked = sorted((row for row in table if row.count), key=lambda row: (row.recall, row.label))
    shown = ranked if len(ranked) <= BARS else [*ranked[: BARS - 10], *ranked[-10:]]
    places = np.arange(len(shown)) + (np.arange(len(shown)) >= BARS - 10) * (len(ranked) > BARS)
    with picture(path, 7.5, 1.3 + 0.22 * (len(shown) + 1)) as figure:
        axes = figure.add_subplot(title="Accuracy by class")
        axes.barh(places, [row.recall for row in shown], height=0.7, color=BLUE)
        axes.set_yticks(places, [names[row.label] for row in shown])
        axes.set_ylim(places[-1] + 0.7, -0.7)
        _percent_axis(axes)
        for place, row in zip(places, shown, strict=True):
            axes.text(row.recall + 0.01, place, _fate(row, names), va="center", fontsize=8, color=MUTED)
        if len(ranked) > BARS:
            note = f"… {len(ranked) - BARS} classes between …"
            axes.text(0.01, BARS - 10, note, va="center", fontsize=8, color=MUTED)


def _label_classes(axes: Axes, names: list[str]) -> None:
    step = ceil(len(names) / LABELS_ON_AN_AXIS)
    places = np.arange(0, len(names), step)
    size = 9 if len(names) <= CLASSES_WITH_NUMBERS else 7
    axes.set_xticks(places, [names[place] for place in places], rotation=90, fontsize=size)
    axes.set_yticks(places, [names[place] for place in places], fontsize=size)
    axes.spines[:].set(color=GRID, linewidth=0.6)
    axes.tick_params(length=0 if step == 1 else 2)
    if len(names) <= CLASSES_WITH_NUMBERS:
        axes.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color=GRID, linewidth=0.6)
        axes.tick_params(which="minor", length=0)


def _write_cells(axes: Axes, shares: NDArray[np.float64]) -> None:
    for row, column in zip(*np.nonzero(shares >= 0.005), strict=True):
        colour = "white" if shares[row, column] > 0.25 else TEXT
        text = f"{100 * shares[row, column]:.0f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)


def _frequent_mistakes(shares: NDArray[np.float64], names: list[str], limit: int = 6) -> str:
    wrong = shares - np.diag(shares.diagonal())
    order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
    pairs = [divmod(int(cell), len(names)) for cell in order if wrong.flat[cell] > 0]
    texts = [f"{names[row]} → {names[column]} {percent(wrong[row, column])}" for row, column in pairs]
    lines = [",  ".join(texts[start : start + 3]) for start in range(0, len(texts), 3)]
    return "most frequent mistakes:  " + "\n".join(lines) if texts else "no mistakes"


def _draw_mistake(axes: Axes, image: NDArray[np.uint8], true: str, predicted: str) -> None:
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("#cbd2d9")
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    axes.text(0.5, -0.05, true, transform=axes.transAxes, ha="center", va="top", fontsize=7.5)
    axes.set_xlabel(f"→ {predicted}", fontsize=7.5, color=RED, labelpad=14)


def _percent_axis(axes: Axes) -> None:
    axes.set_xlim(0, 1.35)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines.bottom.set_bounds(0, 1)
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def _fate(row: ClassScores, names: list[str]) -> str:
    taken = "" if row.most_confused_with is None else f"   taken for {names[row.most_confused_with]}"
    return f"{percent(row.recall)}{taken}"
