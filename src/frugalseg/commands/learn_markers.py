"""``frugalseg learn markers``: one network of cells from many fields and their nuclei, with no label."""

from collections.abc import Sequence
from pathlib import Path

from frugalseg.commands.command_settings import LearnMarkersSettings
from frugalseg.images.fields import FieldTable
from frugalseg.learning.device import pick_device
from frugalseg.runs.cell_learning import learn_cells
from frugalseg.runs.cell_model_report import save_cell_model
from frugalseg.runs.cue_dataset import CueDataset
from frugalseg.runs.field_cues import request_of, sources_of
from frugalseg.runs.input_planes import with_planes
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.marker_process import resolved_marker_settings
from frugalseg.runs.model_folder import ModelRun
from frugalseg.runs.options import RunOptions


def learn_markers(
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: LearnMarkersSettings,
    options: RunOptions | None = None,
) -> RunResult:
    """Train one network of cells on all fields together, from their nuclei alone.

    By default a student by self-training; with no rounds the marker network of paper B.

    Parameters
    ----------
    inputs
        See `frugalseg.open_fields`.
    out
        The model folder: ``card.yaml``, ``weights.safetensors``, ``training.json``, ``record.json``, ``report.html``.
    settings
        Channels, cues, training. How grey values are normalised (fluorescent or label-free) is what most fields ask for; with
        no rounds, what the first field does.
    options
        Which fields, where to compute, what may be replaced.

    Returns
    -------
    RunResult
        A record per field, and why others could not be learned from.

    Raises
    ------
    InputError
        No field can be used.
    OutputExists, OutputFailed
        There is a model already; nothing can be written.
    SettingsError
        The device is not there; `resume` with other settings.
    Interrupted
        Ctrl-C; the checkpoint is kept.
    """
    options = options or RunOptions()
    settings.check_source()
    table = options.open(inputs)
    settings = with_planes(table, settings)
    pick_device(options.device)
    run = ModelRun(
        "learn markers",
        out,
        request_of(settings),
        sources_of(table, settings),
        options,
        resolved_marker_settings(settings),
    )
    if run.earlier is not None:
        return run.earlier
    with run.resumable():
        return _learn(table, settings, run)


def _learn(table: FieldTable, settings: LearnMarkersSettings, run: ModelRun) -> RunResult:
    """Find the cues, train, and save the model with a report on the first fields."""
    data = CueDataset(table, settings, run.log, run.options.device)
    model = learn_cells(data, settings, run)
    return save_cell_model(data, model, run)
