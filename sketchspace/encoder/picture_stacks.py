"""Stacks of pictures in one array, such as MATLAB files hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sketchspace.encoder.inputs import Images
from sketchspace.encoder.metadata import EncoderCard
from sketchspace.errors import UserError
from sketchspace.pictures.photos import load_as


def stack_of(data: NDArray[Any], name: str) -> Images:
    """Pictures in an array as `[n, h, w]` or `[n, h, w, 3]`, uint8.

    Three axes are `h x w x n` if only the first two are equal, else `n x h x w`. Raises `UserError` for other
    shapes and for numbers that are no grey levels.
    """
    if data.ndim == 3 and data.shape[0] == data.shape[1] != data.shape[2]:
        data = np.moveaxis(data, 2, 0)
    if data.ndim not in (3, 4) or data.shape[3:] not in ((), (3,)) or not data.size:
        raise UserError(f"'data' of {name} is {'x'.join(map(str, data.shape))}, expected n x h x w pictures")
    if data.dtype != np.uint8 and not (np.isfinite(data).all() and data.min() >= 0 and data.max() <= 255):
        raise UserError(f"'data' of {name} is {data.dtype} outside 0 to 255, expected grey levels")
    return np.ascontiguousarray(np.rint(data) if data.dtype.kind == "f" else data, np.uint8)


def prepared(pictures: Images, card: EncoderCard, ready: bool, name: str) -> Images:
    """Pictures as an encoder reads them, uint8 `[n, size, size]` or with 3 channels."""
    size = card.image_size
    if ready:
        if pictures.shape[1:3] != (size, size):
            raise UserError(f"the pictures of {name} are {pictures.shape[1:3]}, --ready ones are {size} px")
        return pictures
    if not card.photo_as:
        raise UserError(f"run {card.run} was trained without photos; give pictures that are --ready")
    return np.stack([load_as(picture, size, card.photo_as, card.fit).pixels for picture in pictures])
