"""One record for every example of every data set, and its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from tfrecords.wire import Value, decode_example, encode_example

SCHEMA_VERSION = 1
Domain = Literal["sketch", "photo"]
DOMAINS: tuple[str, ...] = get_args(Domain)


@dataclass(frozen=True, eq=False)
class Record:
    """One example.

    `key` is unique in its data set; `label` is the index of `class_name` in the manifest's classes.
    `instance` numbers the object that was drawn or photographed within its class (-1 where the data has no
    pairs): a sketch and a photo of one object have the same label and instance.
    `strokes` is float32 `[points, 3]`: absolute x, y in source units and 1 on the last point of each
    stroke. `image` is a PNG `[size, size]`, 255 paper and 0 ink: grey, or RGB for a photo in a data set of
    three channels. One of the two may be missing. `shown` is a photo for people, an RGB PNG
    `[size, size, 3]`, where `image` is not in colour itself.
    """

    key: str
    label: int
    class_name: str
    domain: Domain = "sketch"
    instance: int = -1
    strokes: NDArray[np.float32] | None = None
    image: bytes | None = None
    shown: bytes | None = None


def serialize(record: Record) -> bytes:
    """A record as a serialised `tf.train.Example`."""
    features: dict[str, Value] = {
        "key": record.key.encode(),
        "label": record.label,
        "class_name": record.class_name.encode(),
        "domain": DOMAINS.index(record.domain),
        "instance": record.instance,
    }
    if record.strokes is not None:
        features["strokes"] = record.strokes.reshape(-1)
    if record.image is not None:
        features["image"] = record.image
    if record.shown is not None:
        features["shown"] = record.shown
    return encode_example(features)


def parse(data: bytes) -> Record:
    """The inverse of `serialize`; raises ValueError where the bytes are not a record of this schema."""
    values = decode_example(data)
    domain = _get(values, "domain", int)
    strokes = _get(values, "strokes", np.ndarray, needed=False)
    if not 0 <= domain < len(DOMAINS):
        raise ValueError(f"domain {domain} is none of {', '.join(DOMAINS)}")
    if strokes is not None and len(strokes) % 3:
        raise ValueError(f"strokes hold {len(strokes)} numbers, expected three a point")
    return Record(
        key=_get(values, "key", bytes).decode(),
        label=_get(values, "label", int),
        class_name=_get(values, "class_name", bytes).decode(),
        domain=cast(Domain, DOMAINS[domain]),
        instance=_get(values, "instance", int),
        strokes=None if strokes is None else strokes.reshape(-1, 3),
        image=_get(values, "image", bytes, needed=False),
        shown=_get(values, "shown", bytes, needed=False),
    )


def _get(values: dict[str, Value], name: str, kind: type, needed: bool = True) -> Any:
    value = values.get(name)
    if value is None and not needed:
        return None
    if not isinstance(value, kind):
        found = "nothing" if value is None else type(value).__name__
        raise ValueError(f"{name} is {found}, expected {kind.__name__} in schema {SCHEMA_VERSION}")
    return value
