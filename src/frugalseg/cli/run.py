"""What every command that computes does around its one call: settings in, result and exit code out."""

import json
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from frugalseg.errors import SettingsError

if TYPE_CHECKING:  # both take longer to import than `frugalseg --help` may
    from pydantic import BaseModel
    from rich.console import Console

    from frugalseg.workflows.outputs import RunResult

SOME_FAILED = 3
PIPED_WIDTH = 200
Settings = TypeVar("Settings", bound="BaseModel")


def console() -> "Console":
    """Make a console for tables on stdout; into a file or a pipe they are as wide as they need to be."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)


def settings_from(kind: type[Settings], **options: Any) -> Settings:
    """Make typed settings of the options that were given; None means: not given.

    Raises
    ------
    SettingsError
        With the first value that is not allowed, named as it is typed.
    """
    from pydantic import ValidationError

    try:
        return kind(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = "--" + str(first["loc"][0]).replace("_", "-") if first["loc"] else "the settings"
        given = "" if isinstance(first["input"], dict) else f" ({first['input']!r} was given)"
        raise SettingsError(f"{name}: {first['msg']}{given}") from error


def finish_run(result: "RunResult", as_json: bool, quiet: bool) -> None:
    """Tell where the results are and what failed; leave with 3 where some fields failed, with 1 where all did."""
    for name, reason in result.failed.items():
        typer.echo(f"failed: {name}: {reason}", err=True)
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=2, allow_nan=False))
    elif not quiet:
        typer.echo(f"{len(result.fields)} fields done, {len(result.failed)} failed: {result.folder}")
    if result.failed:
        raise typer.Exit(SOME_FAILED if result.fields else 1)
