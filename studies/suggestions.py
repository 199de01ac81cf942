"""What each representation suggests for the same drawings: its nearest neighbours, on one sheet.

One row a run: the nearest drawings of the split, marked right or wrong by class, and the nearest of the
query's own class, which are those of the closest style. Prints the vote accuracy of the three nearest. Writes
the sheet and, beside it, a JSON file with the figures and the keys of all drawings shown.
Example: python -m studies.suggestions --run=runs/vrnn --run=runs/sknet --out=suggestions.png
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from numpy.typing import NDArray

from evaluation.neighbours import ExactOrder, prepare
from evaluation.votes import knn_leave_one_out
from sketchspace import cli
from sketchspace.answers.grid import GridBlock, GridRow, GridTile, write_grid
from sketchspace.errors import UserError
from sketchspace.files import write_json
from sketchspace.tables import columns
from studies.examples import Encoder, Examples, drawn, load, open_data, open_encoders

FLAGS = flags.FLAGS
if __name__ == "__main__":
    flags.DEFINE_multi_string("run", [], "Run folder; may be repeated. Example: --run=runs/vrnn")
    flags.DEFINE_string("data", None, "Data set folder; the first run's own if left out.")
    flags.DEFINE_string("split", "test", "Split of queries and suggestions. Example: --split=validation")
    flags.DEFINE_integer("queries", 6, "How many drawings are asked, of as many classes as possible.", 1, 50)
    flags.DEFINE_integer("neighbours", 5, "How many suggestions stand in a row.", 1, 12)
    flags.DEFINE_integer("seed", 0, "Decides which drawings are asked. Example: --seed=1", 0)
    flags.DEFINE_string("out", "suggestions.png", "Picture to write. Example: --out=suggestions.png")

HEADINGS = ("nearest of all classes", "nearest of the same class: closest style (place among all)")


@dataclass(frozen=True, eq=False)
class Suggested:
    """What one run suggests: indices int64 `[queries, k]`, of any class and of the query's own.

    `own` may hold fewer than k, then filled up with -1; `place` is where each of `own` stands among all,
    from 1. `knn_3` is the vote accuracy on the whole split.
    """

    run: str
    model: str
    nearest: NDArray[np.int64]
    own: NDArray[np.int64]
    place: NDArray[np.int64]
    knn_3: float


def main(argv: list[str]) -> None:
    """Check the flags, search, draw, print."""
    cli.check_flags(argv, "run")
    out, folder = Path(FLAGS.out), open_data(FLAGS.run, FLAGS.data)
    if out.suffix.lower() != ".png":
        raise UserError(f"--out={out} is no picture; expected a name that ends in .png")
    encoders, examples = open_encoders(FLAGS.run, folder), load(folder, FLAGS.split)
    queries = choose_queries(examples.labels, FLAGS.queries, FLAGS.seed)
    found = [suggest(encoder, examples, queries, FLAGS.neighbours) for encoder in encoders]
    title = f"Suggestions from {len(examples.keys):,} drawings of {folder.manifest.name} ({FLAGS.split})"
    write_sheet(out, examples, queries, found, folder.manifest.classes, title)
    facts = {"command": shlex.join(["python", "-m", "studies.suggestions", *sys.argv[1:]])}
    facts |= {"fingerprint": folder.manifest.fingerprint, "split": FLAGS.split}
    write_json(out.with_suffix(".json"), facts | {"seed": FLAGS.seed, **as_json(found, queries, examples)})
    rows = [[line.run, line.model, f"{100 * line.knn_3:.1f} %"] for line in found]
    print(columns([["run", "model", "knn_3_accuracy"], *rows], (0, 1)))
    print(f"wrote {out}")


def choose_queries(labels: NDArray[np.int32], count: int, seed: int) -> NDArray[np.int64]:
    """`count` different drawings, of different classes as long as there are some, int64 `[count]`.

    The same seed chooses the same ones. Raises `UserError` where there are not so many drawings.
    """
    if count > len(labels):
        raise UserError(f"{count} queries were asked for and there are {len(labels)} drawings; ask for fewer")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    # How many drawings of its class come before it: first all classes once, then all twice, ...
    turn = np.zeros(len(order), np.int64)
    for label in np.unique(labels):
        own = np.flatnonzero(labels[order] == label)
        turn[own] = np.arange(len(own))
    return order[np.argsort(turn, kind="stable")[:count]]


def suggest(encoder: Encoder, examples: Examples, queries: NDArray[np.int64], count: int) -> Suggested:
    """The `count` nearest others of each query, by squared Euclidean distance, equal ones in stored order."""
    if len(examples.keys) <= max(count, 3):
        raise UserError(f"{len(examples.keys)} drawings are too few for {count} suggestions; ask for fewer")
    embedding = encoder.encode(examples).embedding
    items, _ = prepare(embedding, embedding, "sqeuclidean")
    order = ExactOrder(items)(items[queries])
    others = order[order != queries[:, None]].reshape(len(queries), -1)
    own, place = np.full((2, len(queries), count), -1)
    for row, query in enumerate(queries):
        same = np.flatnonzero(examples.labels[others[row]] == examples.labels[query])[:count]
        own[row, : len(same)], place[row, : len(same)] = others[row, same], same + 1
    voted = knn_leave_one_out(embedding, examples.labels)
    accuracy = float(np.mean(voted == examples.labels))
    return Suggested(encoder.name, encoder.config["model"], others[:, :count], own, place, accuracy)


def write_sheet(
    path: Path,
    examples: Examples,
    queries: NDArray[np.int64],
    found: Sequence[Suggested],
    classes: Sequence[str],
    title: str,
) -> None:
    """One block a query, one row a run."""
    blocks = []
    for row, query in enumerate(queries):
        rows = [
            GridRow(
                line.run,
                (
                    tuple(_tile(examples, item, query, classes) for item in line.nearest[row]),
                    tuple(
                        GridTile(drawn(examples, item), f"place {place}")
                        for item, place in zip(line.own[row], line.place[row], strict=True)
                        if item >= 0
                    ),
                ),
                _right(examples.labels, line.nearest[row], query),
            )
            for line in found
        ]
        lead, name = drawn(examples, query), classes[examples.labels[query]]
        blocks.append(GridBlock(tuple(rows), lead, f"query: {name}", examples.keys[query]))
    note = "Squared Euclidean distance between embeddings; the query itself is left out."
    write_grid(path, blocks, title, HEADINGS, note)


def _tile(examples: Examples, item: int, query: int, classes: Sequence[str]) -> GridTile:
    same = examples.labels[item] == examples.labels[query]
    return GridTile(drawn(examples, item), classes[examples.labels[item]], "right" if same else "wrong")


def _right(labels: NDArray[np.int32], nearest: NDArray[np.int64], query: int) -> str:
    return f"{int((labels[nearest] == labels[query]).sum())} of {len(nearest)} right"


def as_json(found: Sequence[Suggested], queries: NDArray[np.int64], examples: Examples) -> dict[str, Any]:
    """The figures, and the keys of queries and suggestions."""
    return {
        "queries": [examples.keys[query] for query in queries],
        "runs": [
            {
                "run": line.run,
                "model": line.model,
                "knn_3_accuracy": line.knn_3,
                "nearest": [[examples.keys[item] for item in row] for row in line.nearest],
                "same_class": [[examples.keys[item] for item in row if item >= 0] for row in line.own],
            }
            for line in found
        ],
    }


if __name__ == "__main__":
    cli.run(main)
