"""Legacy array files: the same arrays as by free unpickling, and nothing that acts."""

from __future__ import annotations

import contextlib
import io
import pickle  # noqa: TID251
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sketchspace.arrays.safe_numpy import read_npz, unpickle_arrays
from sketchspace.errors import UserError
from sketchspace.sketch.readers import read_stroke3_npz


@pytest.mark.parametrize("name", ["aaron_sheep", "short_kanji", "kanji.rdp100", "omniglot"])
def test_stroke3_files_hold_what_numpy_would_unpickle(shared_data, name):
    file = shared_data / "stroke3" / f"{name}.npz"
    ours, trusted = read_npz(file), np.load(file, allow_pickle=True, encoding="latin1")
    assert set(ours) == {"train", "valid", "test"}
    for split in ours:
        assert len(ours[split]) == len(trusted[split])
        for mine, other in zip(ours[split], trusted[split], strict=True):
            assert mine.dtype == other.dtype
            assert np.array_equal(mine, other)


def test_stroke3_drawings_by_split(shared_data):
    splits = read_stroke3_npz(shared_data / "stroke3" / "aaron_sheep.npz")
    assert {split: len(sketches) for split, sketches in splits.items()} == {
        "train": 7400,
        "valid": 300,
        "test": 300,
    }
    assert min(len(sketch.strokes) for sketch in splits["test"]) >= 1


class _Harm:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def object_npz(tmp_path, payload: bytes, shape=(1,)):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        archive.writestr("train.npy", file.getvalue() + payload)
    return tmp_path / "bad.npz"


@pytest.mark.parametrize(
    "harm",
    [
        _Harm(print, "ran"),
        _Harm(eval, "1 + 1"),
        _Harm(np.ndarray, (10,)),
        _Harm(np.frombuffer, b"12345678"),
        [1, 2],
        {"a": _Harm(print, "ran")},
        np.array(["text"]),
        np.array([_Harm(print, "ran")], dtype=object),
        np.zeros(2, dtype=[("a", "O"), ("b", "f4")]),
        np.array([{1: 2}], dtype=object),
    ],
)
def test_nothing_but_arrays_of_numbers_is_unpickled(tmp_path, capsys, harm):
    for protocol in (0, 2, 4):
        payload = pickle.dumps(harm, protocol=protocol)
        with pytest.raises(ValueError, match="not a pickle of plain arrays"):
            unpickle_arrays(payload)
        with pytest.raises(UserError, match=r"bad\.npz is not a readable"):
            read_npz(object_npz(tmp_path, payload))
    assert capsys.readouterr().out == ""


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_damaged_pickles_are_refused(data):
    whole = pickle.dumps(np.array([np.arange(3), np.arange(4)], dtype=object), protocol=2)
    assert len(unpickle_arrays(whole)) == 2
    cut = len(data) % len(whole)
    for damaged in (data, whole[:cut], whole[:cut] + data + whole[cut + len(data) :]):
        with contextlib.suppress(ValueError):  # some bytes may change and leave a pickle of arrays
            assert all(isinstance(array, np.ndarray) for array in unpickle_arrays(damaged))


def test_broken_archives_are_explained(tmp_path):
    (tmp_path / "text.npz").write_bytes(b"hello")
    with pytest.raises(UserError, match=r"text\.npz is not a readable \.npz"):
        read_npz(tmp_path / "text.npz")
    with pytest.raises(UserError, match="there is no file"):
        read_npz(tmp_path / "none.npz")
    np.savez(tmp_path / "flat.npz", train=np.zeros((2, 5)))
    with pytest.raises(UserError, match="something else than stroke-3"):
        read_stroke3_npz(tmp_path / "flat.npz")


def test_a_dict_of_arrays_is_read_as_the_chair_drawings_come(shared_data):
    data = (shared_data / "qmul_chairv2_strokes" / "ChairV2_Coordinate").read_bytes()
    chairs = unpickle_arrays(data)
    assert isinstance(chairs, dict)
    assert len(chairs) == 1275
    assert {array.shape[1] for array in chairs.values()} == {3}
