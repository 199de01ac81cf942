"""Quick, Draw! drawings: Google's simplified and raw ndjson files, and files labelled by parts."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from preprocess.classes import choose_classes, clean_name, official_names
from preprocess.sources.archives import Listed, list_files, unpack
from preprocess.sources.left_out import drop_others, drop_unread
from preprocess.sources.ndjson_lines import cuts, lines
from preprocess.spec import Bad, Chunk, DatasetSpec, Found, Index, Options, Origin, drop, new_rows
from sketchspace.sketch.errors import BadDrawing
from sketchspace.sketch.quickdraw import parse_quickdraw
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.records import EXAMPLE, TEXTS, NoDrawings, is_plain, json_lines, text_suffix
from tfrecords.png import encode_png
from tfrecords.schema import Record

_TEXT = re.compile(r"(\.(ndjson|jsonl|json|csv))?(\.gz)?$", re.IGNORECASE)
_PREFIX = re.compile(r"^(full[/_])?(simplified|raw)[/_]")
_SUFFIX = re.compile(r"_(raw|simplified)$")
SUFFIXES = (*TEXTS, *(f"{suffix}.gz" for suffix in TEXTS))


def class_of(name: str) -> str:
    """The class of a file name: `alarm_clock_raw.ndjson` and `alarm%20clock.ndjson` are 'alarm clock'."""
    stem = _TEXT.sub("", unquote(Path(name).name))
    return " ".join(_SUFFIX.sub("", _PREFIX.sub("", stem)).replace("_", " ").split())


def find(sources: list[Path], options: Options, scratch: Path) -> Found:
    """Chunks of all ndjson and CSV files among files, folders and zip archives, in sorted order.

    Where every file is named for an official class, the names alone decide which classes are chosen, and
    only their files are read. Files that are packed, in another encoding or no lines of JSON are written into
    `scratch` as such, each drawing in the line where it was.
    """
    dropped, bad = Counter[str](), list[Bad]()
    files = list(dict.fromkeys(file for source in sources for file in _listed(source, dropped, bad)))
    classes = _classes_by_name(files, options)
    if classes:
        files = [file for file in files if class_of(file.origin) in classes]
    chunks, packed = [], []
    for number, (path, file) in enumerate(zip(unpack(files, scratch), files, strict=True)):
        word, plain = class_of(file.origin), path
        if not is_plain(path, file.origin):
            try:
                plain = _as_lines(path, file.origin, scratch / f"{number:05d}.ndjson")
            except NoDrawings as other:
                if len(files) == 1:
                    raise
                drop(Bad("not_read_csv", str(other), file.origin), dropped, bad)
                continue
            packed += [(path, file.origin)] if file.member is None else []
        chunks += [Chunk(plain, file.origin, word, start, end) for start, end in cuts(plain.stat().st_size)]
    return Found(tuple(chunks), classes, dropped, tuple(bad), extra_files=tuple(packed))


def _listed(source: Path, dropped: Counter[str], bad: list[Bad]) -> list[Listed]:
    """The files of a source that may hold drawings; others are counted.

    A `.json` among files of other kinds mostly says something about them, and is left out.
    """
    files = list_files(source, ".ndjson", SUFFIXES)
    drop_others(source, SUFFIXES, dropped, bad)
    kept = [file for file in files if text_suffix(file.origin) != ".json"] or files
    for file in files:
        if file not in kept:
            drop_unread(file.origin, dropped, bad)
    return kept


def _as_lines(path: Path, name: str, target: Path) -> Path:
    """Write the drawings of a file as lines of JSON, blank lines between them where there was more."""
    written = 0
    with target.open("wb") as file:
        for number, line in json_lines(path, name):
            file.write(b"\n" * (number - written - 1) + line.replace(b"\n", b" ") + b"\n")
            written = number
    return target


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
    summary="Quick, Draw! ndjson or CSV: simplified, raw or labelled by parts",
    source_url="https://github.com/googlecreativelab/quickdraw-dataset",
    licence="CC BY 4.0",
    citation=CITATION,
    find=find,
    index=index,
    read=read,
    example=f"lines such as {EXAMPLE}",
)
