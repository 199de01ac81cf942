"""The frame around every command: quiet start, clear errors, exit status."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from absl import app, flags

from sketchspace.errors import MAX_MESSAGE, UserError, shown


def run(main: Callable[[list[str]], None]) -> None:
    """Run `main` as an absl command; a user's mistake becomes one line and exit status 1 or 2.

    `main` receives the arguments that are not flags. Results belong on standard output; everything
    else on standard error.
    """
    for flag in flags.FLAGS.get_flags_for_module(main.__module__):
        # absl's --help lists the flags of the started script, which for a console script is another one.
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    try:
        app.run(lambda argv: _guarded(main, argv), flags_parser=_parse_flags)
    except BrokenPipeError:
        # The reader of standard output has gone (`... | head`); Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def check_flags(argv: Sequence[str], *needed: str) -> None:
    """Raise `UserError` for an argument that is no flag, and for flags called `needed` that are missing."""
    if argv:
        raise UserError(f"unexpected argument '{argv[0]}'; every argument is a flag, see --help")
    check_given(*needed)


def check_given(*names: str) -> None:
    """Raise `UserError` for the first of these flags that is missing or empty; it says what the flag is."""
    for name in names:
        if not flags.FLAGS[name].value:
            raise UserError(f"--{name} is missing; {flags.FLAGS[name].help}")


def _parse_flags(argv: list[str]) -> list[str]:
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        _fail(f"{error}; --help lists the flags", 2)


def _guarded(main: Callable[[list[str]], None], argv: list[str]) -> None:
    try:
        main(argv[1:])
        sys.stdout.flush()
    except UserError as error:
        _fail(_plain(str(error.args[0]) if error.args else str(error)), 1)
    except KeyboardInterrupt:
        _fail("stopped; the same command goes on where it can", 130)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
            raise
        _fail(f"{error.strerror}: {error.filename or 'while writing'}; nothing half-written was left", 1)


def _plain(message: str) -> str:
    """A message without what TensorFlow and Keras put around one from within a graph or a layer."""
    if "in user code:" in message and (found := re.findall(r"UserError: (.+)", message)):
        return str(found[-1]).strip()
    if message.startswith("Exception encountered when calling"):
        return message.partition("\n\n")[2].partition("\n\nCall arguments")[0].strip() or message
    return message


def _fail(message: str, status: int) -> NoReturn:
    print(f"error: {shown(message, MAX_MESSAGE)}", file=sys.stderr)
    sys.exit(status)
