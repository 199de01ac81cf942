"""The embedded sample set: drawings by formula, written as Quick, Draw! ndjson and read as such."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from preprocess.sample.drawings import write_ndjson
from preprocess.sources import quickdraw
from preprocess.spec import Found, Options
from sketchspace.errors import UserError


def find(sources: list[Path], options: Options, scratch: Path) -> Found:
    """Write `per_class` drawings of every class into the scratch folder and list them as chunks."""
    if sources:
        raise UserError(f"--dataset=sample draws its own drawings; leave out --source={sources[0]}")
    return quickdraw.find(write_ndjson(scratch, options.per_class, options.seed), options, scratch)


SPEC = dataclasses.replace(
    quickdraw.SPEC,
    name="sample",
    summary="embedded: line drawings by formula, no download",
    source_url="",
    licence="Apache-2.0",
    citation="",
    find=find,
    needs_source=False,
    defaults={"splits": "train:200,validation:50,test:50"},
)
