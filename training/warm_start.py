"""Weights of another run to begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tf_keras
from numpy.typing import NDArray

from sketchspace.errors import UserError, shown
from training.runs import Run, classes_of


def warm_start(encoder: tf_keras.Model, source: Path, classes: tuple[str, ...]) -> Iterator[str]:
    """Give `encoder` the best weights of the run `source` wherever name and shape are equal.

    A classifier's columns are taken by the names of their classes, `classes` here; those of classes that the
    other run did not have stay fresh. Yields lines that say what was taken and what was not. Raises UserError
    where nothing fits.
    """
    tf_keras.backend.reset_uids()  # layers without a name of their own are counted from one again
    run = Run(source)
    loaded = run.load_best()
    theirs = {weight.name: weight.numpy() for weight in loaded.weights}
    mine = {weight.name: weight for weight in encoder.weights}
    known = classes_of(run.config())
    renamed = [name for name in class_weights(loaded, len(known)) if name in mine]
    if known != classes:
        for name in renamed:
            theirs[name] = by_class(theirs[name], known, mine[name].numpy(), classes)
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
    if renamed and known != classes:
        yield _told(known, classes)
    for name in [name for name in mine if name not in taken]:
        here = tuple(mine[name].shape)
        why = f"has shape {theirs[name].shape} there, {here} here" if name in theirs else "is not there"
        yield f"fresh: {name} {why}"
    unused = [name for name in theirs if name not in mine]
    if unused:
        yield f"not used: {', '.join(unused)}"


def class_weights(encoder: tf_keras.Model, num_classes: int) -> list[str]:
    """Names of the weights with one column for each class: those of the last layers before `logits`.

    Layers without weights, such as one that picks the last answer of several, are looked through.
    """
    found: list[str] = []
    ways = [encoder.output["logits"]] if "logits" in encoder.output_shape else []
    while ways:
        layer, node, _ = ways.pop()._keras_history
        if layer.weights:
            found += [weight.name for weight in layer.weights if weight.shape[-1:] == (num_classes,)]
        else:
            ways += layer.inbound_nodes[node].keras_inputs
    return list(dict.fromkeys(found))


def by_class(
    theirs: NDArray[np.float32], known: tuple[str, ...], fresh: NDArray[np.float32], classes: tuple[str, ...]
) -> NDArray[np.float32]:
    """Columns of a classifier `[..., known]` in the order of `classes`; of unknown ones, fresh ones."""
    if theirs.shape[:-1] != fresh.shape[:-1]:
        return theirs
    place = {name: number for number, name in enumerate(known)}
    found = fresh.copy()
    for number, name in enumerate(classes):
        if name in place:
            found[..., number] = theirs[..., place[name]]
    return found


def _told(known: tuple[str, ...], classes: tuple[str, ...]) -> str:
    missing = [name for name in classes if name not in known]
    line = f"classes are matched by name: {len(classes) - len(missing)} of {len(classes)} are known there"
    if not missing:
        return line
    some = ", ".join(shown(name) for name in missing[:5]) + (" ..." if len(missing) > 5 else "")
    return f"{line}; fresh: {some}"
