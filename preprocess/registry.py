"""The list of data sets."""

from __future__ import annotations

from preprocess.sources import chairv2_strokes, folder, qmul, quickdraw, sample, sample_pairs, shoev2, sketchy
from preprocess.spec import DatasetSpec
from sketchspace.errors import unknown_name

DATASETS: tuple[DatasetSpec, ...] = (
    quickdraw.SPEC,
    sample.SPEC,
    sample_pairs.SPEC,
    folder.SPEC,
    sketchy.SPEC,
    qmul.SPEC,
    shoev2.SHOEV2,
    shoev2.CHAIRV2,
    chairv2_strokes.SPEC,
)


def dataset_spec(name: str) -> DatasetSpec:
    """The data set called `name`; an unknown name is a `UserError` with the nearest known one."""
    for spec in DATASETS:
        if spec.name == name:
            return spec
    raise unknown_name("dataset", name, [spec.name for spec in DATASETS])
