"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; skips where it is missing, fails in CI."""
    if SHARED_DATA.is_dir():
        return SHARED_DATA
    reason = "the real data folder ../shared/data is not here"
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI must not skip these tests")
    pytest.skip(reason)
