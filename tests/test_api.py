"""The public interface: its examples run, and what they say is what the slow way gives."""

from __future__ import annotations

import doctest
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import sketchspace
from sketchspace.sketch.raster import rasterize
from tests.encoder_fixture import (  # noqa: F401
    CLASSES,
    drawing,
    png_of,
    run_and_data,
    write_run,
)
from tfrecords.gallery_items import build_gallery

ROOT = Path(__file__).resolve().parents[1]


def svg_of(sketch: sketchspace.Sketch) -> str:
    lines = [" ".join(f"{x},{y}" for x, y in stroke.tolist()) for stroke in sketch.strokes]
    drawn = "".join(f'<polyline points="{line}" fill="none" stroke="black"/>' for line in lines)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-20 -20 140 140">{drawn}</svg>'


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with photos, one more photo, a run and a drawing, which is the working folder."""
    for number, name in enumerate(CLASSES):
        path = tmp_path / "photos" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(png_of(drawing(name, number), 64))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "house.png").write_bytes(png_of(drawing("square", 50), 90))
    (tmp_path / "circle.svg").write_text(svg_of(drawing("circle", 77)))
    write_run(tmp_path / "runs" / "shoes", "0123")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gallery(place):
    return sketchspace.index_photos("photos", encoder="runs/shoes", out="galleries/shoes")


def without_fences(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("```"))


@pytest.mark.parametrize("source", ["docs/api.md", "sketchspace/__init__.py"])
def test_the_examples_run(source, place):
    text = without_fences((ROOT / source).read_text())
    test = doctest.DocTestParser().get_doctest(text, {}, source, source, 0)
    assert len(test.examples) >= 3
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL)
    assert runner.run(test, out=said.append).failed == 0, "".join(said)


def test_importing_it_is_quick_and_loads_nothing(tmp_path):
    code = "import sys, sketchspace as s; print(s.__version__, *{'numpy', 'cv2', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == [sketchspace.__version__]
    assert set(sketchspace.__all__) == set(dir(sketchspace))
    assert all(getattr(sketchspace, name) is not None for name in sketchspace.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Galery'"):
        _ = sketchspace.Galery


def test_a_drawing_is_found_alike_however_it_is_given(gallery, place):
    sketch = sketchspace.read_sketch(place / "circle.svg")
    answers = [
        gallery.search("circle.svg"),
        gallery.search(place / "circle.svg"),
        gallery.search(sketch),
        gallery.search([stroke.tolist() for stroke in sketch.strokes]),
    ]
    assert answers[0] == answers[1] and answers[2] == answers[3] and answers[0][0].key == "circle.png"
    for seen, drawn in zip(answers[0], answers[2], strict=True):
        assert seen.key == drawn.key and seen.distance == pytest.approx(drawn.distance, abs=0.2)
    assert [hit.rank for hit in answers[0]] == [1, 2, 3] and len(gallery.search(sketch, k=2)) == 2


def test_a_picture_is_found_as_its_file_is(gallery, place):
    pixels = rasterize(drawing("cross", 5), 200)
    (place / "cross.png").write_bytes(png_of(drawing("cross", 5), 200))
    from_file = gallery.search("cross.png")
    clear = np.dstack([np.zeros((*pixels.shape, 3), np.uint8), 255 - pixels])
    for picture in (pixels, np.repeat(pixels[..., None], 3, axis=2), clear):
        assert gallery.search(picture) == from_file
    assert from_file[0].photo == str(place / "photos" / "cross.png")


def test_kneighbors_is_brute_force(gallery):
    vectors = gallery.embed([drawing(name, 30) for name in CLASSES])
    distances, indices = gallery.kneighbors(vectors, 2)
    expected = cdist(vectors, gallery.vectors, "sqeuclidean")
    np.testing.assert_array_equal(indices, np.argsort(expected, axis=1, kind="stable")[:, :2])
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :2], rtol=1e-6)
    hits = gallery.search(drawing(CLASSES[1], 30), k=2)
    assert [hit.index for hit in hits] == indices[1].tolist()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("nowhere.png", "there is no file nowhere.png"),
        ("runs/shoes", "no drawing that can be read"),
        (np.zeros((4, 4), np.float32), "an array of float32"),
        (np.zeros((4, 4, 2), np.uint8), "4 x 4 x 2 uint8"),
        (np.full((9, 9), 255, np.uint8), "nothing is drawn"),
        ([], "nothing is drawn"),
        ([[(0, 0, 0)]], "expected \\[points, 2\\]"),
        ([[(0, float("nan"))]], "not finite"),
        (17, "int is no drawing"),
    ],
)
def test_what_is_no_drawing_is_told_in_one_sentence(gallery, query, says):
    with pytest.raises(sketchspace.UserError, match=says) as told:
        gallery.search(query)
    assert "\n" not in str(told.value)


def test_nothing_to_embed_and_no_hits_wanted_are_told(gallery):
    with pytest.raises(sketchspace.UserError, match="a list of drawings"):
        gallery.embed([])
    with pytest.raises(sketchspace.UserError, match="a list of drawings"):
        gallery.embed("circle.svg")
    with pytest.raises(sketchspace.UserError, match="expected 1 or more"):
        gallery.search("circle.svg", k=0)


def test_added_and_removed_photos_give_the_gallery_that_indexing_would(gallery, place):
    assert gallery.add("more/house.png") == 1 and len(gallery) == 4
    assert gallery.add(["more/house.png", "photos/cross.png"]) == 0
    assert gallery.search(drawing("square", 50), k=1)[0].photo == str(place / "more" / "house.png")
    assert gallery.remove("cross.png") == 1
    (place / "photos" / "cross.png").unlink()
    (place / "photos" / "house.png").write_bytes((place / "more" / "house.png").read_bytes())
    fresh = sketchspace.index_photos("photos", encoder="runs/shoes", out="galleries/fresh")
    ours = {Path(item.key).name: gallery.vectors[item.index].tolist() for item in gallery.items}
    assert ours == {item.key: fresh.vectors[item.index].tolist() for item in fresh.items}
    assert {item.checksum for item in gallery.items} == {item.checksum for item in fresh.items}
    for item in gallery.items:
        assert gallery.thumbnail(item.index).shape == (32, 32, 3)
    assert sketchspace.Gallery.open("galleries/shoes").info == gallery.info


def test_a_changed_photo_takes_the_place_of_the_old_one(gallery, place):
    (place / "photos" / "cross.png").write_bytes(png_of(drawing("circle", 3), 64))
    assert gallery.add("photos") == 1 and len(gallery) == 3
    assert sorted(item.key for item in gallery.items) == ["circle.png", "cross.png", "square.png"]
    assert gallery.info.counts["removed"] == 1 and gallery.info.counts["photo"] == 3


def test_what_cannot_be_added_or_removed_changes_nothing(gallery, place):
    before = {path: path.stat().st_mtime_ns for path in Path("galleries/shoes").rglob("*")}
    (place / "more" / "text.png").write_text("no picture")
    for change, says in (
        (lambda: gallery.add(["more/house.png", "more/text.png"]), "text.png: .*nothing was added"),
        (lambda: gallery.add("nowhere.png"), "cannot be read"),
        (lambda: gallery.remove(["cross.png", "cros.png"]), "did you mean 'cross.png'"),
        (lambda: gallery.remove([item.key for item in gallery.items]), "nothing would be left"),
    ):
        with pytest.raises(sketchspace.UserError, match=says):
            change()
    assert {path: path.stat().st_mtime_ns for path in Path("galleries/shoes").rglob("*")} == before
    assert sorted(path.name for path in Path("galleries").iterdir()) == ["shoes"]


def test_items_of_a_data_set_can_be_removed_but_photos_not_added(run_and_data, tmp_path):  # noqa: F811
    run, data = run_and_data
    build_gallery(run, data, "test", tmp_path / "gallery")
    gallery = sketchspace.Gallery.open(tmp_path / "gallery")
    key = gallery.items[4].key
    assert gallery.remove(key) == 1 and len(gallery) == 59
    assert key not in {item.key for item in gallery.items} and gallery.info.counts == {"sketch": 59}
    with pytest.raises(sketchspace.UserError, match="was made of data set"):
        gallery.add(tmp_path)


def test_many_threads_get_what_one_gets(gallery):
    """Answers under load are those of a quiet hour, also while photos come and go."""
    drawings = [drawing(name, seed) for seed in range(8) for name in CLASSES]
    alone = [gallery.embed([sketch]) for sketch in drawings]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda sketch: gallery.embed([sketch]), drawings * 5))
        for number, vector in enumerate(together):
            np.testing.assert_array_equal(vector, alone[number % len(drawings)])
        searches = [pool.submit(gallery.search, sketch, 3) for sketch in drawings * 4]
        gallery.add("more/house.png")
        gallery.remove("square.png")
        for search in searches:
            assert [hit.rank for hit in search.result()] == [1, 2, 3]


def test_an_encoder_may_lie_in_a_run_an_export_or_a_gallery(gallery, place):
    picture = rasterize(drawing("circle", 1), 32)[None]
    found = [
        sketchspace.Embedder.open(where).embed(picture)
        for where in ("runs/shoes", place / "runs" / "shoes" / "export", "galleries/shoes")
    ]
    for vectors in found:
        np.testing.assert_array_equal(vectors, found[0])
    with pytest.raises(sketchspace.UserError, match="no export folder in photos"):
        sketchspace.Embedder.open("photos")
