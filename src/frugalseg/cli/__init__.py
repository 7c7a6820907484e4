"""The command line: what was typed, and one call of a command each."""

import os
import sys
from collections.abc import Sequence

#: How often a waiting thread of torch looks for work before it sleeps, where nothing else is asked for. By default it is
#: 300 000 times (GNU OpenMP): while another program keeps one of the cores busy, a training can then take tens of times as long.
SPINS = 2000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``frugalseg``; leaves with `SystemExit` whose code is the exit code.

    0 done, 1 a problem the user can solve (one line on stderr), 2 wrong usage, 3 some fields failed and the others
    are done, 130 stopped by Ctrl-C. Where stdout is closed or full, the run goes on and ends with 1 in place of 0.

    Parameters
    ----------
    arguments
        What was typed after ``frugalseg``; by default that of this process.
    """
    from frugalseg.cli.app import command
    from frugalseg.cli.streams import NOT_WRITTEN, kept_streams
    from frugalseg.images.freed_memory import keep_freed_memory

    if "OMP_WAIT_POLICY" not in os.environ:  # read when torch is loaded, which is later
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))
    keep_freed_memory()
    typed = sys.argv[1:] if arguments is None else list(arguments)
    with kept_streams() as out:
        try:
            command()(args=typed, prog_name="frugalseg", obj=typed)
        except SystemExit as end:
            out.flush()
            if out.error is None:
                raise
            print(
                f"error: what was to be printed is lost, standard output can't be written ({out.error}); results in files "
                "are not affected",
                file=sys.stderr,
            )
            raise SystemExit(end.code or NOT_WRITTEN) from end
