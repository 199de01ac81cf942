"""The photos of a plain folder: which files are photos, and what stands in the way of the others."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sketchspace.encoder.metadata import EncoderCard
from sketchspace.errors import UserError
from sketchspace.gallery.metadata import INFO_FILE
from sketchspace.pictures.decode import BITMAPS, MAX_FILE_BYTES
from sketchspace.pictures.photos import Photo, load_as


@dataclass(frozen=True)
class Listing:
    """Files of a folder: `photos` as sorted paths within it, `skipped` as (path, reason) pairs.

    `others` counts files of other kinds by their suffix, `first_others` names the first of each.
    """

    photos: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    others: dict[str, int]
    first_others: dict[str, str]


def list_photos(folder: Path) -> Listing:
    """Look for photos in a folder and the folders within, by the ends of their names.

    Hidden files and folders (a name that begins with a dot) are not looked at. A link is followed if it leads
    to a file within the folder; links to folders and out of the folder are skipped. Galleries inside are left
    out. Raises `UserError` where there is no folder.
    """
    if not folder.is_dir():
        raise UserError(
            f"there is no folder {folder}; expected a folder of photos, or a data set folder, which"
            f" python -m preprocess --out={folder} makes"
        )
    photos, skipped, others, first = [], [], Counter[str](), dict[str, str]()
    for path in sorted(_files(folder)):
        key = path.relative_to(folder).as_posix()
        suffix = path.suffix.lower()
        if suffix not in BITMAPS and not (path.is_symlink() and path.is_dir()):
            others[suffix or path.name] += 1
            first.setdefault(suffix or path.name, key)
            continue
        reason = _obstacle(path, folder.resolve())
        if reason:
            skipped.append((key, reason))
        else:
            photos.append(key)
    return Listing(tuple(sorted(photos)), tuple(sorted(skipped)), dict(others), first)


def _files(folder: Path) -> Iterator[Path]:
    """All files and links, in no particular order; no hidden ones, and nothing behind a link."""
    for parent, names, files in os.walk(folder):
        if INFO_FILE in files:
            names.clear()
            continue
        links = [name for name in names if Path(parent, name).is_symlink()]
        names[:] = [name for name in names if not name.startswith(".") and name not in links]
        yield from (Path(parent, name) for name in (*files, *links) if not name.startswith("."))


def _obstacle(path: Path, root: Path) -> str:
    """Why a file is not read; empty where nothing stands in the way."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8; rename it"
    if not path.resolve().is_relative_to(root):
        return "it is a link out of the folder, which is not followed"
    if path.is_dir():
        return "it is a link to a folder, which is not followed"
    return "" if path.is_file() else "it is not a file"


def read_photo(path: Path) -> tuple[str, bytes]:
    """The SHA-256 and the bytes of a file; a `UserError` where it cannot be read or has more than 64 MB."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UserError(f"the file cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise UserError(f"the file has more than {MAX_FILE_BYTES >> 20} MB; scale it down")
    return hashlib.sha256(data).hexdigest(), data


def decode_photo(data: bytes, card: EncoderCard) -> Photo:
    """A photo as an encoder reads it; a `UserError` where the bytes are no picture."""
    return load_as(data, card.image_size, card.photo_as, card.fit)
