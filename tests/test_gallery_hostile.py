# ruff: noqa: F811 (an imported fixture is an argument by the same name)
"""Broken and forged galleries: each is refused in one line, whether or not its checksums were forged too."""

from __future__ import annotations

import json
import os
import struct
import zlib

import numpy as np
import pytest

from sketchspace.encoder.embedder import Embedder
from sketchspace.errors import UserError
from sketchspace.files import read_json, sha256_of, write_json
from sketchspace.gallery.gallery import Gallery
from sketchspace.gallery.thumbnails import decode_thumbnail
from tests.encoder_fixture import EMBEDDING_SIZE, SIZE, gallery_folder, run_and_data  # noqa: F401


def forge(folder):
    """Make the checksums fit the files again, as an attacker would."""
    info = read_json(folder / "gallery.json")
    info["sha256"] = {name: sha256_of(folder / name) for name in info["sha256"] if (folder / name).exists()}
    write_json(folder / "gallery.json", info)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def pickled(path):
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)


def archived(path):
    with path.open("wb") as file:
        np.savez(file, vectors=np.zeros((60, EMBEDDING_SIZE), np.float32))


def reshaped(path):
    np.save(path, np.load(path).T)


def widened(path):
    np.save(path, np.load(path).astype(np.float64))


@pytest.mark.parametrize("damage", [truncate, pickled, archived, reshaped, widened, os.remove])
@pytest.mark.parametrize("forged", [False, True])
def test_broken_vectors_are_refused(gallery_folder, damage, forged):
    damage(gallery_folder / "vectors.npy")
    if forged:
        forge(gallery_folder)
    with pytest.raises(UserError, match=r"vectors\.npy") as refused:
        Gallery.open(gallery_folder)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["vectors.npy", "items.jsonl", "encoder.tflite", "encoder.json"])
def test_one_changed_byte_is_noticed(gallery_folder, name):
    data = bytearray((gallery_folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (gallery_folder / name).write_bytes(data)
    with pytest.raises(UserError, match="checksum"):
        Gallery.open(gallery_folder)


def edit_first_item(folder, changes):
    lines = (folder / "items.jsonl").read_text().splitlines()
    lines[0] = json.dumps(json.loads(lines[0]) | changes)
    (folder / "items.jsonl").write_text("\n".join(lines) + "\n")
    forge(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "../../secret.png"},
        {"path": "/etc/passwd"},
        {"path": "thumbnails/00000/00000003.png"},
        {"index": 3},
        {"label": 1},
        {"label": -3},
        {"label": "0"},
        {"class_name": "gun"},
        {"key": ["a"]},
        {"surplus": 1},
    ],
)
def test_a_forged_item_is_refused_when_it_is_asked_for(gallery_folder, changes):
    edit_first_item(gallery_folder, changes)
    gallery = Gallery.open(gallery_folder)
    with pytest.raises(UserError, match="line 1"):
        gallery.items[0]
    assert gallery.items[1].index == 1


@pytest.mark.parametrize("text", ["", "{}\n", "{}\n" * 61, "[]\n" * 60 + "x"])
def test_a_wrong_number_of_items_is_refused(gallery_folder, text):
    (gallery_folder / "items.jsonl").write_text(text)
    forge(gallery_folder)
    with pytest.raises(UserError, match=r"items\.jsonl"):
        Gallery.open(gallery_folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"num_items": 10**12},
        {"num_items": "60"},
        {"num_items": 59},
        {"normalize": "yes"},
        {"classes": "abc"},
        {"classes": [1, 2, 3]},
        {"sha256": {}},
        {"schema_version": 99},
        {"embedding_size": 25},
        {"image_size": 64},
        {"surplus": 1},
    ],
)
def test_a_forged_description_is_refused(gallery_folder, changes):
    write_json(gallery_folder / "gallery.json", read_json(gallery_folder / "gallery.json") | changes)
    with pytest.raises(UserError):
        Gallery.open(gallery_folder)


