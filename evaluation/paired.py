"""Photos found by drawing them: sketches query, photos are the gallery, and the other way round."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from evaluation.baselines import Floats, Images, hog_blurred_features, hog_features, pixel_features
from evaluation.bootstrap import interval
from evaluation.neighbours import ExactOrder, chunks, prepare
from evaluation.ranking import Doubles, RankingResult, rank_metrics
from evaluation.tables import figure_table
from evaluation.triplet_order import Triplets, triplet_shares
from sketchspace.errors import UserError

KS = (1, 5, 10, 100)
BY_INSTANCE = ("acc_at_1", "acc_at_5", "acc_at_10", "mean_rank", "mean_reciprocal_rank")
BY_CLASS = ("map_all", "precision_at_10", "precision_at_100", *(f"recall_at_{k}" for k in KS))
COUNTS = ("num_queries", "num_gallery", "num_queries_without_match", "num_queries_without_instance")
HEADLINES = ("acc_at_1", "acc_at_5", "acc_at_10", "mean_rank")
BASELINES: dict[str, Callable[[Images], Floats]] = {
    "pixels": pixel_features,
    "hog": hog_features,
    "hog_blurred": hog_blurred_features,
}
SHOWN = 5
Vectors = tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class Side:
    """The sketches or the photos of a split, `n` of them.

    `images` uint8 `[n, size, size]` (255 paper) or RGB `[n, size, size, 3]`, `labels` and `instances` int32
    `[n]` (-1 where it is not known what was drawn), `keys` a name each.
    """

    images: Images
    labels: NDArray[np.int32]
    instances: NDArray[np.int32]
    keys: list[str]


@dataclass(frozen=True, eq=False)
class Direction:
    """One side's queries put to the other side: the measured lists."""

    ranking: RankingResult

    def names(self, several_classes: bool) -> list[str]:
        """The figures that mean something for this data."""
        found = [name for name in BY_INSTANCE if self.ranking.has_instances or several_classes]
        return found + [name for name in BY_CLASS if several_classes]

    def figures(self, several_classes: bool) -> dict[str, float]:
        """Flat figures under their names in `metrics.json`, without a prefix."""
        summary = self.ranking.summary()
        wanted = (*self.names(several_classes), *COUNTS)
        return {name: summary[name] for name in wanted if name in summary}

    def intervals(self, several_classes: bool) -> dict[str, list[float]]:
        """95 % bootstrap intervals of those that are means."""
        found = self.ranking.intervals()
        return {name: list(found[name]) for name in self.names(several_classes)}


@dataclass(frozen=True, eq=False)
class PairedReport:
    """All that one evaluation of pairs found.

    `modes` has the sketches' queries for each way of views, `views` names the one that counts, `backward` has
    the photos' queries in it, and `first` int64 `[sketches, 5]` (or all) the photos found first. `shares`
    float64 `[sketches]` tell which share of a sketch's annotated triplets is in the right order, NaN where it
    has none; None without annotation. `baselines` is name -> figures.
    """

    sketches: Side
    photos: Side
    classes: tuple[str, ...]
    views: str
    modes: dict[str, Direction]
    backward: Direction
    first: NDArray[np.int64]
    shares: Doubles | None
    num_triplets: int
    baselines: dict[str, dict[str, float]]

    @property
    def forward(self) -> Direction:
        """The sketches' queries that the main figures are of."""
        return self.modes[self.views]

    @property
    def several_classes(self) -> bool:
        """Whether figures by class say anything."""
        return len(np.unique(self.photos.labels)) > 1

    def figures(self) -> dict[str, float]:
        """The flat figures of `metrics.json`."""
        found = self.forward.figures(self.several_classes)
        backward = self.backward.figures(self.several_classes)
        found |= {f"photo_to_sketch_{name}": value for name, value in backward.items()}
        if len(self.modes) > 1:
            for mode, direction in self.modes.items():
                summary = direction.figures(self.several_classes)
                found |= {f"{mode}_{name}": summary[name] for name in HEADLINES if name in summary}
        if self.shares is not None:
            found |= {"triplet_accuracy": float(np.nanmean(self.shares)), "num_triplets": self.num_triplets}
        return found

    def intervals(self) -> dict[str, list[float]]:
        """95 % bootstrap intervals under the figures' names."""
        found = self.forward.intervals(self.several_classes)
        backward = self.backward.intervals(self.several_classes)
        found |= {f"photo_to_sketch_{name}": pair for name, pair in backward.items()}
        if self.shares is not None:
            found["triplet_accuracy"] = list(interval(self.shares[~np.isnan(self.shares)]))
        return found

    def table(self) -> str:
        """The headline figures of the encoder and its baselines, for people."""
        figures = self.figures()
        own = {
            mode: {name: figures.get(f"{mode}_{name}", np.nan) for name in HEADLINES}
            for mode in (self.modes if len(self.modes) > 1 else ())
        }
        rows = {"model": figures, **own, **self.baselines}
        names = [name for name in (*HEADLINES, "map_all", "triplet_accuracy") if name in figures]
        return figure_table(rows, names, _cell, 14)


