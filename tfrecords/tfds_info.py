"""The files that make a data set folder readable by `tfds.builder_from_directory`, without TensorFlow."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from sketchspace.files import write_json
from tfrecords.manifest import Manifest
from tfrecords.schema import DOMAINS


def features(manifest: Manifest) -> tfds.features.FeaturesDict:
    """The record's schema in TFDS terms. NumPy's types keep TFDS from importing TensorFlow."""
    spec = {
        "key": tfds.features.Text(),
        "label": tfds.features.ClassLabel(names=list(manifest.classes)),
        "class_name": tfds.features.Text(),
        "domain": tfds.features.ClassLabel(names=list(DOMAINS)),
        "instance": tfds.features.Scalar(np.int64),
    }
    if manifest.has_strokes:
        spec["strokes"] = tfds.features.Tensor(shape=(None, 3), dtype=np.float32)
    size = manifest.image_size
    if manifest.has_images:
        spec["image"] = tfds.features.Image(shape=(size, size, manifest.channels), encoding_format="png")
    if manifest.shows_photos:  # none or one of each example
        shown = tfds.features.Image(shape=(size, size, 3), encoding_format="png")
        spec["shown"] = tfds.features.Sequence(shown)
    return tfds.features.FeaturesDict(spec)


def write_tfds_info(folder: Path, manifest: Manifest) -> None:
    """Write `dataset_info.json`, `features.json` and the lists of names beside the shards of a folder.

    Classes keep their order; slicing and `info.splits` work from the recorded shard lengths.
    """
    template = tfds.core.ShardedFileTemplate(
        data_dir=folder, dataset_name=manifest.name, filetype_suffix="tfrecord"
    )
    splits = []
    for split in manifest.counts:
        shards = [manifest.shards[name] for name in manifest.shard_files(split)]
        splits.append(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[shard["examples"] for shard in shards],
                num_bytes=manifest.num_bytes(split),
                filename_template=template.replace(split=split),
            )
        )
    with contextlib.redirect_stdout(io.StringIO()):
        tfds.folder_dataset.write_metadata(
            data_dir=folder,
            features=features(manifest),
            split_infos=splits,
            filename_template=template,
            description=f"{manifest.name}: drawings as strokes and pictures, made by sketchspace.",
            citation=manifest.citation,
            license=manifest.licence,
            supervised_keys=("image", "label") if manifest.has_images else None,
            check_data=False,
        )
    # Written again with sorted keys, so that the bytes depend on nothing but the content.
    for name in ("dataset_info.json", "features.json"):
        write_json(folder / name, json.loads((folder / name).read_text(encoding="utf-8")))
