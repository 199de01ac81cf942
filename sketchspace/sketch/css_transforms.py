"""Transforms as style sheets write them, in the language of SVG's attribute, which knows no units."""

from __future__ import annotations

import math
import re

_DECLARATION = re.compile(r"(?<![-\w])transform\s*:\s*([^;}]*)")
_FUNCTION = re.compile(r"([a-zA-Z3]+)\(([^()]*)\)")
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-z%]*)\s*")
_FACTORS = {
    "": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4,
    "deg": 1.0, "turn": 360.0, "rad": 180 / math.pi, "grad": 0.9,
}  # fmt: skip
_FORMS = {
    "translateX": "translate({0},0)",
    "translateY": "translate(0,{0})",
    "translate3d": "translate({0},{1})",
    "scaleX": "scale({0},1)",
    "scaleY": "scale(1,{0})",
    "scale3d": "scale({0},{1})",
    "rotateZ": "rotate({0})",
    "skew": "skewX({0}) skewY({1})",
}


def without_units(style: str) -> str:
    """Style text whose `transform` declarations hold plain numbers: px and degrees.

    Declarations with a unit that depends on sizes (such as %) stay as they are.
    """
    return _DECLARATION.sub(lambda found: f"transform:{_functions(found[1])}", style)


def _functions(value: str) -> str:
    try:
        return _FUNCTION.sub(_function, value)
    except ValueError:
        return value


def _function(found: re.Match[str]) -> str:
    name = found[1]
    numbers = [_number(text) for text in re.split(r"[,\s]+", found[2].strip())]
    form = _FORMS.get(name)
    if form is None:
        return f"{name}({','.join(numbers)})"
    return form.format(*numbers, "0")


def _number(text: str) -> str:
    found = _NUMBER.fullmatch(text)
    if not found or found[2] not in _FACTORS:
        raise ValueError(text)
    return f"{float(found[1]) * _FACTORS[found[2]]:.9g}"
