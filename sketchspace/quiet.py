"""Native libraries without the messages that they print about themselves."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator

_LOCK = threading.RLock()


@contextlib.contextmanager
def quiet_native_code() -> Iterator[None]:
    """Hold back what is written to file descriptor 2; it is replayed if the block fails.

    Some messages of native code come before any log level is read, so nothing gentler works. One thread at a
    time: the descriptor belongs to the whole process.
    """
    with _LOCK:
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
