"""Layers that must see the training split before the first step."""

from __future__ import annotations

import tf_keras

from tfrecords.reader import eval_batches
from training.inputs import Input

BATCH_SIZE = 256


def adapt_layers(encoder: tf_keras.Model, source: Input) -> None:
    """Show every layer that has `adapt(batches)` the split once: plain batches, in stored order."""
    for layer in encoder.submodules:
        if hasattr(layer, "adapt"):
            layer.adapt(eval_batches(source.folder, source.split, BATCH_SIZE, source.wanted))
