"""The data sets that a stage learns from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from models.spec import Stage
from sketchspace.errors import UserError
from tfrecords.dataset import DatasetFolder

OWN = "."


@dataclass(frozen=True)
class Source:
    """A data set and how often it is drawn, against the weights of the others."""

    folder: DatasetFolder
    weight: float


def sources_of(stage: Stage, own: DatasetFolder) -> tuple[Source, ...]:
    """What `stage.data` names, in its order; the run's own data set where it names nothing.

    Raises UserError for a text of another form, and for folders whose pictures are unlike the run's.
    """
    if not stage.data:
        return (Source(own, 1.0),)
    named = [_named(text.strip(), stage.data) for text in stage.data.split(",")]
    found = tuple(Source(own if path == OWN else DatasetFolder.open(Path(path)), w) for path, w in named)
    for source in found:
        theirs, mine = source.folder.manifest, own.manifest
        for name in ("image_size", "channels"):
            one, other = getattr(theirs, name), getattr(mine, name)
            if one != other:
                raise UserError(
                    f"stage {stage.name}: {source.folder.path} has {name} {one}, {own.path} has {other}; "
                    "make one of them again"
                )
    return found


def _named(text: str, whole: str) -> tuple[str, float]:
    """A folder and its weight."""
    path, star, number = text.partition("*")
    try:
        weight = float(number) if star else 1.0
    except ValueError:
        weight = 0.0
    if not path or not 0 < weight < math.inf:
        raise UserError(
            f"data={whole}: expected folders with weights above 0, such as .,data/sketchy*0.5 "
            "where . is the run's own"
        )
    return path, weight


def evaluated_on(sources: tuple[Source, ...], own: DatasetFolder) -> DatasetFolder:
    """The data set whose validation split judges a stage: the run's own if it is used, else the first."""
    folders = [source.folder for source in sources]
    return own if own in folders else folders[0]


def logit_classes(stages: tuple[Stage, ...], own: DatasetFolder) -> tuple[str, ...]:
    """The classes that logits stand for: those of the data that stages learn to classify, else the run's own.

    Raises UserError where they are not the same everywhere.
    """
    found = {
        source.folder.manifest.classes: f"{source.folder.path} in stage {stage.name}"
        for stage in stages
        if "cross_entropy" in stage.loss_weights
        for source in sources_of(stage, own)
    }
    if len(found) > 1:
        one, other = list(found.values())[:2]
        raise UserError(f"classes are learned of {one} and of {other}, which have other classes; give one")
    return next(iter(found), own.manifest.classes)