@pytest.mark.parametrize("data", [b"", b"not a flatbuffer" * 40])
def test_a_broken_encoder_is_refused_in_one_line(gallery_folder, data, capfd):
    (gallery_folder / "encoder.tflite").write_bytes(data)
    forge(gallery_folder)
    with pytest.raises(UserError, match=r"encoder\.tflite is not the encoder"):
        Gallery.open(gallery_folder).open_embedder()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"embedding_size": 7},
        {"image_size": 10**6},
        {"input_size": SIZE - 1},
        {"classes": ["one"]},
        {"inputs": ["strokes"]},
        {"model": 3},
        {"schema_version": 1},
    ],
)
def test_an_encoder_unlike_its_description_is_refused(run_and_data, changes):
    export = run_and_data[0] / "export"
    write_json(export / "encoder.json", read_json(export / "encoder.json") | changes)
    with pytest.raises(UserError, match="encoder"):
        Embedder.open(export)


def test_a_thumbnail_outside_the_gallery_is_not_followed(gallery_folder, tmp_path):
    gallery = Gallery.open(gallery_folder)
    thumbnail = gallery_folder / gallery.items[0].path
    thumbnail.rename(tmp_path / "outside.png")
    thumbnail.symlink_to(tmp_path / "outside.png")
    with pytest.raises(UserError, match="missing"):
        gallery.thumbnail(0)


def test_a_thumbnail_that_would_fill_the_memory_is_not_decoded(gallery_folder):
    gallery = Gallery.open(gallery_folder)
    path = gallery_folder / gallery.items[0].path
    data = path.read_bytes()
    path.write_bytes(data[:16] + struct.pack(">II", 60_000, 60_000) + data[24:])
    with pytest.raises(UserError, match=f"not a PNG of {SIZE} x {SIZE}"):
        gallery.thumbnail(0)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*parts: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in parts)


HEAD = (b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0))
ROWS = (b"IDAT", zlib.compress(bytes([0, 1, 2, 3, 4] * 4)))
END = (b"IEND", b"")


def test_a_thumbnail_is_its_pixels_whatever_stands_beside_them(capfd):
    wanted = [[1, 2, 3, 4]] * 4
    for beside in (b"tEXt", b"iCCP", b"acTL", b"fcTL", b"eXIf"):
        data = png(HEAD, (beside, b"\xff" * 26), ROWS, END)
        assert decode_thumbnail(data, 4, "x").tolist() == wanted
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "parts",
    [
        (HEAD, END),
        (HEAD, ROWS),
        (HEAD, HEAD, ROWS, END),
        (HEAD, (b"PLTE", b"abc"), ROWS, END),
        (HEAD, (b"IDAT", zlib.compress(bytes(19))), END),
        (HEAD, (b"IDAT", zlib.compress(bytes(1 << 24))), END),
        (HEAD, (b"IDAT", zlib.compress(bytes([9] * 20))), END),
        (HEAD, (b"IDAT", b"junk"), END),
        (HEAD, ROWS, (b"IEND", b"x")),
        ((b"IHDR", HEAD[1][:8] + b"\x10\0\0\0\0"), ROWS, END),
        ((b"IHDR", HEAD[1][:8] + b"\x08\0\0\0\1"), ROWS, END),
        ((b"IHDR", HEAD[1] + b"more"), ROWS, END),
    ],
)
def test_a_damaged_thumbnail_is_refused_and_the_decoder_says_nothing(parts, capfd):
    with pytest.raises(UserError, match="not a PNG of 4 x 4 pixels"):
        decode_thumbnail(png(*parts), 4, "x")
    damaged = bytearray(png(HEAD, ROWS, END))
    damaged[40] ^= 1
    with pytest.raises(UserError, match="not a PNG"):
        decode_thumbnail(bytes(damaged), 4, "x")
    assert capfd.readouterr().err == ""
