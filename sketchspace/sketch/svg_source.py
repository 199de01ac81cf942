"""SVG files from outside: unpacked, bounded and written anew before any library sees them."""

from __future__ import annotations

import html
import re
import zlib
from dataclasses import dataclass, field
from xml.parsers import expat

from sketchspace.sketch.css_transforms import without_units
from sketchspace.sketch.errors import MAX_LINE_BYTES, BadDrawing, check_bytes

MAX_DEPTH = 100
MAX_ELEMENTS = 100_000
"""Of a file with everything that it uses again drawn out."""

_GZIP = b"\x1f\x8b"
_DROPPED = frozenset(("script", "foreignObject", "iframe", "audio", "video", "set"))
_SHAPES = ("path", "line", "polyline", "polygon", "rect", "circle", "ellipse", "use", "text", "tspan")
_HOLDERS = (
    "svg",
    "g",
    "a",
    "switch",
    "symbol",
    "defs",
    "clipPath",
    "linearGradient",
    "radialGradient",
    "stop",
)
_QUICK = frozenset((*_SHAPES, *_HOLDERS, "style", "title", "desc", "metadata"))
"""Elements whose drawing costs little however they are nested; others are drawn under a watch."""
_QUICK_BYTES, _QUICK_ELEMENTS = 64 << 10, 200
_HUGE = re.compile(r"(?<![\d.])\d{7}|[\d.][eE][+]?\d")
"""Numbers so large that they may be beyond what a renderer's arithmetic was made for."""
_NAMESPACES = {
    "xmlns": "http://www.w3.org/2000/svg",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
}
_UNITS = {"": 1, "px": 1, "pt": 4 / 3, "pc": 16, "in": 96, "cm": 96 / 2.54, "mm": 96 / 25.4, "em": 16}
_LENGTH = re.compile(r"\s*([+]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*([a-z]*)\s*")
_BACKGROUND = re.compile(r"(?:^|[;{\s])background(?:-color)?\s*:\s*([^;}]+)")
_ROOT_RULE = re.compile(r"(?:^|[},\s])(?:svg|:root)\s*\{([^}]*)\}")
_PLAIN_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]+|(?:rgb|hsl)a?\([\d\s.,%/]+\)")

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class SvgSource:
    """An SVG file that cannot reach outside of itself: `text` is XML without entities, scripts and links.

    `page` is what a browser shows of it, (x, y, width, height) in user units, or None where the file does
    not say; `size` (width, height) is how large; `elements` are counted with everything drawn
    out that is used again. `quick` says that drawing it costs little for certain.
    """

    start: str
    body: str
    page: Box | None
    size: tuple[float, float] | None
    background: str | None
    elements: int
    quick: bool
    notes: tuple[str, ...]

    @property
    def in_proportion(self) -> bool:
        """Whether the page fills the picture, with nothing beside it."""
        if not self.page or not self.size:
            return False
        return abs(self.page[2] * self.size[1] / (self.page[3] * self.size[0]) - 1) < 0.01

    def text(self, page: Box | None, size: tuple[int, int] | None, background: bool = True) -> str:
        """The file with its own page or another one, to be drawn at a size in px; or as far as it reaches."""
        if not size:
            return f"<svg {self.start}>{self.body}</svg>"
        given = f'width="{size[0]}" height="{size[1]}"'
        if page:
            given += ' viewBox="{:.9g} {:.9g} {:.9g} {:.9g}"'.format(*page)
        paper = ""
        if background and self.background:
            x, y, width, height = page or (0, 0, *size)
            paper = (
                f'<rect x="{x:.9g}" y="{y:.9g}" width="{width:.9g}" height="{height:.9g}"'
                f' style="fill:{self.background} !important;stroke:none !important"/>'
            )
        return f"<svg {given} {self.start}>{paper}{self.body}</svg>"


