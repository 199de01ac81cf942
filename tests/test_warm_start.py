"""A classifier's weights go by the names of classes when a run begins with another one's."""

# Fixtures are imported by name.
# ruff: noqa: F811

from __future__ import annotations

import numpy as np
import pytest

from models.registry import MODELS, model_spec
from tests.small_models import CLASSES as NUM_CLASSES
from tests.small_models import inputs_of, shared
from tests.tiny_dataset import CLASSES, write_tiny_dataset
from tests.training_fixture import data, prepared, request_of, toy, whole  # noqa: F401
from training.runs import Run
from training.session import open_session
from training.warm_start import by_class, class_weights


def test_columns_follow_their_classes(request_of, whole, tmp_path):
    """The same classes in another order, one renamed and one more: the order of folders means nothing."""
    names = ("a new one", *CLASSES[::-1][:-1], "renamed")
    other = write_tiny_dataset(tmp_path / "other", classes=names)
    session = open_session(request_of(data=other, run=tmp_path / "run", warm_start_from=whole))
    encoder = session.build_encoder()
    fresh = [weight.numpy() for weight in encoder.get_layer("logits").weights]
    lines = list(session.warm_start(encoder))
    known = len(CLASSES) - 1
    assert (
        f"classes are matched by name: {known} of {len(names)} are known there; fresh: a new one, renamed"
        in lines
    )
    source = Run(whole).load_best().get_layer("logits").weights
    for mine, before, theirs in zip(encoder.get_layer("logits").weights, fresh, source, strict=True):
        for column, name in enumerate(names):
            wanted = theirs[..., CLASSES.index(name)] if name in CLASSES else before[..., column]
            np.testing.assert_array_equal(mine[..., column], wanted)


def test_a_classifier_of_another_width_stays_fresh():
    theirs, fresh = np.ones((5, 3), np.float32), np.zeros((4, 3), np.float32)
    assert by_class(theirs, ("a", "b", "c"), fresh, ("c", "b", "a")) is theirs


def classifying(name):
    """The model at its smallest, with a classifier if it can have one."""
    return shared(model_spec(name), pretrain=".", classifier="classes")


@pytest.mark.parametrize("name", MODELS)
def test_the_columns_that_follow_classes_are_those_of_the_logits(name):
    """With the columns in another order the same logits come in that order, and nothing else changes."""
    encoder = classifying(name)
    names = class_weights(encoder, NUM_CLASSES)
    if "logits" not in encoder.output_shape:
        assert not names
        return
    batch = inputs_of(model_spec(name).inputs, 2)
    before = {key: value.numpy() for key, value in encoder(batch).items()}
    order = np.random.default_rng(0).permutation(NUM_CLASSES)
    moved = [weight for weight in encoder.weights if weight.name in names]
    assert 1 <= len(moved) <= 2
    for weight in moved:
        weight.assign(weight.numpy()[..., order])
    after = encoder(batch)
    scale = np.abs(before["logits"]).max()
    np.testing.assert_allclose(after["logits"] / scale, before["logits"][..., order] / scale, atol=1e-5)
    np.testing.assert_array_equal(after["embedding"], before["embedding"])
    assert np.abs(before["logits"] - before["logits"][..., order]).max() > scale / 10
