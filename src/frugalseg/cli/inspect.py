"""``frugalseg inspect``."""

import json
from typing import TYPE_CHECKING

import typer

from frugalseg.cli import options
from frugalseg.cli.run import SOME_FAILED, console

if TYPE_CHECKING:
    from frugalseg.workflows.inspect import Inspection


def inspect(
    inputs: options.Inputs,
    pattern: options.Pattern = None,
    where: options.Where = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what is understood of the inputs: fields, channels, axes, pixel size, and every problem.

    Leaves with 3 where some fields can't be used, and with 1 where none can.
    """
    from frugalseg.images.write import plain
    from frugalseg.workflows.inspect import inspect_inputs, print_inspection

    found = inspect_inputs(inputs, pattern, where or ())
    if as_json:
        typer.echo(json.dumps(plain(found.to_dict()), indent=2, allow_nan=False))
    else:
        print_inspection(found, console())
    if found.has_errors:
        _leave(found)


def _leave(found: "Inspection") -> None:
    """Say on stderr, in one line, what stops work, and leave with the code for it."""
    from frugalseg.workflows.inspect import problem_lines

    lines = [text for severity, text in problem_lines(found.problems) if severity == "error"]
    more = f" (and {len(lines) - 1} more errors)" if len(lines) > 1 else ""
    typer.echo(f"error: {' '.join(lines[0].split())}{more}", err=True)
    damaged = {problem.field for problem in found.problems if problem.severity == "error"}
    raise typer.Exit(SOME_FAILED if set(found.fields) - damaged else 1)
