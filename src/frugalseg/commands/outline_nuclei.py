"""``frugalseg segment --target nuclei``: label maps of nuclei from a nuclear stain, with nothing to learn."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from frugalseg.commands.command_settings import OutlineSettings
from frugalseg.cues.markers import markers_of
from frugalseg.errors import InputError
from frugalseg.evaluation.measurements import measure_cells
from frugalseg.evaluation.scores import compare_labels
from frugalseg.images.field import Field as ImageField
from frugalseg.images.outliers import without_outliers
from frugalseg.images.write import write_labels
from frugalseg.models.nucleus_labels import segment_nuclei
from frugalseg.report import FieldReport, preview
from frugalseg.runs.cell_pages import NUCLEI_GAMMA, labels_page, read_truth, stored_labels
from frugalseg.runs.field_loop import FieldResult, run_fields
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import OutputFolder
from frugalseg.runs.provenance import check_channels, find_sources
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.run_log import RunLog
from frugalseg.runs.summary import begin_report


def outline_nuclei(
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: OutlineSettings,
    options: RunOptions | None = None,
) -> RunResult:
    """Make a label map of the nuclei of every field from its nuclear stain.

    Parameters
    ----------
    inputs
        See `frugalseg.open_fields`.
    out
        Folder of the results: ``<field>_labels.tif``, ``measurements.csv``, ``report.html``, ``run.json``.
    settings
        The channel, and how its nuclei are outlined and scored.
    options
        Which fields, what may be replaced.

    Returns
    -------
    RunResult
        Records of the fields, and why others failed. A field without a nucleus has an empty label map and a warning.

    Raises
    ------
    InputError
        No field can be read, or none has the channel.
    OutputExists, OutputFailed
        There are results already; nothing can be written.
    SettingsError
        `resume` with other settings.
    Interrupted
        Ctrl-C; what was done is kept.
    """
    options = options or RunOptions()
    table = options.open(inputs)
    check_channels(table, (settings.nuclei,), () if settings.truth is None else (settings.truth,))
    read = [name for name in (settings.nuclei, settings.truth) if name is not None]
    outputs = OutputFolder(
        out,
        find_sources(table, read),
        {"target": "nuclei", **settings.model_dump()},
        command="segment",
        options=options,
    )
    report = begin_report(outputs, "frugalseg segment: nuclei")
    process = _NucleusProcess(settings, outputs, RunLog(options.quiet))
    return run_fields(table, outputs, process, report, process.log, settings.truth)


@dataclass(frozen=True)
class _NucleusProcess:
    """From a field to its outlined nuclei."""

    settings: OutlineSettings
    outputs: OutputFolder
    log: RunLog

    def compute(self, field: ImageField) -> FieldResult:
        """Outline, score and measure."""
        channel = self.settings.nuclei
        truth, on_truth = read_truth(field, self.settings.truth, self.log)
        plane = field.plane(channel)
        try:
            labels = segment_nuclei(plane, self.settings)
        except InputError as error:
            raise type(error)(f"field {field.name!r}, channel {channel!r}: {error}") from error
        sizes = np.bincount(labels[labels > 0].astype(np.intp))
        sizes = sizes[sizes > 0]
        nothing = f"No nucleus was found in channel {channel!r}; is it the nuclear stain?"
        if not len(sizes):
            self.log.line(f"  warning: {nothing}")
        record = FieldRecord(
            n_cells=len(sizes),
            nuclei_diameter=float(np.median(np.sqrt(4 * sizes / np.pi))) if len(sizes) else None,
            warnings=on_truth if len(sizes) else (*on_truth, nothing),
            measurements=tuple(measure_cells(labels, {channel: without_outliers(plane)}, field.pixel_size)),
        )
        if truth is not None:
            record = record.with_values(scores=compare_labels(truth, labels))
        write = partial(write_labels, labels=labels, pixel_size=field.pixel_size, overwrite=True)
        return FieldResult(record, write, partial(self._page, field, labels))

    def show_earlier(self, field: ImageField, record: FieldRecord) -> tuple[FieldReport, None]:
        """Show a complete field."""
        return self._page(field, stored_labels(self.outputs, field.name), record), None

    def _page(self, field: ImageField, labels: NDArray[np.uint32], record: FieldRecord) -> FieldReport:
        return labels_page(
            field.name,
            preview(field.plane(self.settings.nuclei), gamma=NUCLEI_GAMMA),
            labels,
            record,
            read_truth(field, self.settings.truth)[0],
            markers_of(labels).points,
            field.pixel_size,
        )
