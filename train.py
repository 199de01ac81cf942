"""Train a model on a data set folder; the same command again goes on where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from models.registry import MODELS, model_listed
from sketchspace import cli
from sketchspace.errors import UserError
from training.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from training.session import Request

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Which model; --list_models names them. Example: --model=sknet")
flags.DEFINE_string(
    "data", None, "Data set folder made by python -m preprocess. Example: --data=data/quickdraw"
)
flags.DEFINE_string(
    "warm_start_from", None, "Run whose best weights to begin with. Example: --warm_start_from=runs/edges"
)
flags.DEFINE_string("run", None, "Folder of the run, new or to go on with. Example: --run=runs/sknet")
flags.DEFINE_integer(
    "max_steps", 0, "Steps of every stage; 0 takes the recipe's. Example: --max_steps=6000", 0
)
flags.DEFINE_integer(
    "batch_size", 0, "Examples a step, over all replicas; 0 takes the recipe's. Example: --batch_size=64", 0
)
flags.DEFINE_multi_string(
    "set",
    [],
    "Set an option of the model or its recipe, of --list_settings; may be repeated. Example: --set width=0.5",
)
flags.DEFINE_integer(
    "seed", 0, "Decides weights, order, dropout and augmentation. Example: --seed=1", 0, 2**31 - 2
)
flags.DEFINE_integer(
    "save_steps",
    0,
    "Steps between checkpoints; 0 is an epoch, 1,000 at most (pairs: 200 or more). Example: --save_steps=200",
    0,
)
flags.DEFINE_integer(
    "keep_checkpoints", 2, "How many of the last checkpoints stay. Example: --keep_checkpoints=5", 1
)
flags.DEFINE_integer(
    "patience", 0, "Stop after so many checkpoints without a better score; 0 never. Example: --patience=5", 0
)
flags.DEFINE_integer(
    "steps_per_execution", 4, "Steps in one call of the graph. Example: --steps_per_execution=1", 1
)
flags.DEFINE_integer(
    "virtual_devices",
    0,
    "Cut the CPU into so many replicas, to try several. Example: --virtual_devices=2",
    0,
    8,
)
flags.DEFINE_enum(
    "precision", "float32", ["float32", "mixed_bfloat16", "mixed_float16"], "Float type of the layers."
)
flags.DEFINE_bool("xla", False, "Compile the step with XLA (slower on most CPUs).")
flags.DEFINE_bool("deterministic", False, "Repeat bit for bit, also over interruptions (slower).")
flags.DEFINE_bool("dry_run", False, "Print configuration and shapes, make one step, write nothing.")
flags.DEFINE_bool(
    "list_settings", False, "Print what --set knows for the model, and stop. Example: --list_settings"
)
flags.DEFINE_bool("list_models", False, "Print the models, one a line, and stop.")


def main(argv: list[str]) -> None:
    """Check the flags, train every stage of the recipe, export, say what was written."""
    if argv:
        raise UserError(f"unexpected argument '{argv[0]}'; every argument is a flag, see --help")
    if FLAGS.list_models:
        print("\n".join(f"{model.name:<12} {model.paper}" for model in MODELS.values()))
        return
    needed = (
        ("model",)
        if FLAGS.list_settings
        else ("model", "data")
        if FLAGS.dry_run
        else ("model", "data", "run")
    )
    for name in needed:
        if not FLAGS[name].value:
            raise UserError(f"--{name} is missing; {FLAGS[name].help}")
    model_listed(FLAGS.model)
    import_tensorflow()
    if FLAGS.list_settings:
        list_settings()
        return
    from training.session import dry_run, open_session, train

    session = open_session(_request())
    if FLAGS.dry_run:
        for line in dry_run(session):
            print(line)
        return
    for line in train(session):
        print(line)
    print(f"next: python evaluate.py --run={FLAGS.run}")


def list_settings() -> None:
    """Print what --set knows for the model, with the values that the given flags make."""
    from models.registry import model_spec
    from training.setting_list import setting_lines

    print("\n".join(setting_lines(model_spec(FLAGS.model), _settings())))


def _settings() -> dict[str, str]:
    from training.recipe import parse_settings

    flags_given = {name: str(FLAGS[name].value) for name in ("max_steps", "batch_size") if FLAGS[name].value}
    return parse_settings(FLAGS.set) | flags_given


def _request() -> Request:
    from training.session import Request

    return Request(
        model=FLAGS.model,
        data=Path(FLAGS.data),
        run=Path(FLAGS.run or "dry-run"),
        settings=_settings(),
        seed=FLAGS.seed,
        save_steps=FLAGS.save_steps,
        patience=FLAGS.patience,
        keep_checkpoints=FLAGS.keep_checkpoints,
        steps_per_execution=FLAGS.steps_per_execution,
        virtual_devices=FLAGS.virtual_devices,
        precision=FLAGS.precision,
        xla=FLAGS.xla,
        deterministic=FLAGS.deterministic,
        warm_start_from=Path(FLAGS.warm_start_from) if FLAGS.warm_start_from else None,
    )


if __name__ == "__main__":
    cli.run(main)