def read_svg(data: bytes) -> SvgSource:
    """Parse an SVG file, also a gzipped one (`.svgz`), and write it anew without what reaches outside.

    Entities are replaced by what they stand for, links to other files are taken out, and so are scripts.
    Raises `BadDrawing`: line_too_long for more than 8 MB, unpacked, and bad_xml for what is no SVG, for more
    than 100 levels, and for more than 100,000 elements with everything drawn out that is used again.
    """
    data = _unpacked(data)
    check_bytes(data)
    writer = _Writer()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = writer.start
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.characters
    try:
        parser.Parse(data.lstrip(), True)
    except BadDrawing:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise BadDrawing("bad_xml", f"{error}; expected an SVG file") from None
    return writer.finished()


def _unpacked(data: bytes) -> bytes:
    """The bytes of a gzipped file, one byte past the limit at most; those of another as they are."""
    if not data.startswith(_GZIP):
        return data
    try:
        return zlib.decompressobj(wbits=31).decompress(data, MAX_LINE_BYTES + 1)
    except zlib.error as error:
        raise BadDrawing("bad_xml", f"it is gzip-compressed and broken: {error}") from None


@dataclass
class _Part:
    """An element with an id, or the file: how many elements it holds, and what it uses again."""

    elements: int = 0
    uses: list[str] = field(default_factory=list)


