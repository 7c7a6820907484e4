"""Commands that still run in `frugalseg.workflows`, with the arguments that all commands have from now on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from frugalseg.commands import command_settings as new
from frugalseg.errors import SettingsError
from frugalseg.models.cue_settings import CueSettings
from frugalseg.runs.options import RunOptions
from frugalseg.workflows.records import RunResult


def segment_cells(
    inputs: Sequence[Path], out: Path, settings: new.SegmentSettings, options: RunOptions
) -> RunResult:
    """Segment the cells of every field, see `frugalseg.workflows.segment`."""
    from frugalseg.workflows.segment import SegmentSettings, segment_fields

    return segment_fields(inputs, out, SegmentSettings(**_without_method(settings)), **dict(options))


def outline_nuclei(
    inputs: Sequence[Path], out: Path, settings: new.OutlineSettings, options: RunOptions
) -> RunResult:
    """Outline the nuclei of every field, see `frugalseg.workflows.nuclei`."""
    from frugalseg.workflows.nuclei import NucleiSettings, segment_nuclei

    without_device = {name: value for name, value in options if name != "device"}
    return segment_nuclei(inputs, out, NucleiSettings(**settings.model_dump()), **without_device)


def learn_markers(
    inputs: Sequence[Path], out: Path, settings: new.LearnMarkersSettings, options: RunOptions
) -> RunResult:
    """Train a marker network, see `frugalseg.workflows.learn_markers`."""
    from frugalseg.workflows.learn_markers import LearnMarkersSettings, learn_markers_model

    return learn_markers_model(
        inputs, out, LearnMarkersSettings(**_without_method(settings)), **dict(options)
    )


def learn_stains(
    inputs: Sequence[Path], out: Path, settings: new.LearnStainsSettings, options: RunOptions
) -> RunResult:
    """Train a stain network, see `frugalseg.workflows.learn_stains`."""
    from frugalseg.workflows.learn_stains import LearnStainsSettings, learn_stains_model

    return learn_stains_model(inputs, out, LearnStainsSettings(**settings.model_dump()), **dict(options))


def learn_labels(
    inputs: Sequence[Path], out: Path, settings: new.LearnLabelsSettings, options: RunOptions
) -> RunResult:
    """Train a network of nuclei or cells, see `frugalseg.workflows.learn_labels`."""
    from frugalseg.workflows.learn_labels import LearnLabelsSettings, learn_labels_model

    return learn_labels_model(inputs, out, LearnLabelsSettings(**settings.model_dump()), **dict(options))


def predict_fields(
    model: Path, inputs: Sequence[Path], out: Path, settings: new.PredictSettings, options: RunOptions
) -> RunResult:
    """Use a model on new fields, see `frugalseg.workflows.predict`."""
    from frugalseg.workflows.predict import PredictSettings
    from frugalseg.workflows.predict import predict_fields as predict

    return predict(model, inputs, out, PredictSettings(**_without_method(settings)), **dict(options))


def _without_method(settings: CueSettings) -> dict[str, Any]:
    """Return the values of settings without the method that finds nuclei, which only models can choose so far."""
    if settings.nuclei_method != "threshold":
        raise SettingsError("`nuclei_method` can only be 'threshold' so far; leave it out")
    return settings.model_dump(exclude={"nuclei_method"})
