"""Where a gallery comes from, as it says itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sketchspace.encoder.views import MODES, Mode
from sketchspace.errors import UserError
from sketchspace.files import read_json, write_json

SCHEMA_VERSION = 2
OLDER_VERSION = 1  # a split of a data set, each picture seen once
INFO_FILE = "gallery.json"
SOURCES = ("dataset", "photos")
DOMAINS = ("photo", "sketch", "all")
MAX_ITEMS = 1 << 31


@dataclass(frozen=True)
class GalleryInfo:
    """Where a gallery comes from, stored as `gallery.json`.

    `source` is `dataset`, or `photos` for a plain folder of photos, which has neither split nor classes;
    `domain` says which pictures of a data set were taken. `fingerprint` is that of the indexed data,
    `encoder_fingerprint` that of the data the encoder was trained on, "" where nothing is known about it.
    Vectors have `embedding_size` numbers and are made of `views`, one of `encoder.views.MODES`; with
    `normalize` they have length 1. `counts` are whole numbers about the last time it was built. `sha256` maps
    file to checksum.
    """

    model: str
    run: str
    dataset: str
    split: str
    fingerprint: str
    encoder_fingerprint: str
    image_size: int
    embedding_size: int
    normalize: bool
    num_items: int
    classes: tuple[str, ...]
    options: dict[str, Any]
    sha256: dict[str, str]
    source: str = "dataset"
    domain: str = "all"
    views: Mode = "single"
    counts: dict[str, int] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def save(self, folder: Path) -> None:
        """Write `gallery.json` into a folder."""
        write_json(folder / INFO_FILE, dataclasses.asdict(self))

    @staticmethod
    def load(folder: Path) -> GalleryInfo:
        """Read and check `gallery.json`; another schema or a value of a wrong kind is a `UserError`."""
        if not folder.is_dir():
            raise UserError(f"no gallery {folder}; make one with: retrieve.py --run=RUN --index=DATA")
        values = _as_newest(read_json(folder / INFO_FILE))
        if values.get("schema_version") != SCHEMA_VERSION:
            raise UserError(
                f"{folder} has schema version {values.get('schema_version')}, expected {SCHEMA_VERSION};"
                " build the gallery again"
            )
        wrong = _wrong_fields(values)
        if wrong:
            raise UserError(f"{folder / INFO_FILE} is wrong in {', '.join(wrong)}; build the gallery again")
        return GalleryInfo(**{**values, "classes": tuple(values["classes"])})


def _as_newest(values: dict[str, Any]) -> dict[str, Any]:
    """A description of the older version with what it left unsaid."""
    if values.get("schema_version") != OLDER_VERSION:
        return values
    said = {"source": "dataset", "domain": "all", "views": "single", "counts": {}}
    return {**said, **values, "schema_version": SCHEMA_VERSION}


def _wrong_fields(values: Mapping[str, Any]) -> list[str]:
    """Names of missing, unknown and ill-typed fields of a `gallery.json`."""
    kinds = {"classes": list, "options": dict, "sha256": dict, "counts": dict, "normalize": bool}
    numbers = ("image_size", "embedding_size", "num_items", "schema_version")
    choices = {"source": SOURCES, "domain": DOMAINS, "views": MODES}
    known = [field.name for field in fields(GalleryInfo)]
    wrong = [name for name in values if name not in known]
    for name in known:
        value: Any = values.get(name)
        kind = kinds.get(name, int if name in numbers else str)
        in_range = name not in numbers or (type(value) is int and 1 <= value < MAX_ITEMS)
        if type(value) is not kind or not in_range or value not in choices.get(name, (value,)):
            wrong.append(name)
    for name, kind in (("classes", str), ("sha256", str), ("counts", int)):
        parts = values.get(name)
        parts = parts.values() if isinstance(parts, dict) else parts
        if name not in wrong and not all(type(part) is kind for part in parts or ()):
            wrong.append(name)
    return wrong
