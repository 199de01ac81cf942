"""Quick, Draw! drawings: Google's simplified and raw ndjson files, and files labelled by parts."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from preprocess.classes import choose_classes, clean_name, official_names
from preprocess.sources.archives import Listed, list_files, unpack
from preprocess.sources.ndjson_lines import cuts, lines
from preprocess.spec import Bad, Chunk, DatasetSpec, Found, Index, Options, Origin, drop, new_rows
from sketchspace.sketch.errors import BadDrawing
from sketchspace.sketch.quickdraw import parse_quickdraw
from sketchspace.sketch.raster import rasterize
from tfrecords.png import encode_png
from tfrecords.schema import Record

_PREFIX = re.compile(r"^(full[/_])?(simplified|raw)[/_]")
_SUFFIX = re.compile(r"_(raw|simplified)$")


def class_of(name: str) -> str:
    """The class of a file name: `alarm_clock_raw.ndjson` and `alarm%20clock.ndjson` are 'alarm clock'."""
    stem = unquote(Path(name).name).removesuffix(".ndjson")
    return " ".join(_SUFFIX.sub("", _PREFIX.sub("", stem)).replace("_", " ").split())


def find(sources: list[Path], options: Options, scratch: Path) -> Found:
    """Chunks of all ndjson files among files, folders and zip archives, in sorted order.

    Where every file is named for an official class, the names alone decide which classes are chosen, and
    only their files are read.
    """
    files = list(dict.fromkeys(file for source in sources for file in list_files(source, ".ndjson")))
    classes = _classes_by_name(files, options)
    if classes:
        files = [file for file in files if class_of(file.origin) in classes]
    chunks = []
    for path, file in zip(unpack(files, scratch), files, strict=True):
        word = class_of(file.origin)
        chunks += [Chunk(path, file.origin, word, start, end) for start, end in cuts(path.stat().st_size)]
    return Found(tuple(chunks), classes)


def _classes_by_name(files: list[Listed], options: Options) -> tuple[str, ...]:
    names = {class_of(file.origin) for file in files}
    if not (options.classes or options.num_classes) or not names <= set(official_names()):
        return ()
    return choose_classes(names, options)


def index(chunk: Chunk, options: Options) -> Index:
    """Look through a chunk's lines: usable drawings become rows, the others are counted by reason."""
    found: list[tuple[int, int, int]] = []
    ranks: list[bytes] = []
    words: dict[str, int] = {}
    dropped, bad = Counter[str](), list[Bad]()
    wanted, number = frozenset(options.classes), 0
    for number, (offset, line) in enumerate(lines(chunk.path, chunk.start, chunk.end), 1):
        if not line or line.isspace():
            continue
        try:
            key, word, use = _usable(line, chunk.word, wanted, options)
        except BadDrawing as error:
            drop(Bad(error.reason, error.detail, chunk.origin, number), dropped, bad)
            if options.strict and error.reason != "not_recognized":
                break
            continue
        label = words.setdefault(word, len(words))
        if use:
            ranks.append(options.rank(key))
            found.append((offset, len(line), label))
    rows = new_rows(len(found))
    if found:
        rows["rank"] = np.frombuffer(b"".join(ranks), "<u8")
        rows["offset"], rows["length"], rows["word"] = np.array(found, np.int64).T
    return Index(rows, ((str(chunk.path), chunk.origin),), tuple(words), dropped, tuple(bad), number)


def _usable(line: bytes, file_class: str, wanted: frozenset[str], options: Options) -> tuple[str, str, bool]:
    """Key, class, and whether the class is wanted; raises BadDrawing where there is no drawing."""
    drawing = parse_quickdraw(line, file_class)
    word = clean_name(drawing.word)
    if word is None:
        raise BadDrawing("bad_class", f"{drawing.word[:40]!r} cannot be the name of a class")
    if wanted and word not in wanted:
        return drawing.key, word, False
    if options.recognized_only and not drawing.recognized:
        raise BadDrawing("not_recognized", "recognized is false")
    return drawing.key, word, True


def read(data: bytes, origin: Origin, options: Options) -> Record:
    """One line as a record with strokes and a picture, simplified as Google does where `options` say so."""
    drawing = parse_quickdraw(data, origin.class_name)
    kinds = {"raw": ("raw",), "all": ("raw", "parts"), "none": ()}[options.simplify]
    sketch = drawing.simplified() if drawing.kind in kinds else drawing.sketch
    return Record(
        drawing.key,
        origin.label,
        origin.class_name,
        strokes=sketch.to_points(),
        image=encode_png(rasterize(sketch, options.image_size)),
    )


CITATION = (
    "Jongejan, Rowley, Kawashima, Kim, Fox-Gieg: The Quick, Draw! - A.I. Experiment, 2016. "
    "Ha, Eck: A Neural Representation of Sketch Drawings, 2017."
)
SPEC = DatasetSpec(
    name="quickdraw",
    summary="Quick, Draw! ndjson: simplified, raw or labelled by parts",
    source_url="https://github.com/googlecreativelab/quickdraw-dataset",
    licence="CC BY 4.0",
    citation=CITATION,
    find=find,
    index=index,
    read=read,
)
