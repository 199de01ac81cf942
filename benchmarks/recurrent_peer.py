"""`torch.nn.LSTM` as a worker of `benchmarks/recurrent.py`: it needs PyTorch, nothing of ours.

    python benchmarks/recurrent_peer.py '{"units": 256, "depth": 1, "bidirectional": false, "time": 100,
        "classes": 100, "batch_size": 100, "precision": "float32",
        "intra": 1}'

Prints one line of JSON when ready; for every line with a number of steps that it reads, it makes the steps
and answers with one line of JSON. Adam and softmax cross-entropy on the state after the last point (with
`bidirectional`, of both directions); the batch is in memory.
"""

from __future__ import annotations

import json
import sys

import torch
from torch import nn
from torch_steps import serve_training  # beside this file, which is run by its path


class Classifier(nn.Module):
    """Points `[batch, time, 3]` to logits `[batch, classes]`."""

    def __init__(self, settings: dict) -> None:
        super().__init__()
        units, ways = settings["units"], 1 + settings["bidirectional"]
        self.recurrent = nn.LSTM(
            3, units, settings["depth"], batch_first=True, bidirectional=settings["bidirectional"]
        )
        self.ways = ways
        self.logits = nn.Linear(ways * units, settings["classes"])

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """The last layer's final states, joined, and their logits."""
        _, (hidden, _) = self.recurrent(points)
        return self.logits(torch.cat(tuple(hidden[-self.ways :]), 1))


def serve(settings: dict) -> None:
    """Make the steps that are asked for on standard input."""
    if settings["intra"]:
        torch.set_num_threads(settings["intra"])
    torch.manual_seed(0)
    model = Classifier(settings).train()
    points = torch.randn(settings["batch_size"], settings["time"], 3)
    serve_training(model, points, settings["classes"], settings["precision"])


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
