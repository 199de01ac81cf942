"""Where a gallery comes from, as it says itself."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sketchspace.encoder.views import MODES, Mode
from sketchspace.errors import UserError, shown
from sketchspace.files import check_json, read_json, write_json
from sketchspace.json_schema import Fields, Flag, Free, ListOf, MapOf, Text, Whole

SCHEMA_VERSION = 2
OLDER_VERSION = 1  # a split of a data set, each picture seen once
INFO_FILE = "gallery.json"
SOURCES = ("dataset", "photos")
DOMAINS = ("photo", "sketch", "all")
MAX_ITEMS = 1 << 31


_AGAIN = "build the gallery again"
SCHEMA = Fields(
    {
        **dict.fromkeys(("model", "run", "dataset", "split", "fingerprint", "encoder_fingerprint"), Text()),
        **dict.fromkeys(("image_size", "embedding_size", "num_items"), Whole(1, MAX_ITEMS - 1)),
        "normalize": Flag(),
        "classes": ListOf(Text()),
        "options": MapOf(Free()),
        "sha256": MapOf(Text()),
        "source": Text(choices=SOURCES),
        "domain": Text(choices=DOMAINS),
        "views": Text(choices=MODES),
        "counts": MapOf(Whole()),
        "schema_version": Whole(SCHEMA_VERSION, SCHEMA_VERSION),
    }
)
"""Of `gallery.json` in the newest version."""


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
        values = _as_newest(read_json(folder / INFO_FILE, again=_AGAIN))
        if values.get("schema_version") != SCHEMA_VERSION:
            raise UserError(
                f"{folder} has schema version {shown(values.get('schema_version'))}, expected"
                f" {SCHEMA_VERSION}; {_AGAIN}"
            )
        check_json(folder / INFO_FILE, values, SCHEMA, _AGAIN)
        return GalleryInfo(**{**values, "classes": tuple(values["classes"])})


def _as_newest(values: dict[str, Any]) -> dict[str, Any]:
    """A description of the older version with what it left unsaid."""
    if values.get("schema_version") != OLDER_VERSION:
        return values
    said = {"source": "dataset", "domain": "all", "views": "single", "counts": {}}
    return {**said, **values, "schema_version": SCHEMA_VERSION}
