"""Pictures: whole files, contents read back from them, any number and any kind of class names."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest

from evaluation.classification import confusion_matrix, per_class, worst_mistakes
from evaluation.plots import class_plots, style


def scored(classes, num=200):
    rng = np.random.default_rng(classes)
    labels = rng.integers(0, classes, num)
    logits = rng.normal(size=(num, classes))
    logits[np.arange(num), labels] += 2
    return logits, labels


def picture(path):
    image = cv2.imread(str(path))
    assert image is not None and list(path.parent.iterdir()) == [path]
    return image


def texts(path, draw, monkeypatch):
    """All words on the figure that `draw` saves to `path`."""
    found: list[str] = []
    original = style.FigureCanvasAgg.print_png

    def listen(canvas, buffer):
        original(canvas, buffer)
        written = canvas.figure.findobj(style.mpl.text.Text)
        found.extend(text.get_text() for text in written if text.get_visible())

    monkeypatch.setattr(style.FigureCanvasAgg, "print_png", listen)
    draw(path)
    return [text for text in found if text]


@pytest.mark.parametrize("classes", [3, 20, 21, 345])
def test_confusion_picture_for_few_and_many_classes(tmp_path, classes):
    path = tmp_path / "confusion.png"
    class_plots.save_confusion(
        path, confusion_matrix(*scored(classes)), [f"class {i}" for i in range(classes)]
    )
    height, width, _ = picture(path).shape
    assert 500 < height < 1600 and 500 < width < 1700


def test_confusion_picture_is_darker_where_more_examples_are(tmp_path):
    path = tmp_path / "confusion.png"
    class_plots.save_confusion(path, np.eye(60) * 9, [str(i) for i in range(60)])
    dark = (picture(path)[:, :1350].max(axis=2) < 90).astype(np.uint8)
    # Erosion takes the letters away and leaves the cells; the colour bar is further right.
    rows, columns = np.nonzero(cv2.erode(dark, np.ones((7, 7))))
    assert len(np.unique(rows // 10)) > 60
    assert np.corrcoef(rows, columns)[0, 1] > 0.999


def test_cells_hold_row_percentages(tmp_path, monkeypatch):
    # Row 0: 3 of 4 right = 75, 25 wrong. Row 1 has no examples. Row 2: all 200 right.
    confusion = [[3, 1, 0], [0, 0, 0], [0, 0, 200]]
    words = texts(
        tmp_path / "c.png",
        lambda path: class_plots.save_confusion(path, confusion, ["cat", "dog", "owl"]),
        monkeypatch,
    )
    assert sorted(word for word in words if word.isdigit() and word != "0") == ["100", "25", "75"]


def test_many_classes_get_fewer_labels_and_the_frequent_mistakes(tmp_path, monkeypatch):
    confusion = np.eye(345, dtype=int) * 10
    confusion[7, 300] = 30
    names = [f"class {i}" for i in range(345)]
    words = texts(
        tmp_path / "c.png", lambda path: class_plots.save_confusion(path, confusion, names), monkeypatch
    )
    assert len({word for word in words if word in names}) <= class_plots.LABELS_ON_AN_AXIS
    assert any("class 7 → class 300 75 %" in word for word in words)


@pytest.mark.parametrize("limit", [1, 5, 24])
def test_mistakes_are_captioned_in_order(tmp_path, monkeypatch, limit):
    logits, labels = scored(5)
    mistakes = worst_mistakes(logits, labels, limit)
    images = np.full((len(mistakes.index), 64, 64), 255, np.uint8)
    names = ["ant", "bee", "cat", "dog", "eel"]
    words = texts(
        tmp_path / "m.png", lambda path: class_plots.save_mistakes(path, images, mistakes, names), monkeypatch
    )
    wrong = [word.split()[1] for word in words if word.startswith("→")]
    assert wrong == [names[label] for label in mistakes.predicted]
    assert [word for word in words if word in names] == [names[label] for label in mistakes.true]
    picture(tmp_path / "m.png")


def test_mistakes_sheet_shows_the_drawings(tmp_path):
    logits, labels = scored(5)
    mistakes = worst_mistakes(logits, labels, 1)
    ink = np.full((1, 64, 64), 255, np.uint8)
    ink[0, 16:48, 16:48] = 0
    class_plots.save_mistakes(tmp_path / "m.png", ink, mistakes, list("abcde"))
    black = (picture(tmp_path / "m.png") < 10).all(axis=2)
    # The sheet has room for three drawings and captions; the black square is a quarter of one drawing.
    assert 0.03 < black.mean() < 0.09


def test_a_sheet_without_mistakes_says_so(tmp_path, monkeypatch):
    mistakes = worst_mistakes(np.eye(3), np.arange(3), 9)
    none = np.zeros((0, 64, 64), np.uint8)
    words = texts(
        tmp_path / "m.png",
        lambda path: class_plots.save_mistakes(path, none, mistakes, list("abc")),
        monkeypatch,
    )
    assert "no mistakes" in words


@pytest.mark.parametrize("classes", [1, 50, 51, 345])
def test_bars_go_from_the_worst_to_the_best(tmp_path, monkeypatch, classes):
    # Class i is right 100 times and taken for its neighbour 37 i modulo 101 times, so the order is mixed up.
    wrong = np.diag(37 * np.arange(classes) % 101)
    table = per_class(100 * np.eye(classes, dtype=int) + np.roll(wrong, 1, axis=1))
    names = [f"class {i}" for i in range(classes)]
    order = np.argsort([row.recall for row in table], kind="stable")
    expected = [names[i] for i in order]
    expected = expected if classes <= 50 else expected[:40] + expected[-10:]
    words = texts(
        tmp_path / "a.png", lambda path: class_plots.save_class_accuracy(path, table, names), monkeypatch
    )
    assert [word for word in words if word in names] == expected
    assert any("classes between" in word for word in words) == (classes > class_plots.BARS)
    picture(tmp_path / "a.png")


def test_classes_without_examples_have_no_bar(tmp_path, monkeypatch):
    table = per_class([[2, 0], [0, 0]])
    words = texts(
        tmp_path / "a.png",
        lambda path: class_plots.save_class_accuracy(path, table, ["cat", "dog"]),
        monkeypatch,
    )
    assert "cat" in words and "dog" not in words


def test_class_names_are_shown_literally_and_shortened(tmp_path, monkeypatch):
    names = ["$\\frac{", "a_{b}^c$$", "line\nbreak", "x" * 400, "漢字"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        words = texts(
            tmp_path / "c.png", lambda path: class_plots.save_confusion(path, np.eye(5), names), monkeypatch
        )
    assert {"$\\frac{", "a_{b}^c$$", "line break", "x" * 21 + "…"} <= set(words)


def test_the_common_style_is_left_as_it_was(tmp_path):
    before = dict(style.mpl.rcParams)
    class_plots.save_confusion(tmp_path / "c.png", np.eye(3), list("abc"))
    assert dict(style.mpl.rcParams) == before


def test_a_failure_leaves_the_old_picture(tmp_path):
    path = tmp_path / "c.png"
    class_plots.save_confusion(path, np.eye(3), list("abc"))
    old = path.read_bytes()
    with pytest.raises(ValueError, match="class names"):
        class_plots.save_confusion(path, np.eye(3), list("ab"))
    with pytest.raises(ValueError, match="class names"):
        class_plots.save_class_accuracy(path, per_class(np.eye(3, dtype=int)), list("ab"))
    with pytest.raises(ValueError, match="2 images"):
        class_plots.save_mistakes(
            path, np.zeros((2, 8, 8), np.uint8), worst_mistakes(np.eye(3), np.arange(3), 9), list("abc")
        )
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]
