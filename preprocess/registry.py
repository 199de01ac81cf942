"""The list of data sets."""

from __future__ import annotations

from common.errors import unknown_name
from preprocess import folder, quickdraw, sample_set
from preprocess.spec import DatasetSpec

DATASETS: tuple[DatasetSpec, ...] = (quickdraw.SPEC, sample_set.SPEC, folder.SPEC)


def dataset_spec(name: str) -> DatasetSpec:
    """The data set called `name`; an unknown name is a `UserError` with the nearest known one."""
    for spec in DATASETS:
        if spec.name == name:
            return spec
    raise unknown_name("dataset", name, [spec.name for spec in DATASETS])
