#!/usr/bin/env bash
# The whole path on the embedded sample set: preprocess, train, evaluate, index, query.
# Needs Python 3.11 to 3.13 and a package index. Running it again goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh
export PATH="$PWD/.venv/bin:$PATH"

step() { printf '\n== %s\n' "$*"; }
run() { printf '$ python %s\n' "$*"; python "$@"; }

step "1/5 preprocess: draw the sample set and write it as sharded TFRecords"
if [ -f data/sample/manifest.json ]; then
  echo "data/sample is there already"
else
  run -m preprocess --dataset=sample --out=data/sample
fi
step "2/5 train: a narrow skNet, about a minute"
run train.py --model=sknet --data=data/sample --run=runs/demo --max_steps=500 --set width=0.25 --set embedding_size=256
step "3/5 evaluate: the test drawings, which were not trained on"
run evaluate.py --run=runs/demo
step "4/5 index: a gallery of the test drawings"
run retrieve.py --run=runs/demo --index=data/sample
step "5/5 query: find what looks like docs/images/query.png"
run retrieve.py --query=docs/images/query.png --gallery=galleries/sample --out=hits.png

printf '\nThe contact sheet is %s/hits.png; the tables and pictures of the evaluation are in runs/demo/eval-test.\n' "$PWD"
printf 'Next: draw something on white, save it as my.png, and type\n'
printf '  .venv/bin/python retrieve.py --query=my.png --out=hits.png\n'
