"""Galleries of plain folders of photos and of paired data sets."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from sketchspace.answers.answer import answer, true_classes, write_answers
from sketchspace.arrays.mat import read_mat, write_mat
from sketchspace.encoder.embedder import Embedder
from sketchspace.encoder.picture_stacks import prepared, stack_of
from sketchspace.encoder.query import read_query
from sketchspace.encoder.views import MODES
from sketchspace.errors import UserError
from sketchspace.files import read_json, write_json
from sketchspace.gallery.gallery import Gallery
from sketchspace.gallery.photo_index import index_photos
from sketchspace.gallery.thumbnails import decode_thumbnail, encode_thumbnail
from sketchspace.pictures.photos import load_as
from tests.encoder_fixture import EMBEDDING_SIZE, SIZE, photo, records, write_dataset, write_pairs, write_run
from tests.test_query import ROOT, assert_one_line_error, retrieve
from tfrecords.gallery_items import build_gallery
from tfrecords.manifest import Manifest


def write_photo(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(photo(seed), cv2.COLOR_RGB2BGR))


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "runs" / "tiny", "0123")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "catalogue"
    for number, name in enumerate(("a.png", "b.jpg", "more/c.webp", "more/deep/d.JPEG", "e.bmp")):
        write_photo(folder / name, number)
    return folder


def vectors_by_key(folder):
    gallery = Gallery.open(folder)
    return {gallery.items[i].key: gallery.vectors[i].copy() for i in range(gallery.info.num_items)}


def test_every_photo_of_a_folder_finds_itself_and_is_shown_in_colour(run, photos, tmp_path):
    info = index_photos(photos, run, tmp_path / "gallery").info
    gallery = Gallery.open(tmp_path / "gallery")
    keys = [gallery.items[index].key for index in range(5)]
    assert keys == ["a.png", "b.jpg", "e.bmp", "more/c.webp", "more/deep/d.JPEG"]
    loaded = [load_as(photos / key, SIZE, "grey", "box") for key in keys]
    embedded = Embedder.open(run / "export").embed(
        np.stack([one.pixels for one in loaded]), views="mean_distance"
    )
    hits = gallery.search_vectors(embedded, 2)
    assert [found[0].key for found in hits] == keys
    assert [found[0].photo for found in hits] == [str(photos / key) for key in keys]
    assert (hits[0][0].label, hits[0][0].class_name) == (-1, "")
    for index, one in enumerate(loaded):
        np.testing.assert_array_equal(gallery.thumbnail(index), one.shown)
    assert gallery.thumbnail(0).shape == (SIZE, SIZE, 3)
    assert info.counts == {"photo": 5, "embedded": 5, "kept": 0, "removed": 0, "skipped": 0}
    assert (info.source, info.views, info.classes, info.domain) == ("photos", "mean_distance", (), "photo")


def test_again_only_what_is_new_or_changed_is_embedded(run, photos, tmp_path, monkeypatch):
    index_photos(photos, run, tmp_path / "gallery")
    before = vectors_by_key(tmp_path / "gallery")
    (photos / "b.jpg").rename(photos / "renamed.jpg")
    (photos / "e.bmp").unlink()
    write_photo(photos / "a.png", 70)
    write_photo(photos / "new.png", 71)
    embedded, embed = [], Embedder.embed

    def counted(self, given, **named):
        embedded.append(len(given))
        return embed(self, given, **named)

    monkeypatch.setattr(Embedder, "embed", counted)
    info = index_photos(photos, run, tmp_path / "gallery").info
    after = vectors_by_key(tmp_path / "gallery")
    assert sum(embedded) == 2
    assert info.counts == {"photo": 5, "embedded": 2, "kept": 3, "removed": 2, "skipped": 0}
    assert list(after) == ["a.png", "more/c.webp", "more/deep/d.JPEG", "new.png", "renamed.jpg"]
    np.testing.assert_array_equal(after["renamed.jpg"], before["b.jpg"])
    assert not np.allclose(after["a.png"], before["a.png"])
    index_photos(photos, run, tmp_path / "fresh")
    for key, vector in vectors_by_key(tmp_path / "fresh").items():
        np.testing.assert_allclose(after[key], vector, atol=1e-6)
    again = index_photos(photos, run, tmp_path / "gallery").info
    assert (again.counts["embedded"], again.fingerprint) == (0, info.fingerprint)


def test_another_encoder_other_views_or_a_broken_gallery_embed_everything(run, photos, tmp_path):
    out = tmp_path / "gallery"
    told: list[str] = []
    index_photos(photos, run, out, views="single")
    info = index_photos(photos, run, out, views="mean_distance", tell=told.append).info
    assert info.counts["embedded"] == 5 and info.embedding_size == 2 * EMBEDDING_SIZE
    card = read_json(run / "export" / "encoder.json")
    write_json(run / "export" / "encoder.json", card | {"run": "another"})
    assert (
        index_photos(photos, run, out, views="mean_distance", tell=told.append).info.counts["embedded"] == 5
    )
    (out / "vectors.npy").write_bytes(b"broken")
    assert (
        index_photos(photos, run, out, views="mean_distance", tell=told.append).info.counts["embedded"] == 5
    )
    assert len(told) == 3 and all("embedded anew" in line for line in told)


def bomb():
    """A PNG that says it has 60,000 x 60,000 pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def make_hostile(photos, outside):
    (photos / "bomb.png").write_bytes(bomb())
    (photos / "cut.jpg").write_bytes((photos / "b.jpg").read_bytes()[:-200])
    (photos / "text.png").write_text("this is no picture")
    (photos / "empty.webp").touch()
    write_photo(outside / "secret.png", 90)
    (photos / "link.png").symlink_to(outside / "secret.png")
    (photos / "away").symlink_to(outside)
    (photos / "inside.png").symlink_to(photos / "a.png")
    os.mkfifo(photos / "pipe.png")
    (photos / ".hidden.png").write_text("x")
    (photos / "notes.txt").write_text("x")


