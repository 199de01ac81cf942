"""Drawings as they come from phones and scanners, made from clean ones: seeded, one condition a name."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from sketchspace.sketch.strokes import Sketch

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Rng = np.random.Generator

SIDE = 900
"""Of the sheet in px."""


def drawn(sketch: Sketch, rng: Rng, side: int = SIDE, ink: float = 30.0) -> Floats:
    """A drawing on a white sheet float32 `[side, side, 3]` (RGB), as large and where a hand may put it."""
    page = np.full((side, side), 255, np.uint8)
    low, high = sketch.bounds()
    extent = max(float(np.max(high - low)), 1e-6)
    size = side * rng.uniform(0.45, 0.75)
    room = side * 0.1
    spread = (high - low) / extent * size
    corner = rng.uniform(room, side - room - spread)
    width = max(2, round(side * rng.uniform(0.004, 0.008)))
    for stroke in sketch.strokes:
        points = np.rint(((stroke - low) / extent * size + corner) * 16).astype(np.int32)
        cv2.polylines(page, [points[:, None]], False, 0, width, cv2.LINE_AA, 4)
    grey = ink + page.astype(np.float32) * ((255 - ink) / 255)
    return np.repeat(grey[..., None], 3, axis=2)


def _noisy(page: Floats, rng: Rng, sigma: float = 2.0) -> Floats:
    return page + rng.normal(0, sigma, page.shape).astype(np.float32)


def _as_jpeg(page: Floats, quality: int) -> Pixels:
    written = cv2.imencode(".jpg", _whole(page)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR), np.uint8)[..., ::-1].copy()


def _whole(page: Floats) -> Pixels:
    return np.rint(page.clip(0, 255)).astype(np.uint8)


def clean(page: Floats, rng: Rng) -> Pixels:
    """Nothing is done."""
    return _whole(page)


def blur(page: Floats, rng: Rng) -> Pixels:
    """Out of focus."""
    return _as_jpeg(_noisy(cv2.GaussianBlur(page, (0, 0), rng.uniform(2, 4)), rng), 85)


def jpeg(page: Floats, rng: Rng) -> Pixels:
    """Compressed much."""
    return _as_jpeg(page, int(rng.integers(10, 25)))


def off_white(page: Floats, rng: Rng) -> Pixels:
    """Yellow or grey paper under a lamp."""
    tint = np.array([1, rng.uniform(0.9, 1), rng.uniform(0.75, 0.95)], np.float32)
    return _as_jpeg(_noisy(page * tint * rng.uniform(0.65, 0.9), rng, 3), 80)


def soft_shadow(page: Floats, rng: Rng) -> Pixels:
    """Light that falls off across the sheet."""
    return _as_jpeg(_noisy(page * _slope(rng, page.shape[0]), rng), 85)


def _slope(rng: Rng, side: int) -> Floats:
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[-0.5 : 0.5 : side * 1j, -0.5 : 0.5 : side * 1j]
    along = rows * np.sin(angle) + columns * np.cos(angle)
    along = (along - along.min()) / np.ptp(along)
    return (1 - rng.uniform(0.3, 0.55) * along).astype(np.float32)[..., None]


def hard_shadow(page: Floats, rng: Rng) -> Pixels:
    """A straight edge of shadow across the sheet."""
    side = page.shape[0]
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.2, 0.2)
    rows, columns = np.mgrid[-0.5 : 0.5 : side * 1j, -0.5 : 0.5 : side * 1j]
    dark = (rows * np.sin(angle) + columns * np.cos(angle) > offset).astype(np.float32)
    dark = cv2.GaussianBlur(dark, (0, 0), rng.uniform(0.3, 2.0))
    return _as_jpeg(_noisy(page * (1 - dark[..., None] * rng.uniform(0.3, 0.5)), rng), 85)


def ruled(page: Floats, rng: Rng) -> Pixels:
    """Ruled paper with a margin line, unevenly lit, a little askew."""
    side = page.shape[0]
    lines = np.full(page.shape, 255, np.float32)
    step = round(side * rng.uniform(0.035, 0.06))
    blue = (150 + rng.uniform(-20, 20), 180.0, 215.0)
    for y in range(step, side, step):
        cv2.line(lines, (-side, y), (2 * side, y), blue, int(rng.integers(1, 4)), cv2.LINE_AA)
    x = int(side * rng.uniform(0.06, 0.14))
    cv2.line(lines, (x, -side), (x, 2 * side), (235, 150, 150), 2, cv2.LINE_AA)
    return _as_jpeg(_noisy(_turned(np.minimum(page, lines), rng, 2) * _slope(rng, side), rng), 85)


def squared(page: Floats, rng: Rng) -> Pixels:
    """Squared paper."""
    side = page.shape[0]
    lines = np.full(page.shape, 255, np.float32)
    step = round(side * rng.uniform(0.03, 0.05))
    tone = (rng.uniform(170, 200),) * 3
    for at in range(step // 2, side, step):
        cv2.line(lines, (-side, at), (2 * side, at), tone, 2, cv2.LINE_AA)
        cv2.line(lines, (at, -side), (at, 2 * side), tone, 2, cv2.LINE_AA)
    return _as_jpeg(_noisy(_turned(np.minimum(page, lines), rng, 2), rng), 85)


def _turned(page: Floats, rng: Rng, degrees: float) -> Floats:
    side = page.shape[0]
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-degrees, degrees), 1.0)
    return cv2.warpAffine(page, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _on_table(page: Floats, table: Floats, rng: Rng, askew: float = 0.08) -> Floats:
    """A sheet that lies on a table, seen from aside."""
    side, room = page.shape[0], table.shape[0]
    size = room * rng.uniform(0.6, 0.85)
    centre = room / 2 + rng.uniform(-0.04, 0.04, 2) * room
    angle = np.deg2rad(rng.uniform(-12, 12))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size / 2
    corners = corners @ turn.T * [1, rng.uniform(0.85, 1)] + rng.uniform(-askew, askew, (4, 2)) * size / 2
    target = (corners + centre).astype(np.float32)
    source = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    warp = cv2.getPerspectiveTransform(source, target)
    shown = cv2.warpPerspective(page, warp, (room, room), flags=cv2.INTER_AREA)
    inside = cv2.warpPerspective(np.ones((side, side), np.float32), warp, (room, room))[..., None]
    return shown * inside + table * (1 - inside)


def _table(rng: Rng, tone: tuple[float, float, float], grain: float, side: int = 1000) -> Floats:
    coarse = rng.normal(0, grain, (side // 8, side // 50, 1)).astype(np.float32)
    streaks = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.array(tone, np.float32) + streaks


def dark_table(page: Floats, rng: Rng) -> Pixels:
    """A sheet on a dark table."""
    tone = rng.uniform(30, 110, 3)
    table = _table(rng, (float(tone.max()), float(np.median(tone)), float(tone.min())), 4)
    return _as_jpeg(_noisy(_on_table(page * 0.95, table, rng), rng), 85)


def light_table(page: Floats, rng: Rng) -> Pixels:
    """A sheet on a light table."""
    level = rng.uniform(170, 222)
    table = _table(rng, (level, level * rng.uniform(0.9, 1), level * rng.uniform(0.8, 0.97)), 3)
    return _as_jpeg(_noisy(_on_table(page * 0.97, table, rng), rng), 85)


def perspective(page: Floats, rng: Rng) -> Pixels:
    """A sheet that fills the picture, seen from aside."""
    side = page.shape[0]
    corners = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    moved = corners + rng.uniform(0, 0.12, (4, 2)) * side * np.sign(corners - side / 2) * 1.0
    warp = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    paper = (250.0, 250.0, 250.0)
    return _as_jpeg(_noisy(cv2.warpPerspective(page, warp, (side, side), borderValue=paper), rng), 85)


def finger(page: Floats, rng: Rng) -> Pixels:
    """A finger at the edge of the picture."""
    side = page.shape[0]
    skin = (rng.uniform(180, 225), rng.uniform(140, 170), rng.uniform(110, 145))
    along, width = rng.uniform(0.25, 0.75) * side, rng.uniform(0.07, 0.1) * side
    reach = width * rng.uniform(0.8, 1.3)
    shown = np.zeros((side, side), np.uint8)
    cv2.ellipse(shown, (int(along), side), (int(width), int(reach)), 0, 0, 360, 255, -1, cv2.LINE_AA)
    shown = np.rot90(shown, int(rng.integers(4)))
    part = cv2.GaussianBlur(np.float32(shown) / 255, (0, 0), 1.5)[..., None]
    return _as_jpeg(_noisy(page * (1 - part) + np.array(skin, np.float32) * part, rng), 85)


def frame(page: Floats, rng: Rng) -> Pixels:
    """A printed frame parallel to the border."""
    side, at = page.shape[0], int(page.shape[0] * rng.uniform(0.015, 0.07))
    tone = (rng.uniform(0, 90),) * 3
    cv2.rectangle(page, (at, at), (side - at, side - at), tone, int(rng.integers(2, 8)))
    return _whole(page)


def signature(page: Floats, rng: Rng) -> Pixels:
    """A name in the corner."""
    side = page.shape[0]
    t = np.linspace(0, 1, 60)
    wide, high = side * rng.uniform(0.09, 0.15), side * rng.uniform(0.02, 0.04)
    loops = np.cumsum(rng.normal(0, 1, 60))
    x = side * 0.97 - wide + wide * t
    y = side * 0.965 - high * (0.5 + 0.5 * np.sin(loops + 25 * t))
    points = np.rint(np.stack([x, y], axis=1) * 16).astype(np.int32)
    cv2.polylines(page, [points[:, None]], False, (40, 40, 40), 3, cv2.LINE_AA, 4)
    return _whole(page)


def specks(page: Floats, rng: Rng) -> Pixels:
    """Three specks of dust near the border."""
    side = page.shape[0]
    for _ in range(3):
        at = rng.uniform(0.005, 0.05, 2) * side
        x, y = np.where(rng.random(2) < 0.5, at, side - at).astype(int)
        if rng.random() < 0.5:
            x = int(rng.uniform(0, side - 6))
        page[y : y + 3, x : x + 3] = rng.uniform(0, 80)
    return _whole(page)


def scanner_edge(page: Floats, rng: Rng) -> Pixels:
    """A dark band where the scanner's lid did not close."""
    side = page.shape[0]
    wide = int(side * rng.uniform(0.01, 0.035))
    turns = int(rng.integers(4))
    turned = np.rot90(page, turns).copy()
    turned[:, :wide] = rng.uniform(0, 70)
    lean = int(rng.uniform(0, 0.01) * side)
    corners = np.array([[wide, 0], [wide + lean, 0], [wide, side]], np.int32)
    cv2.fillPoly(turned, [corners], (20, 20, 20))
    return _whole(np.rot90(turned, -turns))


