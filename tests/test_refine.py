"""Changed data sets: what stays is byte for byte the same, what changes is what was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from sketchspace.errors import UserError
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.strokes import Sketch
from studies.faulty.changes import Changes, as_many_at_random, choose, scribble
from studies.refine import refine
from tests.encoder_fixture import CLASSES, SIZE, records, write_dataset
from tests.tiny_dataset import write_tiny_dataset
from tfrecords.dataset import DatasetFolder, decode_image
from tfrecords.verify import verify


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """90 training drawings of 3 classes, and 12 test drawings whose shards join them."""
    root = tmp_path_factory.mktemp("refine")
    train = DatasetFolder.open(write_dataset(root / "shapes", records(30), split="train"))
    test = DatasetFolder.open(write_dataset(root / "more", records(4, 500), split="test"))
    for name in test.manifest.shards:
        (test.path / name).rename(train.path / name)
    manifest = train.manifest
    manifest.counts.update(test.manifest.counts)
    manifest.shards.update(test.manifest.shards)
    manifest.save(train.path)
    return DatasetFolder.open(train.path)


def read(folder, split="train"):
    return list(folder.records(split))


def same(a, b):
    return (
        (a.key, a.label, a.class_name, a.image) == (b.key, b.label, b.class_name, b.image)
    ) and np.array_equal(a.strokes, b.strokes)


def files(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_marked_drawings_are_gone_and_nothing_else(folder, tmp_path):
    drop = frozenset(record.key for record in read(folder)[::7])
    refine(folder, tmp_path / "clean", Changes(drop))
    made = DatasetFolder.open(tmp_path / "clean")
    verify(made)
    kept = [record for record in read(folder) if record.key not in drop]
    assert len(kept) == 77 and all(map(same, read(made), kept))
    assert made.manifest.options["refined"]["dropped"] == made.manifest.dropped["faulty"] == 13
    assert made.manifest.fingerprint != folder.manifest.fingerprint


def test_other_splits_are_copied_byte_by_byte(folder, tmp_path):
    refine(folder, tmp_path / "made", Changes(inject=0.5))
    for name in folder.manifest.shard_files("test"):
        assert (tmp_path / "made" / name).read_bytes() == (folder.path / name).read_bytes()
    assert DatasetFolder.open(tmp_path / "made").manifest.counts["test"] == {"sketch": 12}


def test_wrong_labels_are_real_drawings_of_other_classes(folder, tmp_path):
    refine(folder, tmp_path / "made", Changes(inject=0.2, kind="wrong_label", seed=3))
    made, given = read(DatasetFolder.open(tmp_path / "made")), read(folder)
    changed = [number for number, record in enumerate(made) if record.key.endswith("/wrong_label")]
    assert len(changed) == 18
    by_image = {record.image: record.label for record in given}
    for number, (record, old) in enumerate(zip(made, given, strict=True)):
        if number in changed:
            assert record.label == old.label and record.key == f"{old.key}/wrong_label"
            assert by_image[record.image] != record.label
        else:
            assert same(record, old)


def test_scribbles_are_drawn_by_formula_in_both_forms(folder, tmp_path):
    refine(folder, tmp_path / "made", Changes(inject=0.1, kind="scribble", seed=3))
    made = read(DatasetFolder.open(tmp_path / "made"))
    changed = [(number, record) for number, record in enumerate(made) if record.key.endswith("/scribble")]
    assert len(changed) == 9
    for number, record in changed:
        np.testing.assert_array_equal(record.strokes, scribble(3, number).to_points())
        drawn = rasterize(Sketch.from_points(record.strokes), SIZE)
        np.testing.assert_array_equal(decode_image(record, SIZE), drawn)


def test_scribbles_stay_on_the_sheet_and_differ():
    made = [scribble(0, number) for number in range(50)]
    points = np.concatenate([sketch.to_points() for sketch in made])
    assert points[:, :2].min() >= 0 and points[:, :2].max() <= 255
    assert {len(sketch.strokes) for sketch in made} == {1, 2, 3, 4}
    assert len({sketch.to_points().tobytes() for sketch in made}) == 50
    steps = np.linalg.norm(np.diff(made[0].strokes[0], axis=0), axis=1)
    assert steps.max() < 22
    assert scribble(0, 7).to_points().tobytes() != scribble(1, 7).to_points().tobytes()


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(folder, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        refine(folder, tmp_path / name / "made", Changes(inject=0.3, kind="scribble", seed=seed))
    first, second, third = (files(tmp_path / name / "made") for name in "abc")
    assert first == second and first["manifest.json"] != third["manifest.json"]


def test_wrong_labels_are_spread_over_all_other_classes():
    labels = np.repeat([0, 1, 2, 3], [400, 100, 100, 200]).astype(np.int32)
    keys = [str(number) for number in range(800)]
    _, becomes = choose(keys, labels, Changes(inject=0.999))
    donors = labels[becomes[becomes >= 0]]
    assert (donors != labels[becomes >= 0]).all()
    own = donors[labels[becomes >= 0] == 0]
    # The other classes have 100, 100 and 200 drawings, so that a quarter, a quarter and a half are expected.
    np.testing.assert_allclose(np.bincount(own, minlength=4) / len(own), [0, 0.25, 0.25, 0.5], atol=0.08)


def test_dropped_drawings_are_never_put_in():
    labels = np.tile([0, 1, 2], 40).astype(np.int32)
    keys = [str(number) for number in range(120)]
    drop = frozenset(keys[10:90])
    stays, becomes = choose(keys, labels, Changes(drop, inject=0.9))
    assert (becomes[~stays] == -1).all() and stays[becomes[becomes >= 0]].all()
    assert (becomes >= 0).sum() == 36


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (Changes(), "nothing is to change"),
        (Changes(inject=1.0), "no share"),
        (Changes(inject=-0.1), "no share"),
        (Changes(inject=float("nan")), "no share"),
        (Changes(inject=0.001), "not even one"),
        (Changes(inject=0.1, kind="noise"), "unknown"),
        (Changes(frozenset({"nobody"})), "no marked drawing"),
        (Changes(frozenset(f"{CLASSES[1]}-{n}" for n in range(30))), "would lose all"),
    ],
)
def test_nonsense_is_refused_and_leaves_nothing(folder, tmp_path, changes, words):
    with pytest.raises(UserError, match=words):
        refine(folder, tmp_path / "made", changes)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_and_one_class_are_refused(folder, tmp_path):
    with pytest.raises(UserError, match="exists"):
        refine(folder, tmp_path, Changes(inject=0.1))
    with pytest.raises(UserError, match="one class only"):
        choose(["a", "b"], np.zeros(2, np.int32), Changes(inject=0.5))


def test_a_failure_leaves_nothing(folder, tmp_path, monkeypatch):
    def broken(_):
        raise UserError("broken")

    monkeypatch.setattr("studies.refine.verify", broken)
    with pytest.raises(UserError, match="broken"):
        refine(folder, tmp_path / "made", Changes(inject=0.1))
    assert list(tmp_path.iterdir()) == []


def test_pictures_without_strokes_can_be_changed_too(tmp_path):
    folder = DatasetFolder.open(write_tiny_dataset(tmp_path / "tiny"))
    for kind in ("scribble", "wrong_label"):
        refine(folder, tmp_path / kind, Changes(inject=0.5, kind=kind))
        made = DatasetFolder.open(tmp_path / kind)
        verify(made)
        assert sum(record.key.endswith(kind) for record in made.records("train")) == 30


def test_the_control_loses_as_many_of_each_class():
    keys, labels = [f"k{number}" for number in range(60)], np.repeat([0, 1, 2], 20).astype(np.int32)
    drop = frozenset(["k0", "k1", "k2", "k45"])
    drawn = [as_many_at_random(keys, labels, drop, seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    for keys_out in drawn:
        assert np.bincount([labels[int(key[1:])] for key in keys_out], minlength=3).tolist() == [3, 0, 1]
