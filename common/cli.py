"""The frame around every command: quiet start, clear errors, exit status."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

from absl import app, flags

from common.errors import UserError


def run(main: Callable[[list[str]], None]) -> None:
    """Run `main` as an absl command; a user's mistake becomes one line and exit status 1 or 2.

    `main` receives the arguments that are not flags. Results belong on standard output; everything
    else on standard error.
    """
    app.run(lambda argv: _guarded(main, argv), flags_parser=_parse_flags)


def _parse_flags(argv: list[str]) -> list[str]:
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        if isinstance(error, flags.UnrecognizedFlagError) or "--" in str(error) or "flag" in str(error):
            _fail(f"{error}; --help lists the flags", 2)
        _fail(str(error), 2)
        raise


def _guarded(main: Callable[[list[str]], None], argv: list[str]) -> None:
    try:
        main(argv[1:])
        sys.stdout.flush()
    except UserError as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:
        _fail("stopped; the same command goes on where it can", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
            raise
        _fail(f"{error.strerror}: {error.filename or 'while writing'}; nothing half-written was left", 1)


def _fail(message: str, status: int) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(status)
