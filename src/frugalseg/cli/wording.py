"""Messages as the user of the command line needs them: one line, with options in place of parameters."""

import re
from collections.abc import Mapping

import click

from frugalseg.images.plain_text import printable

#: Exit code of a command that Ctrl-C or SIGTERM ended.
STOPPED = 130
#: A parameter in backticks, with or without its value: `nuclei_diameter`, `resume=True`, `target='nuclei'`.
_PARAMETER = re.compile(r"`([a-z_]+)(?:=([^`]+))?`")


LONGEST = 1000
"""Characters of a message; only what came in from outside makes one longer."""


def one_line(text: str) -> str:
    """Put a message on one line, whatever line breaks a library wrote into it, and leave out the middle of a long one."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:600]} ... {line[-395:]}"


def with_options(text: str, spelled: Mapping[str, str]) -> str:
    """Replace parameters in backticks by options, where the command has them.

    Parameters
    ----------
    text
        A message of a lower room.
    spelled
        Parameter -> how it is typed, such as ``{"nuclei_diameter": "--nuclei-diameter"}``.

    >>> with_options("give `overwrite`, or `device='cpu'`; not `crop`", {"overwrite": "--overwrite", "device": "--device"})
    'give --overwrite, or --device cpu; not `crop`'
    """

    def option(found: re.Match[str]) -> str:
        name, value = found.groups()
        if name not in spelled:
            return found.group()
        if value in (None, "True", "False"):
            return spelled[name]
        return spelled[name] + " " + value.strip("'\"")

    return _PARAMETER.sub(option, text)


def say_error(text: str) -> None:
    """Print one line on stderr, in the words of the command that is running."""
    context = click.get_current_context(silent=True)
    spelled: Mapping[str, str] = getattr(context and context.command, "spelled", {})
    say(one_line(with_options(text, spelled)), err=True)


def say(text: str, err: bool = False) -> None:
    """Print one line; characters that a terminal would obey are escaped, since names in it come from files."""
    click.echo(printable(text), err=err)
