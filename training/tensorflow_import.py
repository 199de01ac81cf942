"""TensorFlow without the messages that it prints about itself."""

from __future__ import annotations

import importlib
import os
import sys

from absl import logging

from sketchspace.quiet import quiet_native_code


def import_tensorflow(*more: str) -> None:
    """Import TensorFlow, tf_keras and the modules named in `more` without their start-up messages.

    If an import fails, what it printed is replayed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with quiet_native_code():
        for name in ("tensorflow", "tf_keras", *more):
            importlib.import_module(name)
    sys.modules["tensorflow"].get_logger().setLevel("ERROR")
    if logging.get_verbosity() == logging.INFO:  # absl's own default for commands; --verbosity=1 stays.
        logging.set_verbosity(logging.WARNING)