def test_hostile_files_are_named_and_the_others_indexed(run, photos, tmp_path):
    make_hostile(photos, tmp_path / "outside")
    told: list[str] = []
    info = index_photos(photos, run, tmp_path / "gallery", tell=told.append).info
    assert list(vectors_by_key(tmp_path / "gallery")) == sorted(
        ["a.png", "b.jpg", "more/c.webp", "more/deep/d.JPEG", "e.bmp", "inside.png"]
    )
    reasons = dict(line.removeprefix("skipped ").split(": ", 1) for line in told if "skipped" in line)
    assert info.counts["skipped"] == len(reasons) == 7
    for name, reason in {
        "bomb.png": "megapixels",
        "cut.jpg": "cut off",
        "text.png": "not a readable image",
        "empty.webp": "empty",
        "link.png": "out of the folder",
        "away": "link",
        "pipe.png": "not a file",
    }.items():
        assert reason in reasons[name]
    assert "1 .txt" in told[0]


def test_folders_without_photos_are_refused_and_leave_nothing(run, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="has no photos, and no manifest"):
        index_photos(empty, run, tmp_path / "gallery")
    (empty / "broken.png").write_text("x")
    with pytest.raises(UserError, match=r"no photos that can be read \(1 were skipped\)"):
        index_photos(empty, run, tmp_path / "gallery")
    with pytest.raises(UserError, match="there is no folder"):
        index_photos(tmp_path / "nowhere", run, tmp_path / "gallery")
    card = read_json(run / "export" / "encoder.json")
    write_json(run / "export" / "encoder.json", card | {"photo_as": ""})
    with pytest.raises(UserError, match="trained without photos"):
        index_photos(empty, run, tmp_path / "gallery")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "runs"]


def test_galleries_within_the_folder_are_not_indexed(run, photos):
    index_photos(photos, run, photos / "galleries" / "first")
    assert index_photos(photos, run, photos / "galleries" / "second").info.num_items == 5


def test_queries_use_the_views_of_the_gallery(run, photos, tmp_path):
    for views, width in zip(MODES, (1, 1, 2), strict=True):
        index_photos(photos, run, tmp_path / views, views=views)
        gallery = Gallery.open(tmp_path / views)
        assert gallery.vectors.shape == (5, width * EMBEDDING_SIZE)
        query = read_query(photos / "a.png", gallery.card)
        [found] = answer(gallery, [query], 5, true_classes([], 1, gallery.info.classes))
        assert len(found.hits) == 5
        expected = Embedder.open(run / "export").embed(query.seen[None], views=views)
        assert found.hits[0].distance == pytest.approx(
            float(((gallery.vectors - expected) ** 2).sum(axis=1).min()), abs=1e-4
        )
    assert "photo" in found.to_text().splitlines()[1]
    assert str(photos / "a.png") in found.to_text()
    write_answers(tmp_path / "hits.png", gallery, [found])
    sheet = cv2.imread(str(tmp_path / "hits.png"))
    assert sheet is not None and sheet.shape[0] > 100
    with pytest.raises(UserError, match="no classes"):
        true_classes(["shoe"], 1, gallery.info.classes)


def test_the_command_indexes_a_folder_and_answers_with_paths(run, photos, tmp_path):
    make_hostile(photos, tmp_path / "outside")
    done = retrieve(tmp_path, f"--run={run}", f"--index={photos}")
    assert done.returncode == 0, done.stderr
    assert "6 photo, 6 embedded" in done.stdout and "skipped bomb.png" in done.stderr
    done = retrieve(tmp_path, f"--query={photos}/a.png", "--json", "--top=2")
    [first, _] = json.loads(done.stdout)["hits"]
    assert (first["class"], first["label"]) == ("", -1)
    assert first["photo"].startswith(str(photos)) and (tmp_path / "hits.png").is_file()
    assert_one_line_error(retrieve(tmp_path, f"--run={run}", "--index=runs"), 1, "no photos")


