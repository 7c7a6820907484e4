"""``frugalseg segment``."""

import typer

from frugalseg.cli import options
from frugalseg.cli.run import finish_run, settings_from


def segment(
    inputs: options.Inputs,
    out: options.Out,
    cells: options.CellsIfCells = None,
    nuclei: options.Nuclei = None,
    nuclei_from: options.NucleiFrom = None,
    target: options.SegmentTarget = "cells",
    markers: options.MarkersFrom = None,
    diameter: options.Diameter = None,
    nuclei_diameter: options.NucleiDiameter = None,
    level: options.OutlineLevel = None,
    foreground: options.Foreground = "auto",
    scribbles: options.Scribbles = None,
    mask: options.Mask = None,
    truth: options.Truth = None,
    pattern: options.Pattern = None,
    where: options.Where = None,
    preset: options.Preset = "default",
    max_steps: options.MaxSteps = None,
    no_baselines: options.NoBaselines = False,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Segment cells with no label at all: find nuclei and foreground, learn on these very images, report."""
    run: dict[str, object] = {
        "pattern": pattern,
        "where": where or (),
        "resume": resume,
        "overwrite": overwrite,
    }
    if target == "nuclei":
        options.only_for_cells(
            cells=cells,
            nuclei_from=nuclei_from,
            markers=markers,
            diameter=diameter,
            scribbles=scribbles,
            mask=mask,
            max_steps=max_steps,
        )
        _segment_nuclei(inputs, out, run, quiet, as_json, nuclei, nuclei_diameter, level, truth)
        return
    if cells is None:
        raise typer.BadParameter("--cells CH[,CH] is missing: the channels that show the whole cell")
    if level is not None:
        raise typer.BadParameter("--level is for the outlines of nuclei; give --target nuclei with it")
    options.require_markers(nuclei, markers, nuclei_from)
    channels = options.names_of(cells)
    from frugalseg.workflows.segment import SegmentSettings, segment_fields

    settings = settings_from(
        SegmentSettings,
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
        preset=preset,
        max_steps=max_steps,
        baselines=not no_baselines,
        seed=seed,
    )
    result = segment_fields(inputs, out, settings, device=device, quiet=quiet or as_json, **run)  # type: ignore[arg-type]
    finish_run(result, as_json, quiet)


def _segment_nuclei(
    inputs: options.Inputs,
    out: options.Out,
    run: dict[str, object],
    quiet: bool,
    as_json: bool,
    nuclei: str | None,
    diameter: float | None,
    level: float | None,
    truth: str | None,
) -> None:
    """``--target nuclei``."""
    if nuclei is None:
        raise typer.BadParameter("--nuclei CH is missing: the channel with the nuclear stain")
    from frugalseg.workflows.nuclei import NucleiSettings, segment_nuclei

    settings = settings_from(
        NucleiSettings, nuclei=nuclei, nuclei_diameter=diameter, level=level, truth=truth
    )
    result = segment_nuclei(inputs, out, settings, quiet=quiet or as_json, **run)  # type: ignore[arg-type]
    finish_run(result, as_json, quiet)
