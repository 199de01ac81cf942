"""Strokes in files, whatever their kind."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from sketchspace.pictures.decode import VECTORS
from sketchspace.sketch.records import TEXTS
from sketchspace.sketch.strokes import Sketch

STROKES = (*VECTORS, *TEXTS)
"""Kinds of files with strokes; texts may be compressed and end in `.gz` behind it."""


def read_sketch(path: str | PathLike[str], line: int = 1) -> Sketch:
    """One drawing from a file of `STROKES`, or drawing `line` (from 1) of several.

    An SVG gives the strokes that a browser shows. Raises `UserError`, also where those of an SVG do not draw
    what it shows.
    """
    return strokes_in(Path(path), line)[0]


def strokes_in(path: Path, line: int = 1) -> tuple[Sketch, tuple[str, ...]]:
    """One drawing as `read_sketch`, and notes on what was left out of it.

    The readers are imported here: most queries are pictures, and need none of them.
    """
    if path.suffix.lower() in VECTORS:
        from sketchspace.pictures.svg_strokes import read_svg_strokes

        return read_svg_strokes(path)
    from sketchspace.sketch.readers import read_strokes

    return read_strokes(path, line)
