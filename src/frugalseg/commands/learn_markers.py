"""``frugalseg learn markers``: one marker network from many fields, with no label (paper B)."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from frugalseg.commands.command_settings import LearnMarkersSettings
from frugalseg.errors import FrugalsegError
from frugalseg.evaluation.measurements import measure_cells
from frugalseg.images.fields import FieldTable
from frugalseg.learning.device import pick_device
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.marker_model import MarkerModel
from frugalseg.report import TrainingCurve
from frugalseg.report.report_data import FULL_FIELDS
from frugalseg.runs.cell_pages import cells_page
from frugalseg.runs.field_cues import FieldCues, channels_read, predicted_stain, read_cues, request_of
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.marker_process import resolved_marker_settings
from frugalseg.runs.model_folder import ModelRun
from frugalseg.runs.options import RunOptions
from frugalseg.runs.provenance import check_channels, find_sources
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.run_log import RunLog


def learn_markers(
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: LearnMarkersSettings,
    options: RunOptions | None = None,
) -> RunResult:
    """Train one marker network on all fields together, from their nuclei alone.

    Parameters
    ----------
    inputs
        See `frugalseg.open_fields`.
    out
        The model folder: ``card.yaml``, ``weights.safetensors``, ``training.json``, ``record.json``, ``report.html``.
    settings
        Channels, cues, training. How grey values are normalised (fluorescent or label-free) is taken from the first
        field that can be used.
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
    check_channels(table, settings.images(), settings.label_images())
    pick_device(options.device)
    run = ModelRun(
        "learn markers",
        out,
        request_of(settings),
        find_sources(table, channels_read(settings)),
        options,
        resolved_marker_settings(settings),
    )
    if run.earlier is not None:
        return run.earlier
    with run.resumable():
        return _learn(table, settings, run)


@dataclass
class _Dataset:
    """Fields of the training set, and their cues."""

    table: FieldTable
    settings: LearnMarkersSettings
    log: RunLog
    records: dict[str, FieldRecord] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    shown: list[FieldCues] = field(default_factory=list)

    def cues(self) -> Iterator[ImageCues]:
        """Find the cues of each field when it is asked for; raise the first error where no field is left."""
        errors: list[FrugalsegError] = []
        for number, one in enumerate(self.table, start=1):
            start = time.monotonic()
            try:
                with self.log.status(f"[{number}/{len(self.table)}] looking for nuclei and cells"):
                    cues = read_cues(one, self.settings)
            except FrugalsegError as error:
                errors.append(error)
                self.failed[one.name] = " ".join(str(error).split())
                continue
            self.log.line(f"[{number}/{len(self.table)}] {one.name}: {cues.image.line()}")
            self._record(cues, time.monotonic() - start)
            yield cues.image
        if errors and not self.records:
            raise errors[0]

    def _record(self, cues: FieldCues, seconds: float) -> None:
        image = cues.image
        first = self.shown[0].image if self.shown else image
        doubts = list(image.warnings)
        if image.modalities != first.modalities:
            doubts.append(
                f"Its channels look {', '.join(image.modalities)}, and are normalised as those of {first.name} "
                f"({', '.join(first.modalities)})."
            )
        self.warnings += [f"{image.name}: {doubt}" for doubt in doubts]
        self.records[image.name] = FieldRecord(
            n_markers=len(image.markers),
            diameter=image.diameter,
            modalities=image.modalities,
            foreground=image.foreground.method,
            cues=image.quality,
            warnings=tuple(doubts),
            seconds=round(seconds, 2),
        )
        if len(self.shown) < FULL_FIELDS:  # pixels of the others are not kept
            self.shown.append(cues)


def _learn(table: FieldTable, settings: LearnMarkersSettings, run: ModelRun) -> RunResult:
    """Find the cues, train, and save the model with a report on the first fields."""
    data = _Dataset(table, settings, run.log)
    cues = data.cues()
    first = next(cues)
    with run.log.training_bar("training") as progress:
        model = MarkerModel.fit_to_cues(
            chain([first], cues),
            channels=settings.cells,
            pixel_size=data.shown[0].pixel_size,
            nuclei=settings.nuclei if settings.nuclei_from is None else None,
            nuclei_from=predicted_stain(settings),
            settings=settings,
            device=run.options.device,
            progress=progress,
            checkpoint=run.checkpoint,
            resume=run.options.resume,
        )
    assert model.training is not None
    record = run.record(
        model.training, warnings=tuple(data.warnings), fields=data.records, failed=data.failed
    )
    with run.log.status("writing the model and its report"):
        report = run.report(record, TrainingCurve.of("all fields", model.training))
        for shown in data.shown:
            labels = model.segment(shown.image)
            rows = tuple(measure_cells(labels, pixel_size=shown.pixel_size))
            known = data.records[shown.image.name].with_values(measurements=rows)
            report.add(cells_page(shown, labels, None, known))
        if len(data.records) > len(data.shown):
            report.notes.append(f"The first {len(data.shown)} of {len(data.records)} fields are shown.")
        return run.save(model, record, report)
