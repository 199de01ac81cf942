"""Turn a source of drawings into a data set folder.

python -m preprocess --dataset=quickdraw --source=ndjson/ --out=data/quickdraw
python -m preprocess --dataset=folder --source=drawings/ --out=data/mine
python -m preprocess --dataset=sample --out=data/sample

Photos and sketches of the same things:

python -m preprocess --dataset=sketchy --source=sketch.zip,photo.zip --photo_as=edges --out=data/sketchy
python -m preprocess --dataset=qmul --source=qmul/ --classes=shoes --photo_as=edges --out=data/shoes
python -m preprocess --dataset=sample_pairs --photo_as=edges --out=data/pairs

The published skNet protocol: 100 random classes with 1,000 training and 50 test drawings each, 128 px (the
50 for validation are an addition):

python -m preprocess --dataset=quickdraw --download --source=downloads/quickdraw --num_classes=100 --seed=42
  --splits=train:1000,validation:50,test:50 --image_size=128 --out=data/quickdraw100
"""

from __future__ import annotations

import os
from pathlib import Path
from unicodedata import normalize

from absl import flags

from preprocess.classes import choose_classes, official_names
from preprocess.registry import DATASETS, dataset_spec
from preprocess.spec import DatasetSpec, Options
from preprocess.splits import parse_splits
from sketchspace import cli
from sketchspace.errors import UserError
from sketchspace.pictures import FITS, PHOTO_AS
from tfrecords.dataset import DatasetFolder
from tfrecords.manifest import Manifest

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "dataset", None, "Kind of source; --list_datasets names them. Example: --dataset=quickdraw"
)
flags.DEFINE_list(
    "source", [], "Folder, .zip or files with the data; several with commas. Example: --source=ndjson/"
)
flags.DEFINE_string("out", None, "Folder to make. Example: --out=data/quickdraw")
flags.DEFINE_list("classes", [], "Only these classes. Example: --classes=cat,dog")
flags.DEFINE_integer(
    "num_classes", 0, "Draw this many classes by seed; 0 takes all. Example: --num_classes=100", 0
)
flags.DEFINE_string(
    "splits",
    None,
    "Drawings a class and split, or fractions of all (default 0.8,0.1,0.1; for the sample set "
    "train:200,validation:50,test:50). Example: --splits=train:1000,validation:50,test:50",
)
flags.DEFINE_integer(
    "image_size", 64, "Side of the stored pictures in pixels. Example: --image_size=128", 8, 1024
)
flags.DEFINE_integer("seed", 0, "Decides splits, order and drawn classes. Example: --seed=42", 0)
flags.DEFINE_integer(
    "num_shards",
    0,
    "Shards a split; 0 makes one for every 2,048 examples. Example: --num_shards=16",
    0,
    99_999,
)
flags.DEFINE_integer(
    "workers", 0, "Processes; 0 takes one a core. The result is the same. Example: --workers=2", 0, 1024
)
flags.DEFINE_bool(
    "recognized_only", False, "Leave out drawings that the game did not recognise. Example: --recognized_only"
)
flags.DEFINE_enum(
    "simplify",
    "raw",
    ["raw", "all", "none"],
    "Which drawings to simplify as Google's simplified files are: raw ones, all (also those labelled by "
    "parts; best for models of strokes), or none. Example: --simplify=all",
)
flags.DEFINE_bool(
    "strict", False, "Stop at the first unusable line, with file and line number. Example: --strict"
)
flags.DEFINE_bool(
    "download",
    False,
    "Fetch Google's simplified Quick, Draw! files of the chosen classes into the folder --source "
    "(default downloads/quickdraw) first. Example: --download --classes=cat,dog",
)
flags.DEFINE_integer(
    "per_class",
    None,
    "Drawings a class of the sample set (default 300), objects of the sample pairs (default 120). "
    "Example: --per_class=100",
    1,
    1_000_000,
)
flags.DEFINE_enum(
    "photo_as",
    "grey",
    list(PHOTO_AS),
    "What photos become: grey, rgb, or edges (line drawings). Example: --photo_as=edges",
)
flags.DEFINE_enum(
    "fit",
    None,
    list(FITS),
    "box: drawings and objects fitted into one box, with one pen; keep: the whole canvas as it is (default "
    "for published pairs, else box). Example: --fit=keep",
)
flags.DEFINE_list(
    "holdout_classes", [], "Classes for the split zeroshot alone. Example: --holdout_classes=bat,cabin"
)
flags.DEFINE_float(
    "validation_share",
    0.0,
    "Share of the published training objects to validate on. Example: --validation_share=0.2",
    0.0,
    0.9,
)
flags.DEFINE_bool(
    "list_datasets", False, "Print the kinds of source, one a line, and stop. Example: --list_datasets"
)


