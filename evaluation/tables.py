"""Tables of figures on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence


def figure_table(
    rows: Mapping[str, Mapping[str, float]],
    names: Sequence[str],
    cell: Callable[[str, float | None], str],
    margin: int,
) -> str:
    """A line of `names`, then one a row, its own name in `margin` columns; `cell` writes a figure or None."""
    widths = [max(10, len(name) + 2) for name in names]
    written = {row: [cell(name, figures.get(name)) for name in names] for row, figures in rows.items()}
    return "\n".join(
        f"{row:<{margin}}" + "".join(f"{each:>{width}}" for each, width in zip(cells, widths, strict=True))
        for row, cells in {"": names, **written}.items()
    )
