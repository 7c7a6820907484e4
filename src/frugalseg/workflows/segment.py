"""``frugalseg segment``: from images to cells with no label, one training run per field (paper B)."""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field as Setting
from rich.console import Console

from frugalseg.errors import OutputExists
from frugalseg.images.fields import open_fields
from frugalseg.learning.device import Device, pick_device
from frugalseg.learning.from_markers.marker_settings import MarkerSettings, Preset
from frugalseg.learning.from_markers.marker_training import learn_from_markers
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.networks.store import check_free, save_model
from frugalseg.report import TrainingCurve
from frugalseg.workflows.cues import FieldCues, check_channels, marker_sample
from frugalseg.workflows.cutters import brief, curve_of, make_card, segment_cells
from frugalseg.workflows.field_runs import FieldRun, FieldRunSettings
from frugalseg.workflows.judging import Segmented
from frugalseg.workflows.model_runs import (
    TRAINING,
    checkpoints_of,
    keep_checkpoint_of,
    resolved_marker_settings,
)
from frugalseg.workflows.outputs import RUN, Outputs, RunResult, read_json
from frugalseg.workflows.sources import sources_of
from frugalseg.workflows.training_bar import training_bar


class SegmentSettings(FieldRunSettings):
    """Settings of `segment_fields`.

    Attributes
    ----------
    preset
        "default", or "paper": the paper's numbers; `MarkerSettings.preset` says what still differs.
    max_steps
        Upper bound of training steps; the preset's own when None.

    The others are those of `frugalseg.workflows.cues.CueSettings`, ``truth``, ``baselines`` and ``seed``.
    """

    preset: Preset = "default"
    max_steps: int | None = Setting(default=None, ge=1)


def segment_fields(
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: SegmentSettings,
    *,
    pattern: str | None = None,
    where: Sequence[str] = (),
    device: Device = "auto",
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> RunResult:
    """Segment every field with a network that learns on that very field, from its nuclei alone.

    Parameters
    ----------
    inputs, pattern, where
        See `frugalseg.open_fields`.
    out
        Folder of the results: ``<field>_labels.tif``, ``<field>_model/``, ``measurements.csv``, ``report.html``,
        ``run.json``.
    settings
        Channels, cues, training, judging.
    device
        Where to compute.
    resume
        Keep the fields that an earlier run completed, and go on with the one whose training was cut short.
    overwrite
        Replace an earlier run.
    quiet
        Print nothing.

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
        The device is not there; ``resume`` with other settings.
    Interrupted
        Ctrl-C; what was done is kept.

    References
    ----------
    Din and Yu, "Unsupervised deep learning method for cell segmentation".
    """
    table = open_fields(inputs, pattern=pattern, where=where)
    check_channels(table, settings.images(), settings.label_images())
    pick_device(device)
    out = Path(out)
    models = _FieldModels({field.name: out / f"{field.name}_model" for field in table})
    models.check(overwrite or (resume and (out / RUN).exists()))
    outputs = Outputs(
        out,
        list(models.folders),
        settings.as_request(),
        command="segment",
        overwrite=overwrite,
        resume=resume,
        sources=sources_of(table, settings.channels_read()),
        resolved=resolved_marker_settings(settings.preset, settings.max_steps),
    )
    if not resume:  # else a later --resume would go on from another run's checkpoint
        models.drop_checkpoints(models.folders)
    console = Console(quiet=quiet)

    def cut(cues: FieldCues) -> Segmented:
        models.drop_checkpoints(outputs.done)
        keep_checkpoint_of(outputs.provenance(cues.name), models.folders[cues.name])
        return _learn_and_cut(cues, settings, device, resume, models.folders[cues.name], console)

    try:
        result = FieldRun(outputs, settings, cut, models.curve, console).run(table)
    finally:
        models.drop_checkpoints(outputs.done)
    for name, record in result.fields.items():
        if record["cues"] is None:  # nothing was learned, so a model beside it is of an earlier run
            shutil.rmtree(models.folders[name], ignore_errors=True)
    return result


@dataclass(frozen=True)
class _FieldModels:
    """Folders of the models of a run: one per field, beside its labels."""

    folders: Mapping[str, Path]

    def check(self, replaced: bool) -> None:
        """Refuse, before anything is trained, what is there and must not be replaced."""
        for folder in self.folders.values():
            check_free(folder, overwrite=True)
            if folder.exists() and not replaced:
                raise OutputExists(
                    f"{folder} is there already; give --overwrite to replace it, --resume to go on, or another folder"
                )

    def drop_checkpoints(self, names: Iterable[str]) -> None:
        """Only of fields whose cells are written: until then --resume must not train again."""
        for name in names:
            shutil.rmtree(checkpoints_of(self.folders[name]), ignore_errors=True)

    def curve(self, name: str) -> TrainingCurve | None:
        """Loss curve of a field that an earlier run completed."""
        path = self.folders[name] / TRAINING
        return curve_of(name, TrainingRecord.from_dict(read_json(path))) if path.exists() else None


def _learn_and_cut(
    cues: FieldCues, settings: SegmentSettings, device: Device, resume: bool, model: Path, console: Console
) -> Segmented:
    """Train on one field, keep the model, and cut the field's cells."""
    sample = marker_sample(cues)
    cutting = MarkerSettings.preset(settings.preset, settings.max_steps, sample.label_free)
    with training_bar(f"  training on {cues.name}", console.quiet) as progress:
        cutter, training = learn_from_markers(
            [sample],
            cutting,
            seed=settings.seed,
            device=device,
            checkpoint=checkpoints_of(model),
            resume=resume,
            progress=progress,
        )
    origin = settings.markers_from()
    card = make_card(cues, [cues.name], cues.diameter, origin, cutting, training, settings.seed)
    save_model(model, card, cutter, overwrite=True, extras={TRAINING: json.dumps(training.to_dict()) + "\n"})
    with console.status(f"cutting {len(sample.points)} cells"):
        cells = segment_cells(cutter, cues, sample, cutting, device)
    return Segmented(cells, sample, {"training": brief(training)}, curve_of(cues.name, training))
