"""A classifier's weights go by the names of classes when a run begins with another one's."""

# Fixtures are imported by name.
# ruff: noqa: F811

from __future__ import annotations

import numpy as np

from tests.tiny_dataset import CLASSES, write_tiny_dataset
from tests.training_fixture import data, prepared, request_of, toy, whole  # noqa: F401
from training.runs import Run
from training.session import open_session
from training.warm_start import by_class


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
