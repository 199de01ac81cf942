"""Photos and sketches of the same objects in any layout: split by object, checked, made into records."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preprocess.sources.drawn import reason_of
from preprocess.spec import (
    SPLIT_NAMES,
    ZERO_SHOT,
    Bad,
    Chunk,
    Index,
    Options,
    Origin,
    PictureFile,
    drop,
    new_rows,
)
from preprocess.splits import parse_splits
from sketchspace.errors import UserError
from sketchspace.pictures.decode import MAX_FILE_BYTES
from sketchspace.pictures.photos import fit_edges, load_as, load_sketch
from tfrecords.png import encode_png
from tfrecords.schema import DOMAINS, Record

SKETCH, PHOTO = (DOMAINS.index(name) for name in ("sketch", "photo"))
CHECK_SIZE = 16  # px: whether a picture can be read does not depend on the size, the time does

_END = struct.Struct("<IIQ8s")
_MARK = b"\0edgemap"  # between a photo and the edge map behind it


def index(chunk: Chunk, options: Options) -> Index:
    """Look at every picture of a class, photos first; what cannot be used is counted by reason.

    A sketch whose photo cannot be used goes with it (`missing_photo`). Objects that the source has not split
    are dealt by `deal`.
    """
    photos = [picture for picture in chunk.pictures if picture.domain == PHOTO]
    sketches = [picture for picture in chunk.pictures if picture.domain == SKETCH]
    splits = _splits(chunk.word, photos, {sketch.instance for sketch in sketches}, options)
    usable, seen = list[tuple[PictureFile, int]](), set[int]()
    dropped, bad = Counter[str](), list[Bad]()
    for picture in (*photos, *sketches):
        if splits.get(picture.instance) == -1:
            continue  # more objects than were asked for
        try:
            size = _checked(picture, seen, options)
        except UserError as error:
            _note(picture, str(error), dropped, bad)
            if options.strict:
                break
            continue
        usable.append((picture, size))
        if picture.domain == PHOTO:
            seen.add(picture.instance)
    return _index(chunk.word, usable, splits, options, dropped, tuple(bad))


def _splits(word: str, photos: Iterable[PictureFile], drawn: set[int], options: Options) -> dict[int, int]:
    """The split of every object by instance: its own, or the one that it is dealt."""
    if word in options.holdout_classes:
        return {photo.instance: ZERO_SHOT for photo in photos}
    splits = {photo.instance: photo.split for photo in photos}
    free = {photo.instance: photo.key for photo in photos if photo.split < 0}
    paired = {key: instance for instance, key in free.items() if instance in drawn}
    single = {key: instance for instance, key in free.items() if instance not in drawn}
    for objects, exact in ((paired, True), (single, False)):
        dealt = deal(word, tuple(objects), options, exact)
        splits |= {objects[key]: split for key, split in dealt.items()}
    return splits


def deal(word: str, keys: Sequence[str], options: Options, exact: bool = True) -> dict[str, int]:
    """The split of each object of a class as a number of `SPLIT_NAMES`, -1 for none, by seed.

    Objects stand in the order of their ranks, and test is filled first, then validation, then train. With
    fractions object `i` of `n` takes the place (i + u) / n, u in 0..1 by class and seed: over many classes
    the fractions are kept even where a class has few objects. Counts are taken literally, or where
    not `exact` (photos without sketches) as the fractions that they make.
    """
    wanted = parse_splits(options.splits)
    names = [name for name in reversed(SPLIT_NAMES) if name in wanted]
    shares = np.array([wanted[name] for name in names], np.float64)
    places = np.arange(len(keys), dtype=np.float64)
    if exact and all(isinstance(count, int) for count in wanted.values()):
        ends = np.cumsum(shares)
    else:
        ends = np.cumsum(shares / shares.sum())
        ends[-1] = np.inf
        places = (places + _number(options.rank(word)) / 2.0**64) / max(1, len(keys))
    numbers = np.array([*(SPLIT_NAMES.index(name) for name in names), -1])
    ordered = sorted(keys, key=lambda key: _number(options.rank(key)))
    dealt = numbers[np.searchsorted(ends, places, side="right")]
    return dict(zip(ordered, dealt.tolist(), strict=True))


def _number(rank: bytes) -> int:
    return int.from_bytes(rank, "little")


def _checked(picture: PictureFile, seen: set[int], options: Options) -> int:
    """The bytes of a picture that can be used; raises `UserError` for another."""
    if picture.domain == SKETCH and picture.instance not in seen:
        raise UserError("its photo is not there, or cannot be used")
    data = read_file(picture.path, picture.origin)
    size = min(options.image_size, CHECK_SIZE)
    if picture.domain == PHOTO:
        load_as(without_edges(data)[0], size, "grey", options.fit)
    else:
        load_sketch(data, size, options.fit)
    return len(data)


def read_file(path: Path, origin: str) -> bytes:
    """The bytes of a picture; raises `UserError` where there are too many."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UserError(f"{origin} is larger than {MAX_FILE_BYTES >> 20} MB; make it smaller")
    return path.read_bytes()


