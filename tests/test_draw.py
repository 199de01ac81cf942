"""A VRNN draws: what is given stays, the rest follows from seed, temperature and pen; and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from models.registry import resolve_options
from models.spec import Shapes
from models.stroke_layers import StrokeOffsets
from models.vrnn import model as vrnn
from models.vrnn.draw import Hand, draw
from models.vrnn.loop import recurrence
from models.vrnn.packing import pack
from sketchspace.errors import UserError
from sketchspace.files import write_json
from studies.draw import __main__ as command
from studies.draw.sketches import choose, complete, frame_around, invent, load_vrnn
from tests.test_vrnn import SMALL, small
from tests.test_vrnn_losses import random_batch, random_vrnn
from tests.training_process import run
from tfrecords.dataset import DatasetFolder
from tfrecords.manifest import Manifest
from tfrecords.schema import Record
from tfrecords.writer import shard_name, write_shard
from training.runs import Run

ROOT = Path(__file__).resolve().parents[1]
SEED = tf.constant([5, 0])


@pytest.fixture(scope="module")
def strokes_folder(tmp_path_factory) -> Path:
    """A data set of random walks without pictures: two classes, one split."""
    folder = tmp_path_factory.mktemp("draw") / "walks"
    folder.mkdir()
    lengths = [3, 8, 9, 14, 20, 11, 9, 200]
    records = [
        Record(f"walk-{n}", n % 2, ("short", "long")[n % 2], strokes=example_points(length, seed=n))
        for n, length in enumerate(lengths)
    ]
    name = shard_name("walks", "train", 0, 1)
    summary = write_shard(folder / name, records)
    Manifest(
        name="walks",
        classes=("short", "long"),
        counts={"train": {"sketch": len(records)}},
        dropped={},
        image_size=64,
        seed=0,
        options={},
        sources=[],
        licence="CC0",
        citation="",
        fingerprint="walks",
        shards={name: {key: summary[key] for key in ("examples", "bytes", "sha256")}},
        has_images=False,
    ).save(folder)
    return folder


def example_points(count: int = 12, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(0, 255, (count, 2)), rng.random(count) < 0.3])
    points[-1, 2] = 1
    return points.astype(np.float32)


@pytest.mark.parametrize("preset", ["sketch", "published"])
def test_a_frame_is_the_network_s_own_normalisation_and_its_inverse(preset):
    points = example_points()
    frame = frame_around(preset, points)
    offsets = frame.offsets(points)
    layer = StrokeOffsets(preset, name="offsets")
    np.testing.assert_allclose(offsets, layer((points[None], np.array([len(points)])))[0], atol=1e-5)
    np.testing.assert_allclose(frame.points(offsets), points, atol=1e-3)


def test_one_dot_has_a_frame():
    points = np.array([[40.0, 60.0, 1.0]], np.float32)
    frame = frame_around("sketch", points)
    np.testing.assert_allclose(frame.points(frame.offsets(points)), points, atol=1e-5)


def test_given_points_come_back_and_what_follows_is_drawn_by_the_seed():
    layer, (offsets, length, _) = random_vrnn(), random_batch()
    drawn = draw(layer, offsets, length, tf.constant(12), Hand(), SEED).numpy()
    assert drawn.shape == (4, 12, 3)
    assert np.isfinite(drawn).all()
    assert set(np.unique(drawn[..., 2])) <= {0, 1}
    again = draw(layer, offsets, length, tf.constant(12), Hand(), SEED).numpy()
    other = draw(layer, offsets, length, tf.constant(12), Hand(), tf.constant([6, 0])).numpy()
    np.testing.assert_array_equal(drawn, again)
    for number, points in enumerate(length):
        np.testing.assert_allclose(drawn[number, :points], offsets[number, :points], atol=1e-6)
        assert np.abs(drawn[number, points:, :2] - other[number, points:, :2]).min() > 1e-6


def test_more_points_go_on_where_fewer_ended():
    layer, (offsets, length, _) = random_vrnn(), random_batch()
    few = draw(layer, offsets, length, tf.constant(11), Hand(), SEED).numpy()
    many = draw(layer, offsets, length, tf.constant(15), Hand(), SEED).numpy()
    np.testing.assert_allclose(many[:, :11], few, atol=1e-5)


def test_without_temperature_the_next_point_is_what_the_model_expects():
    """The state is the encoder's, the point the decoder's mean under the prior's mean."""
    layer, (offsets, length, _) = random_vrnn(), random_batch()
    drawn = draw(layer, offsets, length, tf.constant(10), Hand(temperature=0.0), SEED).numpy()
    one_more = np.pad(offsets, [[0, 0], [0, 1], [0, 0]])
    packing = pack(tf.constant(length + 2))
    rows = tf.gather_nd(
        np.pad(one_more, [[0, 0], [1, 0], [0, 0]]), tf.stack([packing.example, packing.step], axis=1)
    )
    w = layer.loop_weights()
    trace = recurrence(layer.project(rows), None, w, packing, False)
    hidden = tf.gather(trace.hidden, packing.rows_at(tf.constant(length + 1)))
    expected = layer.expect(hidden, layer.phi(layer.prior(hidden).mean, w))
    got = drawn[np.arange(4), length]
    np.testing.assert_allclose(got[:, :2], expected.offset.mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(got[:, 2], expected.lift.numpy() > 0.35)


def test_the_pen_lifts_above_the_threshold_or_with_its_probability():
    layer = random_vrnn()
    for name, variable in layer.by_name.items():
        if name == "decoder_pen/kernel":
            variable.assign(tf.zeros_like(variable))
        if name == "decoder_pen/bias":
            variable.assign([np.log(0.3 / 0.7)])
    nothing, none = np.zeros((50, 1, 3), np.float32), np.zeros(50, np.int32)

    def share(hand):
        return float(draw(layer, nothing, none, tf.constant(40), hand, SEED).numpy()[..., 2].mean())

    assert share(Hand(lift_above=0.35)) == 0
    assert share(Hand(lift_above=0.25)) == 1
    assert share(Hand(lift_above=None)) == pytest.approx(0.3, abs=0.03)
    # The logit of 0.3 over a temperature of one half is that of 9 / 58.
    assert share(Hand(temperature=0.5, lift_above=None)) == pytest.approx(9 / 58, abs=0.03)
    assert share(Hand(temperature=0.0, lift_above=None)) == 0


def test_completions_keep_the_half_and_have_the_length_of_the_whole(strokes_folder):
    encoder = small()
    examples = choose(DatasetFolder.open(strokes_folder), "train", 3, 150, seed=1)
    tries = complete(encoder, "sketch", examples, 2, Hand(), seed=4)
    for example, completions in zip(examples, tries, strict=True):
        assert len(completions) == 2
        for points in completions:
            assert points.shape == example.points.shape
            np.testing.assert_array_equal(points[: example.half], example.points[: example.half])
        assert np.abs(completions[0] - completions[1]).max() > 0
    assert [len(points) for points in invent(encoder, "sketch", [9, 5], Hand(), 0)] == [9, 5]


def test_drawings_are_of_all_classes_before_one_comes_twice_and_follow_from_the_seed(strokes_folder):
    folder = DatasetFolder.open(strokes_folder)
    chosen = choose(folder, "train", 3, 150, seed=1)
    assert [example.class_name for example in chosen[:2]] in (["short", "long"], ["long", "short"])
    assert len(choose(folder, "train", 6, 150, seed=1)) == 6
    again = choose(folder, "train", 3, 150, seed=1)
    for one, other in zip(chosen, again, strict=True):
        np.testing.assert_array_equal(one.points, other.points)
    with pytest.raises(UserError, match="has 6 drawings of 8 to 150 points, 7 were asked for"):
        choose(folder, "train", 7, 150, seed=1)


def fake_run(path: Path, data: Path, model: str = "vrnn") -> Run:
    """A run folder with untrained weights."""
    folder = DatasetFolder.open(data)
    options = resolve_options(vrnn.SPEC, SMALL)
    path.mkdir()
    config = {"schema_version": 1, "model": model, "model_options": options}
    config["dataset"] = {
        "path": str(data),
        "image_size": folder.manifest.image_size,
        "classes": list(folder.manifest.classes),
    }
    write_json(path / "config.json", config)
    run = Run(path)
    encoder = vrnn.build(options, Shapes(folder.manifest.image_size, folder.manifest.num_classes))
    run.save_best(encoder, {"stage": 0, "step": 1})
    return run


def test_the_sheet_is_written(strokes_folder, tmp_path):
    run = fake_run(tmp_path / "run", strokes_folder)
    wish = command.Wish("train", count=2, tries=1, seed=0, hand=Hand())
    command.make_sheet(run, None, wish, tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_of_another_model_is_refused(strokes_folder, tmp_path):
    with pytest.raises(UserError, match="sknet, which cannot draw"):
        load_vrnn(fake_run(tmp_path / "run", strokes_folder, model="sknet"))


def test_a_run_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no run folder .*nowhere"):
        load_vrnn(Run(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--run is missing"),
        (["--run=nowhere", "--out=drawn.jpg"], "ends in .png"),
        (["--run=nowhere", "more"], "unexpected argument 'more'"),
    ],
)
def test_wrong_flags_are_one_line(flags, message, tmp_path):
    done = run(tmp_path, "-m", "studies.draw", *flags)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
