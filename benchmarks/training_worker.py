"""Our network as a worker of `benchmarks/training.py`: settings as JSON in, JSON lines out.

Prints one line when ready; for every line with a number of steps that it reads, it makes at least so many
and answers with their number, the seconds by the clock and the seconds of processor time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.step_server import answer_steps
from training.tensorflow_import import import_tensorflow

Steps = Callable[[int], int]


def start(settings: dict) -> tuple[Steps, dict]:
    """What makes steps, and facts about the network."""
    import_tensorflow()
    import tensorflow as tf
    import tf_keras

    from training.strategy import make_strategy, set_threads

    set_threads(settings["intra"], settings["inter"])
    tf_keras.mixed_precision.set_global_policy(settings["precision"])
    strategy = make_strategy() if settings["strategy"] == "mirrored" else tf.distribute.get_strategy()
    facts = {"version": f"TensorFlow {tf.__version__}"}
    if settings["data"] and not settings["network"]:
        batches = iter(_stored(settings))
        return lambda steps: len([next(batches) for _ in range(steps)]), facts | {"parameters": 0}
    learner = _learner(settings, strategy)
    data = _stored(settings) if settings["data"] else _fixed(settings)
    iterator = iter(strategy.experimental_distribute_dataset(data))
    # What `fit` calls for every execution; the calls around it are not measured.
    function = learner.make_train_function()
    make = executed(lambda: function(iterator), settings["steps_per_execution"])
    return make, facts | {"parameters": parameters(learner.encoder)}


def executed(execute: Callable[[], dict], steps_each: int) -> Steps:
    """`make` for a function that makes `steps_each` steps a call; the last call's loss is waited for."""

    def make(steps: int) -> int:
        calls = -(-steps // steps_each)
        for _ in range(calls):
            numbers = execute()
        float(numbers["loss"])
        return calls * steps_each

    return make


def parameters(encoder) -> int:
    """How many numbers an encoder learns."""
    return int(sum(weight.shape.num_elements() for weight in encoder.trainable_weights))


def _learner(settings: dict, strategy):
    from models.registry import model_spec
    from models.spec import Shapes, Stage
    from training.estimator import RunConfig, compile_learner

    spec = model_spec("sknet")
    config = RunConfig(
        Path("unused"),
        strategy,
        steps_per_execution=settings["steps_per_execution"],
        jit_compile=settings["xla"],
    )
    with strategy.scope():
        options = dict(spec.defaults) | {"width": settings["width"]}
        encoder = spec.build(options, Shapes(settings["image_size"], settings["classes"]))
        return compile_learner(encoder, Stage(batch_size=settings["batch_size"]), config)


def _fixed(settings: dict):
    """The same batch again and again, in memory."""
    import tensorflow as tf

    count, size = settings["batch_size"], settings["image_size"]
    image = tf.random.stateless_uniform([count, size, size, 1], [0, 0])
    label = tf.random.stateless_uniform([count], [0, 1], 0, settings["classes"], tf.int32)
    return tf.data.Dataset.from_tensors({"image": image, "label": label}).repeat()


def _stored(settings: dict):
    """Batches of a data set folder as training gets them."""
    from models.spec import Stage
    from tfrecords.dataset import DatasetFolder
    from training.inputs import training_input, without_strings

    stage = Stage(batch_size=settings["batch_size"], augment=settings["augment"])
    return without_strings(training_input(DatasetFolder.open(Path(settings["data"])), stage, 0).batches())


def serve(start: Callable[[dict], tuple[Steps, dict]]) -> None:
    """Answer until standard input ends; the settings are the first argument."""
    make, facts = start(json.loads(sys.argv[1]))
    make(1)
    answer_steps(make, facts)


if __name__ == "__main__":
    serve(start)
