"""TensorFlow's errors in the user's words."""

from __future__ import annotations

import re

import tensorflow as tf

from sketchspace.errors import UserError

_NOT_FINITE = re.compile(r"not finite: loss (\S+) at step \] \[(\d+)\]")
_STROKES = re.compile(r"(a stroke has a coordinate[^\]\[]*|there are no strokes in record)\W+([^\]\"' ]+)")
_BAD_DATA = ("DecodePng", "ParseExample", "corrupted record", "truncated record")


def not_finite(what: str, when: str) -> UserError:
    """The error for a number that is NaN or infinite."""
    return UserError(
        f"{what} is not finite {when}; the run keeps its last checkpoint; "
        "try a lower learning rate (--set learning_rate=...) or --set clip=1 in another --run"
    )


def explain(error: tf.errors.OpError) -> Exception:
    """What to raise for an error of a training step: a `UserError` where the user can do something."""
    text = str(error)
    found = _NOT_FINITE.search(text)
    if found:
        return not_finite(f"loss '{found[1]}'", f"at step {found[2]}")
    bad = _STROKES.search(text)
    if bad:
        return UserError(
            f"{bad[1].strip()} {bad[2]}; python -m tfrecords DIR checks all of it; make the data set again"
        )
    if isinstance(error, tf.errors.DataLossError) or any(sign in text for sign in _BAD_DATA):
        return UserError(
            "the data set has damaged records; python -m tfrecords DIR finds them; make it again"
        )
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return UserError("memory is exhausted; try a smaller --batch_size")
    return error
