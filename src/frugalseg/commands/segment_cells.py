"""``frugalseg segment``: from images to cells with no label, by one network that learns on all fields together."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from frugalseg.commands.command_settings import SegmentSettings
from frugalseg.commands.segment_each_field import NOTHING_LEARNED, segment_each_field
from frugalseg.errors import FrugalsegError, Interrupted, NoMarkers
from frugalseg.learning.device import pick_device
from frugalseg.models.object_model import ObjectModel
from frugalseg.networks.store import check_free, remove_model
from frugalseg.report import Report, TrainingCurve
from frugalseg.runs.cell_learning import learn_cells, segment_alone, segment_learned, self_training_settings
from frugalseg.runs.cell_model_report import save_cell_model
from frugalseg.runs.cue_dataset import CueDataset
from frugalseg.runs.field_arrays import mixed_sizes
from frugalseg.runs.field_cues import FieldCues, request_of, sources_of
from frugalseg.runs.field_loop import run_fields
from frugalseg.runs.input_planes import with_planes
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.marker_process import MarkerProcess, Segmented
from frugalseg.runs.model_folder import TRAINING, ModelRun, read_curve
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import RUN, OutputFolder
from frugalseg.runs.summary import begin_report

#: Folder of the run's model, inside OUT.
MODEL = "model"


def segment_cells(
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: SegmentSettings,
    options: RunOptions | None = None,
) -> RunResult:
    """Segment the cells of every field without a label: learn from the nuclei of all fields, once for the whole run.

    With no rounds of self-training, a marker network learns on each field instead:
    `frugalseg.commands.segment_each_field.segment_each_field`.

    Parameters
    ----------
    inputs
        See `frugalseg.open_fields`.
    out
        Folder of the results: ``<field>_labels.tif``, ``model/`` (for `predict` on new images, with nuclei or without),
        ``measurements.csv``, ``report.html``, ``run.json``.
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
    """
    options = options or RunOptions()
    if settings.n_rounds == 0:
        return segment_each_field(inputs, out, settings, options)
    settings.check_source()
    table = options.open(inputs)
    settings = with_planes(table, settings)
    pick_device(options.device)
    folder = Path(out) / MODEL
    check_free(folder, options.overwrite or (options.resume and (Path(out) / RUN).exists()))
    sources = sources_of(table, settings)
    resolved = {"student": self_training_settings(settings).model_dump()}
    outputs = OutputFolder(
        out, sources, request_of(settings), command="segment", options=options, resolved=resolved
    )
    learned_from = settings.model_dump(exclude={"truth", "baselines"})
    request = {**request_of(settings), **learned_from}
    run = ModelRun("segment", folder, request, sources, options, resolved, inside=True)
    data = CueDataset(table, settings, run.log, run.options.device)
    start = time.monotonic()
    model = _learn(data, settings, run, outputs)
    taken, cues = time.monotonic() - start, data.seconds
    outputs.add_stages(cues=cues, learning=taken - cues)
    if model is not None and run.earlier is None and outputs.done:
        run.log.line(
            "the model was learned anew, so fields that were done with the one before are done again"
        )
        outputs.begin_again()

    def segment(cues: FieldCues) -> Segmented:
        assert model is not None  # else there are no cues
        return segment_learned(model, cues.image, cues.pixel_size, settings.diameter)

    def notes() -> Sequence[str]:
        if model is None:
            return (NOTHING_LEARNED,) if outputs.done and not outputs.failed else ()
        return mixed_sizes([field for field in table if field.name in outputs.done])

    if model is None:
        remove_model(folder)  # of an earlier run
    alone = None if model is None else partial(segment_alone, model, settings)
    process = MarkerProcess(outputs, settings, segment, run.log, read=data.cues_of, alone=alone)
    report = begin_report(outputs, "frugalseg segment")
    _show_training(report, folder)
    return run_fields(table, outputs, process, report, run.log, settings.truth, notes)


def _learn(
    data: CueDataset, settings: SegmentSettings, run: ModelRun, outputs: OutputFolder
) -> ObjectModel | None:
    """Return the run's model, trained or of the run that is resumed; None where no field can be learned from."""
    device = run.options.device
    if run.earlier is not None:
        return ObjectModel.load(run.folder, device)
    try:
        with run.resumable():
            model = learn_cells(data, settings, run)
            assert isinstance(model, ObjectModel)
            outputs.check_there()
            save_cell_model(data, model, run)
            return model
    except (Interrupted, KeyboardInterrupt):
        outputs.finish(state="interrupted")
        raise
    except NoMarkers:
        return None
    except FrugalsegError:
        if data.records:  # fields are fine, so training is not
            raise
        return None


def _show_training(report: Report, folder: Path) -> None:
    curve: TrainingCurve | None = read_curve(folder / TRAINING, "the model of this run")
    if curve is not None:
        report.training.append(curve)
