"""``frugalseg segment``."""

from frugalseg.cli import options
from frugalseg.cli.run import finish_run, settings_from


def segment(
    inputs: options.Inputs,
    cells: options.Cells,
    out: options.Out,
    nuclei: options.Nuclei = None,
    markers: options.MarkersFrom = None,
    diameter: options.Diameter = None,
    nuclei_diameter: options.NucleiDiameter = None,
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
    options.require_markers(nuclei, markers)
    channels = options.names_of(cells)
    from frugalseg.workflows.segment import SegmentSettings, segment_fields

    settings = settings_from(
        SegmentSettings,
        cells=channels,
        nuclei=nuclei,
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
    result = segment_fields(
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
