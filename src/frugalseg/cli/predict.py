"""``frugalseg predict``."""

from pathlib import Path
from typing import Annotated

import typer

from frugalseg.cli import options
from frugalseg.cli.run import finish_run, settings_from


def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model folder made by `learn`.", show_default=False)
    ],
    inputs: options.Inputs,
    out: options.Out,
    cells: Annotated[
        str | None,
        typer.Option(
            "--cells",
            "--from",
            metavar="CH[,CH]",
            help="Channels, where they are called otherwise than in the model.",
            show_default=False,
        ),
    ] = None,
    nuclei: options.Nuclei = None,
    nuclei_from: options.NucleiFrom = None,
    markers: options.MarkersFrom = None,
    diameter: options.Diameter = None,
    nuclei_diameter: options.NucleiDiameter = None,
    foreground: options.Foreground = "auto",
    scribbles: options.Scribbles = None,
    mask: options.Mask = None,
    truth: options.Truth = None,
    pattern: options.Pattern = None,
    where: options.Where = None,
    no_baselines: options.NoBaselines = False,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Use a trained model on new images, without training; channels are by default those it was trained on."""
    if markers is not None:
        options.require_markers(nuclei, markers, nuclei_from)
    channels = None if cells is None else options.names_of(cells)
    from frugalseg.workflows.predict import PredictSettings, predict_fields

    settings = settings_from(
        PredictSettings,
        cells=channels,
        nuclei=nuclei,
        nuclei_from=nuclei_from,
        markers=markers,
        diameter=diameter,
        nuclei_diameter=nuclei_diameter,
        foreground=foreground,
        scribbles=scribbles,
        mask=mask,
        truth=truth,
        baselines=not no_baselines,
        seed=seed,
    )
    result = predict_fields(
        model,
        inputs,
        out,
        settings,
        pattern=pattern,
        where=where or (),
        device=device,
        resume=resume,
        overwrite=overwrite,
        quiet=quiet or as_json,
    )
    finish_run(result, as_json, quiet)
