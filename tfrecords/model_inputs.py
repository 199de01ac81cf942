"""What a model wants to read of every record."""

from __future__ import annotations

from dataclasses import dataclass

from sketchspace.errors import UserError
from sketchspace.sketch.partial import LONG_STROKES
from tfrecords.manifest import Manifest


@dataclass(frozen=True)
class Wanted:
    """Names of a model's `inputs`, and the form that strokes come in.

    A drawing of more than `max_points` points is brought down to them as `long_strokes` says: `truncate` or
    `resample` (`sketch.partial`). `snapshots` pictures are drawn, each at a pen-up. `input_size` is the
    side of the part of each picture that the model sees, 0 where it sees all of it.
    """

    inputs: tuple[str, ...] = ("image",)
    max_points: int = 150
    long_strokes: str = LONG_STROKES[0]
    snapshots: int = 0
    input_size: int = 0

    @property
    def strokes(self) -> bool:
        """Whether the model reads strokes."""
        return "strokes" in self.inputs

    def check(self, manifest: Manifest, folder: object) -> None:
        """Raise UserError where the data set does not hold what is wanted."""
        if "image" in self.inputs and not manifest.has_images:
            raise UserError(f"{folder} has no images; make it again with --image_size")
        if self.strokes and not manifest.has_strokes:
            raise UserError(
                f"{folder} has pictures only, and this model reads strokes; give a data set of drawings "
                "with strokes, such as --dataset=quickdraw, or a model of pictures"
            )
