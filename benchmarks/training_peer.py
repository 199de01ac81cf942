"""skNet in PyTorch, as a worker of `benchmarks/training.py`: it needs PyTorch and NumPy, nothing of ours.

    python benchmarks/training_peer.py '{"image_size": 64, "width": 1.0, "classes": 100, "batch_size": 64,
        "precision": "float32"}'

Prints one line of JSON when ready; for every line with a number of steps that it reads, it makes the steps
and answers with one line of JSON. Channels-last memory, oneDNN, Adam, softmax cross-entropy, batch norm
and dropout as in our network; the batch is in memory.
"""

from __future__ import annotations

import json
import sys

import torch
from torch import nn
from torch_steps import serve_training  # beside this file, which is run by its path

BLOCKS = (64, 128, 128, 256)


def network(size: int, width: float, classes: int) -> nn.Sequential:
    """Four blocks of two convolutions with batch norm and a pool, then 1,024 units and the logits."""
    layers: list[nn.Module] = []
    before = 1
    for block in BLOCKS:
        filters = max(4, round(block * width / 4) * 4)
        for _ in range(2):
            layers += [nn.Conv2d(before, filters, 3, padding=1), nn.BatchNorm2d(filters, eps=1e-3), nn.ReLU()]
            before = filters
        layers.append(nn.MaxPool2d(3, 2, padding=1))
        size = -(-size // 2)
    layers += [nn.Flatten(), nn.Linear(size * size * before, 1024), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(0.25), nn.Linear(1024, classes))


def serve(settings: dict) -> None:
    """Make the steps that are asked for on standard input."""
    torch.manual_seed(0)
    size, classes, count = settings["image_size"], settings["classes"], settings["batch_size"]
    model = network(size, settings["width"], classes).to(memory_format=torch.channels_last).train()
    images = torch.rand(count, 1, size, size).to(memory_format=torch.channels_last)
    serve_training(model, images, classes, settings["precision"])


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
