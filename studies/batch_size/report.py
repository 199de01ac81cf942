"""Tables, picture and conclusion of the batch-size study."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.plots.style import GRID, LINES, MUTED, picture
from sketchspace.files import write_bytes
from studies.batch_size.numbers import Accuracies, accuracies_of, conclusion, mean_of
from studies.batch_size.runs import NORMS, Setting, Trial, own, rate_of, trial_of
from studies.tables import rows_as_csv

COLUMNS = ("batch", "norm", "rule", "seed", "learning_rate", "steps", "accuracy")
CONTROL = "accuracy_batch_statistics"


@dataclass(frozen=True)
class Findings:
    """The runs sorted into lines: by (norm, rule), and by rule those with each batch's own statistics."""

    batches: list[int]
    seeds: int
    lines: dict[tuple[str, str], Accuracies]
    control: dict[str, Accuracies]


def findings(rows: Sequence[Mapping[str, Any]], setting: Setting) -> Findings:
    """Sort complete rows; at the reference batch the runs of the fixed rate stand in both lines."""
    by_trial = {trial_of(row): row for row in rows}
    batches = sorted({row["batch"] for row in rows})
    rules = list(dict.fromkeys(row["rule"] for row in rows))
    seeds = 1 + max(row["seed"] for row in rows)
    found: dict[tuple[int, str, str, int], Mapping[str, Any]] = {
        cell: by_trial[own(Trial(*cell), setting)]
        for cell in itertools.product(batches, NORMS, rules, range(seeds))
    }
    accuracy = {cell: row["accuracy"] for cell, row in found.items()}
    control = {cell: row[CONTROL] for cell, row in found.items() if CONTROL in row}
    return Findings(
        batches,
        seeds,
        {
            (norm, rule): accuracies_of(accuracy, norm, rule, batches, seeds)
            for norm in NORMS
            for rule in rules
        },
        {rule: accuracies_of(control, "batch", rule, batches, seeds) for rule in rules},
    )


def write(out: Path, rows: Sequence[Mapping[str, Any]], setting: Setting, facts: Mapping[str, Any]) -> str:
    """Write `runs.csv`, `batch_size.md` and `batch_size.png` into `out`; returns the text of the second."""
    found = findings(rows, setting)
    header = (*COLUMNS, CONTROL, "seconds")
    rows_as_csv(out / "runs.csv", header, [[row.get(name, "") for name in header] for row in rows])
    text = "\n".join(
        [
            "# Accuracy by batch size",
            "",
            *_table(found, setting),
            "",
            *(f"- {sentence}" for sentence in conclusion(found.lines, found.control)),
            "",
            "Means of the seeds with 95 % t-intervals; differences are between runs of the same seed.",
            "",
            *(f"- {name}: {value}" for name, value in facts.items()),
        ]
    )
    write_bytes(out / "batch_size.md", (text + "\n").encode())
    draw(out / "batch_size.png", found, setting)
    return text


def _table(found: Findings, setting: Setting) -> list[str]:
    """Lines of a Markdown table, one for each cell of the study."""
    lines = [
        "| norm | rate | batch | learning rate | steps | accuracy | with each batch's statistics |",
        "|---|---|--:|--:|--:|---|---|",
    ]
    for (norm, rule), accuracies in found.lines.items():
        for batch in found.batches:
            rate = rate_of(Trial(batch, norm, rule, 0), setting)
            control = _share(found.control[rule][batch]) if norm == "batch" else "same"
            lines.append(
                f"| {norm} | {rule} | {batch} | {rate:.2g} | {setting.pictures // batch:,} | "
                f"{_share(accuracies[batch])} | {control} |"
            )
    return lines


def _share(values: Any) -> str:
    mean = mean_of(values)
    if not np.isfinite(mean.low):
        return f"{mean.value:.1%}"
    return f"{mean.value:.1%} ({max(0.0, mean.low):.1%} to {min(1.0, mean.high):.1%})"


def draw(path: Path, found: Findings, setting: Setting) -> None:
    """Accuracy against batch size, a panel for each rule: seeds are dots, means lines, intervals bars."""
    rules = list(found.control)
    with picture(path, 1.6 + 3.7 * len(rules), 4.4) as figure:
        panels = figure.subplots(1, len(rules), sharey=True, squeeze=False)[0]
        for axes, rule in zip(panels, rules, strict=True):
            _panel(axes, rule, found, setting)
        panels[0].set_ylabel("accuracy on held-out drawings")
        panels[0].yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        handles = panels[0].get_legend_handles_labels()
        figure.legend(
            *handles, loc="outside upper left", ncols=3, frameon=False, fontsize=8.5, handlelength=3
        )
        note = (
            f"{setting.pictures:,} drawings seen by every run; dots: {found.seeds} seeds; lines: means; "
            "bars: 95 % t-intervals"
        )
        figure.supxlabel(note, fontsize=7.5, color=MUTED, x=0.02, ha="left")


def _panel(axes: Any, rule: str, found: Findings, setting: Setting) -> None:
    """The lines of one learning-rate rule, set a little apart so that their bars can be told."""
    what = "fixed" if rule == "fixed" else f"scaled by (batch / {setting.reference})^{setting.power:g}"
    axes.set_title(f"Learning rate {what}", fontsize=10)
    shown = {
        "batch norm, moving statistics": (found.lines[("batch", rule)], LINES[0], "-"),
        "batch norm, each batch's statistics": (found.control[rule], LINES[0], ":"),
        "group norm": (found.lines[("group", rule)], LINES[1], "-"),
    }
    for place, (name, (accuracies, colour, style)) in enumerate(shown.items()):
        x = np.array(found.batches) * 2 ** (0.09 * (place - 1))
        means = [mean_of(accuracies[batch]) for batch in found.batches]
        axes.plot(x, [mean.value for mean in means], color=colour, linestyle=style, linewidth=1.7, label=name)
        for at, batch, mean in zip(x, found.batches, means, strict=True):
            axes.plot(
                np.full(found.seeds, at), accuracies[batch], "o", color=colour, markersize=3.2, alpha=0.6
            )
            if np.isfinite(mean.low):
                axes.plot([at, at], [mean.low, mean.high], color=colour, linewidth=1, alpha=0.5)
    axes.set_xscale("log", base=2)
    axes.set_xticks(found.batches, [str(batch) for batch in found.batches])
    axes.set_xlabel("batch size")
    axes.minorticks_off()
    axes.grid(color=GRID, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
