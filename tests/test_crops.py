"""Views of pictures, and the three ways in which they become one vector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sketchspace.encoder.embedder import Embedder
from sketchspace.encoder.inputs import Drawings
from sketchspace.encoder.metadata import EncoderCard
from sketchspace.encoder.views import MODES, blocks, centre, check_mode, join, num_views, views
from sketchspace.errors import UserError
from sketchspace.files import read_json, write_json
from tests.encoder_fixture import EMBEDDING_SIZE, SIZE, records, write_run
from tfrecords.png import decode_png

BY_HAND = ((0, 0), (0, 31), (31, 0), (31, 31), (15, 15))


def random_images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("colour", [(), (3,)])
def test_ten_views_are_the_crops_cut_by_hand_in_the_published_order(colour):
    images = random_images(2, 256, 256, *colour)
    found = views(images, 225)
    assert found.shape == (2, 10, 225, 225, *colour)
    for number, picture in enumerate(images):
        for place, (x, y) in enumerate(BY_HAND):
            crop = picture[y : y + 225, x : x + 225]
            np.testing.assert_array_equal(found[number, place], crop)
            np.testing.assert_array_equal(found[number, place + 5], np.fliplr(crop))
    np.testing.assert_array_equal(centre(images, 225), found[:, 4])


def test_a_network_that_sees_all_has_the_picture_and_its_mirror_image():
    images = random_images(3, 9, 9)
    found = views(images, 9)
    assert (num_views(9, 9), num_views(9, 8)) == (2, 10)
    np.testing.assert_array_equal(found[:, 0], images)
    np.testing.assert_array_equal(found[:, 1], images[..., ::-1])
    np.testing.assert_array_equal(centre(images, 9), images)
    np.testing.assert_array_equal(views(images, 8)[:, 4], images[:, :8, :8])


def test_distances_of_joined_views_are_the_mean_of_ten_matrices():
    rng = np.random.default_rng(1)
    queries, gallery = (rng.normal(size=(n, 10, 256)).astype(np.float32) for n in (7, 11))
    tables = [cdist(queries[:, view], gallery[:, view], "sqeuclidean") for view in range(10)]
    joined = cdist(join(queries, "mean_distance"), join(gallery, "mean_distance"), "sqeuclidean")
    np.testing.assert_allclose(joined, np.mean(tables, axis=0), rtol=1e-5)


def test_mean_features_are_not_scaled_again():
    found = join(np.array([[[1, 0], [0, 1]]], np.float32), "mean_feature")
    assert found.tolist() == [[0.5, 0.5]]
    with pytest.raises(ValueError, match="single"):
        join(np.zeros((1, 2, 3), np.float32), "single")


def test_blocks_cover_everything_once_and_hold_about_a_batch():
    found = list(blocks(2000, 64, 10))
    assert max(part.stop - part.start for part in found) * 10 <= 64
    assert [row for part in found for row in range(part.start, part.stop)] == list(range(2000))
    assert list(blocks(2, 4, 10)) == [slice(0, 1), slice(1, 2)]


class Recorder:
    """Stands in for a network that gives the mean ink of its input, and remembers the largest batch."""

    def __init__(self) -> None:
        self.largest = 0

    def __call__(self, image):
        self.largest = max(self.largest, len(image))
        return {"embedding": image.mean(axis=(1, 2)).astype(np.float32)}


def crop_card(tmp_path, **changes):
    card = EncoderCard.load(write_run(tmp_path / "run", "f") / "export")
    return replace(card, **{"classes": (), **changes})


def test_two_thousand_photos_never_make_more_than_one_batch_of_views(tmp_path):
    card = crop_card(tmp_path, image_size=32, input_size=28, embedding_size=1)
    images, recorder = random_images(2000, 32, 32), Recorder()
    embedder = Embedder(card, recorder)
    found = {mode: embedder.embed(images, 64, mode) for mode in MODES}
    assert recorder.largest <= 64
    assert [found[mode].shape for mode in MODES] == [(2000, 1), (2000, 1), (2000, 10)]
    ink = (255 - views(images[:5], 28)).mean(axis=(2, 3)) / 255
    np.testing.assert_allclose(found["single"][:5, 0], ink[:, 4], rtol=1e-4)
    np.testing.assert_allclose(found["mean_feature"][:5, 0], ink.mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(found["mean_distance"][:5], ink / np.sqrt(10), rtol=1e-4)
    assert card.vector_size("mean_distance") == 10


def test_colours_reach_a_network_of_three_channels_and_grey_is_repeated(tmp_path):
    card = crop_card(tmp_path, channels=3, embedding_size=3)
    embedder, colour = Embedder(card, Recorder()), random_images(2, SIZE, SIZE, 3)
    expected = (255 - colour).mean(axis=(1, 2)) / 255
    np.testing.assert_allclose(embedder.embed(colour), expected, rtol=1e-4)
    grey = embedder.embed(colour[..., 0])
    np.testing.assert_allclose(grey, np.repeat(expected[:, :1], 3, 1), rtol=1e-4)
    with pytest.raises(UserError, match="wants n x"):
        Embedder(replace(card, channels=1), Recorder()).embed(colour)


def test_views_of_the_whole_picture_are_embedded_by_the_exported_network(tmp_path):
    embedder = Embedder.open(write_run(tmp_path / "run", "f") / "export")
    images = np.stack([decode_png(record.image or b"", SIZE) for record in records(3)])
    both = [embedder.encode(np.ascontiguousarray(part)) for part in (images, images[..., ::-1])]
    joined = embedder.encode(images, 5, views="mean_distance")
    expected = np.hstack([part.embedding for part in both]) / np.sqrt(2)
    np.testing.assert_allclose(joined.embedding, expected, atol=1e-5)
    assert joined.embedding.shape == (9, 2 * EMBEDDING_SIZE)
    assert joined.logits is not None and both[0].logits is not None and both[1].logits is not None
    logits = (both[0].logits + both[1].logits) / 2
    np.testing.assert_allclose(joined.logits, logits, atol=1e-5)


def test_strokes_have_no_views(tmp_path):
    card = crop_card(tmp_path, inputs=("length", "read_at", "strokes"))
    line = [np.array([[0, 0, 0], [1, 1, 1]], np.float32)]
    with pytest.raises(UserError, match="no views"):
        Embedder(card, Recorder()).embed(Drawings(points=line), views="mean_feature")
    with pytest.raises(UserError, match="did you mean 'mean_feature'"):
        check_mode("mean_features")


@pytest.mark.parametrize(
    "broken",
    [{"channels": 2}, {"fit": "crop"}, {"photo_as": 1}, {"input_size": SIZE + 1}, {"input_size": "x"}],
)
def test_cards_with_impossible_pictures_are_refused(tmp_path, broken):
    export = write_run(tmp_path / "run", "f") / "export"
    write_json(export / "encoder.json", read_json(export / "encoder.json") | broken)
    with pytest.raises(UserError, match=r"encoder\.json is wrong: (channels|fit|photo_as|input_size)"):
        EncoderCard.load(export)


def test_a_card_of_the_version_before_is_read_as_an_encoder_of_grey_drawings(tmp_path):
    export = write_run(tmp_path / "run", "f") / "export"
    card = read_json(export / "encoder.json") | {"schema_version": 2}
    for name in ("photo_as", "fit", "input_size"):
        del card[name]
    write_json(export / "encoder.json", card)
    found = EncoderCard.load(export)
    assert (found.channels, found.photo_as, found.fit, found.input_size) == (1, "", "box", SIZE)
