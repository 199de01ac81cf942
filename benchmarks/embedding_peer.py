"""Sketch-a-Net in PyTorch as a worker of `benchmarks/embedding.py`: it needs PyTorch and NumPy only.

    python benchmarks/embedding_peer.py '{"weights": "weights.npz", "photos": 8, "intra": 2}'

Prints one line of JSON when ready; for every line with a number of steps that it reads, it embeds the photos
so many times, ten views each, and answers with one line of JSON.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import torch
from step_server import answer_steps, repeated  # beside this file, which is run by its path
from torch import nn

SIZE, SIDE, VIEWS = 256, 225, 10
BATCH = 6 * VIEWS


class SketchANet(nn.Module):
    """Ink `[batch, 1, 225, 225]` to unit vectors `[batch, 256]`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1_s1 = nn.Conv2d(1, 64, 15, 3)
        self.conv2_s1 = nn.Conv2d(64, 128, 5)
        self.conv3_s1 = nn.Conv2d(128, 256, 3, padding=1)
        self.conv4_s1 = nn.Conv2d(256, 256, 3, padding=1)
        self.conv5_s1 = nn.Conv2d(256, 256, 3, padding=1)
        self.fc6_s1 = nn.Linear(12_544, 512)
        self.fc7_sketch = nn.Linear(512, 256)
        self.pool = nn.MaxPool2d(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolutions with ReLU, three pools, two dense layers."""
        x = self.pool(self.conv1_s1(x).relu())
        x = self.pool(self.conv2_s1(x).relu())
        x = self.conv4_s1(self.conv3_s1(x).relu()).relu()
        x = self.pool(self.conv5_s1(x).relu())
        x = self.fc6_s1(x.flatten(1)).relu()
        return nn.functional.normalize(self.fc7_sketch(x))

    def load(self, path: str) -> None:
        """Take arrays by layer; the rows of `fc6_s1` go from height, width, channel to channel first."""
        with np.load(path) as arrays:
            for name, layer in self.named_children():
                if not hasattr(layer, "weight"):
                    continue
                weight = arrays[f"{name}.weights"]
                if name == "fc6_s1":
                    weight = weight.reshape(7, 7, 256, 512).transpose(2, 0, 1, 3).reshape(12_544, 512)
                weight = weight.transpose(3, 2, 0, 1) if weight.ndim == 4 else weight.T
                layer.weight.data = torch.from_numpy(np.ascontiguousarray(weight))
                layer.bias.data = torch.from_numpy(arrays[f"{name}.biases"])


def views(photos: torch.Tensor) -> torch.Tensor:
    """Ten views of uint8 photos `[n, 256, 256]` as ink `[n * 10, 1, 225, 225]`."""
    margin = SIZE - SIDE
    middle = margin // 2
    corners = [(0, 0), (0, margin), (margin, 0), (margin, margin), (middle, middle)]
    plain = torch.stack([photos[:, y : y + SIDE, x : x + SIDE] for x, y in corners], 1)
    both = torch.cat([plain, plain.flip(-1)], 1)
    return 1 - both.reshape(-1, 1, SIDE, SIDE).float() / 255


def serve(settings: dict) -> None:
    """Embed as often as asked for on standard input."""
    torch.set_num_threads(settings["intra"])
    model = SketchANet().eval()
    model.load(settings["weights"])
    numbers = np.random.default_rng(1).integers(0, 256, (settings["photos"], SIZE, SIZE), np.uint8)
    photos = torch.from_numpy(numbers)

    def embed() -> torch.Tensor:
        with torch.inference_mode():
            parts = [model(views(part)) for part in photos.split(BATCH // VIEWS)]
        return torch.cat(parts).reshape(len(photos), VIEWS, -1).mean(1)

    answer = embed()[0].tolist()
    answer_steps(repeated(embed), {"version": f"PyTorch {torch.__version__}", "answer": answer})


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
