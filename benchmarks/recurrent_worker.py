"""Our LSTM, or Keras' own, as a worker of `benchmarks/recurrent.py`: settings as JSON in, JSON lines out.

Prints one line when ready; for every line with a number of steps that it reads, it makes at least so many
and answers with their number, the seconds by the clock and the seconds of processor time.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.training_worker import Steps, executed, parameters, serve
from training.tensorflow_import import import_tensorflow

EXECUTIONS = 2


def start(settings: dict) -> tuple[Steps, dict]:
    """What makes steps, and facts about the network."""
    import_tensorflow()
    import tensorflow as tf
    import tf_keras

    from models.spec import Stage
    from training.estimator import RunConfig, compile_learner
    from training.strategy import set_threads

    set_threads(settings["intra"], settings["intra"])
    tf_keras.mixed_precision.set_global_policy(settings["precision"])
    strategy = tf.distribute.get_strategy()
    config = RunConfig(Path("unused"), strategy, steps_per_execution=EXECUTIONS)
    learner = compile_learner(_encoder(settings), Stage(batch_size=settings["batch_size"]), config)
    iterator = iter(_batches(settings))
    function = learner.make_train_function()
    facts = {"version": f"TensorFlow {tf.__version__}", "parameters": parameters(learner.encoder)}
    return executed(lambda: function(iterator), EXECUTIONS), facts


def _encoder(settings: dict):
    """Points to the state after the last one (both ends' with `bidirectional`) and to logits."""
    import tf_keras
    from tf_keras import layers

    inputs = {
        "strokes": tf_keras.Input((None, 3), name="strokes"),
        "length": tf_keras.Input((), dtype="int32", name="length"),
        "read_at": tf_keras.Input((), dtype="int32", name="read_at"),
    }
    state = (_ours if settings["network"] == "ours" else _keras)(inputs, settings)
    logits = layers.Dense(settings["classes"], dtype="float32", name="logits")(state)
    return tf_keras.Model(inputs, {"embedding": state, "logits": logits})


def _ours(inputs: dict, settings: dict):
    import tensorflow as tf
    from tf_keras import layers

    from models.recurrent import StackedLSTM

    strokes, length, read_at = inputs.values()
    units, depth = settings["units"], settings["depth"]
    state = StackedLSTM(units, depth, name="forward")((strokes, length, read_at))
    if not settings["bidirectional"]:
        return state
    back = StackedLSTM(units, depth, name="backward", reverse=True)((strokes, length, tf.zeros_like(read_at)))
    return layers.Concatenate()([state, back])


def _keras(inputs: dict, settings: dict):
    from tf_keras import layers

    units, state = settings["units"], inputs["strokes"]
    if settings["bidirectional"]:
        return layers.Bidirectional(layers.LSTM(units))(state)
    for number in range(settings["depth"]):
        state = layers.LSTM(units, return_sequences=number + 1 < settings["depth"])(state)
    return state


def _batches(settings: dict):
    """The same batch again and again, in memory; no padding."""
    import tensorflow as tf

    count, steps = settings["batch_size"], settings["time"]
    strokes = tf.random.stateless_normal([count, steps, 3], [0, 0])
    label = tf.random.stateless_uniform([count], [0, 1], 0, settings["classes"], tf.int32)
    length = tf.fill([count], steps)
    batch = {"strokes": strokes, "length": length, "read_at": length - 1, "label": label}
    return tf.data.Dataset.from_tensors(batch).repeat()


if __name__ == "__main__":
    serve(start)
