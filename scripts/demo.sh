#!/usr/bin/env bash
# The whole path on the embedded sample sets: preprocess, train, evaluate, index, query; drawings first, then pairs.
# Needs Python 3.11 to 3.13 and a package index. Running it again goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh
export PATH="$PWD/.venv/bin:$PATH"

step() { printf '\n== %s\n' "$*"; }
run() { printf '$ python %s\n' "$*"; python "$@"; }

step "1/8 preprocess: draw the sample set and write it as sharded TFRecords"
if [ -f data/sample/manifest.json ]; then
  echo "data/sample is there already"
else
  run -m preprocess --dataset=sample --out=data/sample
fi
step "2/8 train: a narrow skNet, about a minute"
run train.py --model=sknet --data=data/sample --run=runs/demo --max_steps=500 --set width=0.25 --set embedding_size=256
step "3/8 evaluate: the test drawings, which were not trained on"
run evaluate.py --run=runs/demo
step "4/8 index: a gallery of the test drawings"
run retrieve.py --run=runs/demo --index=data/sample
step "5/8 query: find what looks like docs/images/query.png"
run retrieve.py --query=docs/images/query.png --gallery=galleries/sample --out=hits.png

step "6/8 pairs: render shoes and bags, and draw each of them"
if [ -f data/sample_pairs/manifest.json ]; then
  echo "data/sample_pairs is there already"
else
  run -m preprocess --dataset=sample_pairs --photo_as=grey --fit=box --image_size=128 --per_class=80 --out=data/sample_pairs
fi
step "7/8 train and evaluate on pairs, from ImageNet weights: sketches query, photos are found"
if [ -d runs/ready ]; then
  echo "runs/ready is there already"
else
  run -m models.efficientnet_lite.ready
fi
run train.py --model=efficientnet_lite --data=data/sample_pairs --run=runs/pairs --warm_start_from=runs/ready --set grid_channels=64 --set grouping=pairs:16 --max_steps=60
run evaluate.py --run=runs/pairs
step "8/8 index and query: find a boot by drawing it"
run retrieve.py --run=runs/pairs --index=data/sample_pairs
run retrieve.py --query=docs/images/boot.svg --gallery=galleries/sample_pairs --out=boots.png

printf '\nThe contact sheets are %s/hits.png and boots.png beside it; the tables and pictures of the evaluation are in runs/demo/eval-test and runs/pairs/eval-test.\n' "$PWD"
printf 'Next: draw something on white, save it as my.png, and type\n'
printf '  .venv/bin/python retrieve.py --query=my.png --gallery=galleries/sample --out=hits.png\n'