def pencil(page: Floats, rng: Rng) -> Pixels:
    """Faint pencil on grainy paper."""
    faint = 255 - (255 - page) * rng.uniform(0.35, 0.55)
    return _as_jpeg(_noisy(faint * 0.93, rng, 4), 80)


def phone(page: Floats, rng: Rng) -> Pixels:
    """Ruled paper on a table, seen from aside in the light of a window."""
    ruled_page = np.float32(ruled(page, rng))
    tone = tuple(float(level) for level in rng.uniform(40, 150, 3))
    shown = _on_table(ruled_page, _table(rng, tone, 5), rng, 0.05)  # type: ignore[arg-type]
    return _as_jpeg(cv2.GaussianBlur(shown * _slope(rng, shown.shape[0]), (0, 0), 1.0), 75)


CONDITIONS: dict[str, Callable[[Floats, Rng], Pixels]] = {
    made.__name__: made
    for made in (
        clean, off_white, pencil, blur, jpeg, perspective, soft_shadow, hard_shadow, ruled, squared,
        dark_table, light_table, finger, frame, signature, specks, scanner_edge, phone,
    )
}  # fmt: skip
"""What may happen to a drawing on its way, by name."""


def photographed(sketch: Sketch, condition: str, seed: int) -> Pixels:
    """A drawing under a condition: uint8 `[h, w, 3]` (RGB), a function of its arguments.

    All conditions of a seed show the same page. Raises `KeyError` for an unknown condition.
    """
    page = drawn(sketch, np.random.default_rng(seed))
    return CONDITIONS[condition](page, np.random.default_rng((seed, len(condition), *condition.encode())))
