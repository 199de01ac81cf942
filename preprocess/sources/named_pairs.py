"""Folders and archives of photos and of sketches of the same things, paired by the names of the files.

`photo/<class>/<name>.jpg` and `sketch/<class>/<name>-<k>.png`, or `<class>/photo/..` and `<class>/sketch/..`,
or one class in `photo/` and `sketch/` alone; train, validation and test folders around it where the split is
given. Sketchy's own folders (`photo/tx_000000000000/<class>/..`) are such a layout.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from PIL import Image

from preprocess.classes import choose_classes, clean_name
from preprocess.sources.archives import Listed, list_files, unpack
from preprocess.sources.drawn import SUFFIXES
from preprocess.sources.left_out import drop_others
from preprocess.sources.paired_files import PHOTO, SKETCH
from preprocess.sources.published_files import with_validation
from preprocess.spec import SPLIT_NAMES, Bad, Chunk, Found, Options, PictureFile, drop
from preprocess.splits import SPLIT_FOLDERS
from sketchspace.errors import UserError

MAX_PICTURES = 400_000
DOMAIN_FOLDERS = {"photo": PHOTO, "photos": PHOTO, "sketch": SKETCH, "sketches": SKETCH}
_VARIANT = re.compile(r"tx_\d+")  # Sketchy: how pictures were brought to a square
_TURN = re.compile(r"(.+?)(?:[-_]\d+| ?\(\d+\))")  # shoe-1, shoe_1, and a system's "shoe (1)"
Name = tuple[int, str]


@dataclass(frozen=True)
class Placed:
    """A file, and what its place says of it: domain, class, split (or -1), Sketchy's variant, its name."""

    file: Listed
    domain: int
    word: str
    split: int
    variant: str
    stem: str


def is_paired(source: Path) -> bool:
    """Whether a folder, a class folder in it, or one of a split, has a photo and a sketch folder."""
    folders = [source, *_folders(source)]
    folders += [inner for folder in folders[1:] for inner in _folders(folder)]
    kinds = [{DOMAIN_FOLDERS.get(child.name.lower()) for child in _folders(folder)} for folder in folders]
    return any({PHOTO, SKETCH} <= kind for kind in kinds)


def _folders(path: Path) -> list[Path]:
    return [child for child in path.iterdir() if child.is_dir()] if path.is_dir() else []


def find(sources: list[Path], options: Options, scratch: Path) -> Found:
    """One chunk for each class, with all photos and the sketches that have one.

    A picture that occurs in several sources counts once, the largest. Raises `UserError` for another layout
    and for a class that is not there.
    """
    dropped, bad = Counter[str](), list[Bad]()
    placed = _one_spelling(_one_variant(_placed(sources, dropped, bad)))
    for domain, kind in ((PHOTO, "photo"), (SKETCH, "sketch")):
        if not any(place.domain == domain for place in placed):
            raise UserError(
                f"{', '.join(map(str, sources))} has no {kind}; expected photo/<class>/<name>.jpg and "
                "sketch/<class>/<name>-<k>.png, or <class>/photo and <class>/sketch"
            )
    classes = choose_classes((place.word for place in placed), options)
    by_class: dict[str, list[Placed]] = {word: [] for word in classes}
    for place in _largest(place for place in placed if place.word in by_class):
        by_class[place.word].append(place)
    paired = {word: _paired(places, dropped, bad) for word, places in by_class.items()}
    _check_pairs(paired, bad)
    files = [place.file for places in paired.values() for place, _ in places]
    paths = iter(unpack(files, scratch))
    chunks = [
        Chunk(scratch, word, word, pictures=_pictures(word, places, paths, options))
        for word, places in paired.items()
    ]
    asked = options.classes or options.num_classes
    return Found(tuple(chunks), classes if asked else (), dropped, tuple(bad))


def _placed(sources: list[Path], dropped: Counter[str], bad: list[Bad]) -> Iterator[Placed]:
    for source in sources:
        drop_others(source, SUFFIXES, dropped, bad)
        for file in list_files(source, "picture", SUFFIXES, MAX_PICTURES):
            inside = file.origin.removeprefix(f"{source.name}/") if file.member else file.origin
            place = place_of(inside, source, file)
            if place is not None:
                yield place
            else:
                outside = "its path leads out of the archive"
                detail = outside if ".." in inside else "it lies in no photo or sketch folder of a class"
                drop(Bad("misplaced", detail, file.origin), dropped, bad)


def place_of(inside: str, source: Path, file: Listed) -> Placed | None:
    """What a path within a source says; None for a file that is in no photo or sketch folder."""
    *folders, name = PurePosixPath(inside).parts
    if not _has_domain(folders):
        folders = [source.stem, *folders]
    if not _has_domain(folders) or ".." in folders or inside.startswith("/"):
        return None
    at = next(number for number, folder in enumerate(folders) if folder.lower() in DOMAIN_FOLDERS)
    before, after = folders[:at], folders[at + 1 :]
    variant = after.pop(0) if after and _VARIANT.fullmatch(after[0]) else ""
    split = next((SPLIT_FOLDERS[part.lower()] for part in before if part.lower() in SPLIT_FOLDERS), -1)
    if not after:
        own = [part for part in before if part.lower() not in SPLIT_FOLDERS]
        after = [own[-1] if own else source.stem]
    word = clean_name(after[0].replace("_", " "))
    if word is None or len(after) > 1:
        return None
    return Placed(file, DOMAIN_FOLDERS[folders[at].lower()], word, split, variant, PurePosixPath(name).stem)


