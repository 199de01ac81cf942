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

from sketchspace.arrays import safe_numpy
from sketchspace.arrays.npy import map_array, plain_array, read_head
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


def head_of(text: str, version: int = 1) -> bytes:
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode("latin1")


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 4)])
@pytest.mark.parametrize("kind", ["<f4", ">i2", "|u1", "?", "<f8", "<u8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_heads_are_read_as_numpy_reads_them(shape, kind, order):
    wanted = np.asfortranarray(np.ones(shape, kind)) if order == "F" else np.ones(shape, kind)
    for version in ((1, 0), (2, 0), (3, 0)):
        file = io.BytesIO()
        np.lib.format.write_array(file, wanted, version)
        head = read_head(file.getvalue())
        found = plain_array(file.getvalue(), head)
        assert found.dtype == wanted.dtype and np.array_equal(found, wanted)
        assert head.num_bytes == wanted.nbytes == len(file.getvalue()) - head.start


def test_heads_in_other_manners_of_writing_are_read():
    for text in (
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 2L), }  \n",
        "{'shape': (3, 2), 'fortran_order': False, 'descr': '<f4'}",
        '{"descr": "<f4", "fortran_order": False, "shape": (3,2)}',
    ):
        assert read_head(head_of(text)).shape == (3, 2)


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1_0,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 33 + ")}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 500 + ")" * 500 + "}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}",
        "{'descr': '<V8', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': [('a', 'O')], 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f4', 'shape': (3,)}",
        "__import__('os').abort()",
        "\x1b[31m",
        "",
    ],
)
def test_heads_of_anything_else_are_refused_in_text_that_may_be_printed(text):
    for version in (1, 2, 9):
        with pytest.raises(ValueError, match=r"head|version|axes|type") as refused:
            read_head(head_of(text, version))
        assert str(refused.value).isprintable() and len(str(refused.value)) < 200


def test_a_head_that_promises_more_than_the_file_holds_takes_no_memory(tmp_path):
    for shape in ("(7696581394432,)", "(461168601842738790, 4)", "(0, 1000000000, 3)"):
        data = head_of(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}")
        with pytest.raises(ValueError, match=r"bytes of numbers|rows of nothing"):
            plain_array(data, read_head(data))
        (tmp_path / "v.npy").write_bytes(data)
        with pytest.raises(UserError, match=r"v\.npy is no array float32 2 x 3 .*; make it again"):
            map_array(tmp_path / "v.npy", np.float32, (2, 3), "make it again")


def test_a_mapped_array_is_the_stored_one(tmp_path):
    np.save(tmp_path / "v.npy", np.arange(6, dtype=np.float32).reshape(2, 3))
    found = map_array(tmp_path / "v.npy", np.float32, (2, 3), "")
    assert isinstance(found, np.memmap) and found.tolist() == [[0, 1, 2], [3, 4, 5]]
    with (tmp_path / "v.npy").open("ab") as file:
        file.write(b"x")
    with pytest.raises(UserError, match="25 bytes of numbers"):
        map_array(tmp_path / "v.npy", np.float32, (2, 3), "")


ARRAY = pickle.dumps(np.arange(3), protocol=2)


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (b"r\xff\xff\xff\x0f", None),  # 268 million notes: no room is made for them
        (b"\x96" + (1 << 32).to_bytes(8, "little"), "pickle"),
        (b"cnumpy\nndarray\n\x81", "pickle"),
        (b"\x82\x01", "pickle"),
    ],
)
def test_steps_that_arrays_do_not_need_are_not_known(steps, says):
    hostile = ARRAY[:-1] + steps + b"."
    if says is None:
        found = unpickle_arrays(hostile)
        assert isinstance(found, np.ndarray) and found.tolist() == [0, 1, 2]
        return
    with pytest.raises(ValueError, match=says):
        unpickle_arrays(hostile)


def test_a_pickle_that_names_one_thing_many_times_does_not_fill_the_memory():
    text = b"X" + (100_000).to_bytes(4, "little") + b"a" * 100_000 + b"q\x00"
    call = b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R"
    with pytest.raises(ValueError, match="far more than its size"):
        unpickle_arrays(b"\x80\x02" + text + b"(" + call * 10_000 + b"t.")


def test_functions_that_a_pickle_may_call_cannot_be_changed():
    for name in (b"c_codecs\nencode\n", b"cnumpy\ndtype\n"):
        with pytest.raises(ValueError, match="state of a function"):
            unpickle_arrays(b"\x80\x02" + name + b"}X\x01\x00\x00\x00aK\x01sb.")


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_archives_packed_in_other_ways_are_refused(tmp_path, packing):
    with zipfile.ZipFile(tmp_path / "x.npz", "w", packing) as archive:
        archive.writestr("train\x1b.npy", b"x")
    with pytest.raises(UserError, match=r"train\?\.npy is packed in a way"):
        read_npz(tmp_path / "x.npz")


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(safe_numpy, "MAX_MEMBER_BYTES", 2 << 20)
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(3):
            archive.writestr(f"{number}.npy", bytes(1 << 20))
    with pytest.raises(UserError, match="unpacks to 3 MB"):
        read_npz(tmp_path / "x.npz")
