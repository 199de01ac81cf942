"""What an exported encoder says of itself."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sketchspace.encoder.views import Mode, num_views
from sketchspace.errors import UserError, shown
from sketchspace.files import check_json, read_json
from sketchspace.json_schema import Fields, Flag, ListOf, OneOf, Text, Whole
from sketchspace.pictures import FITS, PHOTO_AS
from sketchspace.sketch.partial import LONG_STROKES

SCHEMA_VERSION = 3
OLDER_VERSION = 2  # an encoder of grey drawings, which it saw whole
CARD_FILE = "encoder.json"
MAX_IMAGE_SIZE = 1024
MAX_POINTS = 100_000
CHANNELS = (1, 3)
KINDS_OF_INPUT = (
    ("image",),
    ("length", "read_at", "strokes"),
    ("length", "snapshot_at", "snapshots", "strokes"),
)


_AGAIN = "export the encoder again"
SCHEMA = Fields(
    {
        **dict.fromkeys(("model", "run", "fingerprint"), Text()),
        "inputs": ListOf(Text(100), most=10),
        "image_size": Whole(8, MAX_IMAGE_SIZE),
        "embedding_size": Whole(1, 1 << 20),
        "classes": ListOf(Text()),
        "max_points": Whole(1, MAX_POINTS),
        "long_strokes": Text(choices=LONG_STROKES),
        "simplify": Flag(),
        "channels": OneOf(CHANNELS),
        "photo_as": Text(choices=("", *PHOTO_AS)),
        "fit": Text(choices=FITS),
        "input_size": Whole(8, MAX_IMAGE_SIZE),
        "centred": Flag(),
        "schema_version": Whole(SCHEMA_VERSION, SCHEMA_VERSION),
    },
    others=True,
)
"""Of `encoder.json` in the newest version; training also notes there what nobody reads."""


@dataclass(frozen=True)
class EncoderCard:
    """`encoder.json`: an exported encoder's name, inputs, sizes and origin.

    `inputs` are those of one of `KINDS_OF_INPUT`, sorted. `image_size` is in pixels, `embedding_size`
    counts the embedding's numbers, `classes` names the logits in order (empty for an encoder that does
    not classify) and `fingerprint` is that of the data it was trained on, "" where that is not known. An
    encoder that reads strokes takes at most `max_points` points, longer drawings brought down as
    `long_strokes` says; `simplify` tells whether it was trained on simplified drawings.

    Pictures have `channels` channels, 1 (grey) or 3 (RGB). `photo_as` says what a photo is turned into, one
    of `pictures.PHOTO_AS` ("" for an encoder that was trained without photos), and `fit` how pictures are
    brought to the square, one of `pictures.FITS`. The network sees a part of `input_size` x `input_size`
    pixels of them, or all where the two sizes are equal. A `centred` encoder never learned that a drawing
    and a photo can be of one thing: a gallery takes off its embeddings what each kind has in common.
    """

    model: str
    run: str
    inputs: tuple[str, ...]
    image_size: int
    embedding_size: int
    classes: tuple[str, ...]
    fingerprint: str
    max_points: int
    long_strokes: str
    simplify: bool
    channels: int
    photo_as: str
    fit: str
    input_size: int
    centred: bool = False

    @property
    def reads_strokes(self) -> bool:
        """Whether drawings must come as strokes."""
        return "strokes" in self.inputs

    @property
    def usual_views(self) -> Mode:
        """`mean_distance` for a network that knows photos or sees a part of the picture, else `single`."""
        learned = self.photo_as and not self.centred
        return "mean_distance" if learned or self.input_size < self.image_size else "single"

    def vector_size(self, views: str) -> int:
        """How many numbers an embedding made of these views has, see `sketchspace.encoder.views.MODES`."""
        copies = num_views(self.image_size, self.input_size) if views == "mean_distance" else 1
        return copies * self.embedding_size

    @staticmethod
    def load(folder: Path) -> EncoderCard:
        """Read and check `encoder.json`; anything but a drawing encoder of this version is a `UserError`."""
        path = folder / CARD_FILE
        values = _as_newest(read_json(path, again=_AGAIN))
        if values.get("schema_version") != SCHEMA_VERSION:
            raise UserError(
                f"{path}: schema_version is {shown(values.get('schema_version'))}, expected"
                f" {SCHEMA_VERSION}; {_AGAIN}"
            )
        check_json(path, values, SCHEMA, _AGAIN)
        card = EncoderCard(**{field.name: values[field.name] for field in fields(EncoderCard)})
        if card.input_size > card.image_size:
            raise UserError(f"{path} is wrong: input_size is more than image_size; {_AGAIN}")
        inputs = tuple(sorted(card.inputs))
        if inputs not in KINDS_OF_INPUT:
            raise UserError(f"{path}: an encoder of {shown(', '.join(inputs))} is not known here")
        return EncoderCard(**{**vars(card), "inputs": inputs, "classes": tuple(card.classes)})


def _as_newest(values: dict[str, Any]) -> dict[str, Any]:
    """A card of the older version, or of the first programs of this one, with what it left unsaid."""
    values = {"centred": False} | values
    if values.get("schema_version") != OLDER_VERSION or values.get("channels") != 1:
        return values
    said = {"photo_as": "", "fit": "box", "input_size": values.get("image_size")}
    return {**values, **said, "schema_version": SCHEMA_VERSION}