def _note(picture: PictureFile, detail: str, dropped: Counter[str], bad: list[Bad]) -> None:
    reason = reason_of(detail, picture.domain == PHOTO)
    if detail.startswith("its photo"):
        reason = "missing_photo"
    drop(Bad(reason, detail, picture.origin), dropped, bad)


def _index(
    word: str,
    usable: list[tuple[PictureFile, int]],
    splits: dict[int, int],
    options: Options,
    dropped: Counter[str],
    bad: tuple[Bad, ...],
) -> Index:
    rows = new_rows(len(usable))
    pictures = [picture for picture, _ in usable]
    if usable:
        rows["rank"] = np.frombuffer(b"".join(options.rank(picture.key) for picture in pictures), "<u8")
        rows["length"] = [size for _, size in usable]
        rows["file"] = np.arange(len(usable))
        rows["split"] = [splits[picture.instance] for picture in pictures]
        rows["domain"] = [picture.domain for picture in pictures]
        rows["instance"] = [picture.instance for picture in pictures]
    files = tuple((str(picture.path), picture.key) for picture in pictures)
    return Index(rows, files, (word,), dropped, bad)


def read(data: bytes, origin: Origin, options: Options) -> Record:
    """One picture as a record: a sketch as grey levels, a photo as `options.photo_as` says.

    A published edge map behind the photo (`with_edges`) is taken instead of one found in it.
    """
    size, fit = options.image_size, options.fit
    shown: bytes | None = None
    if origin.domain == "sketch":
        pixels = load_sketch(data, size, fit)
    else:
        photo, edges = without_edges(data)
        published = edges is not None and options.photo_as == "edges"
        loaded = load_as(photo, size, "grey" if published else options.photo_as, fit)
        pixels = fit_edges(edges, size, fit) if published and edges is not None else loaded.pixels
        shown = None if options.photo_as == "rgb" else encode_png(loaded.shown)
    return Record(
        origin.name,
        origin.label,
        origin.class_name,
        domain=origin.domain,
        instance=origin.instance,
        image=encode_png(pixels),
        shown=shown,
    )


def with_edges(photo: bytes, edges: NDArray[np.uint8]) -> bytes:
    """The bytes of a photo, its edge map uint8 `[height, width]`, and where that begins.

    Decoders of photos do not look beyond the end of the picture.
    """
    return photo + edges.tobytes() + _END.pack(*edges.shape, len(photo), _MARK)


def without_edges(data: bytes) -> tuple[bytes, NDArray[np.uint8] | None]:
    """The inverse: the photo, and its edge map where there is one behind it."""
    if len(data) < _END.size or not data.endswith(_MARK):
        return data, None
    height, width, length, _ = _END.unpack(data[-_END.size :])
    if length + height * width + _END.size != len(data):
        return data, None
    return data[:length], np.frombuffer(data, np.uint8, height * width, length).reshape(height, width)
