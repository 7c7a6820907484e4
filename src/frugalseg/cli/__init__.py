"""The command line: what was typed, and one call of a command each."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``frugalseg``; leaves with `SystemExit` whose code is the exit code.

    0 done, 1 a problem the user can solve (one line on stderr), 2 wrong usage, 3 some fields failed and the others
    are done, 130 stopped by Ctrl-C.

    Parameters
    ----------
    arguments
        What was typed after ``frugalseg``; by default that of this process.
    """
    from frugalseg.cli.app import command

    typed = sys.argv[1:] if arguments is None else list(arguments)
    command()(args=typed, prog_name="frugalseg", obj=typed)
