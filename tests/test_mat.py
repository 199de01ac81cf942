"""MATLAB files: compared with SciPy and h5py; hostile ones are refused before anything large is made."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from sketchspace.arrays import mat73
from sketchspace.arrays.mat import read_mat, write_mat
from sketchspace.errors import UserError

CUBE = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)


def saved(packed: bool = False, **arrays: Any) -> bytes:
    file = io.BytesIO()
    savemat(file, arrays, do_compression=packed)
    return file.getvalue()


def saved_73(name: str = "data", attributes: dict[str, Any] | None = None, **more: Any) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w", userblock_size=512) as store:
        data = store.create_dataset(name, **{"data": CUBE.T, **more})
        for key, value in (attributes or {}).items():
            data.attrs[key] = value
    return file.getvalue()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "kind", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", "?"], ids=lambda kind: str(kind)
)
def test_every_type_of_number_reads_as_scipy_reads_it(kind: str, packed: bool) -> None:
    wanted = (np.arange(24).reshape(2, 3, 4) % 7).astype(kind)
    file = saved(packed, before=np.eye(2), data=wanted, text="hello")
    found = read_mat(file)
    np.testing.assert_array_equal(found, loadmat(io.BytesIO(file))["data"])
    assert found.dtype == (np.uint8 if kind == "?" else np.dtype(kind)) and found.flags.c_contiguous


def test_numbers_stored_in_a_smaller_type_come_back_in_the_type_of_the_variable() -> None:
    # MATLAB stores a double array of small integers as bytes: flags, shape, name, then miUINT8.
    parts = struct.pack("<IIII", 6, 8, 6, 0) + struct.pack("<IIii", 5, 8, 1, 3)
    parts += struct.pack("<HH4s", 1, 4, b"data") + struct.pack("<HH4s", 2, 3, bytes([7, 8, 9, 0]))
    file = saved(data=0)[:128] + struct.pack("<II", 14, len(parts)) + parts
    assert read_mat(file).tolist() == [[7.0, 8.0, 9.0]] and read_mat(file).dtype == np.float64
    np.testing.assert_array_equal(loadmat(io.BytesIO(file))["data"], read_mat(file))


@pytest.mark.parametrize("how", [{}, {"compression": "gzip", "shuffle": True}, {"chunks": (2, 3, 2)}])
def test_a_73_file_has_the_same_axes_as_a_version_5_file(how: dict[str, Any]) -> None:
    np.testing.assert_array_equal(read_mat(saved_73(**how)), read_mat(saved(data=CUBE)))


def test_the_first_of_several_names_is_read_and_what_is_there_is_named() -> None:
    assert read_mat(saved(labels=np.eye(3)), ("label", "labels")).shape == (3, 3)
    with pytest.raises(
        UserError, match=r"no 'data' in it, it holds images \(uint8 2x3x5\), note \(char 1x5\)"
    ):
        read_mat(saved(images=CUBE, note="hello"))
    with pytest.raises(UserError, match=r"no 'data' in it, it holds images \(uint8 2x3x5\)"):
        read_mat(saved_73("images"))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "value",
    [{"a": 1}, np.array(["x", 2], object), "text", 1j * np.eye(2)],
    ids=["struct", "cell", "char", "complex"],
)
def test_what_is_no_plain_array_is_refused(value: Any, packed: bool) -> None:
    with pytest.raises(UserError, match=r"data \(.*no array of real numbers"):
        read_mat(saved(packed, data=value))


def test_an_array_larger_than_allowed_is_refused_by_its_header() -> None:
    with pytest.raises(UserError, match="larger than 29 bytes"):
        read_mat(saved(True, data=CUBE), max_bytes=29)
    with pytest.raises(UserError, match="larger than 29 bytes"):
        read_mat(saved_73(), max_bytes=29)


def test_a_variable_that_unpacks_to_more_than_it_says_is_refused() -> None:
    element = saved(data=CUBE)[128:] + bytes(50_000_000)
    packed = zlib.compress(element)
    bomb = saved(data=CUBE)[:128] + struct.pack("<II", 15, len(packed)) + packed
    assert len(bomb) < 60_000
    with pytest.raises(UserError, match="unpacks to more than its header says"):
        read_mat(bomb, max_bytes=1000)


def test_a_73_piece_that_unpacks_to_more_than_it_says_is_refused() -> None:
    file = io.BytesIO()
    with h5py.File(file, "w") as store:
        data = store.create_dataset("data", (64,), "u1", chunks=(64,), compression="gzip")
        data.id.write_direct_chunk((0,), zlib.compress(bytes(1_000_000)))
    with pytest.raises(UserError, match="damaged"):
        read_mat(file.getvalue())


def test_a_73_file_cannot_have_other_files_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(range(64)))
    with h5py.File(tmp_path / "other.mat", "w") as store:
        store["data"] = CUBE
    layout = h5py.VirtualLayout((2, 3, 5), "u1")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.mat"), "data", (2, 3, 5))
    for number, kind in enumerate(("link", "soft", "raw", "virtual")):
        path = tmp_path / f"{number}.mat"
        with h5py.File(path, "w") as store:
            if kind == "link":
                store["data"] = h5py.ExternalLink(str(tmp_path / "other.mat"), "data")
            elif kind == "soft":
                store["data"] = h5py.SoftLink("/elsewhere")
            elif kind == "raw":
                store.create_dataset("data", (64,), "u1", external=[(str(tmp_path / "secret"), 0, 64)])
            else:
                store.create_virtual_dataset("data", layout)
        with pytest.raises(UserError, match=r"a link|in another file"):
            read_mat(path)


@pytest.mark.parametrize("attribute", [b"cell", b"char", b"function_handle"])
def test_numbers_that_stand_for_something_else_in_a_73_file_are_refused(attribute: bytes) -> None:
    with pytest.raises(UserError, match="no array of real numbers"):
        read_mat(saved_73(attributes={"MATLAB_class": np.bytes_(attribute)}))


def test_broken_files_are_one_clear_line(tmp_path: Path) -> None:
    whole, newer = saved(True, data=CUBE), saved_73()
    for number, data in enumerate((b"", b"junk" * 100, whole[:-4], whole[:140], newer[:700], newer[:1100])):
        path = tmp_path / f"{number}.mat"
        path.write_bytes(data)
        with pytest.raises(UserError, match=f"{number}.mat is not a .mat file of arrays") as error:
            read_mat(path)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="there is no file"):
        read_mat(tmp_path / "missing.mat")


def test_a_damaged_byte_gives_an_array_or_a_user_error() -> None:
    rng = np.random.default_rng(0)
    for file in (saved(data=CUBE), saved(True, data=CUBE, note="x")):
        for place in rng.integers(120, len(file), 300):
            damaged = bytearray(file)
            damaged[place] ^= int(rng.integers(1, 256))
            try:
                assert read_mat(bytes(damaged), max_bytes=1000).nbytes <= 1000
            except UserError:
                continue


def test_written_files_read_back_here_and_in_scipy_and_are_reproducible(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "data": np.random.default_rng(0).random((4, 7)),
        "numbers": np.arange(3),
        "one": np.array([2], np.float32),
    }
    write_mat(tmp_path / "a.mat", arrays)
    write_mat(tmp_path / "b.mat", arrays)
    assert (tmp_path / "a.mat").read_bytes() == (tmp_path / "b.mat").read_bytes()
    known = loadmat(tmp_path / "a.mat")
    for name, array in arrays.items():
        np.testing.assert_array_equal(known[name], np.atleast_2d(array))
        np.testing.assert_array_equal(read_mat(tmp_path / "a.mat", name), known[name])


def test_nothing_is_written_for_arrays_that_matlab_does_not_know(tmp_path: Path) -> None:
    for name, array in (("2x", np.eye(2)), ("_x", np.eye(2)), ("x", np.array(["a"])), ("x", np.eye(2) * 1j)):
        with pytest.raises(UserError):
            write_mat(tmp_path / "a.mat", {"good": np.eye(2), name: array})
    assert not list(tmp_path.iterdir())


def test_an_array_that_its_bytes_cannot_fill_is_refused_before_room_is_made_for_it() -> None:
    for file in (saved(True, data=CUBE), saved(data=CUBE)):
        plain = saved(data=CUBE)
        at = plain.index(struct.pack("<iii", *CUBE.shape))
        large = plain[:at] + struct.pack("<iii", 1000, 1000, 1000) + plain[at + 12 :]
        if file != plain:
            large = large[:128] + (lambda body: struct.pack("<II", 15, len(body)) + body)(
                zlib.compress(large[128:])
            )
        with pytest.raises(UserError, match="damaged or cut off"):
            read_mat(large)


def test_numbers_of_another_count_than_the_shape_says_are_refused() -> None:
    plain = saved(data=CUBE.astype(np.float64))
    with pytest.raises(UserError, match="damaged or cut off"):
        read_mat(plain.replace(struct.pack("<iii", *CUBE.shape), struct.pack("<iii", 2, 3, 4)))


def test_a_file_of_very_many_variables_is_refused() -> None:
    whole = saved(data=np.eye(1))
    with pytest.raises(UserError, match="more than 1,000 variables"):
        read_mat(whole[:128] + whole[128:] * 1100)


def test_a_73_file_that_cannot_be_read_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mat73, "_BASE_SECONDS", 0)
    with pytest.raises(UserError, match=r"cannot be read within 0 s|does not come to an end"):
        read_mat(saved_73())


def test_a_73_file_gets_no_more_memory_than_its_size_can_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mat73, "_BASE_MEMORY", 1 << 20)
    with pytest.raises(UserError, match=r"not a \.mat file of arrays"):
        read_mat(saved_73())


def test_a_73_file_of_numbers_that_were_never_written_is_refused() -> None:
    file = io.BytesIO()
    with h5py.File(file, "w", userblock_size=512) as store:
        store.create_dataset("data", (1000, 1000, 900), "u1", fillvalue=1, chunks=(100, 100, 100))
    with pytest.raises(UserError, match="'data' is damaged"):
        read_mat(file.getvalue())


def test_names_of_variables_are_printed_on_one_line_of_bounded_length() -> None:
    for name in ("a\n\x1b[31m", "b" * 5000):
        file = io.BytesIO()
        with h5py.File(file, "w", userblock_size=512) as store:
            store.create_dataset(name, data=CUBE)
        with pytest.raises(UserError, match="there is no 'data'") as refused:
            read_mat(file.getvalue())
        assert str(refused.value).isprintable() and len(str(refused.value)) < 400
