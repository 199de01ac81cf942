"""Find things by drawing them.

>>> import sketchspace
>>> gallery = sketchspace.index_photos("photos", encoder="runs/shoes", out="galleries/shoes")
>>> for hit in gallery.search("circle.svg", k=3):
...     print(hit.rank, hit.key)
1 circle.png
2 square.png
3 cross.png

The names below are the public interface; `docs/api.md` shows each of them at work. Nothing is loaded before
it is used: importing this package takes milliseconds, and never TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sketchspace.encoder.embedder import Embedder as Embedder
    from sketchspace.encoder.stroke_files import read_sketch as read_sketch
    from sketchspace.errors import UserError as UserError
    from sketchspace.gallery.contents import Hit as Hit
    from sketchspace.gallery.gallery import Gallery as Gallery
    from sketchspace.gallery.photo_index import index_photos as index_photos
    from sketchspace.sketch.strokes import Sketch as Sketch

__version__ = "0.2.0"

_HOMES = {
    "Embedder": "sketchspace.encoder.embedder",
    "Gallery": "sketchspace.gallery.gallery",
    "Hit": "sketchspace.gallery.contents",
    "Sketch": "sketchspace.sketch.strokes",
    "UserError": "sketchspace.errors",
    "index_photos": "sketchspace.gallery.photo_index",
    "read_sketch": "sketchspace.encoder.stroke_files",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sketchspace' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
