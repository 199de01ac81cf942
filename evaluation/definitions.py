"""What every name in `metrics.json` means, one sentence each."""

from __future__ import annotations

import re
from collections.abc import Iterable

PLAIN = {
    "accuracy": "Share of examples whose most likely class is the true one (equal scores: the lower index).",
    "top_5_accuracy": "Share of examples whose true class is among the five most likely (equal scores: "
    "the lower index first).",
    "mean_class_accuracy": "Mean over classes of the share of their examples that are classified rightly.",
    "cross_entropy": "Mean of minus the natural logarithm of the probability given to the true class (nats).",
    "expected_calibration_error": "Mean distance between confidence and accuracy over 15 equally wide "
    "intervals of confidence, weighted by their number of examples.",
    "knn_3_accuracy": "Share of examples whose class wins the vote of the 3 nearest of all others (squared "
    "Euclidean distance; equally many votes: the class of the nearer one).",
    "map_all": "Mean over queries of the average precision over all relevant items (same class), divided by "
    "their number R in the gallery.",
    "mean_reciprocal_rank": "Mean over queries of 1 / place of the first target: the own instance where "
    "instances are given, else the first item of the class.",
    "mean_rank": "Mean place, counted from 1, of the first target: the own instance where instances are "
    "given, else the first item of the class.",
    "num_queries": "Number of queries.",
    "num_gallery": "Number of items that each query ranks (itself left out when a set queries itself).",
    "num_queries_without_match": "Number of queries without an item of their class in the gallery, left out "
    "of the means.",
    "num_queries_without_instance": "Number of queries without their own instance in the gallery, left "
    "out of the means that look for it.",
    "triplet_accuracy": "Mean over sketches of the share of their annotated triplets (sketch, closer photo, "
    "farther photo) whose closer photo has the smaller squared Euclidean distance.",
    "num_triplets": "Number of annotated triplets whose sketch and photos are in the split.",
}
AT_K = {
    "map_at_{k}": "Mean over queries of the average precision of the first {k} places, divided by "
    "min(R, {k}), where R is the number of relevant items in the gallery.",
    "map_at_{k}_over_r": "Mean over queries of the average precision of the first {k} places, divided by R, "
    "the number of relevant items in the gallery.",
    "precision_at_{k}": "Mean over queries of the number of relevant items (same class) in the first {k} "
    "places, divided by {k}.",
    "recall_at_{k}": "Mean over queries of the number of relevant items (same class) in the first {k} "
    "places, divided by R, their number in the gallery.",
    "acc_at_{k}": "Share of queries with their own instance in the first {k} places; for data without "
    "instances, with at least one item of the class there.",
    "hit_at_{k}": "Share of queries with at least one item of the class in the first {k} places.",
}
PREFIXES = {
    "cosine_": "Ranked by cosine instead of squared Euclidean distance: ",
    "photo_to_sketch_": "Photos query, sketches are the gallery: ",
    "single_": "From the centre of each picture alone: ",
    "mean_feature_": "From the mean of the embeddings of all views of a picture: ",
    "mean_distance_": "With the mean of the squared distances of equal views as distance: ",
}
SUFFIXES = {
    "_best": " Items at equal distance in the most favourable order.",
    "_worst": " Items at equal distance in the least favourable order.",
}
STANDARD_KS = (1, 5, 10)

DEFINITIONS: dict[str, str] = PLAIN | {
    name.format(k=k): text.format(k=k) for name, text in AT_K.items() for k in STANDARD_KS
}


def definition(name: str) -> str:
    """The sentence for one name: any k, and the prefixes and suffixes above. Raises ValueError if unknown."""
    for prefix, text in PREFIXES.items():
        if name.startswith(prefix):
            return text + definition(name.removeprefix(prefix))
    for suffix, text in SUFFIXES.items():
        if name.endswith(suffix):
            return definition(name.removesuffix(suffix)) + text
    if name in DEFINITIONS:
        return DEFINITIONS[name]
    place = re.search(r"_at_([1-9]\d*)", name)
    template = name.replace(place[0], "_at_{k}") if place else name
    if place is None or template not in AT_K:
        raise ValueError(f"no definition of '{name}'; known names: {', '.join([*PLAIN, *AT_K])}")
    return AT_K[template].format(k=place[1])


def define(names: Iterable[str]) -> dict[str, str]:
    """The `definitions` entry of a `metrics.json` that holds `names`."""
    return {name: definition(name) for name in names}
