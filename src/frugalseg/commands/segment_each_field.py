"""``frugalseg segment --rounds 0``: a marker network that learns on each field, with no label (paper B)."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from frugalseg.commands.command_settings import SegmentSettings
from frugalseg.images.fields import FieldTable
from frugalseg.images.pixel_size import can_be_learned
from frugalseg.learning.device import pick_device
from frugalseg.models.marker_model import MarkerModel
from frugalseg.report import TrainingCurve
from frugalseg.runs.cell_learning import names_to_keep
from frugalseg.runs.checkpoint_folder import begin_checkpoint
from frugalseg.runs.field_cues import FieldCues, predicted_stain, read_cues, request_of, sources_of
from frugalseg.runs.field_loop import run_fields
from frugalseg.runs.field_models import FieldModels
from frugalseg.runs.input_planes import with_planes
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.marker_process import (
    MarkerProcess,
    Segmented,
    resolved_marker_settings,
)
from frugalseg.runs.model_folder import TRAINING
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import RUN, OutputFolder
from frugalseg.runs.records import TrainingSummary
from frugalseg.runs.run_log import RunLog
from frugalseg.runs.summary import begin_report

NOTHING_LEARNED = "No field has a nucleus, so nothing was trained and all label maps are empty."


def segment_each_field(
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: SegmentSettings,
    options: RunOptions | None = None,
) -> RunResult:
    """Segment every field with a network that learns on that very field, from its nuclei alone.

    Parameters
    ----------
    inputs
        See `frugalseg.open_fields`.
    out
        Folder of the results: ``<field>_labels.tif``, ``<field>_model/``, ``measurements.csv``, ``report.html``,
        ``run.json``.
    settings
        Channels, cues, training, scoring.
    options
        Which fields, where to compute, what may be replaced.

    Returns
    -------
    RunResult
        Records of the fields, and why others failed. A field without a nucleus has an empty label map and a warning.

    Raises
    ------
    InputError
        No field can be read, or none has the channels.
    OutputExists, OutputFailed
        There are results already; nothing can be written.
    SettingsError
        The device is not there; `resume` with other settings.
    Interrupted
        Ctrl-C; what was done is kept.

    References
    ----------
    Din and Yu, "Unsupervised deep learning method for cell segmentation" (paper B).
    """
    options = options or RunOptions()
    settings.check_source()
    table = options.open(inputs)
    settings = with_planes(table, settings)
    pick_device(options.device)
    out = Path(out)
    models = FieldModels({field.name: out / f"{field.name}_model" for field in table})
    models.check(options.overwrite or (options.resume and (out / RUN).exists()))
    outputs = OutputFolder(
        out,
        sources_of(table, settings),
        request_of(settings),
        command="segment",
        options=options,
        resolved=resolved_marker_settings(settings),
    )
    if not options.resume:  # else a later `resume` would go on from another run's checkpoint
        models.drop_checkpoints(models.folders)
    log = RunLog(options.quiet)

    def segment(cues: FieldCues) -> Segmented:
        models.drop_checkpoints(outputs.done)
        model, labels = _learn_and_segment(
            cues, table, settings, options, outputs, models.folders[cues.image.name], log
        )
        assert model.training is not None
        curve = TrainingCurve.of(cues.image.name, model.training)
        return Segmented(labels, {"training": TrainingSummary.of(model.training)}, curve)

    def notes() -> Sequence[str]:
        nothing = all(record.cues is None for record in outputs.done.values())
        if not outputs.done or outputs.failed or not nothing:
            return ()
        return (NOTHING_LEARNED,)

    read = partial(read_cues, settings=settings, device=options.device)
    process = MarkerProcess(outputs, settings, segment, log, models.curve, read)
    report = begin_report(outputs, "frugalseg segment")
    try:
        result = run_fields(table, outputs, process, report, log, settings.truth, notes)
    finally:
        models.drop_checkpoints(outputs.done)
    models.drop([name for name, record in result.fields.items() if record.cues is None])
    return result


def _learn_and_segment(
    cues: FieldCues,
    table: FieldTable,
    settings: SegmentSettings,
    options: RunOptions,
    outputs: OutputFolder,
    folder: Path,
    log: RunLog,
) -> tuple[MarkerModel, NDArray[np.uint32]]:
    """Train on one field, keep the model, and return it with the field's cells."""
    name = cues.image.name
    outputs.check_there()
    channels, real = names_to_keep([table[name]], settings)
    with log.training_bar(f"training on {name}") as progress:
        model = MarkerModel.fit_to_cues(
            [cues.image],
            channels=channels,
            pixel_size=cues.pixel_size if can_be_learned(cues.pixel_size) else None,
            nuclei=real,
            nuclei_from=predicted_stain(settings),
            settings=settings,
            device=options.device,
            progress=progress,
            checkpoint=begin_checkpoint(folder, outputs.provenance(name)),
            resume=options.resume,
        )
    assert model.training is not None
    model.save(folder, overwrite=True, extras={TRAINING: json.dumps(model.training.to_dict()) + "\n"})
    with log.status("segmenting the cells"):
        return model, model.segment(cues.image)
