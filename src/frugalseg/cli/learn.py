"""``frugalseg learn``: one command per teacher."""

from frugalseg.cli import options
from frugalseg.cli.run import finish_run, settings_from


def markers(
    inputs: options.Inputs,
    cells: options.Cells,
    out: options.Out,
    nuclei: options.Nuclei = None,
    nuclei_from: options.NucleiFrom = None,
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
    options.require_markers(nuclei, own_markers, nuclei_from)
    channels = options.names_of(cells)
    from frugalseg.workflows.learn_markers import LearnMarkersSettings, learn_markers_model

    settings = settings_from(
        LearnMarkersSettings,
        cells=channels,
        nuclei=nuclei,
        nuclei_from=nuclei_from,
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


def stains(
    inputs: options.Inputs,
    from_channels: options.From,
    to: options.To,
    out: options.ModelOut,
    project: options.Project = "max",
    scale: options.Scale = None,
    encoder: options.Encoder = None,
    weights: options.Weights = None,
    no_hold_out: options.NoHoldOut = False,
    pattern: options.Pattern = None,
    where: options.Where = None,
    preset: options.Preset = "default",
    crop: options.Crop = None,
    batch: options.Batch = None,
    max_steps: options.MaxSteps = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Learn to predict a fluorescent stain from label-free images, with no label; MODEL starts `learn labels`."""
    from frugalseg.workflows.learn_stains import LearnStainsSettings, learn_stains_model

    settings = settings_from(
        LearnStainsSettings,
        inputs=from_channels,
        to=to,
        project=project,
        scale=scale,
        encoder=encoder,
        weights=weights,
        hold_out=not no_hold_out,
        preset=preset,
        crop=crop,
        batch=batch,
        max_steps=max_steps,
        seed=seed,
    )
    result = learn_stains_model(
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


def labels(
    inputs: options.Inputs,
    labels_channel: options.Labels,
    target: options.LabelTarget,
    out: options.ModelOut,
    from_channels: options.FromOrStart = None,
    start: options.Start = None,
    scale: options.Scale = None,
    encoder: options.Encoder = None,
    weights: options.Weights = None,
    slope: options.Slope = None,
    alpha: options.Alpha = None,
    h: options.Height = None,
    no_hold_out: options.NoHoldOut = False,
    pattern: options.Pattern = None,
    where: options.Where = None,
    preset: options.Preset = "default",
    crop: options.Crop = None,
    batch: options.Batch = None,
    max_steps: options.MaxSteps = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Learn nuclei or cells from 1 to 50 labelled images, best on top of a stain model."""
    from frugalseg.workflows.learn_labels import LearnLabelsSettings, learn_labels_model

    settings = settings_from(
        LearnLabelsSettings,
        inputs=from_channels,
        labels=labels_channel,
        target=target,
        start=start,
        scale=scale,
        encoder=encoder,
        weights=weights,
        slope=slope,
        alpha=alpha,
        h=h,
        hold_out=not no_hold_out,
        preset=preset,
        crop=crop,
        batch=batch,
        max_steps=max_steps,
        seed=seed,
    )
    result = learn_labels_model(
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
