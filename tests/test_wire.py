"""Examples and TFRecord frames against TensorFlow's own, both ways."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sketchspace.errors import UserError
from tfrecords.wire import Value, decode_example, encode_example, frame, read_records
from training.tensorflow_import import import_tensorflow

import_tensorflow()
import tensorflow as tf  # noqa: E402

INTS = st.integers(-(1 << 63), (1 << 63) - 1)
FLOATS = st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=50).map(
    lambda values: np.array(values, np.float32)
)
FEATURES = st.dictionaries(st.text(max_size=20), st.one_of(st.binary(max_size=300), INTS, FLOATS), max_size=6)
PAYLOADS = st.lists(st.binary(max_size=400), max_size=6)


def tf_example(features: dict[str, Value]) -> tf.train.Example:
    """The same example by TensorFlow's classes."""
    feature = {}
    for name, value in features.items():
        if isinstance(value, bytes):
            feature[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        elif isinstance(value, int):
            feature[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        else:
            feature[name] = tf.train.Feature(float_list=tf.train.FloatList(value=value))
    return tf.train.Example(features=tf.train.Features(feature=feature))


def assert_same(found: dict[str, Value], expected: dict[str, Value]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(found[name], value)
        else:
            assert found[name] == value


@settings(deadline=None)
@given(FEATURES)
def test_encoded_bytes_are_those_of_tensorflow(features: dict[str, Value]) -> None:
    assert tf.train.Example.FromString(encode_example(features)) == tf_example(features)
    for name, value in features.items():  # with several, TensorFlow's order is its own affair
        assert encode_example({name: value}) == tf_example({name: value}).SerializeToString()


@settings(deadline=None)
@given(FEATURES)
def test_tensorflow_examples_are_decoded(features: dict[str, Value]) -> None:
    assert_same(decode_example(tf_example(features).SerializeToString()), features)
    assert_same(decode_example(encode_example(features)), features)


def test_sizes_around_the_steps_of_a_variable_length_number() -> None:
    for size in (0, 1, 126, 127, 128, 16_383, 16_384, 2_097_152):
        features: dict[str, Value] = {"x": bytes(size)}
        assert encode_example(features) == tf_example(features).SerializeToString()


def test_order_of_insertion_does_not_matter_and_types_are_checked() -> None:
    assert encode_example({"b": 1, "a": b"x"}) == encode_example({"a": b"x", "b": 1})
    assert encode_example({"a": np.int64(7)}) == encode_example({"a": 7})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        encode_example({"a": 1.5})  # type: ignore[dict-item]
    with pytest.raises(OverflowError):
        encode_example({"a": 1 << 63})


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_an_example_or_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode_example(data)


@settings(deadline=None)
@given(FEATURES.filter(bool), st.data())
def test_damaged_examples_are_an_example_or_a_value_error(
    features: dict[str, Value], data: st.DataObject
) -> None:
    good = bytearray(encode_example(features))
    good[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ValueError):
        decode_example(bytes(good))


@settings(max_examples=25, deadline=None)
@given(PAYLOADS)
def test_frames_are_read_by_tensorflow_and_written_by_it(payloads: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "ours"), Path(folder, "theirs")
        ours.write_bytes(b"".join(frame(payload) for payload in payloads))
        with tf.io.TFRecordWriter(str(theirs)) as writer:
            for payload in payloads:
                writer.write(payload)
        assert ours.read_bytes() == theirs.read_bytes()
        assert list(tf.data.TFRecordDataset(str(ours)).as_numpy_iterator()) == payloads
        assert list(read_records(theirs)) == payloads


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    payloads = [b"first record", b"", b"third"]
    good = b"".join(frame(payload) for payload in payloads)
    path = tmp_path / "x.tfrecord"
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x40]) + good[place + 1 :])
        with pytest.raises(UserError, match=r"record \d is damaged"):
            list(read_records(path))


def test_every_cut_is_noticed_but_between_records(tmp_path: Path) -> None:
    frames = [frame(b"first record"), frame(b"second")]
    good, path = b"".join(frames), tmp_path / "x.tfrecord"
    for length in range(len(good)):
        path.write_bytes(good[:length])
        if length in (0, len(frames[0])):
            assert list(read_records(path)) == [b"first record"][: length // len(frames[0])]
        else:
            with pytest.raises(UserError, match=r"record [01] is damaged"):
                list(read_records(path))


def test_a_length_that_would_fill_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tfrecord"
    path.write_bytes(frame(bytes(8))[:12].replace(b"\x08", b"\xff") + bytes(20))
    with pytest.raises(UserError, match="record 0 is damaged"):
        list(read_records(path))
