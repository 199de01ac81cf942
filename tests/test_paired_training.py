"""Training on sketches and photos: mixtures of data, crops, averaged weights, warm starts, interruptions."""

# Fixtures are imported by name.
# ruff: noqa: F811

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tf_keras
from tf_keras import layers

from models.registry import MODELS, Listed
from models.spec import ModelSpec, Options, Shapes, Stage
from sketchspace.errors import UserError
from sketchspace.files import read_json
from tests.paired_dataset import write_paired_dataset
from tests.tiny_dataset import write_tiny_dataset
from tests.training_fixture import (  # noqa: F401
    Accident,
    best_weights,
    quick_export,
    rows_of,
    same,
    stop_at,
    toy,
    train,
    weights_of,
)
from training.checkpoints import State
from training.export import _description
from training.inputs import check_input, training_input
from training.mixed_batches import BLOCK, Mixture
from training.recipe import make_recipe
from training.runs import Run
from training.session import Request, open_session

NAME = "toy_pairs"


def build(options: Options, shapes: Shapes) -> tf_keras.Model:
    """Pixels to a unit vector; logits where a stage wants them."""
    side = input_size(options, shapes)
    image = tf_keras.Input((side, side, shapes.channels), name="image")
    x = layers.Dense(8, name="dense")(layers.Flatten()(image))
    embedding = layers.UnitNormalization(name="embedding")(layers.BatchNormalization(name="norm")(x))
    outputs = {"embedding": embedding}
    if options["pretrain"]:
        outputs["logits"] = layers.Dense(shapes.num_classes, name="logits")(embedding)
    return tf_keras.Model({"image": image}, outputs, name=NAME)


def input_size(options: Options, shapes: Shapes) -> int:
    return round(options["crop"] * shapes.image_size)


def recipe(options: Options) -> tuple[Stage, ...]:
    """Pairs, after classes of other data if any are named."""
    common = Stage(max_steps=4, batch_size=12, learning_rate=0.01)
    pairs = dataclasses.replace(
        common, name="pairs", learner="pairs", loss_weights={"info_nce": 1.0}, grouping="pairs:4", average=0.9
    )
    first = dataclasses.replace(common, name="classify", data=options["pretrain"], max_steps=2)
    return (first, pairs) if options["pretrain"] else (pairs,)


SPEC = ModelSpec(
    name=NAME,
    inputs=("image",),
    build=build,
    recipe=recipe,
    defaults={"preset": "default", "crop": 0.8, "pretrain": ""},
    input_size=input_size,
)
LISTED = Listed(NAME, "tests.test_paired_training", "none")


@pytest.fixture(autouse=True)
def listed(monkeypatch, toy):
    monkeypatch.setitem(MODELS, NAME, LISTED)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> dict[str, Path]:
    """Two paired sets, and one of drawings alone with other classes."""
    folder = tmp_path_factory.mktemp("sets")
    return {
        "shoes": write_paired_dataset(folder / "shoes"),
        "more": write_paired_dataset(folder / "more", salt=1),
        "bars": write_tiny_dataset(folder / "bars"),
    }


def request(data: dict[str, Path], run: Path, set_: dict[str, str], **changes) -> Request:
    return Request(
        NAME, data["shoes"], run, set_, save_steps=2, steps_per_execution=1, deterministic=True, **changes
    )


