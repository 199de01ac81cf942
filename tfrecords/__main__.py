"""`python -m tfrecords DIR`: check a data set folder, say what it holds, draw `preview.png` into it.

Every shard is read: checksums, counts, labels, keys, pictures. A damaged folder is one line on standard
error and exit status 1. Example: python -m tfrecords data/quickdraw
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sketchspace import cli
from sketchspace.errors import UserError
from tfrecords.dataset import DatasetFolder
from tfrecords.manifest import Manifest
from tfrecords.preview import write_preview
from tfrecords.verify import verify


def main(argv: list[str]) -> None:
    """Check the one folder that is given."""
    if len(argv) != 1:
        raise UserError(f"{len(argv)} folders were given, expected one: python -m tfrecords data/quickdraw")
    folder = DatasetFolder.open(Path(argv[0]))
    verify(folder)
    print("\n".join(table(folder.manifest)))
    preview = write_preview(folder)
    print(f"wrote {preview}")
    print(f"next: {folder.next_command()}")


def table(manifest: Manifest) -> Iterator[str]:
    """Lines that say what a folder holds."""
    yield f"{'split':<12}{'domain':<8}{'examples':>12}{'shards':>8}{'bytes':>15}"
    for split, domains in manifest.counts.items():
        shards, size = f"{len(manifest.shard_files(split)):,}", f"{manifest.num_bytes(split):,}"
        for domain, count in domains.items():
            yield f"{split:<12}{domain:<8}{count:>12,}{shards:>8}{size:>15}"
            split = shards = size = ""
    yield f"{'classes':<20}{manifest.num_classes:>12,}  {_names(manifest.classes)}"
    yield f"{'picture':<20}{manifest.image_size:>9,} px{' in colour' if manifest.channels == 3 else ''}"
    yield f"{'fingerprint':<20}{manifest.fingerprint:>16}"
    for reason, count in manifest.dropped.items():
        yield f"{'left out':<20}{count:>12,}  {reason}"
    for note, count in manifest.notes.items():
        yield f"{'note':<20}{count:>12,}  {note}"


def _names(classes: tuple[str, ...]) -> str:
    more = f" and {len(classes) - 6:,} more" if len(classes) > 6 else ""
    return ", ".join(classes[:6]) + more


def console() -> None:
    """Entry point of `sketchspace-records`."""
    cli.run(main)


if __name__ == "__main__":
    console()
