"""A folder of images: `<class>/*.png`, or `<split>/<class>/*.png` where it is already split.

Where it has photo and sketch folders, its pictures are pairs (`preprocess.sources.named_pairs`).
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np

from preprocess.classes import choose_classes, clean_name
from preprocess.sources import named_pairs, paired_files
from preprocess.spec import Bad, Chunk, DatasetSpec, Found, Index, Options, Origin, drop, new_rows
from preprocess.splits import SPLIT_FOLDERS
from sketchspace.errors import UserError
from sketchspace.pictures.photos import load_sketch
from tfrecords.png import encode_png
from tfrecords.schema import Record


def find(sources: list[Path], options: Options, scratch: Path) -> Found:
    """One chunk for each class folder; where all folders are named for splits, those inside them.

    Photos and sketches in folders of these names, and archives, are taken as pairs. Raises `UserError` for
    another layout and for a class that has no folder.
    """
    for source in sources:
        if scratch.resolve().is_relative_to(source.resolve()):
            raise UserError(
                f"the data set would lie inside {source} and be read as a class; choose another --out"
            )
    if any(
        named_pairs.is_paired(source) or zipfile.is_zipfile(source) for source in sources if source.exists()
    ):
        return named_pairs.find(sources, options, scratch)
    if len({source.name for source in sources}) < len(sources):
        raise UserError(
            "two sources have the same folder name; rename one, so that their files can be told apart"
        )
    chunks = [chunk for source in sources for chunk in _class_folders(source, len(sources) > 1)]
    if not chunks:
        raise UserError(f"{sources[0]} has no class folders; expected <class>/*.png inside it")
    classes: tuple[str, ...] = ()
    if options.classes or options.num_classes:
        classes = choose_classes((chunk.word for chunk in chunks), options)
    return Found(tuple(chunk for chunk in chunks if not classes or chunk.word in classes), classes)


def _class_folders(source: Path, several: bool) -> Iterator[Chunk]:
    if not source.is_dir():
        raise UserError(f"{source} is not a folder; expected <class>/*.png inside --source")
    children = _folders(source)
    split = all(path.name.lower() in SPLIT_FOLDERS for path in children)
    for child in children:
        for folder in _folders(child) if split else [child]:
            word = clean_name(folder.name.replace("_", " "))
            if word is None:
                raise UserError(f"the folder {str(folder)!r} cannot name a class; rename it")
            origin = folder.relative_to(source.parent if several else source).as_posix()
            yield Chunk(folder, origin, word, split=SPLIT_FOLDERS[child.name.lower()] if split else -1)


def _folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))


def index(chunk: Chunk, options: Options) -> Index:
    """Look at every image of a class folder; those that cannot be drawn from are counted by reason.

    The rank comes from the content, so that a copy counts once and cannot be in two splits, whatever its
    name and folder.
    """
    if chunk.pictures:
        return paired_files.index(chunk, options)
    files, ranks, lengths = list[tuple[str, str]](), list[bytes](), list[int]()
    dropped, bad = Counter[str](), list[Bad]()
    for path in image_files(chunk.path):
        origin = f"{chunk.origin}/{path.name}"
        try:
            data = _read_file(path, origin)
            load_sketch(data, min(options.image_size, paired_files.CHECK_SIZE), options.fit)
        except UserError as error:
            reason = "nothing_drawn" if str(error).startswith("nothing is drawn") else "bad_image"
            shown = origin if origin.isprintable() else ascii(origin)
            drop(Bad(reason, str(error), shown), dropped, bad)
            if options.strict:
                break
            continue
        files.append((str(path), origin))
        ranks.append(options.rank(sha256(data).hexdigest()))
        lengths.append(len(data))
    rows = new_rows(len(files))
    if files:
        rows["rank"] = np.frombuffer(b"".join(ranks), "<u8")
        rows["length"], rows["file"], rows["split"] = lengths, np.arange(len(files)), chunk.split
    return Index(rows, tuple(files), (chunk.word,), dropped, tuple(bad))


def image_files(folder: Path) -> list[Path]:
    """The images of a class folder, sorted by name."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in named_pairs.SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def read(data: bytes, origin: Origin, options: Options) -> Record:
    """One image as a record: ink on white paper, cropped and centred as a rasterised drawing is."""
    if origin.instance >= 0:
        return paired_files.read(data, origin, options)
    pixels = load_sketch(data, options.image_size, options.fit)
    return Record(origin.name, origin.label, origin.class_name, image=encode_png(pixels))


def _read_file(path: Path, origin: str) -> bytes:
    if not origin.isprintable():
        raise UserError(f"{origin!a} is a name that cannot be printed; rename it")
    return paired_files.read_file(path, str(path))


SPEC = DatasetSpec(
    name="folder",
    summary="your own images: <class>/*.png, train|validation|test/<class>/*.png, or photo/<class> and "
    "sketch/<class>",
    source_url="",
    licence="as the images",
    citation="",
    find=find,
    index=index,
    read=read,
    has_strokes=False,
)
