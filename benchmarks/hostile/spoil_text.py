"""Ways to spoil JSON, lines of JSON and SVG that keep most of their form."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from benchmarks.hostile.spoil_bytes import Rng, spoil_bytes

_RAW = re.compile(r'"@raw:(\d+)@"')
_TEXTS = (
    "1" * 5000,
    "-" + "9" * 400,
    "1e999",
    "-1e308",
    "1e-400",
    "NaN",
    "Infinity",
    "[" * 3000 + "]" * 3000,
    '{"a":' * 3000 + "1" + "}" * 3000,
    "[" * 900 + "]" * 900,
    "[" * 100_000,
    '"\\ud800"',
    '"\\u0000"',
    "9007199254740993",
    "18446744073709551616",
    "2147483648",
    "-1",
    "0.5",
    "00",
)
"""Written as they stand, whether or not they are JSON."""
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3, 1e9, "", "a", "x" * 5000, "\x1b[31m\x07\x9b2J", "a\nb\r\n",
    "\u202e\u200b", "../../etc/passwd", "/etc/passwd", [], {}, [[]], [None], {"": {}}, [0] * 5000,
    {"a": [1, {"b": 2}]}, "NaN",
    [[[0, 1], [0, 1]]], [{"x": 1, "y": 2}],
)  # fmt: skip


def spoil_json(rng: Rng, data: bytes) -> bytes:
    """One to three values of a JSON text replaced, dropped, renamed or repeated; at times just bytes."""
    if rng.random() < 0.15:
        return spoil_bytes(rng, data)
    value = json.loads(data)
    for _ in range(int(rng.integers(1, 4))):
        value = _changed(rng, value)
    text = _RAW.sub(lambda found: _TEXTS[int(found[1])], json.dumps(value))
    return text.encode()


def spoil_lines(rng: Rng, data: bytes) -> bytes:
    """One line of a file of JSON lines spoilt."""
    lines = data.splitlines()
    number = int(rng.integers(len(lines)))
    lines[number] = spoil_json(rng, lines[number])
    if rng.random() < 0.05:
        lines.insert(number, b"")
    return b"\n".join(lines) + (b"\n" if rng.random() < 0.95 else b"")


def _changed(rng: Rng, value: Any) -> Any:
    holders = list(_holders(value))
    if not holders:
        return _other(rng)
    holder = holders[int(rng.integers(len(holders)))]
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    key = keys[int(rng.integers(len(keys)))]
    what = rng.random()
    if what < 0.6:
        holder[key] = _other(rng)
    elif what < 0.7:
        del holder[key]
    elif what < 0.8:
        holder[key] = copy.deepcopy(holders[int(rng.integers(len(holders)))])
    elif what < 0.85:
        holder[key] = [holder[key]]
    elif isinstance(holder, dict):
        holder[str(_VALUES[int(rng.integers(len(_VALUES)))])[:6000]] = holder.pop(key)
    else:
        holder[key:key] = [holder[key]] * int(rng.integers(1, 50))
    return value


def _holders(value: Any) -> Any:
    """Every list and object that is not empty, from the outermost on."""
    if isinstance(value, dict | list) and value:
        yield value
        for item in value.values() if isinstance(value, dict) else value[:200]:
            yield from _holders(item)


def _other(rng: Rng) -> Any:
    if rng.random() < 0.4:
        return f"@raw:{int(rng.integers(len(_TEXTS)))}@"
    return copy.deepcopy(_VALUES[int(rng.integers(len(_VALUES)))])


_TOKEN = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?|[A-Za-z]+|<[^>]*>")
_SWAPS = (
    "1e999", "-1e308", "nan", "inf", "1" * 5000, "0", "-1", "1e-320", "99999999999", "%", "1e9", "",
    "none", "M", "A", "C", "Z", "zzzz", "inherit", "rotate(1e308)", "matrix(0 0 0 0 0 0)", "skewX(90)",
    "\x00", "&#0;", "&lol;", "&#x1b;", "\u202e", "use", "image", "script", "style", "svg", "g", "path",
)  # fmt: skip
_PIECES = (
    '<use href="#a"/>',
    '<g id="a"><use href="#a"/><use href="#a"/></g>',
    '<image href="file:///etc/passwd" width="9" height="9"/>',
    '<path d="M0 0' + "L1 1" * 3000 + '"/>',
    '<path d="M0 0 A1e9 1e-9 0 0 1 1 1"/>',
    '<path d="M0 0 C1e300 1e300 -1e300 0 1 1"/>',
    '<path d="' + "m1 1" * 5000 + '"/>',
    '<circle r="1e30"/>',
    '<ellipse rx="-1" ry="nan"/>',
    '<polyline points="1,2,3"/>',
    '<rect width="1e9" height="1e9" rx="1e12"/>',
    '<style>path{d:path("M0 0")}' + "*" * 2000 + "</style>",
    '<text x="1">\x1b[31m</text>',
    "<!-- " + "-" * 3000 + "-->",
    "<![CDATA[" + "x" * 100 + "]]>",
    "<?xml-stylesheet href='x'?>",
    "<" + "y" * 5000 + "/>",
)
_DOCTYPE = (
    '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY lol "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


def spoil_svg(rng: Rng, data: bytes) -> bytes:
    """Numbers, names and elements of an SVG swapped, repeated and nested; at times just bytes."""
    if rng.random() < 0.2:
        return spoil_bytes(rng, data)
    text = data.decode()
    for _ in range(int(rng.integers(1, 5))):
        found = list(_TOKEN.finditer(text))
        if not found or len(text) > 1 << 20:
            break
        token = found[int(rng.integers(len(found)))]
        what, put = rng.random(), token[0]
        if what < 0.5:
            put = _SWAPS[int(rng.integers(len(_SWAPS)))]
        elif what < 0.6:
            put = token[0] * int(rng.integers(2, 100))
        elif what < 0.75:
            put = token[0] + _PIECES[int(rng.integers(len(_PIECES)))]
        elif what < 0.8:
            put = "<g transform='scale(2)'>" * int(rng.integers(1, 3000)) + token[0]
        elif what < 0.85:
            put = ""
        text = text[: token.start()] + put + text[token.end() :]
    if rng.random() < 0.05:
        text = _DOCTYPE + text
    return text.encode(errors="replace")
