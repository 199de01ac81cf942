"""What a data set folder says of itself."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sketchspace.errors import UserError, shown
from sketchspace.files import check_json, read_json, write_json
from sketchspace.json_schema import LARGEST_WHOLE, Fields, Flag, Free, ListOf, MapOf, OneOf, Text, Whole
from tfrecords.schema import SCHEMA_VERSION

FILE_NAME = "manifest.json"
SHARD_NAME = re.compile(r"[a-z][a-z0-9_]*-([a-z][a-z0-9_]*)\.tfrecord-\d{5}-of-\d{5}")

_AGAIN = "make the data set again"
_SHARD = Fields({"examples": Whole(), "bytes": Whole(), "sha256": Text()}, others=True)
SCHEMA = Fields(
    {
        **dict.fromkeys(("name", "licence", "citation", "fingerprint"), Text()),
        "classes": ListOf(Text(), least=1),
        "counts": MapOf(MapOf(Whole())),
        "dropped": MapOf(Whole()),
        "image_size": Whole(1, 8192),
        "seed": Whole(-LARGEST_WHOLE),
        "options": MapOf(Free()),
        "sources": ListOf(MapOf(Free())),
        "shards": MapOf(_SHARD),
        "schema_version": Whole(SCHEMA_VERSION, SCHEMA_VERSION),
    },
    {
        "has_strokes": Flag(),
        "has_images": Flag(),
        "notes": MapOf(Whole()),
        "channels": OneOf((1, 3)),
        "dropped_first": MapOf(Text()),
    },
)
"""Of `manifest.json`."""


@dataclass(frozen=True)
class Manifest:
    """Contents and origin of a data set folder, stored as `manifest.json`.

    `counts` is split -> domain -> examples; `dropped` is reason -> lines and `dropped_first`
    reason -> the first of them and what was wrong; `sources` lists each file's
    name, bytes and sha256; `shards` maps each shard file to its examples, bytes and sha256; `notes`
    counts what is fewer than asked. `fingerprint` identifies which example is in which split and in
    which order: equal fingerprints mean equal splits, whatever the image size. Pictures have `channels`:
    1 grey, 3 RGB.
    """

    name: str
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    dropped: dict[str, int]
    image_size: int
    seed: int
    options: dict[str, Any]
    sources: list[dict[str, Any]]
    licence: str
    citation: str
    fingerprint: str
    shards: dict[str, dict[str, Any]]
    has_strokes: bool = True
    has_images: bool = True
    notes: dict[str, int] = field(default_factory=dict)
    channels: int = 1
    dropped_first: dict[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @property
    def has_photos(self) -> bool:
        """Whether any split holds photos beside drawings."""
        return any(domains.get("photo") for domains in self.counts.values())

    @property
    def shows_photos(self) -> bool:
        """Whether photos have a picture in colour for people beside the one for the network."""
        return self.has_photos and self.channels == 1

    @property
    def photo_as(self) -> str:
        """What photos were made into: `grey`, `rgb` or `edges`; empty for data without photos."""
        return str(self.options.get("photo_as", "")) if self.has_photos else ""

    @property
    def fit(self) -> str:
        """How pictures got their size: `box`, the object fitted into a box, or `keep`, the whole canvas."""
        return str(self.options.get("fit", "box"))

    @property
    def num_classes(self) -> int:
        """How many classes the labels run over."""
        return len(self.classes)

    def num_examples(self, split: str, domain: str | None = None) -> int:
        """Examples of a split, over all domains or of one; an unknown split is a `UserError`."""
        if split not in self.counts:
            raise UserError(f"data set {self.name} has no split '{split}'; it has {', '.join(self.counts)}")
        counts = self.counts[split]
        return sum(counts.values()) if domain is None else counts.get(domain, 0)

    def shard_files(self, split: str) -> list[str]:
        """Names of a split's shards in order."""
        self.num_examples(split)
        return sorted(name for name in self.shards if name.startswith(f"{self.name}-{split}.tfrecord-"))

    def num_bytes(self, split: str) -> int:
        """Bytes of a split's shards."""
        return sum(self.shards[name]["bytes"] for name in self.shard_files(split))

    def save(self, folder: Path) -> None:
        """Write `manifest.json` into a folder."""
        write_json(folder / FILE_NAME, dataclasses.asdict(self))

    @staticmethod
    def load(folder: Path) -> Manifest:
        """Read and check `manifest.json`; another schema, missing or wrong fields are a `UserError`."""
        if not folder.is_dir():
            raise UserError(
                f"no data set folder {folder}; make one with: python -m preprocess --out={folder}"
            )
        path = folder / FILE_NAME
        values = read_json(path, again=_AGAIN)
        version = values.get("schema_version")
        if version != SCHEMA_VERSION:
            raise UserError(
                f"{folder} has schema version {shown(version)}, expected {SCHEMA_VERSION}; make it again"
            )
        check_json(path, values, SCHEMA, _AGAIN)
        counts = {split: values["counts"][split] for split in sorted(values["counts"], key=_split_order)}
        manifest = Manifest(**{**values, "classes": tuple(values["classes"]), "counts": counts})
        wrong = _contradiction(manifest)
        if wrong:
            raise UserError(f"{path} is wrong: {wrong}; {_AGAIN}")
        return manifest


def _split_order(split: str) -> tuple[int, str]:
    order = ("train", "validation", "test")
    return (order.index(split) if split in order else len(order)), split


def _contradiction(manifest: Manifest) -> str:
    """What in a manifest of the right form could mislead a reader of the folder; empty where nothing."""
    if len(set(manifest.classes)) != manifest.num_classes:
        return "a class is there twice"
    for name in manifest.shards:
        split = SHARD_NAME.fullmatch(name)
        known = split is not None and split[1] in manifest.counts
        if not known or split is None or not name.startswith(f"{manifest.name}-{split[1]}."):
            return f"'{shown(name)}' is no name of a shard"
    return ""
