"""Views of a picture: the parts, plain and mirrored, that a network of crops looks at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sketchspace.errors import unknown_name

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]
Mode = Literal["single", "mean_feature", "mean_distance"]

MODES: tuple[Mode, ...] = get_args(Mode)
"""How the views of a picture become one vector.

single          the embedding of the centre.
mean_feature    the mean of the views' embeddings, not scaled to length 1 again.
mean_distance   the views' embeddings one after the other, divided by the root of their number: the squared
                distance of two such vectors is the mean of the squared distances of equal views.
"""


def num_views(size: int, input_size: int) -> int:
    """How many views there are: ten where the network sees a part of the picture, two where it sees all."""
    return 2 if input_size == size else 10


def views(images: Images, input_size: int) -> Images:
    """All views of pictures `[n, size, size]` or `[n, size, size, 3]`, uint8 `[n, V, input, input(, 3)]`.

    With m = size - input_size the corners are cut at (x, y) = (0, 0), (0, m), (m, 0), (m, m), then the
    centre at (m // 2, m // 2), then the same five mirrored left to right ("Sketch Me That Shoe", CVPR 2016,
    as its published test code orders them). Where m is 0 the views are the picture and its mirror image.
    """
    margin = _margin(images, input_size)
    middle = margin // 2
    corners = [(0, 0), (0, margin), (margin, 0), (margin, margin), (middle, middle)] if margin else [(0, 0)]
    plain = [_cut(images, x, y, input_size) for x, y in corners]
    return np.stack([*plain, *(part[:, :, ::-1] for part in plain)], axis=1)


def centre(images: Images, input_size: int) -> Images:
    """The view of the mode `single`, uint8 `[n, input_size, input_size]` or with 3 channels."""
    middle = _margin(images, input_size) // 2
    return _cut(images, middle, middle, input_size)


def join(embeddings: Floats, mode: Mode) -> Floats:
    """One vector a picture of the views' embeddings `[n, V, D]`: `[n, D]`, or `[n, V * D]` for mean_distance.

    Raises ValueError for the mode `single`, which has one view only.
    """
    if mode == "mean_feature":
        return embeddings.mean(axis=1, dtype=np.float64).astype(np.float32)
    if mode == "mean_distance":
        return embeddings.reshape(len(embeddings), -1) / np.float32(np.sqrt(embeddings.shape[1]))
    raise ValueError(f"nothing is joined in the mode '{mode}'")


def separate(joined: Floats, num: int) -> dict[Mode, Floats]:
    """The vectors of every mode from those of `mean_distance`, `[n, V * D]` of `num` = V views."""
    apart = joined.reshape(len(joined), num, -1) * np.float32(np.sqrt(num))
    plain = apart[:, num // 2 - 1]  # the last of the views that are not mirrored
    return {"single": plain, "mean_feature": join(apart, "mean_feature"), "mean_distance": joined}


def blocks(total: int, batch_size: int, num: int) -> Iterator[slice]:
    """Slices of `total` pictures such that their `num` views make one batch of `batch_size`, or nearly."""
    rows = max(1, batch_size // num)
    return (slice(start, min(start + rows, total)) for start in range(0, total, rows))


def check_mode(mode: str) -> Mode:
    """The mode of that name; another name is a `UserError`."""
    for known in MODES:
        if mode == known:
            return known
    raise unknown_name("way of views", mode, MODES)


def _margin(images: Images, input_size: int) -> int:
    size = images.shape[1]
    if images.ndim not in (3, 4) or images.shape[2] != size or not 0 < input_size <= size:
        raise ValueError(f"no views of {input_size} px in pictures {images.shape}")
    return size - input_size


def _cut(images: Images, x: int, y: int, side: int) -> Images:
    return images[:, y : y + side, x : x + side]
