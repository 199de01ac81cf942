"""From --set to stages and options."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from learners.contrastive import MATCHES
from learners.mining import MINING
from learners.registry import LEARNERS
from learners.settings import SETTINGS, ContrastiveSettings, PairsSettings, TripletSettings
from learners.triplet import LOSSES
from models.meanings import MEANINGS
from models.registry import MODELS, model_spec
from models.spec import ModelSpec, Stage
from sketchspace.errors import UserError
from sketchspace.files import write_json
from training.recipe import keys_of, make_recipe, parse_settings
from training.runs import SCHEMA_VERSION, Run, flat
from training.setting_list import setting_lines


def two_stages(options) -> tuple[Stage, ...]:
    return (Stage(name="first", max_steps=10), Stage(name="second", max_steps=20, batch_size=8))


SPEC = ModelSpec(
    name="two",
    inputs=("image",),
    build=lambda options, shapes: None,
    recipe=two_stages,
    defaults={"preset": "default", "deep": True, "size": 3},
)


def test_settings_are_key_and_value():
    assert parse_settings(["width=0.5", "trainable=a=b"]) == {"width": "0.5", "trainable": "a=b"}
    for text in ("width", "=1", "width=", ""):
        with pytest.raises(UserError, match="expected key=value"):
            parse_settings([text])


def test_a_setting_changes_all_stages_or_the_one_it_names():
    _, stages = make_recipe(SPEC, {"learning_rate": "0.5", "second.batch_size": "7"})
    assert [stage.learning_rate for stage in stages] == [0.5, 0.5]
    assert [stage.batch_size for stage in stages] == [64, 7]
    assert [stage.max_steps for stage in stages] == [10, 20]


def test_options_of_the_model_are_read_by_type():
    options, _ = make_recipe(SPEC, {"deep": "false", "size": "5"})
    assert options == {"preset": "default", "deep": False, "size": 5}
    assert make_recipe(SPEC, {"deep": "1"})[0]["deep"] is True


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rat": "1"}, "unknown setting 'learning_rat'; did you mean 'learning_rate'"),
        ({"third.clip": "1"}, "unknown setting 'third.clip'"),
        ({"name": "x"}, "unknown setting 'name'"),
        ({"loss_weights": "x"}, "unknown setting 'loss_weights'"),
        ({"max_steps": "ten"}, "--set max_steps=ten: expected a int such as"),
        ({"max_steps": "1.5"}, "expected a int"),
        ({"max_steps": "0"}, "stage first: max_steps=0: expected a number from 1"),
        ({"max_steps": "-3"}, "max_steps=-3"),
        ({"batch_size": "0"}, "batch_size=0"),
        ({"learning_rate": "0"}, "learning_rate=0"),
        ({"learning_rate": "nan"}, "learning_rate=nan"),
        ({"learning_rate": "inf"}, "learning_rate=inf"),
        ({"weight_decay": "-1"}, "weight_decay=-1"),
        ({"clip": "-1"}, "clip=-1"),
        ({"warmup_steps": "-1"}, "warmup_steps=-1"),
        ({"label_smoothing": "1"}, "label_smoothing=1"),
        ({"augment": "afine"}, "did you mean 'affine'"),
        ({"optimizer": "adan"}, "did you mean 'adam'"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"select": "lst"}, "did you mean 'last'"),
        ({"trainable": "("}, "no regular expression"),
        ({"deep": "maybe"}, "expected true or false"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(UserError) as caught:
        make_recipe(SPEC, settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", MODELS)
def test_no_option_of_a_model_hides_a_number_of_a_stage(name):
    assert not set(model_spec(name).defaults) & set(vars(Stage()))


def test_published_recipes():
    assert make_recipe(model_spec("sknet"), {"preset": "faithful"})[1] == (
        Stage(max_steps=14_000, batch_size=200, settings={"label_smoothing": 0.0}),
    )
    assert make_recipe(model_spec("skresnet"), {"preset": "faithful"})[1] == (
        Stage(max_steps=14_000, batch_size=50, settings={"label_smoothing": 0.0}),
    )
    assert (Stage().optimizer, Stage().learning_rate, Stage().schedule) == ("adam", 1e-3, "constant")


def test_flat_names_nested_values():
    nested = {"a": {"b": 1, "c": [1, 2]}, "stages": [{"x": 1}, {"x": 2}], "d": None}
    assert flat(nested) == {"a.b": 1, "a.c": [1, 2], "stages.0.x": 1, "stages.1.x": 2, "d": None}


def test_the_weight_of_a_loss_can_be_set_by_its_name():
    spec = model_spec("vrnn")
    before = spec.recipe(spec.defaults)[0].loss_weights
    _, [stage] = make_recipe(spec, {"weight.kl": "0.5"})
    assert stage.loss_weights == {**before, "kl": 0.5}
    with pytest.raises(UserError, match=r"did you mean 'weight\.kl'"):
        make_recipe(spec, {"weight.klo": "0.5"})
    with pytest.raises(UserError, match="expected a number from 0"):
        make_recipe(spec, {"weight.kl": "-1"})


def test_a_gradient_is_clipped_in_one_way():
    with pytest.raises(UserError, match="clip or clip_value, not both"):
        make_recipe(SPEC, {"clip": "1", "clip_value": "1"})


def test_a_grouping_that_is_none_is_refused():
    with pytest.raises(UserError, match="such as 8x4"):
        make_recipe(SPEC, {"grouping": "many"})


def test_a_setting_that_no_learner_of_the_model_has_is_unknown():
    """It would be without effect, and nobody told."""
    with pytest.raises(UserError, match="unknown setting 'margin'"):
        make_recipe(SPEC, {"margin": "0.5"})
    with pytest.raises(UserError, match=r"unknown setting 'classify\.margin'"):
        make_recipe(model_spec("sketch_a_net"), {"pretrain": ".", "classify.margin": "0.5"})
    _, [_, last] = make_recipe(model_spec("sketch_a_net"), {"pretrain": ".", "margin": "0.5"})
    assert last.settings == {"margin": 0.5, "hard_ratio": 0.75}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"margin": "0"}, "stage triplet: margin=0.0: expected a number above 0"),
        ({"hard_ratio": "2"}, "stage triplet: hard_ratio=2.0: expected a number from 0 to 1"),
        ({"marginn": "2"}, "did you mean 'margin'"),
        ({"triplet.margin": "x"}, "expected a float such as 0.3"),
    ],
)
def test_settings_of_a_learner_are_checked_at_the_door(settings, message):
    with pytest.raises(UserError) as caught:
        make_recipe(model_spec("sketch_a_net"), settings)
    assert message in str(caught.value)


def test_every_learner_has_settings_and_every_setting_says_what_it_is():
    assert SETTINGS.keys() == LEARNERS.keys()
    assert PairsSettings.__dataclass_fields__["mining"].metadata["allowed"] == tuple(MINING)
    assert TripletSettings.__dataclass_fields__["triplet_loss"].metadata["allowed"] == tuple(LOSSES)
    assert ContrastiveSettings.__dataclass_fields__["match"].metadata["allowed"] == tuple(MATCHES)
    for kind in SETTINGS.values():
        for field in dataclasses.fields(kind):
            assert field.metadata["allowed"] and len(field.metadata["meaning"]) > 15


@pytest.mark.parametrize("name", MODELS)
def test_every_setting_of_a_model_is_listed_with_its_meaning(name):
    spec = model_spec(name)
    lines = list(setting_lines(spec, {}))
    _, stages = make_recipe(spec, {})
    keys = [*spec.defaults, *(key for stage in stages for key in keys_of(stage))]
    shown = [line.split("=")[0].strip() for line in lines if line.startswith("  ")]
    assert shown == keys
    assert all(len(line.split()) > 4 and len(line) < 200 for line in lines if line.startswith("  "))
    for key, value in spec.defaults.items():
        assert key in MEANINGS and isinstance(value, bool | int | float | str)


def test_a_run_of_before_is_read_as_the_same_configuration(tmp_path):
    """Settings of learners stood among the fields of a stage once."""
    spec = model_spec("sketch_a_net")
    _, stages = make_recipe(spec, {"loss": "semi_hard", "temperature": "0.2"})
    now: dict[str, Any] = {"stages": [dataclasses.asdict(stage) for stage in stages]}
    now |= {"schema_version": SCHEMA_VERSION, "dataset": {"channels": 1, "photo_as": "", "fit": "box"}}
    then = json.loads(json.dumps(now))
    [stage] = then["stages"]
    del stage["settings"]
    stage |= {"label_smoothing": 0.0, "margin": 0.3, "mining": "semi_hard", "triplet_loss": "hinge"}
    stage |= {"match": "class", "hard_ratio": 0.75, "temperature": 0.2}
    write_json(tmp_path / "config.json", then)
    run = Run(tmp_path)
    run.claim(now)
    now["stages"][0]["settings"]["temperature"] = 0.3
    with pytest.raises(UserError, match=r"stages\.0\.settings\.temperature: 0\.2 -> 0\.3"):
        run.claim(now)
