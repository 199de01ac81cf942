"""Published weights become a run: three layouts, slots, wrong and hostile files, and the same answers."""

from __future__ import annotations

import pickle  # noqa: TID251
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tf_keras

from models import dssa, sketch_a_net
from models.convert import Request, convert
from models.published_weights import assign, flattened, match, variables_of
from models.registry import resolve_options
from models.spec import Shapes
from sketchspace.arrays.safe_numpy import read_npy_dict
from sketchspace.encoder.embedder import Embedder
from sketchspace.errors import UserError
from sketchspace.files import read_json
from tests.small_models import SMALL, shaken, shared

ROOT = Path(__file__).resolve().parents[1]
TINY = {name: SMALL[name] for name in ("width", "embedding_size", "crop", "stride")}


def flat_of(encoder) -> dict[str, np.ndarray]:
    """An encoder's weights as training programs wrote them: with their slots and a counter of steps."""
    weights = {f"{name}:0": value.numpy() for name, value in variables_of(encoder).items()}
    slots = {"fc6_s1/weights/Momentum:0": np.zeros(3, np.float32), "Variable:0": np.int32(20_000)}
    return weights | slots


def nested_of(encoder) -> dict[str, dict[str, np.ndarray]]:
    """`d[layer]["weights"]`."""
    nested: dict[str, dict[str, np.ndarray]] = {}
    for name, value in variables_of(encoder).items():
        layer, part = name.split("/")
        nested.setdefault(layer, {})[part] = value.numpy()
    return nested


def listed_of(encoder) -> dict[str, list[np.ndarray]]:
    """`d[layer] = [weights, biases]`."""
    return {layer: [parts["weights"], parts["biases"]] for layer, parts in nested_of(encoder).items()}


def stored(path: Path, value: object) -> Path:
    box = np.empty((), object)
    box[()] = value
    np.save(path, box, allow_pickle=True)
    return path


@pytest.mark.parametrize("layout", [flat_of, nested_of, listed_of], ids=["flat", "nested", "list"])
@pytest.mark.parametrize("spec", [sketch_a_net.SPEC, dssa.SPEC], ids=["sketch_a_net", "dssa"])
def test_every_layout_gives_the_same_answers(tmp_path, spec, layout):
    source, target = shaken(shared(spec), seed=1), shaken(shared(spec, seed=1), seed=2)
    image = np.random.default_rng(0).random((3, 16, 16, 1)).astype(np.float32)
    before = source({"image": image})["embedding"]
    assert np.abs(target({"image": image})["embedding"] - before).max() > 1e-2
    matched = match(read_npy_dict(stored(tmp_path / "weights.npy", layout(source))), target)
    assign(matched, target)
    np.testing.assert_allclose(target({"image": image})["embedding"], before, atol=1e-5)
    assert (matched.unknown, matched.missing) == ((), ())
    assert len(matched.slots) == (2 if layout is flat_of else 0)


def test_names_of_the_attention_are_the_published_ones():
    assert {"conv1/weights", "conv1/biases", "conv2/weights", "conv2/biases"} <= set(
        variables_of(shared(dssa.SPEC))
    )
    assert flattened({"a": [1, 2, 3], "b/weights:0": 4}) == {
        "a/weights": 1,
        "a/biases": 2,
        "a/2": 3,
        "b/weights": 4,
    }


def test_a_converted_run_answers_as_the_network_of_published_size_did(tmp_path):
    options = resolve_options(sketch_a_net.SPEC, {"preset": "published"})
    tf_keras.utils.set_random_seed(0)
    source = sketch_a_net.SPEC.build(options, Shapes(256, 0))
    for layer in source.layers:  # Initial values of 0.1 let the answers of all pictures be nearly the same.
        if hasattr(layer, "bias"):
            layer.bias.assign(np.random.default_rng(1).normal(0, 0.1, layer.bias.shape))
    weights = stored(tmp_path / "shoes.npy", flat_of(source) | {"fc8/weights:0": np.zeros((2, 2))})
    run = tmp_path / "runs" / "deep_sbir"
    lines = list(convert(Request(weights, run)))
    assert lines == [
        "used: 14 arrays, 8,249,088 numbers",
        "skipped, of the training: fc6_s1/weights/Momentum, Variable",
        "skipped, of no layer: fc8/weights",
        f"wrote {run}",
    ]
    assert [path.name for path in run.parent.iterdir()] == ["deep_sbir"]
    card = read_json(run / "export" / "encoder.json")
    assert (card["run"], card["fingerprint"], card["classes"]) == ("deep_sbir", "", [])
    assert (card["image_size"], card["input_size"], card["channels"]) == (256, 225, 1)
    assert (card["photo_as"], card["fit"]) == ("edges", "keep")
    assert read_json(run / "config.json")["dataset"]["path"] == ""
    grey = np.random.default_rng(0).integers(0, 256, (2, 256, 256), np.uint8)
    grey[1] = 255 - grey[1] // 8
    centre = 1 - grey[:, 15:240, 15:240, None] / np.float32(255)
    expected = source({"image": centre})["embedding"].numpy()
    assert np.abs(expected[0] - expected[1]).max() > 1e-3
    np.testing.assert_allclose(Embedder.open(run / "export").embed(grey), expected, atol=1e-5)


