"""What a trained VRNN draws: halves of real drawings finished, and drawings from nothing, beside real ones.

What was given is dark, what is imagined is blue. By default the pen lifts at random and deviations are
narrowed, which looks most like drawing; `--temperature=1 --pen=threshold` is the published way. The model
knows no end of a drawing: a completion gets as many points as the real drawing has.
Example: python -m studies.draw --run=runs/vrnn --out=drawn.png
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from sketchspace import cli
from sketchspace.errors import UserError
from studies.draw.sheet import Row, write_sheet
from studies.draw.sketches import choose, complete, invent, load_vrnn
from tfrecords.dataset import DatasetFolder
from training.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from models.vrnn.draw import Hand
    from training.runs import Run

FLAGS = flags.FLAGS
if __name__ == "__main__":
    flags.DEFINE_string("run", None, "Run of --model=vrnn. Example: --run=runs/vrnn")
    flags.DEFINE_string(
        "data", None, "Data set folder; by default the run's own. Example: --data=data/quickdraw"
    )
    flags.DEFINE_string("split", "test", "Where real drawings are from. Example: --split=validation")
    flags.DEFINE_integer("count", 8, "Half drawings to finish. Example: --count=4", 1, 64)
    flags.DEFINE_integer("tries", 4, "Completions of each. Example: --tries=6", 1, 12)
    flags.DEFINE_integer("seed", 0, "Decides which drawings and all that is imagined.", 0, 2**31 - 2)
    flags.DEFINE_float("temperature", 0.6, "Factor of every deviation; 0 draws what is expected.", 0, 10)
    flags.DEFINE_enum(
        "pen",
        "sample",
        ["threshold", "sample"],
        "The pen lifts above a probability (--lift_above, as published), or at random with it.",
    )
    flags.DEFINE_float("lift_above", 0.35, "Probability above which the pen lifts.", 0.0, 1.0)
    flags.DEFINE_string("out", "drawn.png", "The picture, PNG. Example: --out=drawn.png")


def main(argv: list[str]) -> None:
    """Check the flags, draw, write the picture."""
    cli.check_flags(argv, "run")
    out = Path(FLAGS.out)
    if out.suffix.lower() != ".png":
        raise UserError(f"--out={out}: the picture is a PNG; give a name that ends in .png")
    import_tensorflow()
    from models.vrnn.draw import Hand
    from training.runs import Run

    hand = Hand(FLAGS.temperature, None if FLAGS.pen == "sample" else FLAGS.lift_above)
    wish = Wish(FLAGS.split, FLAGS.count, FLAGS.tries, FLAGS.seed, hand)
    make_sheet(Run(Path(FLAGS.run)), FLAGS.data, wish, out)
    print(f"wrote {out}")


@dataclass(frozen=True)
class Wish:
    """Of which split, how many drawings, how many completions of each, drawn how."""

    split: str
    count: int
    tries: int
    seed: int
    hand: Hand


def make_sheet(run: Run, data: str | None, wish: Wish, out: Path) -> None:
    """Draw with the run's network and write the picture; `data` None means the run's own data set."""
    encoder, config = load_vrnn(run)
    folder = DatasetFolder.open(Path(data or config["dataset"]["path"]))
    options, in_a_row = config["model_options"], wish.tries + 2
    # As many drawings more, to stand below those that are made from nothing.
    examples = choose(folder, wish.split, wish.count + in_a_row, options["max_points"], wish.seed)
    halves, others = examples[: wish.count], examples[wish.count :]
    tries = complete(encoder, options["strokes"], halves, wish.tries, wish.hand, wish.seed)
    lengths = [len(example.points) for example in others]
    invented = invent(encoder, options["strokes"], lengths, wish.hand, wish.seed)
    rows = [
        Row(example.class_name, example.points, example.half, drawn)
        for example, drawn in zip(halves, tries, strict=True)
    ]
    real = [(example.class_name, example.points) for example in others]
    write_sheet(out, rows, invented, real, f"{run.path.resolve().name} draws")


if __name__ == "__main__":
    cli.run(main)
