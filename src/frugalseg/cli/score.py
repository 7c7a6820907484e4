"""``frugalseg score``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from frugalseg.cli import options
from frugalseg.cli.run import SOME_FAILED, console


def score(
    predicted: Annotated[
        Path,
        typer.Argument(metavar="PREDICTED", help="A label file, or the folder of a run.", show_default=False),
    ],
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="TRUTH", help="A label file, a folder of them, or a fields.csv.", show_default=False
        ),
    ],
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="CH",
            help="Column of the table, or ending of the files, with the truth.",
            show_default=False,
        ),
    ] = None,
    json_file: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="FILE", help="Write all scores as JSON; - is stdout.", show_default=False
        ),
    ] = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Score label maps against true label maps: mIoU, AP, F1, AJI, PQ, per field and in the mean."""
    from frugalseg.images.write import plain, write_json
    from frugalseg.workflows.score import print_scores, remarks, score_files

    target = None if json_file in (None, "-") else Path(str(json_file))
    if target is not None and target.exists() and not overwrite:
        from frugalseg.errors import OutputExists

        raise OutputExists(f"{target} is there already; give --overwrite to replace it")
    found = score_files(predicted, truth, labels)
    for line in remarks(found):
        typer.echo(f"note: {line}", err=True)
    for reason in found.failed.values():
        typer.echo(f"failed: {' '.join(reason.split())}", err=True)
    if json_file == "-":
        typer.echo(json.dumps(plain(found.to_dict()), indent=2, allow_nan=False))
    else:
        print_scores(found, console())
    if target is not None:
        write_json(target, found.to_dict(), overwrite=overwrite)
    if found.failed:
        raise typer.Exit(SOME_FAILED if found.scores else 1)
