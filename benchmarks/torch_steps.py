"""Training steps of a PyTorch network, for the workers that benchmarks compare ours with.

Needs PyTorch and `step_server.py` beside it, nothing of ours: such workers run by their path, in an
environment of their own.
"""

from __future__ import annotations

import torch
from step_server import answer_steps, repeated  # beside this file, which is imported by its name
from torch import nn


def serve_training(model: nn.Module, inputs: torch.Tensor, classes: int, precision: str) -> None:
    """Train on one batch, as often as asked for on standard input: Adam, softmax cross-entropy.

    `model` takes `inputs` `[batch, ...]` to logits `[batch, classes]`; labels are random. With `precision`
    "mixed_bfloat16" the forward pass is under autocast. One step is made before the first answer.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    labels = torch.randint(0, classes, (len(inputs),))
    lower = precision == "mixed_bfloat16"

    def step() -> float:
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=lower):
            loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    step()
    parameters = sum(weight.numel() for weight in model.parameters())
    answer_steps(repeated(step), {"parameters": parameters, "version": f"PyTorch {torch.__version__}"})
