"""The command line: typed arguments, and one call into `frugalseg.workflows` each."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``frugalseg``; leaves with `SystemExit` whose code is the exit code.

    0 done, 1 a problem the user can solve (one line on stderr), 2 wrong usage, 3 some fields failed and the others
    are done, 130 stopped by Ctrl-C.

    Parameters
    ----------
    arguments
        What was typed behind ``frugalseg``; by default of this process.
    """
    from frugalseg.cli.app import command
    from frugalseg.workflows.versions import typed

    given = sys.argv[1:] if arguments is None else list(arguments)
    with typed(given):
        command()(args=given, prog_name="frugalseg")
