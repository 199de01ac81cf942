"""QMUL ShoeV2 and ChairV2: photos with several drawings each, and ChairV2's drawings as strokes.

The folders are known by their names, in any of the published layouts: `photo_train`, `train/photo`,
`photo/train` with sketches alike, or `trainA`, `trainB`, `testA`, `testB`. Sketches are called
`<name of the photo>_<k>.png`.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import NamedTuple

from preprocess.sources import paired_files
from preprocess.sources.archives import Listed, unpack
from preprocess.sources.published_files import SPLITS, listed_files, source_of, with_validation
from preprocess.spec import Bad, Chunk, DatasetSpec, Found, Options, PictureFile
from sketchspace.errors import UserError

PUBLISHED = {"shoe": (1800, 200), "chair": (300, 100)}
"""Photos for training and for testing; numbers of sketches differ between papers and are not checked."""
_PICTURE = re.compile(r"\.(png|jpe?g)", re.IGNORECASE)
_DOMAINS = {"sketch": 0, "sketches": 0, "photo": 1, "photos": 1, "image": 1, "images": 1}
_NUMBERED = re.compile(r"(.+)_([^_]+)")  # mostly a number, or who drew it


class _Picture(NamedTuple):
    split: int
    domain: int
    name: str  # of the object
    turn: str  # the number of the sketch
    file: Listed


def find(word: str, sources: list[Path], options: Options, scratch: Path) -> Found:
    """One chunk with the pictures of the only class; sketches without a photo are left out and named."""
    if options.classes not in ((), (word,)):
        raise UserError(f"this data has one class, '{word}'; leave out --classes")
    pictures = _pictures(sources)
    if not pictures:
        raise UserError(
            f"{sources[0]} has no folders of photos and sketches; expected train/photo, train/sketch, "
            "test/photo, test/sketch, or photo_train and so on, or trainA, trainB, testA, testB (the file "
            "ChairV2_Coordinate is for --dataset=chairv2_strokes)"
        )
    photos = {(p.split, p.name) for p in pictures if p.domain}
    lonely = [p for p in pictures if (p.split, p.name) not in photos]
    dropped = Counter[str](missing_photo=len(lonely)) if lonely else Counter[str]()
    bad = [Bad("missing_photo", "its photo is not there", p.file.origin) for p in lonely[:1]]
    pictures = [p for p in pictures if (p.split, p.name) in photos]
    _check_counts(word, photos)
    paths = unpack([p.file for p in pictures], scratch)
    chunk = Chunk(scratch, word, word, pictures=_numbered(word, pictures, paths, options))
    origins = dict(source_of(p.file) for p in pictures)
    return Found((chunk,), (word,), dropped, tuple(bad), extra_files=tuple(origins.items()))


def _numbered(
    word: str, pictures: list[_Picture], paths: list[Path], options: Options
) -> tuple[PictureFile, ...]:
    """Objects get numbers in the order of their names; some of the training ones are for validation."""
    numbers = {name: number for number, name in enumerate(sorted({p.name for p in pictures}))}
    if len(numbers) < len({(p.split, p.name) for p in pictures}):
        both = {p.name for p in pictures if p.split == 0} & {p.name for p in pictures if p.split}
        raise UserError(f"photo {min(both)} is in train and in test; get the data again")
    splits = with_validation(word, ((numbers[p.name], p.split) for p in pictures), options)
    found = []
    for p, path in zip(pictures, paths, strict=True):
        number = numbers[p.name]
        key = f"{word}/{p.name}" + (f"_{p.turn}" if p.turn else "")
        found.append(PictureFile(path, p.file.origin, key, p.domain, number, splits[number, p.split]))
    return tuple(found)


def _pictures(sources: list[Path]) -> list[_Picture]:
    """All pictures in folders that say split and domain, sketches after the photos."""
    lettered: dict[tuple[int, str], list[Listed]] = {}
    found = []
    for inside, file in listed_files(sources):
        folder, _, name = inside.rpartition("/")
        if not _PICTURE.fullmatch(Path(name).suffix):
            continue
        words = re.findall(r"[a-z]+", folder.lower())
        split = next((SPLITS[part] for part in reversed(words) if part in SPLITS), None)
        domain = next((_DOMAINS[part] for part in reversed(words) if part in _DOMAINS), None)
        letter = re.fullmatch(r"(train|test)([ab])", words[-1] if words else "")
        if split is not None and domain is not None:
            found.append(_picture(split, domain, file))
        elif letter:
            lettered.setdefault((SPLITS[letter[1]], letter[2]), []).append(file)
    for split in SPLITS.values():
        found += _of_letters(split, lettered.get((split, "a"), []), lettered.get((split, "b"), []))
    return sorted(found, key=lambda p: (p.split, -p.domain, p.name, p.turn))


def _of_letters(split: int, first: list[Listed], second: list[Listed]) -> list[_Picture]:
    """Which of two folders has the sketches: the one whose names are those of the other with a number."""
    names = [{Path(file.origin).stem for file in files} for files in (first, second)]
    owners = [{match[1] for name in group if (match := _NUMBERED.fullmatch(name))} for group in names]
    turned = len(owners[0] & names[1]) < len(owners[1] & names[0])
    photos, sketches = (first, second) if turned else (second, first)
    return [_picture(split, 1, file) for file in photos] + [_picture(split, 0, file) for file in sketches]


def _picture(split: int, domain: int, file: Listed) -> _Picture:
    stem = Path(file.origin).stem
    if domain:
        return _Picture(split, domain, stem, "", file)
    match = _NUMBERED.fullmatch(stem)
    return _Picture(split, domain, match[1] if match else stem, match[2] if match else "1", file)


def _check_counts(word: str, photos: set[tuple[int, str]]) -> None:
    """Say it where there are other numbers of photos than published: papers differ in their splits."""
    found = tuple(sum(split == wanted for split, _ in photos) for wanted in SPLITS.values())
    if found != PUBLISHED[word]:
        print(
            f"{word}: {found[0]:,} photos for training and {found[1]:,} for testing, published are "
            f"{PUBLISHED[word][0]:,} and {PUBLISHED[word][1]:,}; results may not be comparable",
            file=sys.stderr,
        )


def _spec(name: str, word: str) -> DatasetSpec:
    train, test = PUBLISHED[word]
    return DatasetSpec(
        name=name,
        summary=f"QMUL {name[:-2].title()}V2: {train:,} and {test} photos with several drawings each",
        source_url="https://sketchx.ai/downloads/",
        licence="not stated; research use",
        citation="Q. Yu et al.: Sketch Me That Shoe. CVPR 2016 (the V2 sets were published later).",
        find=partial(find, word),
        index=paired_files.index,
        read=paired_files.read,
        has_strokes=False,
        defaults={"fit": "keep"},
    )


SHOEV2 = _spec("shoev2", "shoe")
CHAIRV2 = _spec("chairv2", "chair")