def mixed(data: dict[str, Path]) -> dict[str, str]:
    """Classes of the drawings first, then pairs of both sets."""
    return {"pretrain": str(data["bars"]), "pairs.data": f".*2,{data['more']}"}


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory) -> Path:
    """A run that nothing interrupted."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, NAME, LISTED)
        patch.setattr("training.inputs.input_rate", lambda source: 1000.0)
        patch.setattr("training.session.export_run", quick_export)
        train(request(data, run, mixed(data)))
    return run


def test_a_run_on_pairs_and_mixtures_goes_on_bit_for_bit(data, whole, tmp_path, monkeypatch):
    settings, half = mixed(data), tmp_path / "half"
    with monkeypatch.context() as patch:
        stop_at(patch, State, "save", 2, after=True)
        with pytest.raises(Accident):
            train(request(data, half, settings))
    train(request(data, half, settings))
    for stage in ("classify", "pairs"):
        assert same(weights_of(whole, stage), weights_of(half, stage))
    assert any("average" in name for name in weights_of(half, "pairs"))
    rows = rows_of(whole)
    assert rows == rows_of(half)
    assert [row["examples"] for row in rows] == ["24", "16", "32"], "pairs:4 is eight examples a step"
    assert 0 <= float(rows[-1]["validation_acc_at_1"]) <= 1
    for one, other in zip(best_weights(whole), best_weights(half), strict=True):
        np.testing.assert_array_equal(one, other)
    config = read_json(whole / "config.json")
    assert len(config["logit_classes"]) == 6 and config["dataset"]["classes"] == ["boot", "clog"]
    assert [source["weight"] for source in config["stage_data"]["pairs"]] == [2.0, 1.0]
    changed = dict(data, more=write_paired_dataset(tmp_path / "other", salt=2))
    settings["pairs.data"] = f".*2,{changed['more']}"
    with pytest.raises(UserError, match=r"another configuration \(stage_data.pairs.1.fingerprint"):
        train(request(changed, half, settings))


def test_a_mixture_draws_by_weight_and_each_part_goes_on_where_it_was(data):
    stage = Stage(data=f".*3,{data['more']}", grouping="pairs:4")
    own = open_session(request(data, Path("unused"), {})).folder
    source = training_input(own, stage, seed=5)
    assert isinstance(source, Mixture) and source.batch_size == 8
    choices = source.choices(0, 3 * BLOCK)
    assert choices.mean() == pytest.approx(0.25, abs=0.02)
    np.testing.assert_array_equal(source.choices(BLOCK - 7, BLOCK + 9), choices[BLOCK - 7 : BLOCK + 9])
    parts = [iter(part.batches().as_numpy_iterator()) for part in source.parts]
    expected = [next(parts[choice]) for choice in choices[:20]]
    for start in (0, 13):
        for found, batch in zip(source.batches(start).take(20 - start), expected[start:], strict=True):
            np.testing.assert_array_equal(found["image"], batch["image"])
    assert {0, 1} == set(choices[:20])
    for text in ("a*b", "*2", "a*0", "a,,b"):
        with pytest.raises(UserError, match="expected folders with weights above 0"):
            training_input(own, Stage(data=text), seed=0)
    small = write_paired_dataset(data["more"].parent / "small", size=12)
    with pytest.raises(UserError, match=r"has image_size 12, .* has 16"):
        training_input(own, Stage(data=str(small)), seed=0)


def test_weights_of_another_run_are_a_beginning(data, whole, tmp_path):
    source = whole
    session = open_session(request(data, tmp_path / "run", {}, warm_start_from=source))
    encoder = session.build_encoder()
    lines = list(session.warm_start(encoder))
    assert lines[0].startswith(f"warm start from {source}: 6 of 6 weights, ")
    assert lines[1:] == ["not used: logits/kernel:0, logits/bias:0"]
    for mine, theirs in zip(encoder.weights, best_weights(source)[: len(encoder.weights)], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    wider = open_session(request(data, tmp_path / "run", {"crop": "1"}, warm_start_from=source))
    lines = list(wider.warm_start(wider.build_encoder()))
    assert "5 of 6 weights" in lines[0]
    assert lines[1] == "fresh: dense/kernel:0 has shape (169, 8) there, (256, 8) here"
    run = Run(tmp_path / "run")
    run.claim(session.config)
    with pytest.raises(UserError, match="warm_start_from"):
        run.claim(open_session(request(data, run.path, {})).config)
    run.save_best(encoder, {"stage": 0, "step": 4})
    card = _description(run, encoder)
    assert (card["input_size"], card["image_size"], card["channels"]) == (13, 16, 1)
    assert (card["classes"], card["photo_as"], card["fit"]) == ([], "grey", "keep")


def test_a_grouping_decides_the_batch_size():
    _, [stage] = make_recipe(SPEC, {"grouping": "triplets:5"})
    assert stage.batch_size == 15
    for key in ("batch_size", "pairs.batch_size"):
        with pytest.raises(UserError, match=f"^{key}=9: grouping=pairs:4 makes batches of 8"):
            make_recipe(SPEC, {key: "9"})
    _, [first, _] = make_recipe(SPEC, {"batch_size": "9", "pretrain": "bars"})
    assert first.batch_size == 9


def test_replicas_get_whole_pairs(data):
    session = open_session(request(data, Path("unused"), {}))
    stage = dataclasses.replace(session.stages[0], grouping="pairs:3")
    with pytest.raises(UserError, match="grouping=pairs:3 cannot be shared evenly by 2 replicas"):
        check_input(session.folder, stage, session.wanted, 2)
