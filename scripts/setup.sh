#!/usr/bin/env bash
# Makes .venv in the project's folder and installs the project into it, once for each state of setup.py.
# Usage: scripts/setup.sh [extra ...]        for example: scripts/setup.sh dev
set -euo pipefail
cd "$(dirname "$0")/.."

fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
if [ ! -x .venv/bin/python ]; then
  python=""
  for name in python3 python3.13 python3.12 python3.11; do
    if command -v "$name" >/dev/null && "$name" -c "$fits" 2>/dev/null; then python=$name && break; fi
  done
  if [ -z "$python" ]; then
    echo "error: no Python 3.11, 3.12 or 3.13 found on the PATH; install one and run this again" >&2
    exit 1
  fi
  echo "making .venv with $("$python" --version)"
  "$python" -m venv .venv || { rm -rf .venv; echo "error: python -m venv failed; install python3-venv" >&2; exit 1; }
fi

extras=$(IFS=,; echo "train${*:+ $*}" | tr ' ' ,)
state="$(cksum <setup.py) ${extras}"
stamp=.venv/installed
if ! grep -qsxF "$state" "$stamp"; then
  echo "installing the project with: $extras (about two minutes the first time)"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$extras]"
  echo "$state" >>"$stamp"
fi
