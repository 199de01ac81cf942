"""Drawings on their way into an encoder: as pictures, as strokes, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sketchspace.encoder.metadata import EncoderCard
from sketchspace.encoder.views import centre
from sketchspace.errors import UserError
from sketchspace.sketch.partial import draw_snapshots, kept_points, limit_points
from sketchspace.sketch.strokes import Floats

Images = NDArray[np.uint8]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Drawings:
    """`n` drawings: `images` uint8 `[n, size, size]` (255 paper, 0 ink), or `points`, or both.

    Pictures may be RGB, `[n, size, size, 3]`, for an encoder that reads colours; it reads grey ones too.
    `points` are float32 `[points, 3]` each: absolute x, y (down), and 1 on the last point of a stroke. An
    encoder takes of the two what it reads.
    """

    images: Images | None = None
    points: Sequence[Floats] | None = None

    def __len__(self) -> int:
        """How many drawings there are."""
        return len(self.images) if self.images is not None else len(self.points or ())


def check(drawings: Drawings, card: EncoderCard) -> None:
    """Raise `UserError` where the drawings are not what an encoder reads."""
    if card.reads_strokes:
        _check_points(drawings.points, card.model)
    else:
        _check_images(drawings.images, card)


def _check_images(images: Images | None, card: EncoderCard) -> None:
    size = card.image_size
    if images is None:
        raise UserError(f"{card.model} reads pictures; expected n x {size} x {size} uint8")
    colours = ((), (card.channels,)) if card.channels > 1 else ((),)
    fits = any(images.shape[1:] == (size, size, *colour) for colour in colours)
    if images.dtype != np.uint8 or not fits or not len(images):
        shape = " x ".join(map(str, images.shape))
        raise UserError(f"pictures are {shape} {images.dtype}, {card.model} wants n x {size} x {size} uint8")


def _check_points(points: Sequence[Floats] | None, model: str) -> None:
    if not points:
        raise UserError(f"{model} reads strokes, and there are none; a bitmap has no strokes")
    for number, rows in enumerate(points):
        if rows.ndim != 2 or rows.shape[1] != 3 or not len(rows) or not np.isfinite(rows).all():
            raise UserError(
                f"drawing {number} is {rows.shape} numbers; {model} wants [points, 3], finite, one or more"
            )


def order_of(drawings: Drawings, card: EncoderCard) -> Indices:
    """An order in which neighbours are about equally long, so that batches hold little padding."""
    if not card.reads_strokes:
        return np.arange(len(drawings))
    return np.argsort([len(rows) for rows in drawings.points or ()], kind="stable")


def feed(
    drawings: Drawings, rows: Indices, card: EncoderCard, read_at: NDArray[np.integer] | None
) -> dict[str, NDArray[np.generic]]:
    """An encoder's inputs by name for the drawings `rows`, asked at `read_at` `[n]` (None: the last)."""
    if not card.reads_strokes:
        assert drawings.images is not None
        return picture_input(centre(drawings.images[rows], card.input_size), card)
    assert drawings.points is not None
    chosen = [limit_points(drawings.points[row], card.max_points, card.long_strokes) for row in rows]
    length = np.array([len(points) for points in chosen], np.int32)
    strokes = np.zeros((len(chosen), length.max(), 3), np.float32)
    for row, points in zip(strokes, chosen, strict=True):
        row[: len(points)] = points
    at = length - 1
    if read_at is not None:
        at = np.array([_place(read_at[row], len(drawings.points[row]), card) for row in rows], np.int32)
    if "read_at" in card.inputs:
        return {"strokes": strokes, "length": length, "read_at": at}
    drawn = [
        draw_snapshots(points, end, card.image_size) for points, end in zip(chosen, at[:, None], strict=True)
    ]
    snapshots = (np.float32(255) - np.stack(drawn)[..., None]) * np.float32(1 / 255)
    return {"strokes": strokes, "length": length, "snapshots": snapshots, "snapshot_at": at[:, None]}


def picture_input(images: Images, card: EncoderCard) -> dict[str, NDArray[np.generic]]:
    """The input `image`: cut pictures, float32 `[n, input_size, input_size, channels]`, 0 paper .. 1 ink."""
    ink = (np.float32(255) - (images if images.ndim == 4 else images[..., None])) * np.float32(1 / 255)
    return {"image": np.broadcast_to(ink, (*ink.shape[:3], card.channels))}


def _place(index: int, count: int, card: EncoderCard) -> int:
    """Where point `index` of `count`, or the one kept before it, is among those that the encoder gets."""
    if not 0 <= index < count:
        raise ValueError(f"read_at {index} is outside of a drawing of {count} points")
    if count <= card.max_points:
        return int(index)
    if card.long_strokes == "truncate":
        return min(int(index), card.max_points - 1)
    return int(np.searchsorted(kept_points(count, card.max_points), index, "right")) - 1
