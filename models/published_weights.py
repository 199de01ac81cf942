"""Weights that older programs published as a dict of arrays: its layouts and names, and our layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from sketchspace.errors import UserError

PARTS = ("weights", "biases")
PUBLISHED_NAMES = {"attention_hidden": "conv1", "attention": "conv2"}
"""Published names of layers that have another one here."""
_SLOT = re.compile(
    r"(.*/(Momentum|Adam|RMSProp|Adagrad|ExponentialMovingAverage)|Variable|global_step)(_\d+)?"
)


@dataclass(frozen=True)
class Matched:
    """Published arrays beside the layers of an encoder, by names such as `conv1_s1/weights`.

    `slots` are of the training (momentum, counters of steps), `unknown` are of no layer, `missing` are
    wanted by the encoder and not there.
    """

    used: Mapping[str, NDArray[np.float32]]
    slots: tuple[str, ...]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]

    def report(self) -> list[str]:
        """Lines for people: what was used, what was not, and why."""
        count = sum(array.size for array in self.used.values())
        lines = [f"used: {len(self.used)} arrays, {count:,} numbers"]
        for names, what in (
            (self.slots, "skipped, of the training"),
            (self.unknown, "skipped, of no layer"),
            (self.missing, "missing, left as they are drawn"),
        ):
            if names:
                lines.append(f"{what}: {', '.join(names)}")
        return lines


def flattened(published: Mapping[str, Any]) -> dict[str, Any]:
    """Any of the three layouts as `layer/weights` and `layer/biases`.

    These are `d[layer]["weights"]`, `d["layer/weights:0"]` and `d[layer] = [weights, biases]`.
    """
    flat: dict[str, Any] = {}
    for name, value in published.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}/{part}": array for part, array in value.items()}
        elif isinstance(value, list):
            parts = [*PARTS, *(str(number) for number in range(len(PARTS), len(value)))]
            flat |= {f"{name}/{part}": array for part, array in zip(parts, value, strict=False)}
        else:
            flat[name] = value
    return {name.removesuffix(":0"): value for name, value in flat.items()}


def match(published: Mapping[str, Any], encoder: tf_keras.Model) -> Matched:
    """Find each array's place in an encoder.

    Raises UserError for an array of another shape than its place, and for one that does not hold finite
    numbers; nothing is set.
    """
    found, wanted = flattened(published), variables_of(encoder)
    used = {name: _checked(name, found[name], wanted[name], encoder) for name in wanted if name in found}
    rest = [name for name in found if name not in wanted]
    return Matched(
        used,
        tuple(name for name in rest if _SLOT.fullmatch(name)),
        tuple(name for name in rest if not _SLOT.fullmatch(name)),
        tuple(name for name in wanted if name not in found),
    )


def assign(matched: Matched, encoder: tf_keras.Model) -> None:
    """Set the matched arrays; kernels are `[height, width, in, out]` and `[in, out]` there and here."""
    wanted = variables_of(encoder)
    for name, array in matched.used.items():
        wanted[name].assign(array)


def variables_of(encoder: tf_keras.Model) -> dict[str, tf.Variable]:
    """The weights of an encoder's convolutions and dense layers by their published names."""
    found: dict[str, tf.Variable] = {}
    for layer in encoder.layers:
        if hasattr(layer, "kernel"):
            name = PUBLISHED_NAMES.get(layer.name, layer.name)
            found |= {f"{name}/{part}": value for part, value in zip(PARTS, layer.weights, strict=True)}
    return found


def _checked(name: str, array: Any, wanted: tf.Variable, encoder: tf_keras.Model) -> NDArray[np.float32]:
    shape = tuple(wanted.shape)
    if array.shape != shape:
        size = encoder.input_shape["image"][1]
        raise UserError(
            f"{name} has the shape {array.shape}, {encoder.name} takes {shape} at {size} px; "
            "give the --model, --image_size and --set of these weights"
        )
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise UserError(f"{name} does not hold finite numbers only; the file is damaged or of another kind")
    return np.asarray(array, np.float32)
