"""Class folders of every kind: archives, folders around them, SVG, and everything that is left out."""

from __future__ import annotations

import unicodedata
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from preprocess.pipeline import build
from preprocess.spec import Options
from sketchspace.errors import UserError
from sketchspace.pictures.bitmaps import load_drawing
from tests.test_folder import classes, draw, records
from tfrecords.dataset import DatasetFolder, decode_image
from tfrecords.manifest import Manifest
from tfrecords.verify import verify

ALL = Options(image_size=24, splits="1,0")


def svg(seed: int) -> str:
    points = np.random.default_rng(seed).integers(0, 90, (4, 2)).tolist()
    line = " ".join(f"{x},{y}" for x, y in points)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><polyline points="{line}" '
        'fill="none" stroke="black"/></svg>'
    )


def pack(folder: Path, archive: Path, front: str = "") -> Path:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, front + path.relative_to(folder).as_posix())
    return archive


@pytest.mark.parametrize("front", ["", "drawings/", "my/drawings/"])
def test_a_zip_is_read_like_its_folder(tmp_path: Path, front: str) -> None:
    source = classes(tmp_path / "mine", 5)
    (source / "cat" / "notes.txt").write_text("no picture")
    whole = build("folder", [source], tmp_path / "a" / "set", ALL)
    packed = build("folder", [pack(source, tmp_path / "mine.zip", front)], tmp_path / "b" / "set", ALL)
    assert packed.fingerprint == whole.fingerprint and packed.dropped == whole.dropped == {"not_read_txt": 1}
    assert [entry["name"] for entry in packed.sources] == ["mine.zip"]
    assert set(records(tmp_path / "b" / "set")) == {front + key for key in records(tmp_path / "a" / "set")}
    verify(DatasetFolder.open(tmp_path / "b" / "set"))


