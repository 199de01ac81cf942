"""Galleries of an encoder that was not trained on pairs: each domain's mean is taken off."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sketchspace.encoder.embedder import Embedder
from sketchspace.encoder.inputs import Drawings
from sketchspace.encoder.metadata import CARD_FILE
from sketchspace.errors import UserError
from sketchspace.files import read_json, write_json
from sketchspace.gallery.centring import CENTRE_FILE, MOST_PHOTOS
from sketchspace.gallery.gallery import Gallery
from sketchspace.gallery.photo_index import index_photos
from sketchspace.pictures.photos import load_as
from tests.encoder_fixture import SIZE, photo, png_of, write_run
from tests.encoder_fixture import drawing as shaky


@pytest.fixture
def run(tmp_path):
    """A run whose card says that it was not trained on pairs."""
    folder = write_run(tmp_path / "runs" / "tiny", "0123")
    card = folder / "export" / CARD_FILE
    write_json(card, read_json(card) | {"centred": True})
    return folder


def write_photos(folder, count, first=0):
    folder.mkdir(exist_ok=True)
    for number in range(first, first + count):
        assert cv2.imwrite(str(folder / f"{number:03d}.png"), photo(number)[..., ::-1])
    return folder


def slow_centre(run, folder):
    """Means over the photos and over their edge maps, one picture at a time, the less the fewer there are."""
    embedder, sums, count = Embedder.open(run), [0.0, 0.0], 0
    for path in sorted(folder.glob("*.png")):
        for place, kind in enumerate(("edges", "grey")):
            pixels = load_as(path, SIZE, kind, embedder.card.fit).pixels
            sums[place] = sums[place] + embedder.embed(pixels[None])[0].astype(np.float64)
        count += 1
    return [total / (count + 10) for total in sums]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_vectors_and_queries_are_without_their_means(run, tmp_path):
    photos = write_photos(tmp_path / "photos", 12)
    gallery = index_photos(photos, run, tmp_path / "gallery")
    drawings, pictures = slow_centre(run, photos)
    raw = Embedder.open(run).embed(
        Drawings(
            np.stack(
                [load_as(path, SIZE, "grey", gallery.card.fit).pixels for path in sorted(photos.iterdir())]
            )
        )
    )
    assert gallery.info.views == "single"
    np.testing.assert_allclose(gallery.vectors, unit(raw - pictures), atol=1e-5)
    (tmp_path / "q.png").write_bytes(png_of(shaky("circle", 3)))
    asked = Embedder.open(run).embed(gallery.read(tmp_path / "q.png").seen[None])
    query = unit(asked - drawings)
    np.testing.assert_allclose(gallery.embed([tmp_path / "q.png"]), query, atol=1e-5)
    distances = ((gallery.vectors - query) ** 2).sum(axis=1)
    hits = gallery.search(tmp_path / "q.png", k=3)
    assert [hit.index for hit in hits] == np.argsort(distances)[:3].tolist()
    again = Gallery.open(tmp_path / "gallery").search_vectors(asked, 3)[0]
    assert [(hit.index, round(hit.distance, 5)) for hit in again] == [
        (hit.index, round(hit.distance, 5)) for hit in hits
    ]


def test_the_centre_stays_until_the_gallery_has_more_than_doubled(run, tmp_path):
    photos = write_photos(tmp_path / "photos", 6)
    first = index_photos(photos, run, tmp_path / "gallery")
    centre = np.load(tmp_path / "gallery" / CENTRE_FILE)
    write_photos(photos, 5, first=6)
    second = index_photos(photos, run, tmp_path / "gallery")
    assert (second.info.counts["kept"], second.info.counts["embedded"]) == (6, 5)
    np.testing.assert_array_equal(np.load(tmp_path / "gallery" / CENTRE_FILE), centre)
    np.testing.assert_array_equal(second.vectors[:6], first.vectors)
    write_photos(photos, 12, first=11)
    third = index_photos(photos, run, tmp_path / "gallery")
    assert (third.info.counts["kept"], third.info.counts["embedded"]) == (0, 23)
    assert np.abs(np.load(tmp_path / "gallery" / CENTRE_FILE) - centre).max() > 1e-4


def test_photos_that_are_added_get_the_centre_of_their_gallery(run, tmp_path):
    photos = write_photos(tmp_path / "photos", 8)
    gallery = index_photos(photos, run, tmp_path / "gallery")
    more = write_photos(tmp_path / "more", 1, first=50)
    assert gallery.add(more) == 1
    raw = Embedder.open(run).embed(load_as(more / "050.png", SIZE, "grey", gallery.card.fit).pixels[None])
    np.testing.assert_allclose(gallery.vectors[8:], unit(raw - slow_centre(run, photos)[1]), atol=1e-5)
    assert gallery.remove("003.png") == 1
    assert gallery.contents.centre is not None
    assert len(Gallery.open(tmp_path / "gallery")) == 8


def test_a_changed_centre_is_noticed(run, tmp_path):
    index_photos(write_photos(tmp_path / "photos", 3), run, tmp_path / "gallery")
    rows = np.load(tmp_path / "gallery" / CENTRE_FILE)
    np.save(tmp_path / "gallery" / CENTRE_FILE, rows + 1)
    with pytest.raises(UserError, match=r"centre\.npy is not the file"):
        Gallery.open(tmp_path / "gallery")


def test_no_more_photos_than_needed_are_read_for_a_centre(run, tmp_path, monkeypatch):
    from sketchspace.gallery import centring

    read = []
    monkeypatch.setattr(centring, "_both", lambda path, card: read.append(path.name))
    names = [f"{number:04d}.png" for number in range(5 * MOST_PHOTOS)]
    assert centring.centre_of(tmp_path, names, Embedder.open(run), "single") is None
    assert len(read) == MOST_PHOTOS
    assert (read[0], read[-1]) == (names[0], names[-1])


def test_an_encoder_of_pairs_has_no_centre(tmp_path):
    run = write_run(tmp_path / "runs" / "tiny", "0123")
    gallery = index_photos(write_photos(tmp_path / "photos", 3), run, tmp_path / "gallery")
    assert gallery.contents.centre is None
    assert not (tmp_path / "gallery" / CENTRE_FILE).exists()