def test_paired_data_is_indexed_by_its_photos_unless_asked_otherwise(tmp_path):
    data = write_pairs(tmp_path / "pairs")
    run = write_run(tmp_path / "tiny", Manifest.load(data).fingerprint)
    info = build_gallery(run, data, "test", tmp_path / "gallery")
    gallery = Gallery.open(tmp_path / "gallery")
    assert (info.num_items, info.domain, info.counts) == (9, "photo", {"photo": 9})
    assert {gallery.items[index].domain for index in range(9)} == {"photo"}
    assert gallery.items[4].instance == 1
    np.testing.assert_array_equal(gallery.thumbnail(4), cv2.resize(photo(4), (SIZE, SIZE)))
    drawn = build_gallery(run, data, "test", tmp_path / "drawn", domain="sketch")
    assert (drawn.num_items, drawn.counts) == (9, {"sketch": 9})
    assert Gallery.open(tmp_path / "drawn").thumbnail(0).shape == (SIZE, SIZE)
    assert build_gallery(run, data, "test", tmp_path / "both", domain="all").num_items == 18
    with pytest.raises(UserError, match="unknown domain 'photos'; did you mean 'photo'"):
        build_gallery(run, data, "test", tmp_path / "none", domain="photos")


def test_photos_made_in_another_way_are_refused(tmp_path):
    data = write_pairs(tmp_path / "pairs")
    run = write_run(tmp_path / "tiny", Manifest.load(data).fingerprint)
    card = read_json(run / "export" / "encoder.json")
    write_json(run / "export" / "encoder.json", card | {"photo_as": "edges"})
    with pytest.raises(UserError, match="photo_as edges"):
        build_gallery(run, data, "test", tmp_path / "gallery")


def test_an_encoder_of_unknown_origin_indexes_any_data(tmp_path):
    data = write_pairs(tmp_path / "pairs")
    info = build_gallery(write_run(tmp_path / "tiny", ""), data, "test", tmp_path / "gallery")
    assert info.encoder_fingerprint == ""


def test_a_gallery_of_the_version_before_is_still_read(tmp_path):
    data = write_dataset(tmp_path / "shapes", records(2))
    run = write_run(tmp_path / "tiny", Manifest.load(data).fingerprint)
    build_gallery(run, data, "test", tmp_path / "gallery", views="single")
    info = read_json(tmp_path / "gallery" / "gallery.json") | {"schema_version": 1}
    for name in ("source", "domain", "views", "counts"):
        del info[name]
    write_json(tmp_path / "gallery" / "gallery.json", info)
    assert Gallery.open(tmp_path / "gallery").info.views == "single"


def test_thumbnails_in_colour_come_back_as_they_were():
    picture = photo(3, (SIZE, SIZE))
    np.testing.assert_array_equal(decode_thumbnail(encode_thumbnail(picture), SIZE, "x"), picture)
    for data in (encode_thumbnail(picture)[:60], encode_thumbnail(photo(3)), b"GIF89a"):
        with pytest.raises(UserError, match="x is not a PNG"):
            decode_thumbnail(data, SIZE, "x")


def test_matlab_photos_become_averaged_features_that_scipy_reads(run, tmp_path):
    stack = np.stack([cv2.cvtColor(photo(n, (50, 50)), cv2.COLOR_RGB2GRAY) for n in range(7)])
    savemat(tmp_path / "photos.mat", {"data": np.moveaxis(stack, 0, 2)})
    command = [
        sys.executable,
        "-m",
        "sketchspace.mat_features",
        f"--run={run}",
        f"--photos={tmp_path}/photos.mat",
    ]
    subprocess.run([*command, f"--out={tmp_path}/out.mat"], cwd=ROOT, check=True, timeout=120)
    found = loadmat(tmp_path / "out.mat")["data"]
    pixels = np.stack([load_as(picture, SIZE, "grey", "box").pixels for picture in stack])
    expected = Embedder.open(run / "export").embed(pixels, views="mean_feature")
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.shape == (7, EMBEDDING_SIZE)
    np.testing.assert_array_equal(read_mat(tmp_path / "out.mat"), found)


def test_stacks_of_pictures_are_told_apart_from_other_arrays(run, tmp_path):
    stack = np.arange(5 * 8 * 8).reshape(5, 8, 8).astype(np.uint8)
    for given in (stack, np.moveaxis(stack, 0, 2), stack.astype(float), stack.astype(np.int64)):
        np.testing.assert_array_equal(stack_of(given, "x"), stack)
    for wrong in (stack[0], stack.astype(float) - 1, stack[..., None], stack * 1.5 + np.nan, stack[:0]):
        with pytest.raises(UserError, match="'data' of x"):
            stack_of(wrong, "x")
    card = Embedder.open(run / "export").card
    with pytest.raises(UserError, match="--ready ones are 32 px"):
        prepared(stack, card, True, "x")
    write_mat(tmp_path / "x.mat", {"other": stack})
    with pytest.raises(UserError, match="there is no 'data'"):
        read_mat(tmp_path / "x.mat")
