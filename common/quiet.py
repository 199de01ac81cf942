"""TensorFlow without the messages that it prints about itself."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator

from absl import logging


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


@contextlib.contextmanager
def quiet_native_code() -> Iterator[None]:
    """Hold back what is written to file descriptor 2; it is replayed if the block fails.

    Some messages of native code come before any log level is read, so nothing gentler works.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            sys.stderr.flush()
            os.dup2(saved, 2)
            aside.seek(0)
            os.write(2, aside.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
