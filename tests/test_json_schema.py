"""Schemas of JSON files: what is wrong is named, where it stands, in text that may be printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sketchspace.answers.answer import json_line
from sketchspace.errors import UserError, printable, shown
from sketchspace.files import MAX_JSON_BYTES, read_json
from sketchspace.json_schema import (
    Fields,
    Flag,
    Free,
    Kind,
    ListOf,
    MapOf,
    Maybe,
    Number,
    OneOf,
    Text,
    Whole,
)

SCHEMA = Fields(
    {"name": Text(5), "size": Whole(1, 9), "parts": ListOf(Fields({"at": Number()}), 1, 2)},
    {"kind": Text(choices=("a", "b")), "counts": MapOf(Whole(), Text(pattern="[a-z]+")), "on": Maybe(Flag())},
)
SOUND: dict[str, Any] = {"name": "cat", "size": 3, "parts": [{"at": 0.5}]}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, ""),
        ({"kind": "a", "counts": {"x": 0}, "on": None}, ""),
        ({"name": "kitten"}, "name is 'kitten', expected text of at most 5"),
        ({"name": 3}, "name is 3, expected text"),
        ({"size": 10}, "size is 10, expected a whole number from 1 to 9"),
        ({"size": True}, "size is True"),
        ({"size": 3.0}, "size is 3.0"),
        ({"size": 10**5000}, "size is an integer of 16,610 bits"),
        ({"parts": []}, "parts is a list of 0, expected a list of 1 to 2"),
        ({"parts": [{"at": 1}, {"at": "1"}]}, "parts[1].at is '1', expected a number"),
        ({"parts": [{"at": float("inf")}]}, "parts[0].at is inf"),
        ({"parts": [{}]}, "parts[0].at is missing"),
        ({"parts": [[]]}, "parts[0] is a list of 0, expected an object with at"),
        ({"kind": "c"}, "kind is 'c', expected one of 'a', 'b'"),
        ({"counts": {"X": 1}}, "a name in counts is 'X'"),
        ({"counts": {"x": -1}}, "counts.x is -1, expected a whole number from 0 up"),
        ({"counts": [1]}, "counts is a list of 1, expected names with values"),
        ({"on": 1}, "on is 1, expected true or false"),
        ({"more": 1}, "more is not known"),
    ],
)
def test_the_first_thing_that_is_wrong_is_named(changes: dict[str, Any], says: str) -> None:
    found = SCHEMA.wrong({**SOUND, **changes}, "")
    assert says in found if says else not found


def test_a_free_value_is_bounded_in_depth_and_numbers() -> None:
    deep: Any = 1
    for _ in range(4):
        deep = [deep]
    assert not Free(4).wrong(deep, "x")
    assert "nests too deep" in Free(3).wrong(deep, "x")
    assert "64 bits" in Free().wrong({"a": [1 << 70]}, "x")
    assert "finite" in Free().wrong([float("nan")], "x")
    assert OneOf((1, 3)).wrong(2, "channels") == "channels is 2, expected one of 1, 3"


@pytest.mark.parametrize(
    "kind", [Text(), Whole(), Number(), Flag(), ListOf(Text()), MapOf(Text()), SCHEMA, Text(choices=("a",))]
)
def test_what_a_file_holds_is_quoted_printable_and_bounded(kind: Kind) -> None:
    nasty = "\x1b[31m\n" + "x" * 20_000
    for value in (nasty, {nasty: nasty}, [nasty], {"a": [nasty] * 9}):
        found = kind.wrong(value, "")
        assert not found or (found.isprintable() and len(found) < 500)


def test_text_of_files_is_shown_on_one_line_of_bounded_length() -> None:
    assert shown("a\x1b[31m\r\nb\u202e") == "a?[31m  b?"
    assert shown("x" * 200, 9) == "xxxx...xx" and len(shown("x" * 200)) == 80
    assert shown(b"\xff" * 10**6).startswith("b'") and len(shown(b"\xff" * 10**6)) <= 80
    assert shown([1] * 1000) == "a list of 1,000" and shown(10**6000) == "an integer of 19,932 bits"
    assert printable("straße 日本") == "straße 日本"
    error = UserError(f"no {'y' * 10_000}\n\x07")
    assert str(error).isprintable() and len(str(error)) == 2000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (json.dumps({"a": 10**30}), ""),
        ('{"a": ' + "9" * 5000 + "}", "infinity"),
        ('{"a": 1e999}', "infinity"),
        ('{"a": 10000000000000000000}', "64 bits"),
        ('{"a": NaN}', "cannot be read as JSON"),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", "nests too deep"),
        ('{"a": ' + "[" * 5000 + "]" * 5000 + "}", "JSON"),
        ('{"a": "\\ud800"}', "cannot be read as JSON"),
    ],
)
def test_numbers_and_nesting_of_a_file_are_bounded(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "x.json").write_text(text)
    if not says:
        assert read_json(tmp_path / "x.json") == {"a": 1e30}
        return
    with pytest.raises(UserError, match=says):
        read_json(tmp_path / "x.json")


def test_a_file_that_would_fill_the_memory_is_not_parsed(tmp_path: Path) -> None:
    with (tmp_path / "x.json").open("wb") as file:
        file.truncate(MAX_JSON_BYTES + 1)
    with pytest.raises(UserError, match="has more than 32 MB; make it again"):
        read_json(tmp_path / "x.json", again="make it again")


def test_a_line_of_json_has_nothing_that_a_terminal_acts_on() -> None:
    assert json_line({"key": "gâteau 日"}) == '{"key": "gâteau 日"}'
    for nasty in ("\x9b2J", "\x7f", "\u202e", "\x1b"):
        line = json_line({"key": f"é{nasty}"})
        assert line.isprintable() and json.loads(line) == {"key": f"é{nasty}"}
