"""SVG files: what a browser shows is what the network sees, and nothing reaches out of a file."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from sketchspace.errors import UserError
from sketchspace.pictures import svg_picture
from sketchspace.pictures.bitmaps import load_drawing
from sketchspace.pictures.decode import decode
from sketchspace.pictures.svg_strokes import read_svg_strokes
from sketchspace.sketch.css_transforms import without_units
from sketchspace.sketch.errors import BadDrawing
from sketchspace.sketch.raster import rasterize
from sketchspace.sketch.svg_source import read_svg
from tests.image_files import HOUSE, encoded, likeness, picture
from tests.svg_files import LINES, OTHER, PAGE, lines_of, shown_as_drawn, svg

FILES = shown_as_drawn()
NOT_SHOWN = {
    "white page by class",
    "cream page",
    "white lines on a dark page",
    "clipped",
    "erased by a mask",
    "covered",
    "beside the page",
}
"""Files with strokes that no browser shows, their page among them."""


@pytest.mark.parametrize("name", FILES)
def test_what_a_browser_shows_is_what_the_network_sees(name):
    loaded = load_drawing(FILES[name], 64)
    assert likeness(loaded.pixels, rasterize(HOUSE, 64)) > 0.93, loaded.notes


@pytest.mark.parametrize("name", FILES)
def test_strokes_draw_what_is_shown_or_are_refused(name, tmp_path):
    path = tmp_path / "house.svg"
    path.write_bytes(FILES[name])
    if name == "a bitmap":
        with pytest.raises(UserError, match="are not what it shows"):
            read_svg_strokes(path)
        return
    sketch, notes = read_svg_strokes(path)
    assert likeness(rasterize(sketch, 64), rasterize(HOUSE, 64)) > 0.9
    assert (notes == ("what the picture does not show of its strokes is left out",)) == (name in NOT_SHOWN)


def test_strokes_of_another_picture_are_refused(tmp_path):
    path = tmp_path / "house.svg"
    for body in (
        f'<g transform="rotate(90)" transform-origin="100 100">{OTHER}</g>{LINES}',
        "<circle r='50'/>",
    ):
        path.write_bytes(svg(body, PAGE.replace("0 0 200", "-100 -100 300")))
        with pytest.raises(UserError, match="% of what they draw and a browser shows differ"):
            read_svg_strokes(path)


def test_the_page_and_the_pen_do_not_count():
    for attributes in (PAGE, PAGE + ' width="9" height="9"', PAGE.replace("0 0 200 200", "-50 -50 300 300")):
        loaded = load_drawing(svg(lines_of(HOUSE, 150), attributes), 64)
        assert likeness(loaded.pixels, rasterize(HOUSE, 64)) > 0.93


def test_the_whole_canvas_is_kept_on_request():
    small = svg(lines_of(HOUSE, 60))
    rows, columns = np.nonzero(load_drawing(small, 100, whole=True).pixels < 128)
    assert 25 < np.ptp(columns) < 40 and rows.min() > 30 and rows.max() < 70


def test_a_wide_page_keeps_its_proportions():
    wide = svg('<circle cx="300" cy="50" r="40" fill="none" stroke="#000"/>', 'viewBox="0 0 600 100"')
    pixels = decode(wide).pixels
    assert pixels.shape[:2] == (85, 512)
    rows, columns = np.nonzero(pixels.min(axis=2) < 128)
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 1


def test_lettering_and_what_lies_outside_are_told(tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(encoded(picture(HOUSE, 200, 4)))
    for link in (str(secret), secret.as_uri(), "secret.png", "http://127.0.0.1:9/a.png"):
        body = f'<image href="{link}" width="200" height="200"/><text x="9" y="9">hello</text>'
        decoded = decode(svg(body + LINES))
        assert decoded.notes == ("what lies outside of the file is not looked up", "lettering is left out")
        with pytest.raises(UserError, match=r"nothing is drawn here.*outside of the file"):
            load_drawing(svg(body), 64)


def test_nothing_outside_is_opened(tmp_path):
    """Watched by the interpreter's audit hook; resvg itself is given no name of a file to open."""
    secret = tmp_path / "secret.png"
    secret.write_bytes(encoded(picture(HOUSE, 200, 4)))
    doctype = f'<!DOCTYPE svg [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'
    style = f'<?xml-stylesheet href="{secret.as_uri()}"?>'
    rule = f"<style>@import url({secret.as_uri()}); rect{{fill:url({secret.as_uri()}#a)}}</style>"
    inner = svg(f'<image href="{secret}" width="200" height="200"/>').hex()
    data = "data:image/svg+xml," + "".join(f"%{inner[n : n + 2]}" for n in range(0, len(inner), 2))
    body = (
        f'{rule}<use href="{secret}#a"/><image href="{data}" width="200" height="200"/>&e;<rect width="9"/>'
    )
    files = [doctype.encode() + style.encode() + svg(body), svg(body.replace("&e;", ""))]
    for number, text in enumerate(files):
        (tmp_path / f"{number}.svg").write_bytes(text)
        sanitised = read_svg(text)
        assert str(secret) not in sanitised.body.replace("%", "") or "data:image/svg" in sanitised.body
        with pytest.raises(UserError, match="nothing is drawn"):
            load_drawing(tmp_path / f"{number}.svg", 64)


