"""The encoder that finds photos by drawings without any training: where it lies, and how good it is."""

from __future__ import annotations

from pathlib import Path

from sketchspace.errors import UserError

READY = Path("runs/ready")
READY_IS = (
    "EfficientNet-Lite0 with ImageNet weights, not trained on drawings; of 115 test shoes the drawn one is "
    "at first place in 49 %, among ten in 90 %; of 97 chairs in 80 % and 99 %"
)
"""As measured in docs/results.md."""


def ready() -> Path:
    """The folder of the encoder; `UserError` where it was not made yet."""
    if not READY.is_dir():
        raise UserError(
            f"no encoder: give --run=RUN; {READY}, which needs no training, is made in a checkout of the "
            "project by: python retrieve.py --index=PHOTOS"
        )
    return READY
