"""Zip archives as a source, the friendly and the hostile."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from preprocess.pipeline import build
from preprocess.sources import archives
from preprocess.spec import Options
from sketchspace.errors import UserError
from tests.ndjson_fixture import line, write_classes

SMALL = Options(image_size=16, splits="train:20,validation:5,test:5")


def pack(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_archive_gives_what_its_folder_gives(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "source")
    members = {path.name: path.read_bytes() for path in folder.iterdir()}
    junk = {"__MACOSX/._cat.ndjson": b"\x00\x05", ".hidden/a.ndjson": b"{", "notes.txt": b"x", "empty/": b""}
    archive = pack(tmp_path / "source.zip", members | junk)
    whole = build("quickdraw", [folder], tmp_path / "a" / "set", SMALL)
    packed = build("quickdraw", [archive], tmp_path / "b" / "set", SMALL)
    assert (packed.shards, packed.fingerprint) == (whole.shards, whole.fingerprint)
    assert packed.dropped == {"not_read_txt": 1} and whole.dropped == {}
    assert [entry["name"] for entry in packed.sources] == ["source.zip"]


def test_members_are_never_written_where_they_say(tmp_path: Path) -> None:
    evil = {"../../evil.ndjson": line(1), "/tmp/evil.ndjson": line(2), "a\\..\\..\\evil.ndjson": line(3)}
    (tmp_path / "in" / "deep").mkdir(parents=True)
    archive = pack(tmp_path / "in" / "deep" / "x.zip", evil)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="unknown class"):
        build("quickdraw", [archive], tmp_path / "out", Options(classes=("catt",)))
    assert set(tmp_path.rglob("*")) == before
    build("quickdraw", [archive], tmp_path / "out", Options(image_size=16, splits="1,0"))
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"} and not Path(
        "/tmp/evil.ndjson"
    ).exists()


def test_hostile_archives_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = pack(tmp_path / "good.zip", {"cat.ndjson": b"\n".join(line(key) for key in range(50))})
    data = good.read_bytes()

    def refuses(name: str, content: bytes, says: str) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError, match=says):
            build("quickdraw", [path], tmp_path / "out", SMALL)
        assert not (tmp_path / "out").exists() and not (tmp_path / ".out.partial").exists()

    at = data.index(b"cat.ndjson") + 200
    refuses(
        "crc.zip", data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], "crc.zip/cat.ndjson cannot be unpacked"
    )
    encrypted = bytearray(data)
    encrypted[6] |= 1
    encrypted[data.index(b"PK\x01\x02") + 8] |= 1
    refuses("locked.zip", bytes(encrypted), "cannot be unpacked .*encrypted")
    refuses("text.zip", b"PK\x03\x04 and nothing more", "no usable drawing")
    refuses("none.zip", pack(tmp_path / "n", {"a.txt": b""}).read_bytes(), "holds no .ndjson file")
    monkeypatch.setattr(archives, "_FREE_RATIO", 1000)
    refuses(
        "bomb.zip",
        pack(tmp_path / "b", {"cat.ndjson": b" " * 10**6}).read_bytes(),
        "unpacks from .* to 1,000,000",
    )
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    many = {f"{number}.ndjson": b"{}" for number in range(3)}
    refuses("many.zip", pack(tmp_path / "m", many).read_bytes(), "has 3 .ndjson members, at most 2")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 10))
    refuses("room.zip", data, "make room")


def test_member_that_is_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    data = pack(tmp_path / "x.zip", {"cat.ndjson": line(1) * 3}).read_bytes()
    size = len(line(1) * 3).to_bytes(4, "little")
    (tmp_path / "x.zip").write_bytes(data.replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(UserError, match=r"x.zip/cat.ndjson cannot be unpacked"):
        build("quickdraw", [tmp_path / "x.zip"], tmp_path / "out", SMALL)


def test_file_whose_name_cannot_be_printed_is_refused(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "source", ("cat",))
    (folder / "a\x1b[2Jb.ndjson").write_bytes(b"{}")
    with pytest.raises(UserError, match=r"'a\\x1b\[2Jb.ndjson', a name that cannot be printed"):
        build("quickdraw", [folder], tmp_path / "out", SMALL)


def test_missing_sources_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name, says in (("nowhere", "no source .*nowhere"), ("empty", "holds no .ndjson file")):
        with pytest.raises(UserError, match=says):
            build("quickdraw", [tmp_path / name], tmp_path / "out", SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
