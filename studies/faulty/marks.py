"""Everything that speaks against a drawing, gathered for a whole data set folder."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation import noise
from evaluation.faulty import REASONS, Marks, ensemble_probability
from preprocess.sources.archives import list_files, unpack
from preprocess.sources.quickdraw import SUFFIXES
from sketchspace.errors import UserError
from sketchspace.sketch.errors import BadDrawing
from sketchspace.sketch.quickdraw import load_json
from sketchspace.sketch.records import json_lines
from studies.examples import Encoder, Examples, data_identity, load
from studies.found_numbers import measured_once
from tfrecords.dataset import DatasetFolder

HEADER = ("key", "split", "class", "entropy", "low", "high", "probability", "seen", *REASONS, "faulty")


@dataclass(frozen=True, eq=False)
class Suspects:
    """All drawings of a folder, split after split, with their marks.

    `splits` names each drawing's split. Networks have `seen` the drawings of the training split.
    """

    examples: Examples
    splits: np.ndarray
    marks: Marks
    classes: tuple[str, ...]

    @property
    def seen(self) -> np.ndarray:
        """Whether the networks were trained on a drawing, bool `[n]`."""
        return np.asarray(self.splits == "train")

    def rows(self) -> Iterator[tuple[str | int, ...]]:
        """One row of `faulty.csv` for every drawing."""
        marks, seen = self.marks, self.seen
        reasons = [marks.reason(name) for name in REASONS]
        for number, key in enumerate(self.examples.keys):
            low, high = marks.limits[number]
            chance = "" if marks.probability is None else f"{marks.probability[number]:.3g}"
            yield (
                key,
                str(self.splits[number]),
                self.classes[marks.labels[number]],
                *(f"{value:.4f}" for value in (marks.entropy[number], low, high)),
                chance,
                int(seen[number]),
                *(int(reason[number]) for reason in reasons),
                int(marks.faulty[number]),
            )


def gather(
    folder: DatasetFolder, encoders: Sequence[Encoder], recognized: Sequence[str], parts: Path
) -> Suspects:
    """Measure every drawing of a folder; each network's numbers are kept in `parts`.

    The limits of entropy are those of the training split, where there is one, so that no drawing that a
    network is judged on moves them.
    """
    loaded = {split: load(folder, split) for split in folder.manifest.counts}
    examples = _joined(list(loaded.values()))
    splits = np.repeat(list(loaded), [len(each.keys) for each in loaded.values()])
    measured = _entropy(examples)
    base = splits == "train" if "train" in loaded else np.ones(len(splits), np.bool_)
    limits = noise.class_limits(measured[base], examples.labels[base], folder.manifest.num_classes)
    marks = Marks(
        labels=examples.labels,
        entropy=measured,
        limits=limits[examples.labels],
        probability=_probability(folder, encoders, examples, parts),
        recognized=_recognized(examples.keys, recognized),
    )
    return Suspects(examples, splits, marks, folder.manifest.classes)


def _joined(parts: Sequence[Examples]) -> Examples:
    points = [row for part in parts for row in part.points or ()]
    images = [part.images for part in parts if part.images is not None]
    return Examples(
        [key for part in parts for key in part.keys],
        np.concatenate([part.labels for part in parts]),
        points or None,
        np.concatenate(images) if images else None,
    )


def _entropy(examples: Examples) -> np.ndarray:
    """Of pictures drawn from strokes at 256 px; data without strokes is measured as it is stored."""
    if examples.points is not None:
        return noise.entropies(examples.points)
    assert examples.images is not None
    return np.array([noise.entropy(image) for image in examples.images])


def _probability(
    folder: DatasetFolder, encoders: Sequence[Encoder], examples: Examples, parts: Path
) -> np.ndarray | None:
    """Mean over networks of the probability of the label, float64 `[n]`; None without networks."""
    if not encoders:
        return None
    found = []
    for encoder in encoders:

        def measure(encoder: Encoder = encoder) -> dict[str, list[float]]:
            logits = encoder.encode(examples).logits
            if logits is None:
                raise UserError(f"{encoder.name} is no classifier; give runs of models with logits")
            return {"probability": ensemble_probability([logits], examples.labels).tolist()}

        file = parts / f"{encoder.name.replace('/', '-')}.json"
        identity = f"{encoder.identity()}/{data_identity(folder)}"
        found.append(measured_once(file, identity, measure)["probability"])
    return np.mean(found, axis=0)


def _recognized(keys: Sequence[str], sources: Sequence[str]) -> np.ndarray:
    """1, 0, or -1 where no source tells, int8 `[n]`."""
    told = recognized_by_key(sources)
    return np.array([told.get(key, -1) for key in keys], np.int8)


def recognized_by_key(sources: Iterable[str]) -> dict[str, int]:
    """Key -> whether the game recognised the drawing, from ndjson or CSV files, folders or zip archives.

    Lines that cannot be read, or do not say, are passed over. Raises `UserError` where a source is missing.
    """
    told: dict[str, int] = {}
    for source in sources:
        with tempfile.TemporaryDirectory() as scratch:
            files = list_files(Path(source), ".ndjson", SUFFIXES)
            for path, file in zip(unpack(files, Path(scratch)), files, strict=True):
                for _, line in json_lines(path, file.origin):
                    _read_line(line, told)
    return told


def _read_line(line: bytes, told: dict[str, int]) -> None:
    try:
        record = load_json(line)
    except BadDrawing:
        return
    if isinstance(record, dict) and "key_id" in record:
        recognized = _TRUTHS.get(str(record.get("recognized")).lower())
        if recognized is not None:
            told[str(record["key_id"])] = recognized


_TRUTHS = {"true": 1, "false": 0}


def faulty_keys(path: Path, reasons: Sequence[str]) -> set[str]:
    """Keys that a `faulty.csv` marks for one of `reasons`; another kind of file is a `UserError`."""
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read ({error}); make it with: python -m studies.faulty") from None
    if not rows or not {"key", *REASONS} <= rows[0].keys():
        raise UserError(f"{path} is no faulty.csv; make it with: python -m studies.faulty")
    return {row["key"] for row in rows if any(row[reason] == "1" for reason in reasons)}
