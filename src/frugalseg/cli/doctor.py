"""``frugalseg doctor``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from frugalseg.cli import options
from frugalseg.cli.run import console


def doctor(
    folder: Annotated[Path, typer.Option("-o", "--out", help="Folder whose disk is tested.")] = Path(),
    as_json: options.AsJson = False,
) -> None:
    """Show versions, devices, memory and disk, and how fast a network trains here."""
    from frugalseg.images.write import plain
    from frugalseg.workflows.doctor import examine, print_diagnosis

    found = examine(folder)
    if as_json:
        typer.echo(json.dumps(plain(found.to_dict()), indent=2, allow_nan=False))
    else:
        print_diagnosis(found, console())
