"""Classes are matched by name, against a plain loop; figures on other data say over what they are."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.class_names import match_classes
from sketchspace.errors import UserError


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (("ant", "bee", "cat"), ("ant", "bee", "cat")),
        (("ant", "pail", "cat"), ("ant", "bucket", "cat")),
        (("cat",), ("ant", "bee", "cat", "dog")),
        (("yak", "cat", "ant", "bee"), ("ant", "bee", "cat")),
    ],
)
def test_matching_equals_a_plain_loop(given, known):
    labels = np.random.default_rng(0).integers(0, len(given), 40).astype(np.int32)
    found = match_classes(labels, given, known)
    rows, numbers = [], []
    for row, label in enumerate(labels):
        if given[label] in known:
            rows.append(row)
            numbers.append(known.index(given[label]))
    assert (found.rows.tolist(), found.labels.tolist()) == (rows, numbers)
    assert set(found.unknown) == set(given) - set(known)
    assert set(found.missing) == set(known) - set(given)
    assert bool(found.note(40)) == (set(given) != set(known))


def test_what_is_left_out_is_named_and_counted():
    found = match_classes(np.array([0, 1, 1, 2], np.int32), ("ant", "pail", "cat"), ("ant", "bucket", "cat"))
    assert found.note(4) == (
        "classes that the run does not know are left out, 2 drawings: pail; "
        "classes that the data lacks: bucket; figures are over 2 of 4 drawings"
    )


def test_no_class_in_common_is_refused():
    with pytest.raises(UserError, match="knows none of these classes: it knows ant, the data has bee"):
        match_classes(np.array([0], np.int32), ("bee",), ("ant",))
