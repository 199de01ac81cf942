"""Photos found by drawing them: figures against slow obvious ones, and the folder that is written."""

from __future__ import annotations

import csv
import json

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist

from evaluation.baselines import hog_blurred_features, hog_features
from evaluation.definitions import DEFINITIONS
from evaluation.paired import Side, evaluate_pairs
from evaluation.paired_report import own_photos, write_paired_report
from evaluation.triplet_order import triplet_shares
from sketchspace.errors import UserError
from sketchspace.files import write_json
from tests import training_process
from tests.encoder_fixture import write_pairs, write_run
from tests.test_query import ROOT
from tfrecords.manifest import Manifest

CLASSES = ("bag", "shoe")


def a_side(labels, instances, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (len(labels), 32, 32), np.uint8)
    keys = [
        f"{seed}-{label}/{instance}-{row}"
        for row, label, instance in zip(range(len(labels)), labels, instances, strict=True)
    ]
    return Side(images, np.array(labels, np.int32), np.array(instances, np.int32), keys)


def pairs(objects=20, per_object=2, noise=0.8):
    """Two classes of `objects`, each with a photo and some sketches that lie near it; two photos more."""
    rng = np.random.default_rng(objects)
    photos = a_side([0] * objects + [1] * (objects + 2), [*range(objects), *range(objects + 2)], 1)
    rows = np.repeat([*range(objects), *range(objects, 2 * objects)], per_object)
    sketches = a_side(photos.labels[rows].tolist(), photos.instances[rows].tolist(), 2)
    places = rng.normal(size=(len(photos.keys), 6)).astype(np.float32)
    drawn = places[rows] + noise * rng.normal(size=(len(rows), 6)).astype(np.float32)
    return sketches, photos, drawn, places


def slow_figures(queries, gallery, vectors):
    """Own photo's rank, class precision and average precision, one query at a time."""
    ranks, precisions, recalls, averages = [], [], [], []
    for row, vector in enumerate(vectors[0].astype(np.float64)):
        far = cdist(vector[None], vectors[1].astype(np.float64), "sqeuclidean")[0]
        order = np.argsort(far, kind="stable")
        own = [(gallery.labels[i], gallery.instances[i]) for i in order]
        ranks.append(own.index((queries.labels[row], queries.instances[row])) + 1)
        match = [gallery.labels[i] == queries.labels[row] for i in order]
        precisions.append(sum(match[:100]) / 100)
        recalls.append(sum(match[:10]) / sum(match))
        places = [place for place, same in enumerate(match, 1) if same]
        averages.append(np.mean([number / place for number, place in enumerate(places, 1)]))
    return np.array(ranks), np.mean(precisions), np.mean(recalls), np.mean(averages)


def test_figures_are_those_of_the_slow_way_in_both_directions():
    sketches, photos, drawn, places = pairs()
    report = evaluate_pairs(sketches, photos, {"single": (drawn, places)}, "single", CLASSES)
    figures = report.figures()
    ranks, precision, recall, average = slow_figures(sketches, photos, (drawn, places))
    assert 0.2 < np.mean(ranks == 1) < 0.9
    for k in (1, 5, 10):
        assert figures[f"acc_at_{k}"] == pytest.approx(np.mean(ranks <= k))
    assert figures["mean_rank"] == pytest.approx(ranks.mean())
    assert figures["mean_reciprocal_rank"] == pytest.approx(np.mean(1 / ranks))
    assert figures["precision_at_100"] == pytest.approx(precision)
    assert figures["recall_at_10"] == pytest.approx(recall)
    assert figures["map_all"] == pytest.approx(average)
    paired = Side(photos.images[:40], photos.labels[:40], photos.instances[:40], photos.keys[:40])
    back = np.delete(np.arange(42), [40, 41])
    ranks, *_ = slow_figures(paired, sketches, (places[back], drawn))
    assert figures["photo_to_sketch_acc_at_1"] == pytest.approx(np.mean(ranks == 1))
    assert figures["photo_to_sketch_num_queries_without_instance"] == 2
    low, high = report.intervals()["acc_at_1"]
    assert low < figures["acc_at_1"] < high


