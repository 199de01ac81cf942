"""Ways to spoil NumPy's files: heads of `.npy`, steps of pickles, and directories of `.npz`."""

from __future__ import annotations

import io
import pickle  # noqa: TID251
import re
import struct
import zipfile

from benchmarks.hostile.spoil_bytes import BOMB, NUMBERS, Rng, spoil_bytes

_SHAPES = (
    "()", "(0,)", "(-1,)", "(1,", "(999999999999,)", "(1000000000,0,3)", "(0,1000000000,3)", "(2,)*9",
    "(1L, 2L)", "(1,)" + ",1" * 40, "(" * 200 + ")" * 200, "(1_0,)", "(True,)", "(9" + "9" * 5000 + ",)",
    "(4611686018427387904,4)", "(1.5,)", "('a',)", "(3,3)", "None",
)  # fmt: skip
_TYPES = (
    "|O", "<f4", "<f8", ">f8", "|V7", "<U99999999", "|S2147483647", "<c16", "<m8[ns]", "f4,f4",
    "(999999,)f4", "O,O", "|b1", "<f16", "zz", "\x1b[0m", "<i8",
)  # fmt: skip
_STEPS = (
    b"r\xff\xff\xff\x0f", b"r\x00\x00\x00\x08", b"\x8e" + struct.pack("<Q", 1 << 40),
    b"\x8d\xff\xff\xff\x7f\0\0\0\0", b"\x96" + struct.pack("<Q", 1 << 32),
    b"\x95" + struct.pack("<Q", 1 << 62), b"B\xff\xff\xff\x7f", b"X\xff\xff\xff\x7f",
    b"\x8b\xff\xff\xff\x7f", b"L" + b"9" * 5000 + b"L\n", b"I" + b"9" * 5000 + b"\n", b"cos\nsystem\n",
    b"c__builtin__\neval\n", b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"(" * 100, b"\x85" * 5000, b"0",
    b"1", b"2" * 50, b"}", b"]", b")", b"R", b"b", b"s", b"u", b"a", b"e", b"N", b"\x81", b"\x92", b"Q",
    b"P0\n", b"\x82\x01", b"i__main__\nx\n", b"o", b"h\x00", b"h\x01", b"j\0\0\0\0", b"\x94", b"K\x01",
    b"C\x03abc", b"U\x03abc", b"G\x7f\xf0\0\0\0\0\0\0", b"V" + b"\\ud800" + b"\n", b"S'\\x1b'\n", b".",
    b"\x80\xff", b"\x98", b"\x97",
)  # fmt: skip


def spoil_pickle(rng: Rng, data: bytes) -> bytes:
    """Steps put between the steps of a pickle, or in place of its end; at times just bytes."""
    if rng.random() < 0.4:
        return spoil_bytes(rng, data)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(len(data)))
        step = _STEPS[int(rng.integers(len(_STEPS)))] * int(rng.choice([1, 1, 1, 2, 100]))
        data = data[:at] + step + data[at + int(rng.integers(3)) :]
    return data


def spoil_npy(rng: Rng, data: bytes) -> bytes:
    """The head of a `.npy` file rewritten, or what follows it spoilt; at times just bytes."""
    if rng.random() < 0.2 or len(data) < 12:
        return spoil_bytes(rng, data)
    size = int.from_bytes(data[8:10], "little")
    head, body = data[10 : 10 + size].decode("latin1"), data[10 + size :]
    what = rng.random()
    if what < 0.3:
        head = re.sub(r"\([^)]*\)", lambda _: _SHAPES[int(rng.integers(len(_SHAPES)))], head)
    elif what < 0.5:
        head = re.sub(r"'[<>|]\w+'", lambda _: repr(_TYPES[int(rng.integers(len(_TYPES)))]), head)
    elif what < 0.7:
        head = spoil_bytes(rng, head.encode("latin1")).decode("latin1")
    else:
        body = spoil_pickle(rng, body) if b"numpy" in body[:60] else spoil_bytes(rng, body)
    text = head.encode("latin1", "replace")[:60_000]
    version = bytes(rng.choice([1, 2, 3, 9], 1, p=[0.85, 0.05, 0.05, 0.05]).astype("u1")) + b"\0"
    length = struct.pack("<H" if version[0] == 1 else "<I", len(text))
    return b"\x93NUMPY" + version + length + text + body


def spoil_npz(rng: Rng, data: bytes) -> bytes:
    """Members of an archive spoilt, numbers of its directory changed; at times just bytes."""
    if rng.random() < 0.15:
        return spoil_bytes(rng, data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = list(members)[int(rng.integers(len(members)))]
    if rng.random() < 0.7:
        members[name] = spoil_npy(rng, members[name])
    if rng.random() < 0.005:
        members[name] += BOMB
    if rng.random() < 0.05:
        members["\x1b[31m" + "n" * int(rng.integers(5000))] = members[name]
    made = io.BytesIO()
    ways = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)
    with zipfile.ZipFile(
        made, "w", ways[int(rng.choice(4, p=[0.45, 0.45, 0.05, 0.05]))], compresslevel=1
    ) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    spoilt = bytearray(made.getvalue())
    if rng.random() < 0.5:
        place = spoilt.rfind((b"PK\x01\x02", b"PK\x05\x06", b"PK\x03\x04")[int(rng.integers(3))])
        at, size = place + int(rng.integers(4, 46)), int(rng.choice([2, 4]))
        spoilt[at : at + size] = (NUMBERS[int(rng.integers(10))] & ((1 << 8 * size) - 1)).to_bytes(
            size, "little"
        )
    return bytes(spoilt)


def pickled(value: object, protocol: int) -> bytes:
    """A pickle to spoil."""
    return pickle.dumps(value, protocol)
