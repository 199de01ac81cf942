"""Image files from outside: turned upright, refused by their header, and explained when broken."""

from __future__ import annotations

import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from sketchspace.errors import UserError
from sketchspace.pictures.bitmaps import load_drawing, load_photo
from sketchspace.pictures.decode import MAX_FILE_BYTES, decode
from sketchspace.sketch.raster import rasterize
from tests.image_files import HOUSE, all_formats, encoded, likeness, picture, saved


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_carried_out(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    grey = picture(HOUSE, 200, 4)[:180]
    # The stored pixels are those that the orientation turns into the upright picture.
    stored = [
        grey,
        grey[:, ::-1],
        grey[::-1, ::-1],
        grey[::-1],
        grey.T,
        np.rot90(grey),
        np.rot90(grey, 2).T,
        np.rot90(grey, -1),
    ][orientation - 1]
    loaded = load_drawing(encoded(np.ascontiguousarray(stored), kind, exif=exif), 64)
    assert likeness(loaded.pixels, rasterize(HOUSE, 64)) > 0.93
    assert ("turned upright as its EXIF data says" in loaded.notes) == (orientation != 1)


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    return header + struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))


def bombs() -> dict[str, bytes]:
    small = np.zeros((4, 4), np.uint8)
    bmp = bytearray(encoded(small, "BMP"))
    bmp[18:26] = struct.pack("<ii", 40_000, 40_000)
    gif = bytearray(encoded(small, "GIF"))
    gif[6:10] = struct.pack("<HH", 60_000, 60_000)
    jpeg = bytearray(encoded(small, "JPEG"))
    start = jpeg.index(b"\xff\xc0")
    jpeg[start + 5 : start + 9] = struct.pack(">HH", 60_000, 60_000)
    return {
        "png": png_header(60_000, 60_000),
        "png a little over": png_header(8_000, 7_000),
        "png overflowing": png_header(2**31 - 1, 2**31 - 1),
        "bmp": bytes(bmp),
        "gif": bytes(gif),
        "jpeg": bytes(jpeg),
    }


@pytest.mark.parametrize("name", list(bombs()))
@pytest.mark.parametrize("load", [load_drawing, load_photo])
def test_a_bomb_is_refused_by_its_header(name, load, monkeypatch):
    def decoding(*_):
        raise AssertionError("the pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoding)
    with pytest.raises(UserError, match="more than 50 megapixels; scale it down"):
        load(bombs()[name], 64)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_cut_off_files_are_explained(kind, share, tmp_path, capfd):
    whole = encoded(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), kind)
    path = tmp_path / f"cut.{kind.lower()}"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UserError, match=r"cut\.\w+ is (a broken or cut off \w+ file|not a readable image)"):
        load_drawing(path, 64)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_damaged_files_never_raise_anything_else(kind):
    rng = np.random.default_rng(3)
    whole = encoded(np.dstack([picture(HOUSE, 60, 2)] * 3), kind)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            damaged[place] = rng.integers(256)
        try:
            assert load_drawing(bytes(damaged), 28).pixels.shape == (28, 28)
        except UserError as error:
            assert str(error)


def test_other_files_are_explained(tmp_path):
    for name, data, message in (
        ("empty.png", b"", "empty.png is empty"),
        ("text.png", b"hello " * 100, "expected PNG, JPEG, WebP, BMP, GIF, TIFF, AVIF, HEIC or SVG"),
        ("drawing.svg", b"<svg><g></svg>", "drawing.svg holds no drawing that can be read"),
        ("page.html", b"<html></html>", "its root is <html>, expected <svg>"),
        ("scan.pcx", saved(Image.new("L", (9, 9)), "PCX"), "expected PNG"),
        ("large.png", bytes(MAX_FILE_BYTES + 1), "at most 64 are read"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=message):
            decode(tmp_path / name)
    with pytest.raises(UserError, match="there is no file"):
        decode(tmp_path / "none.png")
    with pytest.raises(UserError, match="cannot be read"):
        decode(tmp_path)


def test_content_counts_and_not_the_name(tmp_path):
    (tmp_path / "drawing.png").write_bytes(all_formats()["jpeg"])
    assert likeness(load_drawing(tmp_path / "drawing.png", 64).pixels, rasterize(HOUSE, 64)) > 0.93


def test_tiff_and_avif_are_read_like_png() -> None:
    drawing = Image.new("L", (40, 30), 255)
    drawing.paste(0, (10, 5, 20, 25))
    for kind, slack in (("TIFF", 0), ("AVIF", 12)):
        found = decode(saved(drawing, kind)).pixels
        found = found if found.ndim == 2 else found[..., 0]
        assert np.abs(found.astype(int) - np.asarray(drawing)).max() <= slack
    wide = Image.fromarray(np.array([[0, 65535], [257, 514]], np.uint16))
    np.testing.assert_array_equal(decode(saved(wide, "TIFF")).pixels, [[0, 255], [1, 2]])


def test_heic_is_read_or_names_the_package_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    head = b"\0\0\0\x18ftypheic" + bytes(40)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(UserError, match=r"is HEIC, .* pip install pillow-heif"):
        decode(head)
    monkeypatch.delitem(sys.modules, "pillow_heif")
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    drawing = Image.new("RGB", (64, 64), "white")
    assert decode(saved(drawing, "HEIF")).pixels.min() > 240


def test_very_large_pictures_are_scaled_down_after_they_are_decoded():
    decoded = decode(saved(Image.new("L", (8000, 2000), 200), "PNG"))
    assert decoded.pixels.shape == (1732, 6928)
    assert decoded.notes == ("scaled down to 12 megapixels",)
