"""`metrics.csv`: what each interval gave, and what follows from it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from learners.base import Learner
from sketchspace.errors import UserError
from sketchspace.files import write_bytes

Row = dict[str, float]


class Journal:
    """`metrics.csv`: one row at the end of each interval, kept whole at every moment.

    Numbers are kept as the file holds them (ten digits), so that a run that was interrupted decides
    like one that was not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = _read(path) if path.is_file() else []

    def rows_of(self, stage: int) -> list[Row]:
        """The rows of one stage of the recipe, in order of steps."""
        return [row for row in self.rows if row["stage"] == stage]

    def forget_after(self, stage: int, step: int) -> None:
        """Drop what an interrupted run wrote after the checkpoint that it goes on from.

        Raises UserError where the row of that checkpoint is not there.
        """
        self.rows = [row for row in self.rows if (row["stage"], row["step"]) <= (stage, step)]
        if step and step not in [row["step"] for row in self.rows_of(stage)]:
            raise UserError(
                f"{self.path} has no row for step {step}, where the run stands; train into another --run"
            )

    def add(self, values: Mapping[str, float]) -> Row:
        """Append a row and write the file anew; returns the row as it is kept."""
        row = {name: float(f"{value:.10g}") for name, value in values.items()}
        self.rows.append(row)
        names = list(dict.fromkeys(name for kept in self.rows for name in kept))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: f"{value:.10g}" for name, value in kept.items()} for kept in self.rows)
        write_bytes(self.path, text.getvalue().encode())
        return row


def _read(path: Path) -> list[Row]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{name: float(text) for name, text in row.items() if text} for row in csv.DictReader(file)]
    except (ValueError, TypeError, csv.Error) as error:
        raise UserError(f"{path} is damaged ({error}); train into another --run") from None
    if any(not row.keys() >= {"stage", "step"} for row in rows):
        raise UserError(f"{path} is damaged (stage or step is missing); train into another --run")
    return rows


def _score(row: Row, learner: Learner) -> float:
    """A row's score, higher is better: of the validation set where it was measured, else of training."""
    name = learner.best_score
    value = row.get(f"validation_{name}", row.get(f"train_{name}", float("-inf")))
    return value if learner.best_is_high else -value


def best_row(rows: list[Row], learner: Learner) -> Row:
    """The first row with the best score."""
    return max(rows, key=lambda row: _score(row, learner))


def should_stop(rows: list[Row], learner: Learner, patience: int) -> bool:
    """Whether the last `patience` rows brought nothing better than before; 0 never stops."""
    return bool(patience and rows and len(rows) - 1 - rows.index(best_row(rows, learner)) >= patience)
