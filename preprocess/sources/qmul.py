"""QMUL Shoes and Chairs: photos, drawings of them, edge maps, triplets and attributes, as published.

Data of "Sketch Me That Shoe" (Yu et al., CVPR 2016). In folders or zip archives:
`<set>/{train,test}/images/<n>.jpg`, `<set>/{train,test}/sketches/<n>.png` with the same number,
`<set>_annotation.json`, `<set>/annotation/image_label.mat` and `<set>_edge_db_{train,test}.mat`.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from preprocess.classes import choose_classes
from preprocess.sources import paired_files
from preprocess.sources.archives import Listed, unpack
from preprocess.sources.paired_files import with_edges
from preprocess.sources.published_files import SPLITS, listed_files, source_of, with_validation
from preprocess.sources.qmul_tables import (
    Annotation,
    check_belongs,
    read_annotation,
    read_attributes,
    read_edges,
)
from preprocess.spec import Bad, Chunk, DatasetSpec, Found, Kept, Options, PictureFile, drop
from sketchspace.errors import UserError

PUBLISHED = {"shoes": (304, 115), "chairs": (200, 97), "handbags": (400, 168)}
"""Pairs for training and for testing."""
_KINDS = ("sketches", "images")
_PICTURE = re.compile(r"(?:.*/)?(\w+)/(train|test)/(images|sketches)/(\d{1,8})\.(?:jpe?g|png)")
_TABLE = re.compile(r"(\w+?)_(annotation\.json|edge_db_(?:train|test)\.mat)")
_LABELS = "image_label.mat"


class _Role(NamedTuple):
    """What a file is: a picture by split, kind and number, or the table called `kind`."""

    word: str
    kind: str
    split: str = ""
    number: int = -1


class _File(NamedTuple):
    path: Path
    origin: str


_Files = dict[_Role, _File]


class Tables(NamedTuple):
    """What people said of one set: annotations by split (may be none), and attributes (may be {})."""

    annotation: dict[str, Annotation]
    attributes: dict[str, Any]


def find(sources: list[Path], options: Options, scratch: Path) -> Found:
    """One chunk for each set; drawings without a photo are left out and named.

    Raises `UserError` for another layout, and for tables that do not belong to the pictures.
    """
    listed: dict[_Role, Listed] = {}
    for inside, file in listed_files(sources):
        role = _role(inside)
        if role is not None:
            listed.setdefault(role, file)
    names = {role.word for role in listed if role.kind in _KINDS}
    if not names:
        raise UserError(
            f"{sources[0]} has no pictures of this data; expected <set>/train/images/<n>.jpg and "
            "<set>/train/sketches/<n>.png, in folders or in zip archives"
        )
    classes = choose_classes(names, options)
    listed = {role: file for role, file in listed.items() if role.word in classes}
    paths = unpack(list(listed.values()), scratch)
    found = {role: _File(path, file.origin) for (role, file), path in zip(listed.items(), paths, strict=True)}
    dropped, bad, chunks, extra = Counter[str](), list[Bad](), list[Chunk](), dict[str, Tables]()
    for word in classes:
        files = {role: file for role, file in found.items() if role.word == word}
        extra[word] = _tables(word, files)
        files = _paired(word, files, dropped, bad)
        chunks.append(_chunk(word, files, extra[word], options, scratch))
    origins = dict(source_of(file) for file in listed.values())
    return Found(tuple(chunks), classes, dropped, tuple(bad), extra, tuple(origins.items()))


def _role(inside: str) -> _Role | None:
    picture = _PICTURE.fullmatch(inside)
    if picture:
        word, split, kind, number = picture.groups()
        return _Role(word, kind, split, int(number))
    *folders, name = inside.split("/")
    if name == _LABELS and folders[-1:] == ["annotation"] and len(folders) > 1:
        return _Role(folders[-2], name)
    table = _TABLE.fullmatch(name)
    return _Role(table[1], table[2]) if table else None


def _numbers(files: _Files, kind: str, split: str) -> set[int]:
    return {role.number for role in files if (role.kind, role.split) == (kind, split)}


def _paired(word: str, files: _Files, dropped: Counter[str], bad: list[Bad]) -> _Files:
    """Without the drawings that have no photo; says what differs from the published set."""
    photos = {split: _numbers(files, "images", split) for split in SPLITS}
    both = photos["train"] & photos["test"]
    if both:
        raise UserError(f"photo {min(both)} of {word} is in train and in test; get the data again")
    lonely = [r for r in files if r.kind == "sketches" and r.number not in photos[r.split]]
    for role in sorted(lonely):
        drop(Bad("missing_photo", "its photo is not there", files[role].origin), dropped, bad)
    found = tuple(len(photos[split] & _numbers(files, "sketches", split)) for split in SPLITS)
    if word in PUBLISHED and found != PUBLISHED[word]:
        lacking = sorted(photos["train"] - _numbers(files, "sketches", "train"))
        lacking += sorted(photos["test"] - _numbers(files, "sketches", "test"))
        without = f"; {len(lacking)} photos have no sketch, first {lacking[0]}" if lacking else ""
        print(
            f"{word}: {found[0]} pairs for training and {found[1]} for testing, published are "
            f"{PUBLISHED[word][0]} and {PUBLISHED[word][1]}{without}",
            file=sys.stderr,
        )
    return {role: file for role, file in files.items() if role not in set(lonely)}


def _tables(word: str, files: _Files) -> Tables:
    """Annotation and attributes of a set, checked against its pictures."""
    file = files.get(_Role(word, "annotation.json"))
    if file is None:
        return Tables({}, {})
    annotation = read_annotation(*file)
    for split, part in annotation.items():
        photos, sketches = (_numbers(files, kind, split) for kind in ("images", "sketches"))
        check_belongs(part, photos, sketches, f"{file.origin}, {split},")
    labels = files.get(_Role(word, _LABELS))
    numbers = tuple(number for split in SPLITS for number in annotation[split].images)
    return Tables(annotation, read_attributes(*labels, numbers) if labels else {})


def _chunk(word: str, files: _Files, tables: Tables, options: Options, scratch: Path) -> Chunk:
    """All pictures of a set; photos that are shown as edges have their edge maps with them."""
    if options.photo_as == "edges":
        files = _edged(word, files, tables, scratch)
    shown = sorted((role, file) for role, file in files.items() if role.kind in _KINDS)
    splits = with_validation(word, ((role.number, SPLITS[role.split]) for role, _ in shown), options)
    pictures = []
    for role, file in shown:
        split = splits[role.number, SPLITS[role.split]]
        key = f"{word}/{role.kind}/{role.number}"
        domain = _KINDS.index(role.kind)
        pictures.append(PictureFile(file.path, file.origin, key, domain, role.number, split))
    return Chunk(scratch, word, word, pictures=tuple(pictures))


def _edged(word: str, files: _Files, tables: Tables, scratch: Path) -> _Files:
    """The same files, with the published edge maps in copies of the photos where there are any."""
    edged = dict(files)
    for split in SPLITS:
        table = files.get(_Role(word, f"edge_db_{split}.mat"))
        if table is None:
            print(f"{word}: no {word}_edge_db_{split}.mat; edges are found in the photos", file=sys.stderr)
            continue
        photos = sorted(_numbers(files, "images", split))
        order = tables.annotation[split].images if tables.annotation else photos
        for number, edges in zip(order, read_edges(*table, len(order)), strict=True):
            role = _Role(word, "images", split, number)
            if role in files:
                path = scratch / f"{word}-{split}-{number}.edged"
                path.write_bytes(with_edges(files[role].path.read_bytes(), edges))
                edged[role] = _File(path, files[role].origin)
    return edged


def annotate(found: Found, kept: Kept, options: Options) -> dict[str, Any]:
    """Triplets whose three objects are in the same split, and attributes, by published numbers."""
    triplets: dict[str, dict[str, list[list[int]]]] = {}
    for split, classes in kept.sketches.items():
        for word, anchors in classes.items():
            published = found.extra[word].annotation.get("test" if split == "test" else "train")
            if published is not None:
                photos = kept.photos[split][word]
                triplets.setdefault(split, {})[word] = published.among(anchors, photos).tolist()
    attributes = {word: tables.attributes for word, tables in found.extra.items() if tables.attributes}
    parts = {"triplets": triplets, "attributes": attributes}
    return {name: part for name, part in parts.items() if part}


SPEC = DatasetSpec(
    name="qmul",
    summary="QMUL Shoes and Chairs: photos, drawings of the same ones, edge maps, triplets",
    source_url="http://www.eecs.qmul.ac.uk/~qian/Project_cvpr16.html",
    licence="not stated; research use",
    citation="Q. Yu, F. Liu, Y.-Z. Song, T. Xiang, T. M. Hospedales, C. C. Loy: Sketch Me That Shoe. CVPR "
    "2016.",
    find=find,
    index=paired_files.index,
    read=paired_files.read,
    has_strokes=False,
    annotate=annotate,
    defaults={"fit": "keep"},
)
