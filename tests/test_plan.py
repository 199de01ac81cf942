"""Classes, splits and shards: pure functions of keys and options, compared with slow obvious versions."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.catalogue import BUCKET_BYTES, MAX_CLASSES, Catalogue
from preprocess.classes import choose_classes, clean_name, draw_classes, official_names
from preprocess.plan import EXAMPLES_PER_SHARD, Plan, make_plan
from preprocess.spec import ROW, SPLIT_NAMES, Bad, Index, Options, Rows
from preprocess.splits import ByCount, ByShare, make_splitter, parse_splits
from sketchspace.errors import UserError

WORDS = ("ant", "bee", "cat", "dog", "eel")


def rank(key: str, seed: int = 0) -> int:
    return int.from_bytes(Options(seed=seed).rank(key), "little")


def index_of(
    keys: list[int], seed: int = 0, path: str = "a", words: tuple[str, ...] = WORDS, split: int = -1
) -> Index:
    """Rows for keys; key `k` has class `words[k % len(words)]`."""
    rows = np.zeros(len(keys), ROW)
    rows["rank"] = [rank(str(key), seed) for key in keys]
    rows["offset"], rows["length"], rows["split"] = np.arange(len(keys)) * 100, 90, split
    rows["word"] = [key % len(words) for key in keys]
    return Index(rows, ((f"/{path}", path),), words, lines=len(keys))


def plan_of(
    folder: Path, indexes: list[Index], options: Options | None = None, source_bytes: int = 0
) -> Plan:
    folder.mkdir()
    catalogue = Catalogue(folder / "rows", source_bytes)
    for index in indexes:
        catalogue.add(index)
    return make_plan(catalogue, options or Options(), folder)


def rows_of(plan: Plan) -> dict[str, Rows]:
    return {split: plan.rows(split, 0, count) for split, count in plan.counts.items()}


def ranks_of(plan: Plan) -> dict[str, list[int]]:
    return {split: rows["rank"].tolist() for split, rows in rows_of(plan).items()}


def test_splits_by_count_are_the_slow_obvious_ones(tmp_path: Path) -> None:
    keys = list(range(500))
    plan = plan_of(tmp_path / "p", [index_of(keys)], Options(splits="train:60,validation:9,test:20"))
    by_class: dict[int, list[int]] = defaultdict(list)
    for key in sorted(keys, key=lambda key: rank(str(key))):
        by_class[key % 5].append(rank(str(key)))
    expected = {
        "test": {r for ranks in by_class.values() for r in ranks[:20]},
        "validation": {r for ranks in by_class.values() for r in ranks[20:29]},
        "train": {r for ranks in by_class.values() for r in ranks[29:89]},
    }
    assert ranks_of(plan) == {split: sorted(expected[split]) for split in SPLIT_NAMES[:3]}
    assert plan.notes == {}
    label = {rank(str(key)): key % 5 for key in keys}
    for rows in rows_of(plan).values():
        assert [label[r] for r in rows["rank"].tolist()] == rows["word"].tolist()


def test_splits_by_share_are_the_slow_obvious_ones(tmp_path: Path) -> None:
    keys = list(range(3000))
    plan = plan_of(tmp_path / "p", [index_of(keys)], Options(splits="0.7,0.1,0.2"))
    expected: dict[str, list[int]] = {name: [] for name in SPLIT_NAMES[:3]}
    for r in sorted(rank(str(key)) for key in keys):
        part = r / 2**64
        expected["test" if part < 0.2 else "validation" if part < 0.3 else "train"].append(r)
    assert ranks_of(plan) == expected
    assert abs(plan.counts["test"] - 600) < 100 and abs(plan.counts["validation"] - 300) < 80


def test_more_training_examples_change_nothing_that_is_tested_on(tmp_path: Path) -> None:
    index = index_of(list(range(400)))
    few = plan_of(tmp_path / "a", [index], Options(splits="train:5,validation:6,test:7"))
    many = plan_of(tmp_path / "b", [index], Options(splits="train:50,validation:6,test:7"))
    for split in ("validation", "test"):
        assert ranks_of(few)[split] == ranks_of(many)[split]
    assert set(ranks_of(few)["train"]) < set(ranks_of(many)["train"])


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 5000), max_size=200),
    st.sampled_from(["0.5,0.25,0.25", "train:3,test:2", "train:1000,validation:2,test:2"]),
    st.integers(0, 3),
)
def test_plan_does_not_depend_on_how_the_source_is_cut(
    tmp_path_factory: pytest.TempPathFactory, keys: list[int], splits: str, seed: int
) -> None:
    keys = keys + list(range(40))
    folder, options = tmp_path_factory.mktemp("cut"), Options(splits=splits, seed=seed)
    whole = plan_of(folder / "whole", [index_of(keys, seed)], options)
    cut = [index_of(keys[start : start + 7], seed, f"part{start}") for start in range(0, len(keys), 7)]
    pieces = plan_of(folder / "pieces", cut, options, source_bytes=20 * BUCKET_BYTES)
    assert len(list((folder / "pieces" / "rows").iterdir())) == 32
    assert ranks_of(pieces) == ranks_of(whole)
    assert (pieces.fingerprint, pieces.counts, pieces.notes, pieces.dropped) == (
        whole.fingerprint,
        whole.counts,
        whole.notes,
        whole.dropped,
    )


def test_no_key_is_in_two_splits_and_order_is_that_of_ranks(tmp_path: Path) -> None:
    keys = list(range(700))
    plan = plan_of(tmp_path / "p", [index_of(keys), index_of(keys[::3], path="b")])
    ranks = ranks_of(plan)
    assert Counter(r for part in ranks.values() for r in part) == Counter(rank(str(key)) for key in keys)
    assert all(part == sorted(part) for part in ranks.values())
    assert plan.dropped == {"duplicate_key": len(keys[::3])}


def test_first_of_a_repeated_key_is_kept(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path / "p", [index_of([1, 2, 3] * 9), index_of([3, 4], path="b")], Options(splits="1,0")
    )
    files = {row["rank"].item(): plan.files[row["file"]][1] for row in rows_of(plan)["train"]}
    assert files == {rank("1"): "a", rank("2"): "a", rank("3"): "a", rank("4"): "b"}
    assert sorted(rows_of(plan)["train"]["offset"].tolist()) == [0, 100, 100, 200]


def test_fingerprint_is_the_identity_of_the_splits(tmp_path: Path) -> None:
    keys = list(range(300))

    def fingerprint(
        name: str, keys: list[int] = keys, words: tuple[str, ...] = WORDS, **options: object
    ) -> str:
        chosen = Options(**options)  # type: ignore[arg-type]
        return plan_of(tmp_path / name, [index_of(keys, chosen.seed, words=words)], chosen).fingerprint

    base = fingerprint("base")
    assert fingerprint("size", image_size=128, num_shards=3, strict=True) == base
    others = [
        fingerprint("fewer", keys=keys[:-1]),
        fingerprint("seed", seed=1),
        fingerprint("splits", splits="0.7,0.2,0.1"),
        fingerprint("names", words=("ant", "bee", "cat", "dog", "elk")),
        fingerprint("classes", classes=("ant", "bee")),
    ]
    assert len({base, *others}) == 6 and all(len(text) == 16 for text in others)


def test_short_classes_are_noted(tmp_path: Path) -> None:
    keys = [key for key in range(100) if key % 5 != 2 or key < 32]  # six of class "cat", twenty of the others
    plan = plan_of(tmp_path / "p", [index_of(keys)], Options(splits="train:16,validation:2,test:3"))
    assert plan.notes == {
        "short_train": 4 * 1 + (16 - 1),
        "short_train_classes": 5,
    }
    assert plan.counts == {"train": 4 * 15 + 1, "validation": 10, "test": 15}


def test_shards_hold_every_row_once(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "p", [index_of(list(range(5000)))], Options(splits="1,0"))
    for number in (0, 1, 3, 7, 4999, 5000, 9000):
        shards = plan.shards("train", number)
        assert len(shards) == (3 if number == 0 else min(number, 5000))
        joined = np.concatenate([plan.rows("train", start, stop) for start, stop in shards])
        np.testing.assert_array_equal(joined, plan.rows("train", 0, 5000))
        sizes = [stop - start for start, stop in shards]
        assert max(sizes) - min(sizes) <= 1 and min(sizes) > 0
    assert max(stop - start for start, stop in plan.shards("train", 0)) <= EXAMPLES_PER_SHARD


def test_plan_is_read_back_from_its_folder(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "p", [index_of(list(range(50)))])
    assert Plan.load(tmp_path / "p") == plan
    assert Plan.load(tmp_path) is None


def test_given_splits_are_kept_and_half_given_ones_refused(tmp_path: Path) -> None:
    parts = [index_of(list(range(n, 30, 3)), path=str(n), split=n) for n in range(3)]
    plan = plan_of(tmp_path / "p", parts, Options(splits="0.1,0.8,0.1"))
    assert plan.counts == {"train": 10, "validation": 10, "test": 10}
    assert set(ranks_of(plan)["validation"]) == {rank(str(key)) for key in range(1, 30, 3)}
    assert plan_of(tmp_path / "q", [parts[0], parts[2]]).counts == {"train": 10, "test": 10}
    with pytest.raises(UserError, match="give one kind"):
        plan_of(tmp_path / "r", [*parts, index_of([99], path="b")])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (Options(splits="train:100,test:1"), None),
        (Options(splits="train:1,test:20"), "split 'train' would be empty"),
        (Options(classes=("bee", "cta")), "unknown class 'cta'; did you mean 'cat'?"),
        (Options(num_classes=6), "more than the 5 classes"),
    ],
)
def test_impossible_wishes_are_one_clear_error(tmp_path: Path, options: Options, says: str | None) -> None:
    index = index_of(list(range(100)))
    if says is None:
        assert plan_of(tmp_path / "p", [index], options).notes["short_train"] == 5 * 81
        return
    with pytest.raises(UserError, match=says.replace("?", r"\?")):
        plan_of(tmp_path / "p", [index], options)


def test_source_without_drawings_says_why(tmp_path: Path) -> None:
    empty = Index(np.zeros(0, ROW), (("/a", "a"),), (), Counter(bad_json=3, empty_drawing=1))
    with pytest.raises(UserError, match=r"no usable drawing \(3 x bad_json, 1 x empty_drawing\)"):
        plan_of(tmp_path / "p", [empty])


def test_bad_lines_are_counted_and_placed_across_chunks(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path, 0)
    for bad in (
        (),
        (Bad("bad_json", "x", "a", 2),),
        (Bad("bad_json", "x", "a", 1), Bad("no_key", "y", "a", 3)),
    ):
        dropped = Counter(item.reason for item in bad)
        catalogue.add(Index(np.zeros(0, ROW), (("/a", "a"),), (), dropped, bad, lines=10))
    assert catalogue.dropped == {"bad_json": 2, "no_key": 1}
    assert catalogue.first == {"bad_json": "a, line 12: x", "no_key": "a, line 23: y"}


def test_strict_stops_at_the_first_bad_line_but_not_at_unrecognised_ones(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path, 0, strict=True)
    catalogue.add(
        Index(np.zeros(0, ROW), (("/a", "a"),), (), bad=(Bad("not_recognized", "", "a", 1),), lines=4)
    )
    with pytest.raises(
        UserError, match=r"^a, line 7: bad_json: oh; mend it, or leave out --strict to skip it$"
    ):
        catalogue.add(Index(np.zeros(0, ROW), (("/a", "a"),), (), bad=(Bad("bad_json", "oh", "a", 3),)))


def test_more_classes_than_can_be_are_refused(tmp_path: Path) -> None:
    words = tuple(str(number) for number in range(MAX_CLASSES + 1))
    with pytest.raises(UserError, match="50,000 different classes"):
        Catalogue(tmp_path, 0).add(index_of([1], words=words))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train:600,validation:50,test:150", {"train": 600, "validation": 50, "test": 150}),
        ("test:5, train:7", {"train": 7, "test": 5}),
        ("train:3,test:0", {"train": 3}),
        ("0.8,0.1,0.1", {"train": 0.8, "validation": 0.1, "test": 0.1}),
        ("0.9,0.1", {"train": 0.9, "test": 0.1}),
        ("1,0", {"train": 1.0}),
    ],
)
def test_splits_are_parsed(text: str, expected: dict[str, float]) -> None:
    found = parse_splits(text)
    assert found == expected and list(found) == list(expected)
    assert isinstance(make_splitter(text, 3), ByCount if ":" in text else ByShare)


WRONG_SPLITS = (
    "|a|train|train:x|train:-1|train:0|train:5,train:6|trian:5|1|0.5,0.6|nan,1|inf,0|train:1.5|train:1:2|"
    "0.5,0.3,0.1,0.1|-0.5,1.5"
)


@pytest.mark.parametrize("text", WRONG_SPLITS.split("|"))
def test_other_splits_are_one_clear_error(text: str) -> None:
    with pytest.raises(UserError, match=r"--splits=|did you mean 'train'\?"):
        parse_splits(text)


def test_classes_are_drawn_by_seed() -> None:
    names = official_names()
    assert len(names) == len(set(names)) == 345 and {"cat", "The Eiffel Tower", "zigzag"} <= set(names)
    drawn = draw_classes(names, 100, 42)
    assert drawn == draw_classes(list(reversed(names)), 100, 42) == sorted(set(drawn)) and len(drawn) == 100
    assert drawn != draw_classes(names, 100, 43)
    often = Counter(name for seed in range(300) for name in draw_classes(names[:10], 3, seed))
    assert len(often) == 10 and 60 < min(often.values()) <= max(often.values()) < 125


def test_classes_are_chosen_drawn_or_all() -> None:
    assert choose_classes(["b", "a", "b"], Options()) == ("a", "b")
    assert choose_classes("abc", Options(classes=("c", "a"))) == ("a", "c")
    assert set(choose_classes("abcdef", Options(classes=("c", "a", "f"), num_classes=2))) < {"a", "c", "f"}
    with pytest.raises(UserError, match="unknown class 'aeroplane'; did you mean 'airplane'"):
        choose_classes(official_names(), Options(classes=("aeroplane",)))


def test_class_names_are_cleaned_or_refused() -> None:
    assert clean_name("  ice \t cream\n") == "ice cream" and clean_name("café 猫") == "café 猫"
    assert [clean_name(name) for name in ("", " \n", "a\x00b", "\x1b[31m", "x" * 101)] == [None] * 5
