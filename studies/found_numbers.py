"""Numbers that a study has found already: kept in a file, found again by the same command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sketchspace.errors import UserError
from sketchspace.files import read_json, write_json


def measured_once(file: Path, identity: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `measure` returns, from `file` where an earlier command stored it under the same `identity`.

    `identity` names all that the numbers depend on; a file of another identity, or a broken one, is written
    again. The values must be JSON.
    """
    try:
        kept = read_json(file)
        if kept.get("identity") == identity:
            return kept
    except UserError:
        pass
    found = {**measure(), "identity": identity}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, found)
    return found
