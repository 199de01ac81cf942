"""Lines and their labels: places that do not touch, values that were given."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from scipy.optimize import minimize

from evaluation.plots import style
from evaluation.plots.lines import Line, Words, save_lines, spread

WORDS = Words("Title", "share", "accuracy")


def test_labels_move_as_little_as_a_general_solver_moves_them():
    rng = np.random.default_rng(0)
    for _ in range(8):
        wanted = rng.uniform(0, 1, 5)
        placed = spread(wanted.tolist(), 0.2)
        order = np.argsort(wanted, kind="stable")
        assert np.diff(np.array(placed)[order]).min() >= 0.2 - 1e-9
        limits = [{"type": "ineq", "fun": lambda p, a=a, b=b: p[b] - p[a] - 0.2} for a, b in pairwise(order)]
        best = minimize(lambda p, w=wanted: ((p - w) ** 2).sum(), wanted, constraints=limits, method="SLSQP")
        assert ((np.array(placed) - wanted) ** 2).sum() <= best.fun + 1e-6


def test_labels_far_apart_stay_where_they_are():
    assert spread([0.9, 0.1, 0.5], 0.2) == pytest.approx([0.9, 0.1, 0.5])


def test_picture_has_every_line_with_its_last_value(tmp_path, monkeypatch):
    written: list[str] = []
    original = style.FigureCanvasAgg.print_png

    def listen(canvas, buffer):
        original(canvas, buffer)
        written.extend(text.get_text() for text in canvas.figure.findobj(style.mpl.text.Text))

    monkeypatch.setattr(style.FigureCanvasAgg, "print_png", listen)
    x = np.array([10.0, 50.0, 100.0])
    lines = [
        Line("a", x, np.array([0.1, 0.5, 0.9]), band=np.array([[0, 0.2], [0.4, 0.6], [0.8, 1]])),
        Line("b", x, np.array([0.1, 0.4, 0.895]), colour=9, dashed=True),
    ]
    save_lines(tmp_path / "lines.png", lines, WORDS, ticks=(10, 50, 100), top=1)
    assert {"a  90.0 %", "b  89.5 %", "Title", "accuracy"} <= set(written)
    image = cv2.imread(str(tmp_path / "lines.png"))
    assert image is not None and (image < 200).any()


def test_lines_that_do_not_fit_are_refused(tmp_path):
    x = np.array([1.0, 2.0])
    for lines in ([], [Line("a", x, np.ones(3))], [Line("a", x, np.array([np.nan, 1]))]):
        with pytest.raises(ValueError, match="line"):
            save_lines(tmp_path / "lines.png", lines, WORDS, ticks=(1, 2))
    assert list(tmp_path.iterdir()) == []
