"""What people said of the pictures, beside the shards: triplets and attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from preprocess.plan import Plan
from preprocess.spec import DatasetSpec, Found, Kept, Options
from tfrecords.schema import DOMAINS


def annotate(spec: DatasetSpec, found: Found, plan: Plan, options: Options) -> dict[str, Any]:
    """The annotations of a planned data set, {} where its source has none."""
    return spec.annotate(found, kept_objects(plan), options) if spec.annotate else {}


def kept_objects(plan: Plan) -> Kept:
    """Which objects a plan has in each split, by class and domain."""
    found: list[dict[str, dict[str, frozenset[int]]]] = [{}, {}]
    for split, count in plan.counts.items():
        rows = plan.rows(split, 0, count)
        for number, objects in enumerate(found):
            mine = rows[rows["domain"] == number]
            objects[split] = {
                name: frozenset(np.unique(mine["instance"][mine["word"] == label]).tolist())
                for label, name in enumerate(plan.classes)
            }
    by_domain = dict(zip(DOMAINS, found, strict=True))
    return Kept(by_domain["sketch"], by_domain["photo"])
