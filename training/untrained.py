"""Runs of weights that were not trained here: published ones, as a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tf_keras

from sketchspace.files import partial_folder, replace_folder, write_json
from tfrecords.dataset import DatasetFolder
from tfrecords.manifest import Manifest
from training.export import export_run
from training.runs import Run


def no_data(image_size: int, photo_as: str) -> DatasetFolder:
    """A data set without examples, which says how pictures are to be made."""
    manifest = Manifest(
        name="",
        classes=(),
        counts={},
        dropped={},
        image_size=image_size,
        seed=0,
        options={"photo_as": photo_as, "fit": "keep"},
        sources=[],
        licence="",
        citation="",
        fingerprint="",
        shards={},
        channels=3 if photo_as == "rgb" else 1,
    )
    return DatasetFolder(Path(), manifest)


def write_run(path: Path, encoder: tf_keras.Model, config: Mapping[str, Any]) -> Path:
    """Make a whole run of an encoder in a temporary folder beside its place, then move it there."""
    with partial_folder(path) as folder:
        run = Run(folder / path.name)
        run.path.mkdir()
        write_json(run.config_file, config)
        run.save_best(encoder, {"stage": 0, "step": 0})
        export_run(run)
        replace_folder(run.path, path)
    return path