class _Writer:
    """Writes down the elements as the parser passes them."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.root: dict[str, str] = {}
        self.tags: list[str] = []
        self.open: list[_Part | None] = []
        self.whole = _Part()
        self.parts: dict[str, _Part] = {}
        self.kinds: set[str] = set()
        self.dropped = self.length = 0
        self.outside = False
        self.prefixes = {""}
        self.styles: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        prefix, _, tag = name.rpartition(":")
        if not self.tags:
            svg = _NAMESPACES["xmlns"]
            self.prefixes |= {key.rpartition(":")[2] for key, value in attributes.items() if value == svg}
            if tag != "svg":
                raise BadDrawing("bad_xml", f"its root is <{tag[:40]}>, expected <svg>")
        if self.dropped or tag in _DROPPED or prefix not in self.prefixes:
            self.dropped += 1
            return
        self._count(tag, attributes)
        attributes = self._kept(tag, attributes)
        if not self.tags:
            self.root = attributes
        else:
            text = "".join(f' {key}="{html.escape(value)}"' for key, value in attributes.items())
            self._write(f"<{tag}{text}>")
        self.tags.append(tag)

    def _count(self, tag: str, attributes: dict[str, str]) -> None:
        self.kinds.add(tag)
        part = None
        if attributes.get("id"):
            part = self.parts.setdefault(attributes["id"], _Part())
        self.open.append(part)
        link = attributes.get("href") or attributes.get("xlink:href") or ""
        for holder in (self.whole, *(part for part in self.open if part)):
            holder.elements += 1
            if link.startswith("#") and tag not in ("linearGradient", "radialGradient", "a"):
                holder.uses.append(link[1:])
        if len(self.open) > MAX_DEPTH or self.whole.elements > MAX_ELEMENTS:
            raise BadDrawing("bad_xml", f"more than {MAX_DEPTH} levels or {MAX_ELEMENTS:,} elements")

    def _kept(self, tag: str, attributes: dict[str, str]) -> dict[str, str]:
        """The attributes that say how an element looks; links stay inside of the file."""
        kept = {}
        for key, value in attributes.items():
            prefix, _, local = key.rpartition(":")
            if local == "href" and not value.strip().startswith(("#", "data:image/")):
                self.outside |= tag in ("image", "use", "feImage")
            elif prefix in ("", "xlink", "xml") and key != "xmlns" and not local.startswith("on"):
                kept[key] = without_units(value) if key == "style" else value
        return kept

    def end(self, _: str) -> None:
        """An element ends."""
        if self.dropped:
            self.dropped -= 1
            return
        tag = self.tags.pop()
        self.open.pop()
        if self.tags:
            self._write(f"</{tag}>")

    def characters(self, text: str) -> None:
        """Text between elements: style sheets; labels are not drawn."""
        if not self.dropped and self.tags and self.tags[-1] == "style":
            self.styles.append(text)
            self._write(html.escape(without_units(text), quote=False))

    def _write(self, text: str) -> None:
        self.length += len(text)
        if self.length > 2 * MAX_LINE_BYTES:
            raise BadDrawing("bad_xml", "its entities stand for more than 16 MB")
        self.pieces.append(text)

    def finished(self) -> SvgSource:
        """What was read, when all of it was."""
        drawn_out = self._drawn_out()
        page, size = _page(self.root)
        names = ("width", "height", "viewBox", "x", "y", "transform-origin")
        given = _NAMESPACES | {key: value for key, value in self.root.items() if key not in names}
        notes = ["what lies outside of the file is not looked up"] if self.outside else []
        if "text" in self.kinds:
            notes.append("lettering is left out")
        if "transform-box" in "".join((*self.styles, *self.pieces)):
            notes.append("transform-box is not followed")
        return SvgSource(
            " ".join(f'{key}="{html.escape(value)}"' for key, value in given.items()),
            "".join(self.pieces),
            page,
            size,
            self._background(),
            drawn_out,
            self._is_quick(drawn_out),
            tuple(notes),
        )

    def _is_quick(self, drawn_out: int) -> bool:
        if not self.kinds <= _QUICK or self.length > _QUICK_BYTES or drawn_out > _QUICK_ELEMENTS:
            return False
        return not any(_HUGE.search(piece) for piece in self.pieces)

    def _drawn_out(self) -> int:
        """How many elements the file has with everything that it uses again."""
        known: dict[str, int] = {}

        def size(part: _Part, inside: tuple[str, ...]) -> int:
            total = part.elements
            for name in part.uses:
                if name in inside or name not in self.parts:  # a circle is drawn by nobody
                    continue
                if name not in known:
                    if len(inside) > MAX_DEPTH:
                        raise BadDrawing("bad_xml", f"<use> is nested more than {MAX_DEPTH} times")
                    known[name] = size(self.parts[name], (*inside, name))
                total += known[name]
                if total > MAX_ELEMENTS:
                    raise BadDrawing("bad_xml", f"<use> draws more than {MAX_ELEMENTS:,} elements")
            return total

        return size(self.whole, ())

    def _background(self) -> str | None:
        """The colour that the style of the whole file gives its page, which browsers paint."""
        rules = _ROOT_RULE.findall("".join(self.styles))
        for text in (self.root.get("style", ""), *reversed(rules)):
            for value in reversed(_BACKGROUND.findall(text)):
                colour = _PLAIN_COLOUR.search(value)
                return colour.group() if colour else None
        return None


def _page(root: dict[str, str]) -> tuple[Box | None, tuple[float, float] | None]:
    """What of the plane is shown, and how large, as SVG 2 (section 8.2) says."""
    width, height = _length(root.get("width")), _length(root.get("height"))
    try:
        numbers = [float(number) for number in root.get("viewBox", "").replace(",", " ").split()]
    except ValueError:
        numbers = []
    if len(numbers) == 4 and all(abs(n) < 1e9 for n in numbers) and min(numbers[2:]) > 0:
        x, y, wide, high = numbers
        shown = (width or (height * wide / high if height else wide), height or (width or wide) * high / wide)
        return (x, y, wide, high), shown
    if width and height:
        return (0.0, 0.0, width, height), (width, height)
    return None, None


def _length(text: str | None) -> float | None:
    """A length in px; None where there is none, and for shares of a window that nobody knows."""
    found = _LENGTH.fullmatch((text or "").lower())
    if not found or found[2] not in _UNITS:
        return None
    value = float(found[1]) * _UNITS[found[2]]
    return value if 0 < value < 1e9 else None