def tiny(tmp_path: Path, value: object, **changes) -> Request:
    """A conversion of `value` into a network of 16 px."""
    weights = stored(tmp_path / "weights.npy", value)
    return Request(weights, tmp_path / "run", image_size=16, settings=TINY, **changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fc6_s1/weights:0": np.zeros((2304, 512))}, "fc6_s1/weights has the shape"),
        ({"conv1_s1/biases:0": None}, "lacks conv1_s1/biases of sketch_a_net"),
        ({"fc7_sketch/biases:0": np.full(24, np.nan)}, "finite numbers only"),
    ],
)
def test_weights_that_do_not_fit_are_one_clear_line_and_leave_nothing(tmp_path, change, message):
    weights = flat_of(shared(sketch_a_net.SPEC)) | change
    request = tiny(tmp_path, {name: value for name, value in weights.items() if value is not None})
    with pytest.raises(UserError, match=message) as caught:
        list(convert(request))
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.npy"]


def test_a_failure_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def fail(run):
        raise OSError("disk full")

    monkeypatch.setattr("training.untrained.export_run", fail)
    with pytest.raises(OSError, match="disk full"):
        list(convert(tiny(tmp_path, flat_of(shared(sketch_a_net.SPEC)))))
    assert [path.name for path in tmp_path.iterdir()] == ["weights.npy"]


def test_an_existing_run_and_another_model_are_refused(tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(UserError, match="is there already"):
        list(convert(Request(tmp_path / "weights.npy", tmp_path / "run")))
    with pytest.raises(UserError, match="did you mean 'sketch_a_net'"):
        list(convert(Request(tmp_path / "weights.npy", tmp_path / "new", model="sketch_a_ne")))


class _Harm:
    def __reduce__(self):
        return print, ("ran",)


@pytest.mark.parametrize(
    "value",
    [
        {"conv1_s1": _Harm()},
        {"conv1_s1": {"weights": _Harm()}},
        {"conv1_s1": [np.zeros(3), _Harm()]},
        {"conv1_s1": np.array(["text"])},
        {"conv1_s1": "text"},
        {"conv1_s1": {"weights": {"deep": np.zeros(3)}}},
        {"conv1_s1": [np.zeros(1)] * 100},
        [_Harm()],
    ],
)
def test_nothing_but_arrays_is_read_and_nothing_runs(tmp_path, capsys, value):
    with pytest.raises(UserError, match=r"bad\.npy is not a readable \.npy file of a dict of arrays"):
        read_npy_dict(stored(tmp_path / "bad.npy", value))
    assert capsys.readouterr().out == ""


def test_other_files_are_refused(tmp_path):
    for name, data in {
        "text.npy": b"hello",
        "cut.npy": b"\x93NUMPY\x01\x00",
        "raw.npy": pickle.dumps({}),
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match="not a readable"):
            read_npy_dict(tmp_path / name)
    np.save(tmp_path / "plain.npy", np.zeros(3))
    with pytest.raises(UserError, match="holds one array"):
        read_npy_dict(tmp_path / "plain.npy")
    with pytest.raises(UserError, match="there is no file"):
        read_npy_dict(tmp_path / "none.npy")


def test_weights_of_a_smaller_network_are_taken_in_part_only_when_asked(tmp_path):
    request = tiny(tmp_path, nested_of(shaken(shared(sketch_a_net.SPEC))), model="dssa")
    missing = "conv1/weights, conv1/biases, conv2/weights, conv2/biases"
    with pytest.raises(UserError, match=f"lacks {missing} of dssa"):
        list(convert(request))
    lines = list(convert(replace(request, partial=True)))
    assert f"missing, left as they are drawn: {missing}" in lines
    assert Embedder.open(request.run / "export").card.embedding_size == 24 + 16


def test_the_command_wants_one_file():
    command = [sys.executable, "-m", "models.convert", "--run=x"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: 0 files were given, expected one: python -m models.convert weights.npy"
    ]