def test_a_zip_may_have_splits_and_stand_beside_a_folder(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    for number, split in enumerate(("train", "test")):
        for index in range(3):
            draw(source / split / "cat" / f"{index}.png", 10 * number + index)
    divided = build("folder", [pack(source, tmp_path / "s.zip", "x/")], tmp_path / "a", ALL)
    assert divided.counts == {"train": {"sketch": 3}, "test": {"sketch": 3}}
    more = classes(tmp_path / "more", 2, ("dog",))
    for index in range(2):
        draw(tmp_path / "other" / "cat" / f"{index:03d}.png", 500 + index)
    packed = pack(tmp_path / "other", tmp_path / "p.zip")
    both = build("folder", [more, packed], tmp_path / "b", ALL)
    assert both.classes == ("cat", "dog") and "p.zip/cat/000.png" in records(tmp_path / "b")


def test_members_that_lead_out_of_a_zip_stay_inside(tmp_path: Path) -> None:
    source = classes(tmp_path / "in" / "mine", 3)
    archive = pack(source, tmp_path / "in" / "all.zip")
    with zipfile.ZipFile(archive, "a") as file:
        for name in ("../../cat/evil.png", "/cat/evil.png", "cat/../../evil.png"):
            file.writestr(name, draw(tmp_path / "evil" / "1.png", 99).read_bytes())
    manifest = build("folder", [archive], tmp_path / "in" / "set", ALL)
    assert manifest.dropped == {"misplaced": 3} and manifest.num_examples("train") == 6
    assert {path.name for path in tmp_path.iterdir()} == {"in", "evil"}


def test_svg_files_are_drawings_like_those_of_a_query(tmp_path: Path) -> None:
    source = classes(tmp_path / "mine", 2, ("cat",))
    (source / "cat" / "a.SVG").write_text(svg(1))
    (source / "cat" / "empty.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (source / "cat" / "broken.svg").write_text("hello")
    manifest = build("folder", [source], tmp_path / "set", ALL)
    assert manifest.dropped == {"bad_image": 1, "nothing_drawn": 1} and manifest.num_examples("train") == 3
    found = decode_image(records(tmp_path / "set")["cat/a.SVG"], 24)
    np.testing.assert_array_equal(found, load_drawing(svg(1).encode(), 24).pixels)


def test_whatever_is_left_out_is_counted_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = classes(tmp_path / "mine", 3)
    draw(source / "loose.png", 50)
    draw(source / "cat" / "old" / "1.png", 51)
    draw(source / "cat" / "old" / "2.png", 52)
    (source / "cat" / "a.psd").write_bytes(b"x")
    (source / "cat" / "more.zip").write_bytes(b"x")
    (source / "cat" / "Thumbs.db").write_bytes(b"x")
    (source / "cat" / ".DS_Store").write_bytes(b"x")
    (source / "empty").mkdir()
    (source / "broken").mkdir()
    (source / "broken" / "1.png").write_bytes(b"x")
    (source / "photos").mkdir()
    for n in range(2):
        (source / "photos" / f"{n}.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    manifest = build("folder", [source], tmp_path / "set", ALL)
    assert manifest.classes == ("cat", "ice cream")
    heic = "needs_pillow_heif" if "needs_pillow_heif" in manifest.dropped else "bad_image"
    expected = {"misplaced": 1, "nested_folder": 2, "not_read_psd": 1, "not_read_zip": 1, "empty_class": 3}
    expected["bad_image"] = 1
    expected[heic] = expected.get(heic, 0) + 2
    assert manifest.dropped == expected
    told = capsys.readouterr().err
    for reason, count in expected.items():
        assert f"left out: {count} x {reason}, first in {manifest.dropped_first[reason]}\n" in told
    assert manifest.dropped_first["empty_class"].startswith("broken, empty, photos: ")
    assert manifest.dropped_first["nested_folder"].startswith("cat/old/1.png: ")
    assert "unpack it" in manifest.dropped_first["not_read_zip"]
    assert Manifest.load(tmp_path / "set") == manifest


def test_manifests_of_before_are_read(tmp_path: Path) -> None:
    build("folder", [classes(tmp_path / "mine", 2)], tmp_path / "set", ALL)
    path = tmp_path / "set" / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace('"dropped_first": {},', "").replace(',\n  "dropped_first": {}', ""))
    assert "dropped_first" in text and "dropped_first" not in path.read_text()
    assert Manifest.load(tmp_path / "set").dropped_first == {}


def test_nothing_but_unreadable_files_is_one_sentence(tmp_path: Path) -> None:
    for name, says in (("a.docx", "1 x not_read_docx, first in cat/a.docx"), ("a.png", "1 x bad_image")):
        folder = tmp_path / name[2:]
        (folder / "cat").mkdir(parents=True)
        (folder / "cat" / name).write_bytes(b"x")
        with pytest.raises(UserError, match=says) as error:
            build("folder", [folder], tmp_path / "set", ALL)
        assert "such as cat/1.png" in str(error.value) and "\n" not in str(error.value)


def test_tiff_is_read(tmp_path: Path) -> None:
    source = classes(tmp_path / "mine", 2, ("cat",))
    Image.open(draw(tmp_path / "x.png", 7)).save(source / "cat" / "b.TIF")
    assert build("folder", [source], tmp_path / "set", ALL).num_examples("train") == 3


def test_classes_differ_in_more_than_form_and_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("Cat", "cat", *(unicodedata.normalize(form, "café") for form in ("NFC", "NFD")))
    manifest = build("folder", [classes(tmp_path / "mine", 2, names)], tmp_path / "set", ALL)
    assert manifest.classes == ("Cat", "café", "cat") and manifest.num_examples("train") == 8
    assert "note: 'Cat' and 'cat' are classes of their own" in capsys.readouterr().err


def pairs(source: Path, photos: list[str], sketches: list[str]) -> Path:
    for number, name in enumerate((*(f"photo/{n}" for n in photos), *(f"sketch/{n}" for n in sketches))):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".svg":
            path.write_text(svg(number))
            continue
        noise = np.random.default_rng(number).integers(0, 255, (20, 20, 3), np.uint8)
        assert cv2.imwrite(str(path), noise) if "photo" in name else draw(path, number)
    return source


@pytest.mark.parametrize(
    ("photo", "sketches"),
    [
        ("IMG_1.JPG", ["img_1-1.png", "Img_1-2.PNG"]),
        ("shoe.jpg", ["shoe (1).png", "shoe(2).png", "shoe-3.svg"]),
        ("shoe (1).jpg", ["shoe (1)-1.png", "shoe (1).png", "shoe (1) (2).png"]),
        (unicodedata.normalize("NFD", "é1.jpg"), [unicodedata.normalize("NFC", "É1-1.png")]),
    ],
)
def test_pairs_are_found_by_name_alike(tmp_path: Path, photo: str, sketches: list[str]) -> None:
    source = pairs(tmp_path / "x", [f"shoe/{photo}"], [f"shoe/{name}" for name in sketches])
    manifest = build("folder", [source], tmp_path / "set", Options(image_size=16, splits="1,0"))
    assert manifest.counts == {"train": {"photo": 1, "sketch": len(sketches)}} and manifest.dropped == {}


def test_two_photos_that_differ_in_case_are_never_mixed_up(tmp_path: Path) -> None:
    source = pairs(tmp_path / "x", ["s/A.jpg", "s/a.jpg"], ["s/A-1.png", "s/a-1.png"])
    manifest = build("folder", [source], tmp_path / "set", Options(image_size=16, splits="1,0"))
    found = records(tmp_path / "set").items()
    assert (
        len({r.instance for key, r in found if "/A" in key} & {r.instance for key, r in found if "/a" in key})
        == 0
    )
    assert manifest.dropped == {}


def test_a_paired_set_without_pairs_is_refused(tmp_path: Path) -> None:
    source = pairs(tmp_path / "x", ["shoe/a.jpg"], ["shoe/b-1.png"])
    with pytest.raises(
        UserError, match=r"sketch/shoe/b-1.png has no photo 'b', the first photo is photo/shoe/a.jpg"
    ):
        build("folder", [source], tmp_path / "set", ALL)


def test_files_beside_the_pictures_of_pairs_are_counted(tmp_path: Path) -> None:
    source = pairs(tmp_path / "x", ["shoe/a.jpg"], ["shoe/a-1.png"])
    (source / "photo" / "shoe" / "a.xcf").write_bytes(b"x")
    manifest = build("folder", [source], tmp_path / "set", Options(image_size=16, splits="1,0"))
    assert manifest.dropped == {"not_read_xcf": 1}


def test_pairs_whose_sketches_are_all_broken_are_refused(tmp_path: Path) -> None:
    source = pairs(tmp_path / "x", ["shoe/a.jpg"], ["shoe/a-1.png"])
    (source / "sketch" / "shoe" / "a-1.png").write_bytes(b"x")
    with pytest.raises(
        UserError, match=r"no sketch of the pairs can be used .*bad_image, first in sketch/shoe/a-1.png"
    ):
        build("folder", [source], tmp_path / "set", ALL)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_classes_of_pairs_may_differ_in_case(tmp_path: Path) -> None:
    source = pairs(tmp_path / "x", ["Shoe/a.jpg"], ["shoe/a-1.png"])
    manifest = build("folder", [source], tmp_path / "set", Options(image_size=16, splits="1,0"))
    assert manifest.classes == ("Shoe",) and manifest.counts == {"train": {"photo": 1, "sketch": 1}}
