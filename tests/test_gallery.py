# ruff: noqa: F811 (an imported fixture is an argument by the same name)
"""Building and opening galleries, and what happens to broken ones."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from sketchspace.encoder.embedder import Embedder, probabilities
from sketchspace.errors import UserError
from sketchspace.files import read_json, sha256_of, write_json
from sketchspace.gallery.gallery import Gallery, newest_gallery
from tests.encoder_fixture import (
    CLASSES,
    EMBEDDING_SIZE,
    SIZE,
    drawing,
    exported_encoder,
    gallery_folder,  # noqa: F401
    png_of,
    records,
    run_and_data,  # noqa: F401
    write_dataset,
    write_run,
)
from tfrecords.dataset import DatasetFolder
from tfrecords.gallery_items import build_gallery


def stored_images(data):
    return DatasetFolder.open(data).images("test")


def test_litert_gives_what_the_saved_model_gives(run_and_data):
    import tensorflow as tf

    run, data = run_and_data
    images, _, _ = stored_images(data)
    encoded = Embedder.open(run / "export").encode(images, batch_size=7)
    saved = tf.saved_model.load(str(exported_encoder() / "saved_model")).signatures["serving_default"]
    expected = saved(image=tf.constant((255 - images[..., None].astype(np.float32)) / 255))
    np.testing.assert_allclose(encoded.embedding, expected["embedding"], atol=1e-5)
    assert encoded.logits is not None
    np.testing.assert_allclose(encoded.logits, expected["logits"], atol=1e-5)


def test_the_embedder_refuses_pictures_of_another_size(run_and_data):
    embedder = Embedder.open(run_and_data[0] / "export")
    narrow, integers = np.zeros((1, 16, 16), np.uint8), np.zeros((1, SIZE, SIZE), np.int64)
    for images in (narrow, integers.astype(np.uint8)[:0], integers):
        with pytest.raises(UserError, match=f"wants n x {SIZE} x {SIZE} uint8"):
            embedder.embed(images)  # type: ignore[arg-type]


def test_probabilities_are_a_softmax():
    found = probabilities(np.log([[1, 3], [5000, 5000]]).astype(np.float32))
    np.testing.assert_allclose(found, [[0.25, 0.75], [0.5, 0.5]], rtol=1e-6)
    assert probabilities(np.array([[1000.0, 0.0]], np.float32)).tolist() == [[1, 0]]


def test_every_indexed_drawing_finds_itself_first(gallery_folder, run_and_data):
    images, labels, keys = stored_images(run_and_data[1])
    gallery = Gallery.open(gallery_folder)
    hits = gallery.search_vectors(gallery.open_embedder().embed(images, views=gallery.info.views), k=3)
    assert [row[0].key for row in hits] == keys
    assert max(row[0].distance for row in hits) < 1e-6
    assert [row[0].label for row in hits] == labels.tolist()
    assert [row[0].class_name for row in hits] == [CLASSES[label] for label in labels]
    assert [hit.rank for hit in hits[0]] == [1, 2, 3]


def test_thumbnails_are_the_pictures_of_the_data_set(gallery_folder, run_and_data):
    images, _, _ = stored_images(run_and_data[1])
    gallery = Gallery.open(gallery_folder)
    for index in (0, 31, 59):
        np.testing.assert_array_equal(gallery.thumbnail(index), images[index])
        assert (gallery_folder / gallery.items[index].path).is_file()


def test_a_gallery_says_where_it_comes_from(gallery_folder, run_and_data):
    run, data = run_and_data
    info = read_json(gallery_folder / "gallery.json")
    manifest = DatasetFolder.open(data).manifest
    assert (info["model"], info["run"], info["dataset"], info["split"]) == ("tiny", "tiny", "shapes", "test")
    assert info["fingerprint"] == info["encoder_fingerprint"] == manifest.fingerprint
    assert (info["num_items"], info["image_size"]) == (60, SIZE)
    assert (info["views"], info["embedding_size"]) == ("mean_distance", 2 * EMBEDDING_SIZE)
    assert info["classes"] == list(CLASSES)
    assert info["normalize"] is False
    assert info["options"]["run"] == str(run)
    assert info["sha256"]["vectors.npy"] == sha256_of(gallery_folder / "vectors.npy")


def test_a_gallery_answers_when_run_and_data_are_gone(gallery_folder, run_and_data):
    images, _, _ = stored_images(run_and_data[1])
    for folder in run_and_data:
        shutil.rmtree(folder)
    gallery = Gallery.open(gallery_folder)
    [hits] = gallery.search_vectors(
        gallery.open_embedder().embed(images[:1], views=gallery.info.views), k=100
    )
    assert len(hits) == 60
    assert gallery.thumbnail(hits[-1].index).shape == (SIZE, SIZE)


def test_normalised_vectors_have_length_one_and_so_have_queries(run_and_data, tmp_path):
    run, data = run_and_data
    build_gallery(run, data, "test", tmp_path / "unit", normalize=True)
    gallery = Gallery.open(tmp_path / "unit")
    np.testing.assert_allclose(np.linalg.norm(gallery.vectors, axis=1), 1, rtol=1e-5)
    embeddings = gallery.open_embedder().embed(stored_images(data)[0][:5], views=gallery.info.views)
    expected = [hit.key for hit in gallery.search_vectors(embeddings, 4)[2]]
    assert [hit.key for hit in gallery.search_vectors(1000 * embeddings, 4)[2]] == expected


def test_photos_keep_their_domain_and_instance(tmp_path):
    items = [replace(record, domain="photo", instance=7) for record in records(2)]
    data = write_dataset(tmp_path / "photos", items)
    run = write_run(tmp_path / "tiny", DatasetFolder.open(data).manifest.fingerprint)
    build_gallery(run, data, "test", tmp_path / "gallery")
    item = Gallery.open(tmp_path / "gallery").items[3]
    assert (item.domain, item.instance, item.index) == ("photo", 7, 3)


def test_other_data_is_refused_with_both_fingerprints_and_allowed_when_asked(run_and_data, tmp_path):
    run, data = run_and_data
    other = write_dataset(tmp_path / "other", records(2, first_seed=5000), name="other")
    prints = [DatasetFolder.open(folder).manifest.fingerprint for folder in (data, other)]
    with pytest.raises(UserError, match="allow_other_data") as refused:
        build_gallery(run, other, "test", tmp_path / "gallery")
    assert all(fingerprint in str(refused.value) for fingerprint in prints)
    assert not (tmp_path / "gallery").exists()
    info = build_gallery(run, other, "test", tmp_path / "gallery", allow_other_data=True)
    assert [info.encoder_fingerprint, info.fingerprint] == prints


def test_pictures_of_another_size_are_drawn_again_from_their_strokes(tmp_path):
    items = records(2)
    items[4] = replace(items[4], image=png_of(drawing("cross", 1), size=50))
    data = write_dataset(tmp_path / "data", items)
    run = write_run(tmp_path / "tiny", DatasetFolder.open(data).manifest.fingerprint)
    build_gallery(run, data, "test", tmp_path / "gallery")
    expected = stored_images(write_dataset(tmp_path / "same", records(2)))[0][4]
    np.testing.assert_array_equal(Gallery.open(tmp_path / "gallery").thumbnail(4), expected)


def test_a_picture_that_does_not_fit_and_has_no_strokes_is_refused(tmp_path):
    items = records(2)
    items[4] = replace(items[4], image=b"GIF89a", strokes=None)
    data = write_dataset(tmp_path / "data", items)
    run = write_run(tmp_path / "tiny", DatasetFolder.open(data).manifest.fingerprint)
    with pytest.raises(UserError, match=f"{items[4].key} is not a PNG of {SIZE} x {SIZE}"):
        build_gallery(run, data, "test", tmp_path / "gallery")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "tiny"]


def test_building_again_replaces_a_gallery_but_never_another_folder(gallery_folder, run_and_data, tmp_path):
    run, data = run_and_data
    (gallery_folder / "left over").write_text("old")
    build_gallery(run, data, "test", gallery_folder)
    assert not (gallery_folder / "left over").exists()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="not a gallery"):
        build_gallery(run, data, "test", precious)
    assert (precious / "thesis.tex").read_text() == "years of work"


def test_a_data_set_that_miscounts_itself_is_refused(run_and_data, tmp_path):
    run, data = run_and_data
    for count in (59, 61):
        write_json(
            data / "manifest.json",
            read_json(data / "manifest.json") | {"counts": {"test": {"sketch": count}}},
        )
        with pytest.raises(UserError, match="manifest"):
            build_gallery(run, data, "test", tmp_path / "gallery")


def test_missing_things_are_named(run_and_data, tmp_path):
    run, data = run_and_data
    with pytest.raises(UserError, match="no split 'train'"):
        build_gallery(run, data, "train", tmp_path / "gallery")
    with pytest.raises(UserError, match="no export folder"):
        build_gallery(tmp_path / "nowhere", data, "test", tmp_path / "gallery")
    with pytest.raises(UserError, match="no gallery"):
        Gallery.open(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no gallery under"):
        newest_gallery(tmp_path / "nowhere")


def test_the_newest_gallery_is_the_one_built_last(tmp_path):
    for age, name in ((30, "b"), (10, "c"), (20, "a"), (5, ".c.123.partial")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "gallery.json").write_text("{}")
        os.utime(tmp_path / name / "gallery.json", (10_000 - age, 10_000 - age))
    assert newest_gallery(tmp_path).name == "c"