USE_BOMB = '<g id="a0"><path d="M0 0h1"/></g>' + "".join(
    f'<g id="a{n + 1}">' + f'<use href="#a{n}"/>' * 10 + "</g>" for n in range(8)
)
BLUR = (
    '<filter id="f" x="-1000" y="-1000" width="99999" height="99999">'
    '<feGaussianBlur stdDeviation="1000"/></filter>'
)
MANY = '<rect width="200" height="200" fill="#f00" opacity="0.1"/>' * 20_000


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (USE_BOMB, "draws more than 100,000 elements"),
        ("<g>" * 200 + "</g>" * 200, "more than 100 levels"),
        (BLUR * 3 + f'<g filter="url(#f)">{LINES}</g>' * 20, "more than 5 s or 1 GB"),
        (MANY, "more than 5 s or 1 GB"),
    ],
    ids=["uses", "levels", "blur", "rectangles"],
)
def test_bombs_are_stopped(body, says):
    before = time.monotonic()
    with pytest.raises(UserError, match=says):
        load_drawing(svg(body), 64)
    assert time.monotonic() - before < 2 * svg_picture.MAX_SECONDS + 2


def test_a_slim_page_does_not_ask_for_more_memory_than_there_is():
    assert decode(svg(LINES, 'viewBox="0 0 1 100000"')).pixels.shape[:2] == (512, 8)


def test_what_makes_the_renderer_panic_is_refused_in_silence(capfd):
    with pytest.raises(UserError, match="cannot be drawn: the renderer gave it up"):
        load_drawing(svg('<circle r="1e30"/>'), 64)
    assert capfd.readouterr() == ("", "")


def test_circles_of_uses_are_no_circles_for_us():
    body = f'<g id="a"><use href="#b"/>{LINES}</g><g id="b"><use href="#a"/></g>'
    assert read_svg(svg(body)).elements < 50


def test_a_drawing_under_a_watch_is_the_same(monkeypatch):
    quick = svg_picture.png_of(read_svg(svg(LINES)))
    monkeypatch.setattr("sketchspace.sketch.svg_source._QUICK_BYTES", 1)
    watched = svg_picture.png_of(read_svg(svg(LINES)))
    assert quick == watched


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("transform: rotate(180deg); fill: red", "transform:rotate(180); fill: red"),
        ("transform:translate(10px, 1in) scaleX(2)", "transform:translate(10,96) scale(2,1)"),
        ("transform:rotate(0.5turn)translateY(-3px)", "transform:rotate(180)translate(0,-3)"),
        ("transform:skew(10deg)", "transform:skewX(10) skewY(0)"),
        ("transform:translate(50%,0)", "transform:translate(50%,0)"),
        (".a{transform:none;fill:red}", ".a{transform:none;fill:red}"),
    ],
)  # fmt: skip
def test_transforms_of_style_sheets_by_hand(given, expected):
    assert without_units(given) == expected


def test_chromium_shows_the_same(tmp_path):
    """An independent renderer, where one is installed."""
    browser = next(
        (path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), None
    )
    if browser is None:
        pytest.skip("no chromium here to compare with")
    for name in ("turned by class", "a symbol", "covered", "white lines on a dark page by style"):
        path, shot = tmp_path / "a.svg", tmp_path / "a.png"
        path.write_bytes(FILES[name].replace(b"<svg ", b'<svg width="200" height="200" ', 1))
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--screenshot={shot}",
            "--window-size=200,200",
        ]
        subprocess.run([browser, *flags, path.as_uri()], capture_output=True, timeout=60, check=True)
        shown = cv2.imread(str(shot))
        assert shown is not None
        ours = cv2.resize(decode(FILES[name]).pixels, (200, 200), interpolation=cv2.INTER_AREA)
        assert np.abs(shown.astype(int) - ours[..., ::-1]).mean() < 6, name


def test_importing_the_renderer_is_left_to_svg_files():
    code = "import sys, sketchspace.encoder.query; print({'svgelements'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_broken_files_have_a_reason():
    for data, reason in ((b"\x1f\x8b broken", "bad_xml"), (b"<svg", "bad_xml"), (b"<html/>", "bad_xml")):
        with pytest.raises(BadDrawing) as caught:
            read_svg(data)
        assert caught.value.reason == reason
    with pytest.raises(UserError, match="nothing is drawn"):
        load_drawing(svg(f"<defs>{OTHER}</defs>"), 64)
