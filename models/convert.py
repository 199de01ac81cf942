"""`python -m models.convert WEIGHTS.npy --model=sketch_a_net --run=RUN`: published weights as a finished run.

The file holds a dict of arrays in one of three layouts (a Python 2 pickle inside, of which nothing but
arrays is read). The run is written whole or not at all; evaluate.py and retrieve.py take it like one that was
trained here. Without --data it knows of no data: give evaluate.py its own --data.
Example: python -m models.convert shoes.npy --model=sketch_a_net --data=data/shoes --run=runs/deep_sbir
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from sketchspace import cli
from sketchspace.errors import UserError, unknown_name
from training.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    import tf_keras

    from models.spec import ModelSpec
    from tfrecords.dataset import DatasetFolder

MODELS_WITH_WEIGHTS = ("sketch_a_net", "dssa")
FLAGS = flags.FLAGS
if __name__ == "__main__":
    flags.DEFINE_string("model", "sketch_a_net", "Model of the weights. Example: --model=dssa")
    flags.DEFINE_string("run", None, "Run folder to write. Example: --run=runs/deep_sbir")
    flags.DEFINE_string("data", None, "Data set folder that the run shall be of. Example: --data=data/shoes")
    flags.DEFINE_integer("image_size", 256, "Side of the pictures, without --data.", 16, 8192)
    flags.DEFINE_enum(
        "photo_as", "edges", ["edges", "grey", "rgb"], "How the weights see photos, without --data."
    )
    flags.DEFINE_multi_string("set", [], "An option of the model. Example: --set crop=1.0")
    flags.DEFINE_bool("partial", False, "Also take weights of some layers only; the others stay random.")


@dataclass(frozen=True)
class Request:
    """What is asked for; `image_size` and `photo_as` count without `data`. `settings` are texts by option."""

    weights: Path
    run: Path
    model: str = "sketch_a_net"
    data: Path | None = None
    image_size: int = 256
    photo_as: str = "edges"
    settings: Mapping[str, str] = field(default_factory=dict)
    partial: bool = False


def main(argv: list[str]) -> None:
    """Check the flags, convert, say what was used."""
    if len(argv) != 1:
        raise UserError(f"{len(argv)} files were given, expected one: python -m models.convert weights.npy")
    cli.check_given("run")
    import_tensorflow()
    from training.recipe import parse_settings

    request = Request(
        weights=Path(argv[0]),
        run=Path(FLAGS.run),
        model=FLAGS.model,
        data=Path(FLAGS.data) if FLAGS.data else None,
        image_size=FLAGS.image_size,
        photo_as=FLAGS.photo_as,
        settings=parse_settings(FLAGS.set),
        partial=FLAGS.partial,
    )
    for line in convert(request):
        print(line)
    needed = "" if FLAGS.data else " --data=DIR"
    print(f"next: python evaluate.py --run={FLAGS.run}{needed}")


def convert(request: Request) -> Iterator[str]:
    """Write the run of published weights; yields lines that say what was used, skipped and missing.

    Raises UserError for a model that has no published weights, a run folder that is there already, a file
    that is no dict of arrays, arrays of wrong shapes, and missing ones unless `partial`.
    """
    from models.published_weights import assign, match
    from models.registry import model_spec, resolve_options
    from sketchspace.arrays.safe_numpy import read_npy_dict
    from training.untrained import write_run

    if request.model not in MODELS_WITH_WEIGHTS:
        raise unknown_name("model with published weights", request.model, MODELS_WITH_WEIGHTS)
    if request.run.exists():
        raise UserError(f"{request.run} is there already; give a new --run")
    spec = model_spec(request.model)
    options = resolve_options(spec, {"preset": "published", **request.settings})
    folder = _data_of(request)
    encoder = _build(spec, options, folder)
    matched = match(read_npy_dict(request.weights), encoder)
    if not matched.used or (matched.missing and not request.partial):
        raise UserError(
            f"{request.weights} lacks {', '.join(matched.missing)} of {request.model}; give the --model of "
            "these weights, or --partial to leave those random"
        )
    assign(matched, encoder)
    yield from matched.report()
    yield f"wrote {write_run(request.run, encoder, _config(request, spec, options, folder))}"


def _build(spec: ModelSpec, options: Mapping[str, Any], folder: DatasetFolder) -> tf_keras.Model:
    from models.spec import Shapes

    manifest = folder.manifest
    return spec.build(options, Shapes(manifest.image_size, manifest.num_classes, manifest.channels))


def _data_of(request: Request) -> DatasetFolder:
    """The data set that is named, or one without examples that says how pictures are to be made."""
    from tfrecords.dataset import DatasetFolder
    from training.untrained import no_data

    if request.data is not None:
        return DatasetFolder.open(request.data)
    return no_data(request.image_size, request.photo_as)


def _config(
    request: Request, spec: ModelSpec, options: Mapping[str, Any], folder: DatasetFolder
) -> dict[str, Any]:
    """The configuration of a run of no stages."""
    from training.recipe import make_config

    config = make_config(spec, options, (), folder, seed=0, converted_from=request.weights.name)
    if request.data is None:
        config["dataset"] |= {"path": "", "photo_as": request.photo_as}
    return config


if __name__ == "__main__":
    cli.run(main)