def evaluate_pairs(
    sketches: Side,
    photos: Side,
    vectors: Mapping[str, Vectors],
    views: str,
    classes: tuple[str, ...],
    triplets: Triplets | None = None,
    with_baselines: bool = True,
) -> PairedReport:
    """Rank all photos for every sketch and all sketches for every photo.

    `vectors` has for every way of views the embeddings of the sketches and of the photos, `[n, D]` each; the
    main figures are those of `views`. `triplets` are annotated `(anchor, closer, farther)` instances by class
    name. Raises `UserError` where a side is empty, and where no sketch has a photo.
    """
    if not len(sketches.keys) or not len(photos.keys):
        raise UserError(
            f"the split holds {len(sketches.keys)} sketches and {len(photos.keys)} photos; pairs need both"
        )
    main = vectors[views]
    shares, count = None, 0
    if triplets:
        shares, count = triplet_shares(*main, sketches, photos, classes, triplets)
    return PairedReport(
        sketches=sketches,
        photos=photos,
        classes=classes,
        views=views,
        modes={mode: _direction(pair, sketches, photos) for mode, pair in vectors.items()},
        backward=_direction(main[::-1], photos, sketches),
        first=first_items(*main),
        shares=shares if count else None,
        num_triplets=count,
        baselines=_baselines(sketches, photos, classes, triplets) if with_baselines else {},
    )


def _direction(vectors: Vectors, queries: Side, gallery: Side) -> Direction:
    paired = bool((queries.instances >= 0).any() and (gallery.instances >= 0).any())
    # What is not known matches nothing, also not what is not known on the other side.
    known = [
        np.where(side.instances < 0, unknown, side.instances)
        for side, unknown in ((queries, -1), (gallery, -2))
    ]
    ranking = rank_metrics(
        *vectors,
        queries.labels,
        gallery.labels,
        query_instances=known[0] if paired else None,
        gallery_instances=known[1] if paired else None,
        ks=KS,
    )
    return Direction(ranking)


def first_items(queries: Floats, gallery: Floats, count: int = SHOWN) -> NDArray[np.int64]:
    """The nearest `count` items of each query (or all), int64 `[queries, count]`."""
    left, right = prepare(queries, gallery, "sqeuclidean")
    order = ExactOrder(right)
    return np.concatenate([order(left[rows])[:, :count] for rows in chunks(len(left), len(right))])


def _baselines(
    sketches: Side, photos: Side, classes: tuple[str, ...], triplets: Triplets | None
) -> dict[str, dict[str, float]]:
    found = {}
    several = len(np.unique(photos.labels)) > 1
    drawn, seen = _grey(sketches.images), _grey(photos.images)
    for name, encode in BASELINES.items():
        vectors = encode(drawn), encode(seen)
        found[name] = _direction(vectors, sketches, photos).figures(several)
        if triplets:
            shares, count = triplet_shares(*vectors, sketches, photos, classes, triplets)
            if count:
                found[name]["triplet_accuracy"] = float(np.nanmean(shares))
    return found


def _grey(images: Images) -> Images:
    if images.ndim == 3:
        return images
    return np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]).astype(np.uint8)


def _cell(name: str, figure: float | None) -> str:
    """A figure as the table shows it: shares of queries in per cent."""
    if figure is None or np.isnan(figure):
        return "-"
    if name == "mean_rank":
        return f"{figure:.1f}"
    return f"{figure:.3f}" if name == "map_all" else f"{100 * figure:.1f} %"