def test_one_class_has_no_figures_by_class_and_three_modes_have_their_own():
    sketches, photos, drawn, places = pairs()
    one = [only(side, side.labels == 1) for side in (sketches, photos)]
    near, far = (drawn[40:], places[20:]), (places[rng_order(40)], places[20:])
    vectors = {"single": far, "mean_feature": far, "mean_distance": near}
    figures = evaluate_pairs(one[0], one[1], vectors, "mean_distance", CLASSES).figures()
    assert not [name for name in figures if "map" in name or "precision" in name or "recall" in name]
    assert figures["mean_distance_acc_at_1"] == figures["acc_at_1"] > figures["single_acc_at_1"]
    assert figures["single_mean_rank"] == figures["mean_feature_mean_rank"] > figures["mean_rank"]


def only(side, chosen):
    keys = [key for key, taken in zip(side.keys, chosen, strict=True) if taken]
    return Side(side.images[chosen], side.labels[chosen], side.instances[chosen], keys)


def rng_order(count):
    return np.random.default_rng(5).integers(0, 42, count)


def test_triplets_count_when_the_closer_photo_is_nearer():
    photos, sketches = a_side([1, 1, 1], [7, 8, 9]), a_side([1, 1], [7, 9])
    near = np.array([[0.0], [1.0], [3.0]], np.float32)
    drawn = np.array([[0.2], [2.0]], np.float32)
    triplets = {
        "shoe": [[7, 7, 8], [7, 9, 8], [7, 8, 9], [9, 8, 9], [9, 50, 7], [50, 7, 8]],
        "hat": [[0, 0, 1]],
    }
    shares, count = triplet_shares(drawn, near, sketches, photos, CLASSES, triplets)
    assert count == 4  # objects 50 are not here
    assert shares.tolist() == [2 / 3, 0]  # 8 and 9 are equally far from the second sketch: not right
    with pytest.raises(UserError, match="three whole numbers"):
        triplet_shares(drawn, near, sketches, photos, CLASSES, {"shoe": [[1, 2]]})


def test_triplet_accuracy_is_that_of_a_loop_over_the_triplets():
    sketches, photos, drawn, places = pairs(per_object=1)
    rng = np.random.default_rng(3)
    anchors = np.repeat(np.arange(20), 9)
    triplets = {name: np.c_[anchors, rng.integers(0, 20, (180, 2))].tolist() for name in CLASSES}
    report = evaluate_pairs(sketches, photos, {"single": (drawn, places)}, "single", CLASSES, triplets)
    right = 0
    for label, name in enumerate(CLASSES):
        for anchor, closer, farther in triplets[name]:
            sketch = drawn[20 * label + anchor].astype(float)
            two = [((places[20 * label + i].astype(float) - sketch) ** 2).sum() for i in (closer, farther)]
            right += two[0] < two[1]
    assert report.figures()["triplet_accuracy"] == pytest.approx(right / 360)
    assert report.figures()["num_triplets"] == 360
    assert "triplet_accuracy" in report.intervals()
    assert all("triplet_accuracy" in found for found in report.baselines.values())


def test_without_instances_the_class_is_what_counts():
    sketches, photos, drawn, places = pairs()
    bare = [Side(s.images, s.labels, np.full_like(s.instances, -1), s.keys) for s in (sketches, photos)]
    report = evaluate_pairs(
        bare[0], bare[1], {"single": (drawn, places)}, "single", CLASSES, with_baselines=False
    )
    hits = [photos.labels[np.argmin(((places - v) ** 2).sum(axis=1))] for v in drawn]
    assert report.figures()["acc_at_1"] == pytest.approx(np.mean(hits == sketches.labels))
    assert own_photos(report)[0] == 0


def test_what_is_not_known_matches_nothing():
    photos, sketches = a_side([0, 0, 0], [-1, 3, 4]), a_side([0, 0], [-1, 3])
    drawn, places = np.zeros((2, 1), np.float32), np.arange(3, dtype=np.float32)[:, None]
    report = evaluate_pairs(sketches, photos, {"single": (drawn, places)}, "single", CLASSES)
    assert report.figures()["num_queries_without_instance"] == 1
    assert report.figures()["mean_rank"] == 2
    assert own_photos(report) == [None, 1]


