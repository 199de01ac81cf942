"""Fixtures shared by all tests, and how the suite runs on two workers."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LONGEST_FIRST = (
    "test_main_job",
    "test_resume",
    "test_package",
    "test_models",
    "test_training",
    "test_paired_training",
    "test_export",
    "test_combined",
)
"""Files that take longest: begun first, they do not keep one worker busy at the end."""

for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
    # Two workers on two cores: more threads would wait for each other.
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault(name, "1")


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a temporary folder of its own, since processes that are killed leave things behind."""
    if not hasattr(config, "workerinput"):
        scratch = tempfile.mkdtemp(prefix="sketchspace-tests-")
        os.environ |= {"TMPDIR": scratch, "PYTEST_DEBUG_TEMPROOT": scratch}
        tempfile.tempdir = scratch
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """After a failure it stays, to be looked at."""
    failed = exitstatus in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
    if failed and not hasattr(session.config, "workerinput"):
        atexit.unregister(shutil.rmtree)
        print(f"\ntemporary files of the failed tests are in {os.environ['TMPDIR']}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; within a file nothing changes."""
    last = len(LONGEST_FIRST)
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path.stem, last))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; skips where it is missing, fails in CI."""
    if SHARED_DATA.is_dir():
        return SHARED_DATA
    reason = "the real data folder ../shared/data is not here"
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI must not skip these tests")
    pytest.skip(reason)
