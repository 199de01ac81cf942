"""The look that all pictures of an evaluation share: colours, letters, whole files, short names.

Matplotlib is imported by the modules `plots*` only.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from sketchspace.files import write_bytes

TEXT, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
BLUE, RED = "#2b6cb0", "#c53030"
LINES = (BLUE, "#c05621", "#2f855a", "#6b46c1", "#b7791f", "#97266d", "#2c7a7b", "#4a5568")
"""Colours of lines in turn; as dark as each other, so that none looks more important."""
SHADES = LinearSegmentedColormap.from_list("ink", ["#ffffff", "#bcd4ec", "#5b94cb", "#225a97", "#0b2545"])
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": TEXT,
    "text.parse_math": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": TEXT,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlepad": 9,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": TEXT,
    "ytick.labelcolor": TEXT,
    "figure.dpi": 130,
}
NAME_LENGTH = 22


@contextmanager
def picture(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure of `width` x `height` inches in the common style; saved when the block ends well."""
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
        yield figure
        buffer = io.BytesIO()
        FigureCanvasAgg(figure).print_png(buffer)
    write_bytes(path, buffer.getvalue())


def shown_names(names: Sequence[str]) -> list[str]:
    """Names on one line, at most 22 characters."""
    lines = (" ".join(str(name).split()) for name in names)
    return [line if len(line) <= NAME_LENGTH else f"{line[: NAME_LENGTH - 1]}…" for line in lines]


def percent(share: float) -> str:
    """A share as a percentage; 100 % is kept for what is whole."""
    return f"{100 * share:.1f} %" if 0.995 <= share < 0.9995 else f"{100 * share:.0f} %"
