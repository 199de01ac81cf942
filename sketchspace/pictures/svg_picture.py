"""SVG files as pictures: what a browser shows of them, drawn by resvg."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import resvg_py

from sketchspace.sketch.errors import BadDrawing
from sketchspace.sketch.svg_source import Box, SvgSource

SIDE = 512
"""Longer side of the picture in px: several times what networks read, and quickly drawn."""
MAX_SECONDS, MAX_BYTES = 5, 1 << 30
"""For drawing a file of which it is not certain beforehand that it costs little."""

_SLIMMEST = 1 / 64
_WATCHED = """
import sys
sys.path.insert(0, sys.argv[1])
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]),) * 2)
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[3]),) * 2)
except ImportError:
    pass
import resvg_py
side, paper = int(sys.argv[4]), sys.argv[5] or None
text = sys.stdin.buffer.read().decode()
options = dict(width=side, height=side, background=paper, skip_system_fonts=True)
sys.stdout.buffer.write(resvg_py.svg_to_bytes(svg_string=text, **options))
"""


def png_of(source: SvgSource, page: Box | None = None, paper: str | None = "white") -> bytes:
    """An SVG drawn on `paper`, or on nothing, as PNG; its longer side has 512 px.

    `page` (x, y, width, height) in user units is drawn instead of the file's own page. A file that says
    neither page nor size is shown as far as its shapes reach. Raises `BadDrawing`: bad_xml for what cannot
    be drawn, too_complex for what takes more than 5 s or 1 GB.
    """
    text = source.text(page or source.page, picture_size(source, page))
    try:
        if source.quick:
            drawn = resvg_py.svg_to_bytes(
                svg_string=text, width=SIDE, height=SIDE, background=paper, skip_system_fonts=True
            )
            return bytes(drawn)
        return _watched(text, paper)
    except ValueError as error:
        raise BadDrawing("bad_xml", f"it cannot be drawn: {error}") from None
    except BaseException as error:  # a panic of resvg is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise BadDrawing("bad_xml", "it cannot be drawn: the renderer gave it up") from None


def shown_part(source: SvgSource, shape: tuple[int, ...], rows: slice, columns: slice) -> Box:
    """The page that shows a part of the picture `[height, width, ...]` of an SVG, with some room around it.

    The file must say how large it is.
    """
    x, y, wide, high = source.page or (0.0, 0.0, 1.0, 1.0)
    across, down = wide / shape[1], high / shape[0]
    room = 0.1 * max((columns.stop - columns.start) * across, (rows.stop - rows.start) * down)
    width = (columns.stop - columns.start) * across + 2 * room
    height = (rows.stop - rows.start) * down + 2 * room
    return x + columns.start * across - room, y + rows.start * down - room, width, height


def picture_size(source: SvgSource, page: Box | None = None) -> tuple[int, int] | None:
    """Width and height of the picture in px; None where the file does not say how large it is."""
    wide, high = page[2:] if page else source.size or (0.0, 0.0)
    if not wide:
        return None
    scale = SIDE / max(wide, high)
    least = SIDE * _SLIMMEST
    return round(max(least, wide * scale)), round(max(least, high * scale))


def _watched(text: str, paper: str | None) -> bytes:
    """Drawn by another process, which may be stopped and cannot take this one with it."""
    home = str(Path(resvg_py.__file__).parents[1])
    limits = [str(MAX_SECONDS), str(MAX_BYTES), str(SIDE), paper or ""]
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _WATCHED, home, *limits],
            input=text.encode(),
            capture_output=True,
            timeout=2 * MAX_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        done = None
    if done and done.returncode == 0:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip().splitlines() if done else []
    if said and said[-1].startswith("ValueError: "):
        raise ValueError(said[-1].removeprefix("ValueError: "))
    if any("PanicException" in line for line in said):
        raise ValueError("the renderer gave it up")
    raise BadDrawing(
        "too_complex",
        f"drawing it takes more than {MAX_SECONDS} s or {MAX_BYTES >> 30} GB; simplify it, or give a PNG",
    )
