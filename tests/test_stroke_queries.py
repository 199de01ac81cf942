"""Encoders of strokes, from drawings to a gallery's answer."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from models.registry import model_spec
from sketchspace.answers.answer import answer
from sketchspace.encoder.embedder import Embedder
from sketchspace.encoder.inputs import Drawings
from sketchspace.encoder.query import read_query
from sketchspace.errors import UserError
from sketchspace.gallery.gallery import Gallery
from sketchspace.sketch.partial import kept_points
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.simplify import simplify_quickdraw
from sketchspace.sketch.strokes import Sketch
from tests.encoder_fixture import CLASSES, drawing, records, write_dataset
from tests.small_models import shaken
from tfrecords.dataset import DatasetFolder
from tfrecords.gallery_items import build_gallery
from training.export import export_run
from training.recipe import make_config, make_recipe
from training.runs import Run


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> DatasetFolder:
    return DatasetFolder.open(write_dataset(tmp_path_factory.mktemp("data") / "shapes", records(12)))


@pytest.fixture(scope="module")
def run(tmp_path_factory, data) -> Run:
    """A small LSTM that reads at most 20 points; circles have 25."""
    settings = {"units": "16", "head": "8", "max_points": "20", "normalize": "false"}
    options, stages = make_recipe(model_spec("lstm"), settings)
    run = Run(tmp_path_factory.mktemp("runs") / "lstm")
    run.claim(make_config(model_spec("lstm"), options, stages, data, seed=0))
    run.save_best(shaken(run.build_encoder()), {"stage": 0, "step": 5})
    export_run(run)
    return run


@pytest.fixture(scope="module")
def embedder(run) -> Embedder:
    return Embedder.open(run.export)


@pytest.fixture
def gallery(run, data, tmp_path) -> Gallery:
    build_gallery(run.path, data.path, "test", tmp_path / "gallery")
    return Gallery.open(tmp_path / "gallery")


def lines_of(count: int, seed: int = 0) -> list[np.ndarray]:
    """Drawings of 1 to `count` points."""
    rng = np.random.default_rng(seed)
    drawings = []
    for length in rng.permutation(np.arange(1, count + 1)):
        points = rng.uniform(0, 255, (length, 3)).astype(np.float32)
        points[:, 2] = rng.random(length) < 0.3
        points[-1, 2] = 1
        drawings.append(points)
    return drawings


def test_drawings_come_back_in_their_order_whatever_their_length(embedder):
    drawings = lines_of(19)
    together = embedder.encode(Drawings(points=drawings), batch_size=4)
    for row, points in enumerate(drawings):
        alone = embedder.encode(Drawings(points=[points]))
        np.testing.assert_allclose(together.embedding[row], alone.embedding[0], atol=1e-5)
        np.testing.assert_allclose(together.logits[row], alone.logits[0], atol=1e-5)


def test_a_read_out_in_the_middle_equals_that_of_the_trained_network(run, embedder):
    [points] = [rows for rows in lines_of(19) if len(rows) == 15]
    encoder = run.load_best()
    for at in (0, 7, 14):
        inputs = {"strokes": points[None], "length": np.array([15]), "read_at": np.array([at])}
        expected = encoder({name: tf.constant(value) for name, value in inputs.items()})["embedding"]
        found = embedder.encode(Drawings(points=[points]), read_at=np.array([at])).embedding
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_read_out_of_a_long_drawing_falls_on_the_kept_point_before_it(embedder):
    [points] = [rows for rows in lines_of(50) if len(rows) == 50]
    kept = kept_points(50, 20).tolist()
    fewer = points[kept].copy()
    stroke = np.concatenate([[0], np.cumsum(points[:-1, 2])])[kept]
    fewer[:, 2] = np.append(stroke[1:] != stroke[:-1], True)
    for at in (0, 17, 30, 49):
        place = max(row for row, index in enumerate(kept) if index <= at)
        expected = embedder.encode(Drawings(points=[fewer]), read_at=np.array([place])).embedding
        found = embedder.encode(Drawings(points=[points]), read_at=np.array([at])).embedding
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("drawings", "message"),
    [
        (Drawings(images=np.full((1, 32, 32), 255, np.uint8)), "a bitmap has no strokes"),
        (Drawings(points=[np.zeros((0, 3), np.float32)]), "drawing 0"),
        (Drawings(points=[np.zeros((2, 3), np.float32), np.full((2, 3), np.nan, np.float32)]), "drawing 1"),
        (Drawings(points=[np.zeros((4, 2), np.float32)]), "one or more"),
    ],
)
def test_what_has_no_sound_strokes_is_refused(embedder, drawings, message):
    with pytest.raises(UserError, match=message):
        embedder.encode(drawings)


def test_a_drawing_of_the_gallery_finds_itself(gallery, tmp_path):
    for number, name in enumerate(CLASSES):
        points = drawing(name, 100 * number).to_points()
        strokes = [stroke.tolist() for stroke in Sketch.from_points(points).strokes]
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"strokes": strokes}))
        [found] = answer(gallery, [read_query(path, gallery.card)], 3, [name])
        assert found.hits[0].key == f"{name}-0"
        assert found.hits[0].distance < 1e-6 < found.hits[1].distance
        assert len(found.guesses) == 3


def test_a_query_says_that_it_was_too_long(gallery, tmp_path):
    strokes = [stroke.tolist() for stroke in drawing("circle", 0).strokes]
    (tmp_path / "circle.json").write_text(json.dumps({"strokes": strokes}))
    query = read_query(tmp_path / "circle.json", gallery.card)
    assert query.notes == ("25 points, the network reads 20: resampled to that many",)
    assert query.points is not None
    assert len(query.points) == 20


def test_a_bitmap_cannot_be_asked(gallery, tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "circle.png"), rasterize(drawing("circle", 0), 64))
    with pytest.raises(UserError, match="is a bitmap, and lstm reads strokes; give a drawing with strokes"):
        read_query(tmp_path / "circle.png", gallery.card)


def test_a_query_is_simplified_where_the_training_drawings_were(gallery, tmp_path):
    corner = np.concatenate([np.linspace((0, 0), (99, 0), 80), np.linspace((99, 0), (99, 99), 80)])
    (tmp_path / "corner.json").write_text(json.dumps({"strokes": [corner.tolist()]}))
    card = dataclasses.replace(gallery.card, simplify=True)
    points = read_query(tmp_path / "corner.json", card).points
    assert points is not None
    np.testing.assert_array_equal(points, simplify_quickdraw(Sketch.of([corner])).to_points())
    assert len(points) < 6


def test_a_data_set_of_pictures_cannot_be_indexed(run, tmp_path):
    made = [dataclasses.replace(record, strokes=None) for record in records(2)]
    data: Path = write_dataset(tmp_path / "pictures", made)
    with pytest.raises(UserError, match="has no strokes to be read"):
        build_gallery(run.path, data, "test", tmp_path / "gallery", allow_other_data=True)
    assert not (tmp_path / "gallery").exists()
