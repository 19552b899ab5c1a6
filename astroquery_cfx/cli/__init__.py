# Licensed under a 3-clause BSD style license - see LICENSE
"""The command line: a thin shell over the package.

``parser`` has the arguments, the help and its examples; ``commands`` does what they ask for.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from ..errors import CFXError, InvalidInputError
from .commands import COMMANDS
from .parser import parse_arguments


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        The exit code: 0 for success, 1 for a failure, 2 for a command that is not valid, 130 after
        Ctrl-C.

    Examples
    --------
    >>> from astroquery_cfx.cli import main
    >>> main(["reproduce", "--archive", "nowhere"])
    2
    """
    try:
        arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
    except SystemExit as stop:  # argparse has written what there is to say
        return stop.code if isinstance(stop.code, int) else 0
    try:
        COMMANDS[arguments.command](arguments)
    except KeyboardInterrupt:
        return _fail(arguments, "stopped. Older results are unchanged.", 130)
    except InvalidInputError as error:
        return _fail(arguments, str(error), 2)
    except (CFXError, OSError) as error:
        return _fail(arguments, str(error), 1)
    except Exception as error:
        if arguments.debug:
            raise
        unexpected = f"unexpected {type(error).__name__}: {error}."
        return _fail(
            arguments, f"{unexpected} Run it again with --debug, and report the traceback.", 1
        )
    return 0


def _fail(arguments, message, code):
    """Write one sentence, or the traceback that is asked for; return the exit code."""
    if arguments.debug and code != 130:
        traceback.print_exc()
    sys.stderr.write(f"astroquery-cfx {arguments.command}: {' '.join(message.split())}\n")
    return code
