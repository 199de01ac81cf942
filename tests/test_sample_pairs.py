"""Rendered photos and drawings of the same things: reproducible, and told apart by their shapes."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from preprocess.pipeline import build
from preprocess.sample.pairs import WARES, photo, sketches, ware
from preprocess.sources.sample_pairs import find
from preprocess.spec import Options
from sketchspace.errors import UserError
from sketchspace.sketch.raster import rasterize
from tfrecords.dataset import DatasetFolder


@cache
def photos(word: str, count: int) -> tuple[NDArray[np.uint8], ...]:
    return tuple(photo(word, index, 0) for index in range(count))


@pytest.mark.parametrize("word", sorted(WARES))
def test_photos_and_drawings_depend_on_word_index_and_seed_alone(word: str) -> None:
    np.testing.assert_array_equal(photo(word, 3, 0), photos(word, 12)[3])
    again = [sketch.to_points() for sketch in sketches(word, 3, 0)]
    for first, second in zip(again, [sketch.to_points() for sketch in sketches(word, 3, 0)], strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(photo(word, 3, 1), photo(word, 3, 0))


@pytest.mark.parametrize("word", sorted(WARES))
def test_a_photo_is_a_filled_shaded_thing_on_a_near_white_ground(word: str) -> None:
    for pixels in photos(word, 12):
        assert pixels.shape == (256, 256, 3) and pixels.dtype == np.uint8
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        assert border.min() >= 225
        body = (pixels.max(axis=2) < 225) | (np.ptp(pixels.astype(int), axis=2) > 20)
        assert 0.05 < body.mean() < 0.8
        assert len(np.unique(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[body])) > 40


def test_everything_has_one_to_three_drawings_by_different_hands() -> None:
    counts = [len(sketches("shoe", index, 0)) for index in range(30)]
    assert set(counts) == {1, 2, 3}
    three = next(index for index, count in enumerate(counts) if count == 3)
    pictures = [rasterize(sketch, 64) for sketch in sketches("shoe", three, 0)]
    assert not any(np.array_equal(pictures[0], other) for other in pictures[1:])


def outline(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """A blurred picture of the lines in 24 px, for a comparison of shapes."""
    ys, xs = np.nonzero(pixels < 128)
    crop = 255 - pixels[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    side = max(crop.shape)
    square = np.zeros((side, side), np.uint8)
    top, left = (side - crop.shape[0]) // 2, (side - crop.shape[1]) // 2
    square[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    small = cv2.GaussianBlur(cv2.resize(square, (24, 24), interpolation=cv2.INTER_AREA), (0, 0), 1.0)
    return (small / np.linalg.norm(small)).ravel()


@pytest.mark.parametrize("word", sorted(WARES))
def test_a_drawing_is_more_like_its_own_thing_than_like_others(word: str) -> None:
    """The plain lines of the thing stand for its photo; blind guessing finds one in 30."""
    plain = []
    for index in range(30):
        canvas = np.full((256, 256), 255, np.uint8)
        parts = ware(word, index, 0).parts()
        every = np.concatenate([part.points for part in parts])
        scale = 230 / float(np.ptp(every, axis=0).max())
        for part in parts:
            points = ((part.points - every.min(axis=0)) * scale + 12).astype(np.int32)
            cv2.polylines(canvas, [points], part.closed, 0, 4)
        plain.append(outline(canvas))
    drawn = np.array([outline(rasterize(sketches(word, index, 0)[0], 256)) for index in range(30)])
    rank = np.argsort(-drawn @ np.array(plain).T, axis=1)
    assert np.mean(rank[:, 0] == np.arange(30)) > 0.5


def test_the_pairs_become_a_data_set_split_by_object(tmp_path: Path) -> None:
    manifest = build(
        "sample_pairs", [], tmp_path / "pairs", Options(image_size=32, splits="0.5,0.25,0.25", per_class=8)
    )
    assert manifest.classes == ("bag", "shoe")
    assert {split: counts["photo"] for split, counts in manifest.counts.items()} == {
        "train": 8,
        "validation": 4,
        "test": 4,
    }
    folder = DatasetFolder.open(tmp_path / "pairs")
    seen: dict[tuple[int, int], str] = {}
    for split in manifest.counts:
        pairs = [(record.domain, (record.label, record.instance)) for record in folder.records(split)]
        sketched, shot = ({pair for kind, pair in pairs if kind == name} for name in ("sketch", "photo"))
        assert sketched == shot
        for pair in shot:
            assert seen.setdefault(pair, split) == split
    assert len(seen) == 16


def test_ten_photos_with_drawings_are_made_in_a_second_or_two(tmp_path: Path) -> None:
    start = time.process_time()
    found = find([], Options(per_class=5), tmp_path)
    assert time.process_time() - start < 2
    assert sum(picture.domain for chunk in found.chunks for picture in chunk.pictures) == 10


def test_wrong_use_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="makes its own pictures"):
        find([tmp_path], Options(), tmp_path)
    with pytest.raises(UserError, match="unknown sample class 'sho'; did you mean 'shoe'"):
        ware("sho", 0, 0)
