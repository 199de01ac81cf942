#!/usr/bin/env bash
# Style, types and tests, in the project's own environment.
# Usage: scripts/test.sh [arguments of pytest]        -n 0 runs in one process, to debug
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh dev
export PATH="$PWD/.venv/bin:$PATH"
ruff check .
ruff format --check .
mypy
python -m pytest -n 2 --dist worksteal "$@"
