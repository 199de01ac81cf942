"""What processes of the tests of training have imported before they are forked."""

from __future__ import annotations

from training.tensorflow_import import import_tensorflow

import_tensorflow()
import train  # noqa: E402, F401
from training import session  # noqa: E402, F401
