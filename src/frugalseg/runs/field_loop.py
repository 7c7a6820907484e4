"""One loop over the fields of a run, the same for every command that writes a result per field."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from frugalseg.errors import FrugalsegError, Interrupted, OutputFailed
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable
from frugalseg.images.freed_memory import give_back_freed_memory
from frugalseg.images.memory import memory_errors
from frugalseg.images.pixel_size import doubt_about_size
from frugalseg.report import Comparison, FieldReport, Report, TrainingCurve, write_report
from frugalseg.report.number_texts import count_text
from frugalseg.runs.manifest import RunResult, RunSummary
from frugalseg.runs.output_folder import RUN, OutputFolder
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.run_log import RunLog, in_words
from frugalseg.runs.summary import summarize_run

Page = FieldReport | Comparison


@dataclass(frozen=True)
class FieldResult:
    """Result of a command for one field.

    Attributes
    ----------
    record
        What is known about it; the loop adds the time it took.
    write
        Writes the result to a path, whole or not at all; None where it is written already.
    page
        How the report shows it, made from the finished record; None: not at all.
    curve
        Of a network that was trained on this field.
    """

    record: FieldRecord
    write: Callable[[Path], None] | None
    page: Callable[[FieldRecord], Page] | None
    curve: TrainingCurve | None = None


class FieldProcess(Protocol):
    """What a command does to one field."""

    def compute(self, field: Field) -> FieldResult:
        """Compute the field's result; a `FrugalsegError` ends this field only."""
        ...

    def show_earlier(self, field: Field, record: FieldRecord) -> tuple[Page | None, TrainingCurve | None]:
        """Show a field that an earlier run completed."""
        ...


def run_fields(
    table: FieldTable,
    outputs: OutputFolder,
    process: FieldProcess,
    report: Report,
    log: RunLog,
    truth: str | None = None,
    notes: Callable[[], Sequence[str]] = tuple,
) -> RunResult:
    """Compute every field, write results and records, then the report and ``run.json``.

    Parameters
    ----------
    table
        The fields.
    outputs
        Where results go; fields that are complete there are only shown.
    process
        What is done to a field.
    report
        Without fields yet; written at the end.
    log
        Prints progress.
    truth
        Channel with the truth that results are scored against, if any.
    notes
        Called at the end for warnings on the run as a whole.

    Returns
    -------
    RunResult
        Records of the fields, and why others failed.

    Raises
    ------
    Interrupted, KeyboardInterrupt
        Stopped by the user; complete fields are kept for `resume`.
    OutputFailed
        Nothing can be written any more. Any other `FrugalsegError` ends one field only.
    """
    try:
        for number, field in enumerate(table, start=1):
            log.line(f"[{number}/{len(table)}] {field.name}")
            try:
                with memory_errors(f"field {field.name!r}"):
                    _one_field(field, outputs, process, report, log)
            except (Interrupted, OutputFailed):
                raise
            except FrugalsegError as error:
                outputs.fail(field.name, in_words(str(error)))
            give_back_freed_memory()
        on_run = notes()
        summary = summarize_run(outputs, truth).with_warnings([*map(in_words, (*table.notes, *on_run))])
        _say_at_the_end(outputs, on_run, log)
        _finish_report(outputs, report, summary)
    except (Interrupted, KeyboardInterrupt):
        outputs.finish(state="interrupted")
        raise
    return outputs.finish(summary)


def _say_at_the_end(outputs: OutputFolder, on_run: Sequence[str], log: RunLog) -> None:
    """Print warnings on the run as a whole; a quiet run that has said nothing yet says how many fields have some."""
    for note in on_run:
        log.warn(note)
    warned = [name for name, record in outputs.done.items() if record.warnings]
    if warned and log.quiet and not (log.warned or outputs.failed):
        many = f"{len(warned)} of {len(outputs.done)} fields" if len(outputs.done) > 1 else "the field"
        log.warn(
            f"{many} {'has' if len(warned) == 1 else 'have'} warnings: see {outputs.folder / RUN} or the report"
        )


def _finish_report(outputs: OutputFolder, report: Report, summary: RunSummary) -> None:
    """Write the report of a run, with its warnings and the time it took."""
    report.warnings = list(summary.warnings)
    fields = sum(record.seconds or 0.0 for record in outputs.done.values())
    report.seconds = outputs.seconds
    outputs.check_there(*outputs.done)  # else the report would be all that is in it
    start = time.monotonic()
    write_report(outputs.report_path, report, overwrite=True)
    outputs.stages |= {"fields": round(fields, 2), "report": round(time.monotonic() - start, 2)}


def _one_field(
    field: Field, outputs: OutputFolder, process: FieldProcess, report: Report, log: RunLog
) -> None:
    if outputs.is_complete(field.name):
        log.line("  done earlier")
        page, curve = process.show_earlier(field, outputs.done[field.name])
    else:
        start = time.monotonic()
        result = process.compute(field)
        record = result.record.with_values(seconds=round(time.monotonic() - start, 2))
        if doubt := doubt_about_size(field.pixel_size):
            log.line(f"  warning: {doubt}")
            record = record.with_values(warnings=(*record.warnings, doubt))
        if record.warnings:
            record = record.with_values(warnings=tuple(map(in_words, record.warnings)))
        record = outputs.write_field(field.name, record, result.write)
        page, curve = None if result.page is None else result.page(record), result.curve
        log_result(record, log)
    if page is not None:
        report.add(page)
    if curve is not None:
        report.training.append(curve)


def log_result(record: FieldRecord, log: RunLog) -> None:
    """Print what was found in a field, and how good it is where that is known."""
    if record.scores is not None:
        log.line(f"  scores: mIoU {record.scores.cell_miou:.3f}, mAP {record.scores.mAP:.3f}")
    if record.pcc is not None:
        log.line(f"  PCC {record.pcc:.3f}")
    found = "" if record.n_cells is None else f"{count_text(record.n_cells, 'object')} in "
    log.line(f"  {found}{record.seconds or 0.0:.1f} s")
