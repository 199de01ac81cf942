"""The settings of each learner: defaults, limits and meanings, without importing TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sketchspace.errors import UserError, unknown_name

Allowed = tuple[Any, ...]


class Positive(tuple[float, float]):
    """The lowest and the highest of numbers that must be above 0."""


ABOVE_ZERO = Positive((5e-324, 1.7e308))


def setting(default: Any, allowed: Allowed, meaning: str, unit: str = "") -> Any:
    """A field of a frozen dataclass with what may be said of it.

    `allowed` is the lowest and the highest number, or the texts that it may be; empty where something else
    checks it.
    """
    return dataclasses.field(default=default, metadata={"allowed": allowed, "meaning": meaning, "unit": unit})


def check_limits(key: str, value: Any, allowed: Allowed) -> None:
    """Raise UserError for a text that is not one of `allowed`, or a number outside of its two."""
    if isinstance(value, str):
        if value not in allowed:
            raise unknown_name(f"value of {key}", value, allowed)
    elif not allowed[0] <= value <= allowed[1]:
        raise UserError(f"{key}={value}: expected {described(allowed)}")


def described(allowed: Allowed) -> str:
    """What a value may be, in words; "" where nothing is said."""
    if not allowed or isinstance(allowed[0], str):
        return ", ".join(allowed)
    if allowed == ABOVE_ZERO:
        return "a number above 0, such as 1 or 0.2"
    low = "a number above 0," if isinstance(allowed, Positive) else "a number"
    return f"{low} from {allowed[0]:g} to {allowed[1]:g}"


def parse_as(key: str, text: str, example: Any) -> Any:
    """A text as the type of `example` (bool, int, float or str); raises UserError where it is not."""
    if isinstance(example, bool):
        if text.lower() not in ("true", "false", "1", "0"):
            raise UserError(f"--set {key}={text}: expected true or false")
        return text.lower() in ("true", "1")
    try:
        return type(example)(text)
    except ValueError:
        raise UserError(
            f"--set {key}={text}: expected a {type(example).__name__} such as {example}"
        ) from None


@dataclass(frozen=True)
class Settings:
    """A learner's settings; a value outside of its limits is a `UserError` as soon as they are made."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check_limits(field.name, getattr(self, field.name), field.metadata["allowed"])


_SMOOTHING = ((0.0, 0.99), "share of the target that is spread evenly over all classes")
_MINING = ("semi_hard", "batch_hard", "all")
_MINES = "which triplets of a batch count"


@dataclass(frozen=True)
class ClassifySettings(Settings):
    """Of the learner `classify`."""

    label_smoothing: float = setting(0.0, *_SMOOTHING)


@dataclass(frozen=True)
class TripletSettings(Settings):
    """Of the learner `triplet`."""

    margin: float = setting(
        1.0, ABOVE_ZERO, "how much farther a negative has to be", "squared Euclidean distance"
    )
    mining: str = setting("semi_hard", _MINING, _MINES)
    triplet_loss: str = setting("hinge", ("hinge", "ratio"), "hinge with the margin, or a ratio without one")


@dataclass(frozen=True)
class ContrastiveSettings(Settings):
    """Of the learner `contrastive`."""

    margin: float = setting(
        1.0, ABOVE_ZERO, "how far pairs that do not match are pushed apart", "Euclidean distance"
    )
    match: str = setting("class", ("class", "instance"), "what makes a sketch and a photo match")


@dataclass(frozen=True)
class PairsSettings(Settings):
    """Of the learner `pairs`."""

    temperature: float = setting(
        0.07, Positive((1e-6, 1e3)), "by which cosine similarities are divided in info_nce"
    )
    temperature_is: str = setting(
        "fixed", ("fixed", "learnt"), "whether the temperature stays, or only begins there"
    )
    margin: float = setting(
        1.0, ABOVE_ZERO, "how much farther another photo has to be, in triplet", "squared Euclidean distance"
    )
    mining: str = setting("semi_hard", _MINING, _MINES)
    label_smoothing: float = setting(0.0, *_SMOOTHING)


@dataclass(frozen=True)
class AnnotatedSettings(Settings):
    """Of the learner `annotated`."""

    margin: float = setting(
        1.0, ABOVE_ZERO, "how much farther the farther photo has to be", "squared Euclidean distance"
    )
    hard_ratio: float = setting(
        0.75, (0.0, 1.0), "share of pairs that people compared; the rest are other photos"
    )


SETTINGS: dict[str, type[Settings]] = {
    "classify": ClassifySettings,
    "triplet": TripletSettings,
    "contrastive": ContrastiveSettings,
    "pairs": PairsSettings,
    "annotated": AnnotatedSettings,
}
"""By the name of the learner, as `learners.registry.LEARNERS` has them."""


def settings_of(learner: str, given: Mapping[str, Any]) -> Settings:
    """The settings of a learner with those that are `given`; an unknown learner or key is a `UserError`."""
    if learner not in SETTINGS:
        raise unknown_name("learner", learner, SETTINGS)
    known = [field.name for field in dataclasses.fields(SETTINGS[learner])]
    for key in given:
        if key not in known:
            raise unknown_name(f"setting of {learner}", key, known)
    return SETTINGS[learner](**given)
