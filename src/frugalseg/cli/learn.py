"""``frugalseg learn``: one command per teacher."""

from frugalseg.cli import options
from frugalseg.cli.run import finish_run, settings_from


def markers(
    inputs: options.Inputs,
    cells: options.Cells,
    out: options.Out,
    nuclei: options.Nuclei = None,
    own_markers: options.MarkersFrom = None,
    diameter: options.Diameter = None,
    nuclei_diameter: options.NucleiDiameter = None,
    foreground: options.Foreground = "auto",
    scribbles: options.Scribbles = None,
    mask: options.Mask = None,
    pattern: options.Pattern = None,
    where: options.Where = None,
    preset: options.Preset = "default",
    max_steps: options.MaxSteps = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Learn to cut cells apart from their nuclei, with no label; OUT becomes a model folder for `predict`."""
    options.require_markers(nuclei, own_markers)
    channels = options.names_of(cells)
    from frugalseg.workflows.learn_markers import LearnMarkersSettings, learn_markers_model

    settings = settings_from(
        LearnMarkersSettings,
        cells=channels,
        nuclei=nuclei,
        markers=own_markers,
        diameter=diameter,
        nuclei_diameter=nuclei_diameter,
        foreground=foreground,
        scribbles=scribbles,
        mask=mask,
        preset=preset,
        max_steps=max_steps,
        seed=seed,
    )
    result = learn_markers_model(
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