def test_the_folder_has_figures_a_line_for_each_query_and_a_sheet(tmp_path):
    sketches, photos, drawn, places = pairs()
    triplets = {"bag": [[0, 0, 1]]}
    report = evaluate_pairs(sketches, photos, {"single": (drawn, places)}, "single", CLASSES, triplets)
    asked = []

    def shown(keys):
        asked.extend(keys)
        return {key: np.full((32, 32, 3), (200, 30, 30), np.uint8) for key in keys}

    write_paired_report(report, tmp_path / "eval", {"seed": 0}, shown)
    metrics = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    assert metrics["definitions"]["acc_at_1"] == DEFINITIONS["acc_at_1"]
    assert set(metrics["baselines"]) == {"pixels", "hog", "hog_blurred"}
    assert metrics["views"] == "single"
    rows = list(csv.DictReader((tmp_path / "eval" / "per_query.csv").open()))
    ranks, *_ = slow_figures(sketches, photos, (drawn, places))
    assert [int(row["rank"]) for row in rows] == ranks.tolist()
    assert rows[0]["photo"] == photos.keys[0] and rows[0]["class"] == "bag"
    assert [row["first"] for row in rows if row["rank"] == "1"] == [
        row["photo"] for row in rows if row["rank"] == "1"
    ]
    sheet = cv2.imread(str(tmp_path / "eval" / "queries.png"))
    assert sheet is not None
    assert sheet.shape[0] > 1500 and 12 <= len(set(asked)) <= 42
    red = np.all(sheet == (30, 30, 200), axis=2).mean()
    assert red > 0.2  # photos are shown in their colours


def evaluate_command(run, *arguments):
    """Run evaluate.py in a process of its own."""
    return training_process.run(ROOT, "evaluate.py", f"--run={run}", *arguments)


def test_the_command_measures_pairs_with_the_run_s_own_views_and_triplets(tmp_path):
    data = write_pairs(tmp_path / "pairs")
    run = write_run(tmp_path / "tiny", Manifest.load(data).fingerprint)
    write_json(run / "config.json", {"model": "tiny", "seed": 0, "dataset": {"path": str(data)}})
    write_json(data / "annotations.json", {"triplets": {"test": {"circle": [[0, 1, 2], [1, 0, 2]]}}})
    done = evaluate_command(run)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split()[:2] == ["acc_at_1", "acc_at_5"]
    metrics = json.loads((run / "eval-test" / "metrics.json").read_text())
    assert (metrics["num_queries"], metrics["num_gallery"], metrics["num_triplets"]) == (9, 9, 2)
    assert metrics["views"] == "mean_distance" and metrics["acc_at_1"] == metrics["mean_distance_acc_at_1"]
    assert 0 < metrics["map_all"] <= 1 and 0 < metrics["mean_distance_acc_at_5"] <= 1
    sheet = cv2.imread(str(run / "eval-test" / "queries.png"))
    assert sheet is not None and np.ptp(sheet.astype(int), axis=2).max() > 60  # colours are there


def test_with_weights_of_unknown_origin_the_user_is_told(tmp_path):
    data, run = write_pairs(tmp_path / "pairs"), write_run(tmp_path / "tiny", "")
    write_json(run / "config.json", {"model": "tiny", "dataset": {"fingerprint": ""}})
    done = evaluate_command(run, f"--data={data}", "--nobaselines")
    assert done.returncode == 0 and "is not known" in done.stderr, done.stderr


def test_sides_that_are_empty_are_refused():
    sketches, _, drawn, places = pairs()
    with pytest.raises(UserError, match="pairs need both"):
        evaluate_pairs(sketches, a_side([], []), {"single": (drawn, places)}, "single", CLASSES)


def test_blurred_hog_is_hog_of_softened_lines():
    images = np.full((2, 256, 256), 255, np.uint8)
    for step in range(20, 236, 16):
        images[0, 20:236, step : step + 2] = images[1, 20:236, step + 4 : step + 6] = 0
    soft = np.stack([gaussian_filter(image.astype(float), 4, mode="nearest") for image in images])
    expected = hog_features(np.rint(soft).astype(np.uint8))
    assert np.linalg.norm(hog_blurred_features(images) - expected) < 0.2 * np.linalg.norm(expected)
    lines = np.full((2, 256, 256), 255, np.uint8)
    lines[0, 60:200, 91:94] = lines[1, 60:200, 98:101] = 0  # on both sides of a border between cells
    plain, blurred = (f(lines) for f in (hog_features, hog_blurred_features))
    assert np.linalg.norm(blurred[0] - blurred[1]) < np.linalg.norm(plain[0] - plain[1])