def _has_domain(folders: list[str]) -> bool:
    return any(folder.lower() in DOMAIN_FOLDERS for folder in folders)


def _one_variant(places: Iterable[Placed]) -> Iterator[Placed]:
    """Of Sketchy's variants the first of each domain: photos and sketches that are not moved about."""
    places = list(places)
    first: dict[int, str] = {}
    for place in places:
        first[place.domain] = min(place.variant, first.get(place.domain, place.variant))
    return (place for place in places if place.variant == first[place.domain])


def _one_spelling(places: Iterable[Placed]) -> list[Placed]:
    """Sketches of a class that has no photos but for case, `sketch/shoe` beside `photo/Shoe`, go to that."""
    places = list(places)
    words = {place.word for place in places if place.domain == PHOTO}
    alike: dict[str, list[str]] = defaultdict(list)
    for word in words:
        alike[word.casefold()].append(word)
    return [
        replace(place, word=alike[key][0])
        if place.word not in words and len(alike.get(key := place.word.casefold(), [])) == 1
        else place
        for place in places
    ]


def _largest(places: Iterable[Placed]) -> list[Placed]:
    """One file for each picture, the one with the most pixels, sorted by class and name."""
    same: dict[tuple[str, int, int, str], list[Placed]] = defaultdict(list)
    for place in places:
        same[place.word, place.domain, place.split, place.stem].append(place)
    groups = (same[key] for key in sorted(same))
    with ExitStack() as stack:
        opened = cache(lambda path: stack.enter_context(zipfile.ZipFile(path)))  # slow to open
        return [
            group[0] if len(group) == 1 else max(group, key=lambda p: _area(p.file, opened))
            for group in groups
        ]


def _area(file: Listed, opened: Callable[[Path], zipfile.ZipFile]) -> int:
    """Pixels as the header says, 0 where it cannot be read; `opened` gives an archive."""
    try:
        if file.member is None:
            with Image.open(file.path) as image:
                return image.width * image.height
        with opened(file.path).open(file.member) as member:
            head = io.BytesIO(member.read(1 << 16))
        with Image.open(head) as image:
            return image.width * image.height
    except Exception:  # a broken file has no size, and is told of when it is looked at
        return 0


def _paired(places: list[Placed], dropped: Counter[str], bad: list[Bad]) -> list[tuple[Placed, Name]]:
    """The photos of a class, then its sketches, each with the name (split and stem) of its photo.

    Names are compared letter by letter first, then without case and in Unicode's form C.
    """
    photos = {(place.split, place.stem): place for place in places if place.domain == PHOTO}
    alike: dict[Name, list[Name]] = defaultdict(list)
    for split, stem in photos:
        alike[split, _plain(stem)].append((split, stem))
    found = [(place, name) for name, place in photos.items()]
    for place in places:
        if place.domain == SKETCH:
            match = _TURN.fullmatch(place.stem)
            stems = (place.stem, *([match[1]] if match else []))
            exact = [[(place.split, stem)] for stem in stems if (place.split, stem) in photos]
            folded = [alike[name] for stem in stems if (name := (place.split, _plain(stem))) in alike]
            names = next(iter(exact + folded), [])
            if len(names) == 1:
                found.append((place, names[0]))
            else:
                detail = f"no photo '{stems[-1]}'" if not names else "several photos but for case"
                drop(Bad("missing_photo", detail, place.file.origin), dropped, bad)
    return found


def _plain(stem: str) -> str:
    return normalize("NFC", stem).casefold()


def _check_pairs(paired: dict[str, list[tuple[Placed, Name]]], bad: list[Bad]) -> None:
    """Raise `UserError` where no sketch has found its photo: such a data set is of no use."""
    places = [place for found in paired.values() for place, _ in found]
    if all(place.domain == PHOTO for place in places):
        sketch = next((example for example in bad if example.reason == "missing_photo"), None)
        shown = f"{sketch.origin} has {sketch.detail}" if sketch else "there are no sketches of these classes"
        photo = f", the first photo is {places[0].file.origin}" if places else ""
        raise UserError(
            f"no sketch belongs to a photo: {shown}{photo}; expected a "
            "sketch to be named as its photo with -1, _1 or (1) behind, such as a.jpg and a-1.png"
        )


def _pictures(
    word: str, places: list[tuple[Placed, Name]], paths: Iterator[Path], options: Options
) -> tuple[PictureFile, ...]:
    """The pictures of a class; objects get numbers in the order of their names."""
    numbers = {name: number for number, name in enumerate(sorted({name for _, name in places}, key=_natural))}
    splits = with_validation(word, ((number, split) for (split, _), number in numbers.items()), options)
    found = []
    for place, name in places:
        number = numbers[name]
        kind = "photo" if place.domain == PHOTO else "sketch"
        given = f"{SPLIT_NAMES[place.split]}/" if place.split >= 0 else ""
        key = f"{given}{kind}/{word}/{PurePosixPath(place.file.origin).name}"
        split = splits[number, place.split]
        found.append(PictureFile(next(paths), place.file.origin, key, place.domain, number, split))
    return tuple(found)


def _natural(name: Name) -> tuple[int, list[tuple[int, str]]]:
    """Numbers in names count as numbers: 9 stands before 10."""
    return name[0], [(int(part or 0), text) for text, part in re.findall(r"(\D*)(\d{0,18})", name[1])]
