"""What an exported encoder says of itself."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from common.errors import UserError
from common.files import read_json
from sketch.partial import LONG_STROKES

SCHEMA_VERSION = 2
CARD_FILE = "encoder.json"
MAX_IMAGE_SIZE = 1024
MAX_POINTS = 100_000
KINDS_OF_INPUT = (
    ("image",),
    ("length", "read_at", "strokes"),
    ("length", "snapshot_at", "snapshots", "strokes"),
)


@dataclass(frozen=True)
class EncoderCard:
    """`encoder.json`: an exported encoder's name, inputs, sizes and origin.

    `inputs` are those of one of `KINDS_OF_INPUT`, sorted. `image_size` is in pixels, `embedding_size`
    counts the embedding's numbers, `classes` names the logits in order (empty for an encoder that does
    not classify) and `fingerprint` is that of the data it was trained on. An encoder that reads strokes takes
    at most `max_points` points, longer drawings brought down as `long_strokes` says; `simplify` tells
    whether it was trained on simplified drawings.
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

    @property
    def reads_strokes(self) -> bool:
        """Whether drawings must come as strokes."""
        return "strokes" in self.inputs

    @staticmethod
    def load(folder: Path) -> EncoderCard:
        """Read and check `encoder.json`; anything but a drawing encoder of this version is a `UserError`."""
        values = read_json(folder / CARD_FILE)
        for name, value in {"schema_version": SCHEMA_VERSION, "channels": 1}.items():
            if values.get(name) != value:
                raise UserError(f"{folder / CARD_FILE}: {name} is {values.get(name)!r}, expected {value!r}")
        try:
            card = EncoderCard(**{field.name: values[field.name] for field in fields(EncoderCard)})
        except KeyError as error:
            raise UserError(f"{folder / CARD_FILE} has no {error}; export the encoder again") from None
        if not card._is_sound():
            raise UserError(f"{folder / CARD_FILE} holds a value of a wrong kind; export the encoder again")
        inputs = tuple(sorted(card.inputs))
        if inputs not in KINDS_OF_INPUT:
            raise UserError(f"{folder / CARD_FILE}: an encoder of {', '.join(inputs)} is not known here")
        return EncoderCard(**{**vars(card), "inputs": inputs, "classes": tuple(card.classes)})

    def _is_sound(self) -> bool:
        return (
            all(isinstance(text, str) for text in (self.model, self.run, self.fingerprint))
            and _between(self.image_size, 8, MAX_IMAGE_SIZE)
            and _between(self.embedding_size, 1, 1 << 20)
            and _between(self.max_points, 1, MAX_POINTS)
            and self.long_strokes in LONG_STROKES
            and type(self.simplify) is bool
            and all(
                isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
                for names in (self.classes, self.inputs)
            )
        )


def _between(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high
