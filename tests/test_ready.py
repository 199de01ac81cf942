"""From a folder of photos to an answer without any training."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from preprocess.sample.pairs import photo, sketches
from sketchspace.encoder.embedder import Embedder
from sketchspace.errors import UserError
from sketchspace.gallery.centring import CENTRE_FILE
from sketchspace.gallery.gallery import Gallery
from sketchspace.ready import READY, READY_IS, ready
from sketchspace.sketch.raster import rasterize
from studies import own_photos
from tests.test_query import assert_one_line_error, retrieve

NAMES = [(word, number) for word in ("bag", "shoe") for number in range(200, 206)]


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """A folder of twelve rendered photos, indexed by the command without a run, and drawings of each."""
    folder = tmp_path_factory.mktemp("ready")
    for word, number in NAMES:
        (folder / "photos" / word).mkdir(parents=True, exist_ok=True)
        (folder / "sketches" / word).mkdir(parents=True, exist_ok=True)
        shot = cv2.cvtColor(photo(word, number, 0), cv2.COLOR_RGB2BGR)
        assert cv2.imwrite(str(folder / "photos" / word / f"{number}.jpg"), shot)
        for turn, sketch in enumerate(sketches(word, number, 0), start=1):
            drawn = rasterize(sketch, 200)
            assert cv2.imwrite(str(folder / "sketches" / word / f"{number}-{turn}.png"), drawn)
    return folder, retrieve(folder, "--index=photos")


def test_photos_are_indexed_and_found_without_a_run(answered):
    folder, done = answered
    assert done.returncode == 0, done.stderr
    assert f"making {READY}, once" in done.stderr and READY_IS in done.stderr
    assert "12 items of photos" in done.stdout
    gallery = Gallery.open(folder / "galleries" / "photos")
    assert (gallery.info.views, gallery.card.centred, gallery.card.fit) == ("single", True, "box")
    assert (folder / "galleries" / "photos" / CENTRE_FILE).is_file()
    asked = retrieve(folder, "--query=sketches/shoe/200-1.png", "--json", "--top=12", "--out=")
    hits = json.loads(asked.stdout)["hits"]
    assert [hit["key"].split("/")[0] for hit in hits[:6]].count("shoe") >= 5


def test_the_second_time_nothing_is_made(answered):
    folder, _ = answered
    done = retrieve(folder, "--index=photos")
    assert "making" not in done.stderr and "encoder: runs/ready" in done.stderr
    assert "0 embedded, 12 kept" in done.stdout


def test_a_gallery_is_measured_by_drawings_of_its_photos(answered):
    folder, _ = answered
    gallery = Gallery.open(folder / "galleries" / "photos")
    lonely = folder / "sketches" / "none.png"
    assert cv2.imwrite(str(lonely), np.full((40, 40), 255, np.uint8))
    pairs, left = own_photos.pairs_of(gallery, folder / "sketches")
    lonely.unlink()
    assert left == ["none.png"]
    assert all(gallery.items[number].key == f"{name[:-6]}.jpg" for name, number in pairs)
    ranks = own_photos.ranks_of(gallery, folder / "sketches", pairs)
    embedded = gallery.embed([folder / "sketches" / name for name, _ in pairs])
    distances = ((embedded[:, None] - gallery.vectors) ** 2).sum(axis=2)
    own = distances[np.arange(len(pairs)), [number for _, number in pairs]]
    assert ranks.tolist() == (1 + (distances < own[:, None]).sum(axis=1)).tolist()
    assert (ranks <= 6).mean() > 0.9


def test_the_ready_encoder_gives_independent_numbers_of_its_grid(answered):
    folder, _ = answered
    embedder = Embedder.open(folder / READY)
    assert embedder.card.embedding_size == 8 * 8 * 64
    found = embedder.embed(np.full((1, 128, 128), 255, np.uint8))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)


def test_a_data_set_needs_a_run_and_a_missing_folder_makes_nothing(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.json").write_text("{}")
    assert_one_line_error(retrieve(tmp_path, "--index=data"), 1, "--run is missing")
    assert_one_line_error(retrieve(tmp_path, "--index=nowhere"), 1, "no encoder")
    assert not (tmp_path / READY).exists()


def test_without_a_checkout_one_is_told_where_it_comes_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="made in a checkout of the project"):
        ready()
