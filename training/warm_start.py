"""Weights of another run to begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tf_keras

from sketchspace.errors import UserError
from training.runs import Run


def warm_start(encoder: tf_keras.Model, source: Path) -> Iterator[str]:
    """Give `encoder` the best weights of the run `source` wherever name and shape are equal.

    Yields lines that say what was taken and what was not. Raises UserError where nothing fits.
    """
    tf_keras.backend.reset_uids()  # layers without a name of their own are counted from one again
    theirs = {weight.name: weight.numpy() for weight in Run(source).load_best().weights}
    mine = {weight.name: weight for weight in encoder.weights}
    taken = [name for name in mine if name in theirs and theirs[name].shape == tuple(mine[name].shape)]
    if not taken:
        raise UserError(
            f"--warm_start_from={source}: none of its {len(theirs)} weights has name and shape of one of the "
            f"{len(mine)} here; give a run of the same model"
        )
    for name in taken:
        mine[name].assign(theirs[name])
    numbers = sum(theirs[name].size for name in taken)
    yield f"warm start from {source}: {len(taken)} of {len(mine)} weights, {numbers:,} numbers"
    for name in [name for name in mine if name not in taken]:
        here = tuple(mine[name].shape)
        why = f"has shape {theirs[name].shape} there, {here} here" if name in theirs else "is not there"
        yield f"fresh: {name} {why}"
    unused = [name for name in theirs if name not in mine]
    if unused:
        yield f"not used: {', '.join(unused)}"
