"""`preview.png`: a contact sheet of a data set folder, a few drawings of each class, photos beside them."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sketchspace.files import write_bytes
from tfrecords.dataset import DatasetFolder, decode_image, decode_shown
from tfrecords.png import encode_png
from tfrecords.schema import DOMAINS, Record

FILE_NAME = "preview.png"
MAX_CLASSES = 400
MAX_RECORDS = 20_000
"""How many records are looked through for drawings; a class that does not occur among them shows fewer."""

PAPER, INK, QUIET, FRAME = 255, 32, 112, 224
TILE, GAP, MARGIN, HEADER, NAME, GUTTER = 72, 8, 40, 96, 132, 36
ROW = TILE + GAP
Pixels = NDArray[np.uint8]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def write_preview(folder: DatasetFolder) -> Path:
    """Draw the contact sheet of a folder's first split into it, whole or not at all; returns its path."""
    columns, drawings = layout(min(folder.manifest.num_classes, MAX_CLASSES))
    sheet = draw_sheet(folder, pick(folder, drawings), columns, drawings)
    path = folder.path / FILE_NAME
    write_bytes(path, encode_png(np.asarray(sheet)))
    return path


def layout(num_classes: int) -> tuple[int, int]:
    """Columns of classes, and pictures of each: (columns, pictures), wide rows for few classes."""
    columns = 1 if num_classes <= 12 else 2 if num_classes <= 40 else 3 if num_classes <= 120 else 4
    return columns, (12, 6, 4, 3)[columns - 1]


def pick(folder: DatasetFolder, drawings: int) -> dict[int, list[Pixels]]:
    """The first pictures of each label in a folder's first split: label -> uint8 `[size, size]` pictures.

    Where there are photos it is sketches and photos `[size, size, 3]` in turn, each two of one object.
    """
    if folder.manifest.has_photos:
        return _pick_pairs(folder, drawings // 2)
    wanted = min(folder.manifest.num_classes, MAX_CLASSES)
    found: dict[int, list[Pixels]] = {label: [] for label in range(wanted)}
    missing = wanted * drawings
    for record in _looked_through(folder):
        pictures = found.get(record.label)
        if pictures is not None and len(pictures) < drawings:
            pictures.append(decode_image(record, folder.manifest.image_size))
            missing -= 1
            if not missing:
                break
    return found


def _looked_through(folder: DatasetFolder) -> Iterator[Record]:
    return islice(folder.records(next(iter(folder.manifest.counts))), MAX_RECORDS)


def _pick_pairs(folder: DatasetFolder, pairs: int) -> dict[int, list[Pixels]]:
    """Label -> sketch, photo, sketch, photo, ... of its first objects that have both."""
    domains = defaultdict[tuple[int, int], set[str]](set)
    for record in _looked_through(folder):
        domains[record.label, record.instance].add(record.domain)
    chosen: dict[int, list[tuple[int, str]]] = {
        label: [] for label in range(min(folder.manifest.num_classes, MAX_CLASSES))
    }
    for (label, instance), there in sorted(domains.items()):
        row = chosen.get(label)
        if row is not None and instance >= 0 and len(there) == len(DOMAINS) and len(row) < 2 * pairs:
            row += [(instance, domain) for domain in DOMAINS]
    places = {(label, *who) for label, row in chosen.items() for who in row}
    found: dict[tuple[int, int, str], Pixels] = {}
    for record in _looked_through(folder):
        who = (record.label, record.instance, record.domain)
        if who in places and who not in found:
            found[who] = decode_shown(record, folder.manifest.image_size)
    return {label: [found[label, *who] for who in row] for label, row in chosen.items()}


def draw_sheet(
    folder: DatasetFolder, pictures: dict[int, list[Pixels]], columns: int, drawings: int
) -> Image.Image:
    """Rows of class name and drawings under a title line, in `columns` columns that are read downwards."""
    manifest = folder.manifest
    rows = -(-len(pictures) // columns)
    step = NAME + drawings * ROW + GUTTER
    hidden = manifest.num_classes - len(pictures)
    size = (2 * MARGIN + columns * step - GUTTER, HEADER + rows * ROW + MARGIN + (24 if hidden else 0))
    sheet = Image.new("RGB" if manifest.has_photos else "L", size, _shade(PAPER))
    draw = ImageDraw.Draw(sheet)
    total = sum(manifest.num_examples(split) for split in manifest.counts)
    classes = f"{manifest.num_classes:,} class{'es' if manifest.num_classes > 1 else ''}"
    facts = f"{total:,} examples, {classes}, {manifest.image_size} px"
    _write(draw, (MARGIN, 28), manifest.name, 24, INK, size[0] - 2 * MARGIN)
    _write(
        draw, (MARGIN, 60), f"{facts}, fingerprint {manifest.fingerprint}", 14, QUIET, size[0] - 2 * MARGIN
    )
    for place, (label, row) in enumerate(pictures.items()):
        corner = (MARGIN + place // rows * step, HEADER + place % rows * ROW)
        _draw_row(sheet, draw, corner, manifest.classes[label], row, manifest.has_photos)
    if hidden:
        _write(draw, (MARGIN, size[1] - MARGIN), f"and {hidden:,} classes more", 14, QUIET, NAME * 2)
    return sheet


def _draw_row(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    name: str,
    row: list[Pixels],
    pairs: bool,
) -> None:
    left, top = corner
    _write(draw, (left, top + TILE // 2), name, 15, INK, NAME - 2 * GAP, anchor="lm")
    for place, picture in enumerate(row):
        x = left + NAME + place * ROW - (GAP - 1) * (pairs and place % 2)
        draw.rectangle((x - 1, top - 1, x + TILE, top + TILE), outline=_shade(FRAME))
        sheet.paste(Image.fromarray(_fit(picture)), (x, top))


def _shade(grey: int) -> str:
    """A grey level as Pillow takes it for grey and coloured pictures."""
    return f"#{grey:02x}{grey:02x}{grey:02x}"


def _fit(picture: Pixels) -> Pixels:
    """A picture as uint8 `[TILE, TILE]`, or `[TILE, TILE, 3]`; small ones get paper around."""
    side = len(picture)
    if side > TILE:
        return np.asarray(cv2.resize(picture, (TILE, TILE), interpolation=cv2.INTER_AREA), np.uint8)
    if side <= TILE // 2:
        picture = np.asarray(cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
        return _fit(picture)
    around = (TILE - side) // 2
    tile = np.full((TILE, TILE, *picture.shape[2:]), 255, np.uint8)
    tile[around : around + side, around : around + side] = picture
    return tile


def _write(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    size: int,
    grey: int,
    room: int,
    anchor: str = "la",
) -> None:
    font = _font(size, text.isascii())
    if font.getlength(text) > room:
        while text and font.getlength(text + "...") > room:
            text = text[:-1]
        text = text.rstrip() + "..."
    draw.text(at, text, fill=_shade(grey), font=font, anchor=anchor)


@lru_cache(maxsize=8)
def _font(size: int, english: bool) -> Font:
    """Pillow's own font has English letters only; other alphabets get the file that Matplotlib brings."""
    matplotlib = None if english else importlib.util.find_spec("matplotlib")
    if matplotlib is not None and matplotlib.origin:
        path = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(path, round(0.92 * size))
    return ImageFont.load_default(size)
