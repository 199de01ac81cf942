"""A folder or zip of images: `<class>/*.png`, or `<split>/<class>/*.png` where it is already split.

Where it has photo and sketch folders, its pictures are pairs (`preprocess.sources.named_pairs`).
"""

from __future__ import annotations

import zipfile
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np

from preprocess.classes import choose_classes
from preprocess.sources import named_pairs, paired_files
from preprocess.sources.class_folders import class_chunks, domain_names
from preprocess.sources.drawn import reason_of
from preprocess.spec import Bad, Chunk, DatasetSpec, Found, Index, Options, Origin, drop, new_rows
from sketchspace.errors import UserError
from sketchspace.pictures.photos import load_sketch
from tfrecords.png import encode_png
from tfrecords.schema import Record


def find(sources: list[Path], options: Options, scratch: Path) -> Found:
    """One chunk for each class folder of folders and zip archives; splits are taken from folders around them.

    Photos and sketches in folders of these names are taken as pairs. Files that are left out are counted by
    reason. Raises `UserError` for another layout and for a class that has no folder.
    """
    for source in sources:
        if scratch.resolve().is_relative_to(source.resolve()):
            raise UserError(
                f"the data set would lie inside {source} and be read as a class; choose another --out"
            )
    if _are_paired(sources):
        return named_pairs.find(sources, options, scratch)
    if len({source.name for source in sources}) < len(sources):
        raise UserError(
            "two sources have the same folder name; rename one, so that their files can be told apart"
        )
    dropped, bad = Counter[str](), list[Bad]()
    several = len(sources) > 1
    chunks = [chunk for source in sources for chunk in class_chunks(source, several, scratch, dropped, bad)]
    classes: tuple[str, ...] = ()
    if options.classes or options.num_classes:
        classes = choose_classes((chunk.word for chunk in chunks), options)
    kept = tuple(chunk for chunk in chunks if not classes or chunk.word in classes)
    return Found(kept, classes, dropped, tuple(bad))


def _are_paired(sources: list[Path]) -> bool:
    """Whether a folder, or archives and folders together, hold photos and sketches in folders so named."""
    if any(named_pairs.is_paired(source) for source in sources):
        return True
    archives = [source for source in sources if source.is_file() and zipfile.is_zipfile(source)]
    names = {name for archive in archives for name in domain_names(archive)}
    if archives:
        names |= {source.name.lower() for source in sources if source.is_dir()}
    kinds = {named_pairs.DOMAIN_FOLDERS.get(name) for name in names}
    return {paired_files.PHOTO, paired_files.SKETCH} <= kinds


def index(chunk: Chunk, options: Options) -> Index:
    """Look at every image of a class folder; those that cannot be drawn from are counted by reason.

    The rank comes from the content, so that a copy counts once and cannot be in two splits, whatever its
    name and folder.
    """
    if chunk.pictures:
        return paired_files.index(chunk, options)
    files, ranks, lengths = list[tuple[str, str]](), list[bytes](), list[int]()
    dropped, bad = Counter[str](), list[Bad]()
    for path, origin in chunk.members:
        try:
            data = _read_file(Path(path), origin)
            load_sketch(data, min(options.image_size, paired_files.CHECK_SIZE), options.fit)
        except UserError as error:
            reason = reason_of(str(error))
            shown = origin if origin.isprintable() else ascii(origin)
            drop(Bad(reason, str(error), shown), dropped, bad)
            if options.strict:
                break
            continue
        files.append((path, origin))
        ranks.append(options.rank(sha256(data).hexdigest()))
        lengths.append(len(data))
    rows = new_rows(len(files))
    if files:
        rows["rank"] = np.frombuffer(b"".join(ranks), "<u8")
        rows["length"], rows["file"], rows["split"] = lengths, np.arange(len(files)), chunk.split
    return Index(rows, tuple(files), (chunk.word,), dropped, tuple(bad))


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
    example="pictures in class folders, such as cat/1.png (also svg, jpg, webp, bmp, gif, tif, avif, heic)",
)
