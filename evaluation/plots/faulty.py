"""Pictures of faulty drawings: their share in every class, and how many of them a batch holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.faulty import BatchShare
from evaluation.plots.style import BLUE, GRID, LINES, MUTED, RED, picture, shown_names

CLASSES = 60
NAMES = {
    "unrecognized": "not recognised by the game",
    "unlikely": "the networks give its class under 1 %",
    "odd_entropy": "entropy outside the class's middle 90 % only",
}
COLOURS = {"unrecognized": LINES[7], "unlikely": RED, "odd_entropy": "#a0bfe0"}


def save_class_shares(
    path: Path, shares: Mapping[str, NDArray[np.float64]], class_names: Sequence[str], note: str = ""
) -> None:
    """Draw the share of faulty drawings in every class, most first; of many classes the first 60.

    `shares` is reason -> float64 `[classes]`; each drawing counts under its first reason in the order of
    `shares`, so that the parts of a bar add up. Raises ValueError where the arrays do not fit.
    """
    total = np.sum(list(shares.values()), axis=0)
    if total.shape != (len(class_names),) or not np.isfinite(total).all():
        raise ValueError(f"shares {total.shape} do not fit {len(class_names)} class names")
    order = np.argsort(-total, kind="stable")[:CLASSES]
    names = np.array(shown_names(class_names), object)[order]
    with picture(path, 7.8, 1.9 + 0.24 * len(order)) as figure:
        axes = figure.add_subplot(title="Faulty drawings by class")
        left = np.zeros(len(order))
        for reason, share in shares.items():
            if share.any():
                axes.barh(
                    names, share[order], 0.7, left=left, color=COLOURS[reason], label=NAMES[reason]
                )  # fmt: skip
            left += share[order]
        for place, share in enumerate(total[order]):
            axes.text(
                share + 0.004 * max(total),
                place,
                f"{100 * share:.1f} %",
                va="center",
                fontsize=8,
                color=MUTED,
            )
        axes.set_ylim(len(order) - 0.4, -0.6)
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0, labelsize=8)
        axes.grid(axis="x", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        if total.any():
            figure.legend(loc="outside lower left", frameon=False, fontsize=8, ncols=1)
        axes.set_xlabel(note, fontsize=7.5, color=MUTED, x=0, ha="left", labelpad=8)


def save_batch_shares(path: Path, shares: Sequence[BatchShare], note: str = "") -> None:
    """Draw how often a batch holds which share of faulty drawings: counted (bars) and expected (dots)."""
    if not shares:
        raise ValueError("expected one batch size or more")
    with picture(path, 7.8, 0.9 + 1.25 * len(shares)) as figure:
        rows = figure.subplots(len(shares), 1, squeeze=False, sharex=True)[:, 0]
        rows[0].set_title("Faulty drawings in a batch")
        for axes, share in zip(rows, shares, strict=True):
            places = np.arange(share.batch_size + 1) / share.batch_size
            axes.bar(places, share.observed, 0.8 / share.batch_size, color="#a0bfe0", label="counted")
            likely = np.array(share.expected) > 1e-5
            axes.plot(
                places[likely],
                np.array(share.expected)[likely],
                ".",
                color=BLUE,
                markersize=3.5,
                label="by chance alone",
            )
            words = axes.text(0.995, 0.93, _summary(share), transform=axes.transAxes, ha="right", va="top")
            words.set(fontsize=8, bbox={"facecolor": "white", "edgecolor": "none", "pad": 2}, zorder=5)
            axes.set_ylabel(f"batch {share.batch_size}")
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
            axes.spines[["top", "right", "left"]].set_visible(False)
            axes.grid(axis="y", color=GRID, linewidth=0.6)
            axes.tick_params(axis="y", length=0)
            axes.set_axisbelow(True)
            for line in (0.25, 0.5):
                axes.axvline(line, color=RED, linewidth=0.7, linestyle=(0, (3, 3)))
        rows[0].legend(
            loc="center right", framealpha=1, edgecolor="none", fontsize=8, bbox_to_anchor=(1, 0.4)
        )
        most = max(np.flatnonzero(np.array(s.observed) + np.array(s.expected) > 1e-4)[-1] / s.batch_size
                   for s in shares)  # fmt: skip
        rows[-1].set_xlim(-0.03, max(0.56, most + 0.03))
        rows[-1].xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        rows[-1].set_xlabel("share of the batch that is faulty; dashed: a quarter and a half")
        figure.supxlabel(note, fontsize=7.5, color=MUTED, x=0.02, ha="left")


def _summary(share: BatchShare) -> str:
    return (
        f"mean {100 * share.mean_share():.1f} %, a quarter or more in {_chance(share.at_least(4))}, "
        f"half or more in {_chance(share.at_least(2))} of {share.batches:,} batches"
    )


def _chance(value: float) -> str:
    return f"{100 * value:.2g} %" if value else "none"
