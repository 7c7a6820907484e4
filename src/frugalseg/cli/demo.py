"""``frugalseg demo``."""

from pathlib import Path
from typing import Annotated

import typer

from frugalseg.cli import options
from frugalseg.cli.run import finish_run


def demo(
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="OUT", help="Folder for images and results.")
    ] = Path("demo"),
    seed: options.Seed = 0,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Run everything once on built-in synthetic cells: segment, score, report. Minutes on a laptop's CPU."""
    from frugalseg.workflows.demo import run_demo

    result = run_demo(out, seed=seed, device=device, overwrite=overwrite, quiet=quiet or as_json)
    finish_run(result, as_json, quiet)
    if not (quiet or as_json):
        typer.echo(f"open {result.folder / 'report.html'} in a browser")