def main(argv: list[str]) -> None:
    """Check the flags, build the data set, say what was written."""
    cli.check_flags(argv)
    if FLAGS.list_datasets:
        for spec in DATASETS:
            print(f"{spec.name:<12} {spec.summary}" + (f" ({spec.source_url})" if spec.source_url else ""))
        return
    spec = dataset_spec(_required("dataset"))
    out, options = Path(_required("out")), _options(spec)
    sources = [Path(source) for source in FLAGS.source]
    if FLAGS.download:
        sources = _download(spec.name, sources, options)
    if spec.needs_source and not sources:
        raise UserError(f"--dataset={spec.name} needs --source (or --download for quickdraw)")
    from preprocess.pipeline import build

    report(build(spec.name, sources, out, options, FLAGS.workers or _cores()), out)


def _options(spec: DatasetSpec) -> Options:
    options = Options(
        image_size=FLAGS.image_size,
        seed=FLAGS.seed,
        splits=FLAGS.splits or spec.defaults.get("splits", Options.splits),
        classes=_names("classes"),
        num_classes=FLAGS.num_classes,
        num_shards=FLAGS.num_shards,
        recognized_only=FLAGS.recognized_only,
        simplify=FLAGS.simplify,
        strict=FLAGS.strict,
        per_class=FLAGS.per_class or spec.defaults.get("per_class", Options.per_class),
        photo_as=FLAGS.photo_as,
        fit=FLAGS.fit or spec.defaults.get("fit", Options.fit),
        holdout_classes=_names("holdout_classes"),
        validation_share=FLAGS.validation_share,
    )
    parse_splits(options.splits)
    if spec.has_strokes and options.fit != "box":
        raise UserError(f"--fit=keep is for pictures; the drawings of --dataset={spec.name} have no canvas")
    return options


def _names(flag: str) -> tuple[str, ...]:
    return tuple(sorted({normalize("NFC", name.strip()) for name in FLAGS[flag].value or ()} - {""}))


def _required(name: str) -> str:
    cli.check_given(name)
    return str(FLAGS[name].value)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _download(dataset: str, sources: list[Path], options: Options) -> list[Path]:
    """Fetch the files of the chosen classes; they are then read as any other files are."""
    from preprocess.download.fetch import fetch_all, quickdraw_urls

    if dataset != "quickdraw":
        raise UserError(f"--download knows Quick, Draw! only, not --dataset={dataset}")
    if len(sources) > 1:
        raise UserError(f"--download puts files into one folder, --source names {len(sources)}; give one")
    folder = sources[0] if sources else Path("downloads/quickdraw")
    return fetch_all(quickdraw_urls(choose_classes(official_names(), options)), folder)


def report(manifest: Manifest, out: Path) -> None:
    """Print what a finished folder holds, and the next command."""
    for split in manifest.counts:
        shards = len(manifest.shard_files(split))
        domains = manifest.counts[split]
        parts = ", ".join(f"{domains[name]:,} {name}{'es' if name == 'sketch' else 's'}" for name in domains)
        told = f" ({parts})" if manifest.has_photos else ""
        count = manifest.num_examples(split)
        print(f"{split:<12}{count:>10,} examples{told} in {shards} shard{'s'[: shards != 1]}")
    print(f"classes     {manifest.num_classes:>10,}")
    print(f"fingerprint {manifest.fingerprint:>18}")
    print(f"wrote {out}")
    print(f"next: {DatasetFolder(out, manifest).next_command()}")


def console() -> None:
    """Entry point of `sketchspace-preprocess`."""
    cli.run(main)


if __name__ == "__main__":
    console()
