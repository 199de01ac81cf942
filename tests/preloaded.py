"""What processes of the tests have imported before they are forked: no file in it defines flags."""

from __future__ import annotations

from training.tensorflow_import import import_tensorflow

import_tensorflow()
from training import session  # noqa: E402, F401
