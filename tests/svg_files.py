"""SVG files for the tests: one drawing, shown rightly only by who follows what its file says."""

from __future__ import annotations

import base64
import gzip
import math

from sketchspace.sketch.strokes import Sketch
from tests.image_files import HOUSE, encoded, picture

PAGE = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 200 200"'
PEN = 'fill="none" stroke="#000" stroke-width="4"'


def lines_of(sketch: Sketch, scale: float = 160.0, pen: str = PEN) -> str:
    """The drawing in the middle of a page of 200 units."""
    low, high = sketch.bounds()
    factor = scale / max(high - low)
    shift = 100 - factor * (low + high) / 2
    rows = [" ".join(f"{x:.2f},{y:.2f}" for x, y in stroke * factor + shift) for stroke in sketch.strokes]
    return "".join(f'<polyline points="{row}" {pen}/>' for row in rows)


LINES = lines_of(HOUSE)
OTHER = f'<path d="M5 5L195 150M100 3L20 190M3 90H190" {PEN}/>'
TURN = "transform:rotate(90deg);transform-origin:100px 100px"


def svg(body: str, attributes: str = PAGE) -> bytes:
    """A file of these elements."""
    return f"<svg {attributes}>{body}</svg>".encode()


def shown_as_drawn() -> dict[str, bytes]:
    """Files of which a browser shows the house in black on white, and nothing else."""
    png = base64.b64encode(encoded(picture(HOUSE, 300, 5))).decode()
    turned = f'<g transform="rotate(-90 100 100)">{LINES}</g>'
    small = 'x="50" y="50" width="100" height="100" viewBox="0 0 200 200"'
    entity = '<!DOCTYPE svg [<!ENTITY ns "http://www.w3.org/2000/svg">]>'
    return {
        "plain": svg(LINES),
        "gzip": gzip.compress(svg(LINES), mtime=0),
        "utf-16": f"<svg {PAGE}>{LINES}</svg>".encode("utf-16"),
        "byte order mark": b"\xef\xbb\xbf" + svg(LINES),
        "copied from a page, without a namespace": svg(LINES, 'viewBox="0 0 200 200"'),
        "prefixed": svg(LINES.replace("<poly", "<s:poly"), PAGE.replace("xmlns=", "xmlns:s="))
        .replace(b"svg ", b"s:svg ", 1)
        .replace(b"</svg>", b"</s:svg>"),
        "entities": entity.encode() + svg(LINES, 'xmlns="&ns;" viewBox="0 0 200 200"'),
        "millimetres": svg(LINES, PAGE + ' width="50mm" height="50mm"'),
        "no size": svg(LINES, 'xmlns="http://www.w3.org/2000/svg"'),
        "white page by class": svg(
            f'<style>.a{{fill:#fff}}</style><rect class="a" width="200" height="200"/>{LINES}'
        ),
        "cream page": svg(f'<rect width="200" height="200" fill="#fdf9ef"/>{LINES}'),
        "white lines on a dark page": svg(
            f'<rect width="200" height="200" fill="#112"/>{lines_of(HOUSE, pen=PEN.replace("#000", "#fff"))}'
        ),
        "white lines on a dark page by style": svg(
            lines_of(HOUSE, pen=PEN.replace("#000", "#fff")), PAGE + ' style="background-color: #112"'
        ),
        "white lines on nothing": svg(lines_of(HOUSE, pen=PEN.replace("#000", "white"))),
        "hidden layer by class": svg(f'<style>.b{{display:none}}</style><g class="b">{OTHER}</g>{LINES}'),
        "transparent group": svg(f'<g opacity="0">{OTHER}</g>{LINES}'),
        "only defined": svg(f"<defs>{OTHER}</defs>{LINES}"),
        "used": svg(f'<defs><g id="a">{LINES}</g></defs><use href="#a"/>'),
        "a symbol": svg(
            f'<symbol id="a" viewBox="0 0 200 200">{LINES}</symbol>'
            '<use xlink:href="#a" width="200" height="200"/>'
        ),
        "clipped": svg(
            f'<clipPath id="c"><path d="M0 0h1v1z"/></clipPath><g clip-path="url(#c)">{OTHER}</g>{LINES}'
        ),
        "erased by a mask": svg(
            '<mask id="m"><rect width="9" height="9" fill="#000"/></mask>'
            f'<g mask="url(#m)">{OTHER}</g>{LINES}'
        ),
        "covered": svg(f'{OTHER}<rect width="200" height="200" fill="#fff"/>{LINES}'),
        "beside the page": svg(f'<g transform="translate(300 0)">{OTHER}</g>{LINES}'),
        "a page within": svg(f"<svg {small}>{LINES}</svg>"),
        "turned by style": svg(f'<g style="{TURN}">{turned}</g>'),
        "turned by class": svg(
            f'<style>.t{{{TURN.replace("90deg", "0.25turn")}}}</style><g class="t">{turned}</g>'
        ),
        "turned by attributes": svg(f'<g transform="rotate(90)" transform-origin="100 100">{turned}</g>'),
        "a bitmap": svg(f'<image width="200" height="200" xlink:href="data:image/png;base64,{png}"/>'),
        "small on its page": svg(LINES, PAGE.replace('"0 0 200 200"', '"-1000 -500 4000 4000"')),
        "with a script": svg(f'<script>alert("x &lt; y")</script>{LINES}'),
        "half of a radian": svg(
            f'<g style="transform:rotate({math.pi / 2}rad);transform-origin:100px 100px">{turned}</g>'
        ),
    }
