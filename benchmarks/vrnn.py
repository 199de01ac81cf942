"""Training speed of the VRNN beside its plain form, a cell with everything inside in `tf_keras.layers.RNN`.

    python benchmarks/vrnn.py [--batch_size=30] [--units=512] [--steps=4] [--rounds=3] [--precision=float32]

Both make whole training steps (losses, gradients, clipping, Adam) on the same batches of random drawings;
lengths are log-normal with a mean near 45 points as those of Quick, Draw!, or all alike with --even. The
two take turns.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

CLASSES = 345
MEDIAN_LENGTH, SPREAD, LONGEST = 40.0, 0.5, 150


def batch_of(count: int, even: bool, seed: int = 0) -> dict:
    """Random walks and labels; every batch with the same seed is the same."""
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(seed)
    length = np.exp(rng.normal(np.log(MEDIAN_LENGTH), SPREAD, count)).clip(3, LONGEST).astype(np.int32)
    if even:
        length[:] = round(length.mean())
    strokes = np.zeros((count, length.max(), 3), np.float32)
    for row, points in zip(strokes, length, strict=True):
        row[:points, :2] = rng.normal(0, 12, (points, 2)).cumsum(axis=0)
        row[:points, 2] = rng.random(points) < 0.1
    label = rng.integers(0, CLASSES, count).astype(np.int32)
    batch = {"strokes": strokes, "length": length, "read_at": length - 1, "label": label}
    return {name: tf.constant(value) for name, value in batch.items()}


def stepper(plain: bool, flags: argparse.Namespace):
    """A function that makes one training step on a batch."""
    import tensorflow as tf

    from benchmarks.vrnn_plain import plain_form
    from models.registry import resolve_options
    from models.spec import Shapes
    from models.vrnn import model as vrnn
    from training.estimator import RunConfig, compile_learner

    width = str(flags.units)
    options = resolve_options(vrnn.SPEC, {"units": width, "latent": width, "net": width})

    def build():
        return vrnn.build(options, Shapes(64, CLASSES))

    encoder = plain_form(build) if plain else build()
    stage = vrnn.recipe(options)[0]
    learner = compile_learner(encoder, stage, RunConfig(Path("unused"), tf.distribute.get_strategy()))
    return tf.function(learner.train_step, reduce_retracing=True)


def seconds(step, batches: list, steps: int) -> tuple[float, float]:
    """Mean time of a step by the clock and of the processor."""
    began, used = time.perf_counter(), time.process_time()
    for number in range(steps):
        report = step(batches[number % len(batches)])
    float(report["loss"])
    return (time.perf_counter() - began) / steps, (time.process_time() - used) / steps


def main() -> None:
    """Measure in turns; print medians and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch_size", type=int, default=30, help="drawings in a batch (default 30)")
    parser.add_argument("--units", type=int, default=512, help="width of state and nets (default 512)")
    parser.add_argument("--steps", type=int, default=4, help="steps of one measurement (default 4)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each (default 3)")
    parser.add_argument("--precision", default="float32", help="float32 or mixed_bfloat16")
    parser.add_argument("--even", action="store_true", help="all drawings have the same number of points")
    flags = parser.parse_args()
    from training.tensorflow_import import import_tensorflow

    import_tensorflow("models.vrnn.model")
    import tf_keras

    tf_keras.mixed_precision.set_global_policy(flags.precision)
    steppers = {"packed rows": stepper(False, flags), "plain cell": stepper(True, flags)}
    batches = [batch_of(flags.batch_size, flags.even, seed) for seed in range(2)]
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in steppers}
    for step in steppers.values():
        seconds(step, batches, 2)
    for _ in range(flags.rounds):
        for name, step in steppers.items():
            times[name].append(seconds(step, batches, flags.steps))
    lengths = [float(batch["length"].numpy().mean()) for batch in batches]
    shape = "even" if flags.even else f"up to {max(int(b['length'].numpy().max()) for b in batches)}"
    print(
        f"units {flags.units}, batch {flags.batch_size}, {flags.precision}, "
        f"{statistics.mean(lengths):.0f} points a drawing ({shape})"
    )
    medians = {}
    for name, both in times.items():
        clock, processor = medians[name] = [statistics.median(part) for part in zip(*both, strict=True)]
        rate = flags.batch_size / clock
        print(
            f"{name:<12} {1000 * clock:9.1f} ms a step {rate:9.1f} drawings/s"
            f" {1000 * processor:9.1f} ms of processor"
        )
    clock, processor = (plain / packed for packed, plain in zip(*medians.values(), strict=True))
    print(f"ratio        {clock:9.2f} by the clock, {processor:.2f} of processor time")


if __name__ == "__main__":
    main()
