"""What `segment` and `predict` do alike: field after field from cues to labels, scores, measurements and report."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting
from rich.console import Console
from rich.text import Text

from frugalseg.errors import FrugalsegError, Interrupted, NoMarkers, OutputFailed
from frugalseg.evaluation.baselines import BASELINES
from frugalseg.evaluation.measurements import measure_cells
from frugalseg.evaluation.scores import score_labels
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable
from frugalseg.images.read import read_image
from frugalseg.report import FieldReport, Report, TrainingCurve, preview, write_report
from frugalseg.report.report_data import FULL_FIELDS
from frugalseg.workflows.cues import CueSettings, FieldCues, find_cues
from frugalseg.workflows.judging import Segmented, field_report, judge, numbers_of, summarise
from frugalseg.workflows.outputs import Outputs, RunResult
from frugalseg.workflows.versions import command_line, versions


class FieldRunSettings(CueSettings):
    """Cues, and how the result is judged.

    Attributes
    ----------
    truth
        Channel with true labels, only to score the result; single fields may lack it.
    baselines
        Score classical methods from the same markers and foreground as well, where there is truth.
    seed
        Of everything random.
    """

    truth: str | None = None
    baselines: bool = True
    seed: int = Setting(default=0, ge=0)

    def label_images(self) -> tuple[str, ...]:
        """Channels with labels, which single fields may lack."""
        return (*super().label_images(), *([self.truth] if self.truth is not None else []))


@dataclass(frozen=True)
class FieldRun:
    """One command on many fields.

    Attributes
    ----------
    outputs
        Where results go.
    settings
        Cues and judging.
    cut
        From a field's cues to its cells: what the commands differ in.
    earlier_curve
        Loss curve of a field that an earlier run completed.
    console
        Where progress is said.
    """

    outputs: Outputs
    settings: FieldRunSettings
    cut: Callable[[FieldCues], Segmented]
    earlier_curve: Callable[[str], TrainingCurve | None]
    console: Console

    def run(self, table: FieldTable) -> RunResult:
        """Do every field, then write the report and ``run.json``.

        Raises
        ------
        Interrupted
            By the user; what was completed is kept for ``--resume``.
        OutputFailed
            Nothing can be written any more. Any other error of the user's ends one field only.
        """
        outputs = self.outputs
        report = Report(
            title=f"frugalseg {outputs.command}",
            command=command_line(outputs.command),
            settings=outputs.settings,
            versions=versions(),
            seeds=(self.settings.seed,),
            started=outputs.started,
        )
        try:
            for number, field in enumerate(table, start=1):
                self.say(f"[{number}/{len(table)}] {field.name}")
                self._one(field, report)
        except (Interrupted, KeyboardInterrupt):
            outputs.finish(state="interrupted")
            raise
        summary = summarise(outputs, self.settings.truth)
        done = outputs.done.values()
        if done and not outputs.failed and all(record["cues"] is None for record in done):
            summary["warnings"].insert(
                0, "No field has a nucleus, so nothing was trained and all label maps are empty."
            )
        report.warnings = list(summary["warnings"])
        report.seconds = sum(record["seconds"] for record in outputs.done.values())
        write_report(outputs.report_path, report, overwrite=True)
        return outputs.finish(summary)

    def say(self, text: str) -> None:
        """Print one line, whatever characters are in it."""
        self.console.print(Text(text), soft_wrap=True)

    def _one(self, field: Field, report: Report) -> None:
        try:
            if self.outputs.is_complete(field.name):
                self.say("  done earlier")
                self._show_earlier(field, report)
            else:
                self._do(field, report)
        except (Interrupted, OutputFailed):
            raise
        except FrugalsegError as error:
            self.outputs.fail(field.name, error)

    def _do(self, field: Field, report: Report) -> None:
        start = time.monotonic()
        truth = self._truth(field)
        try:
            with self.console.status("looking for nuclei and cells"):
                cues = find_cues(field, self.settings)
        except NoMarkers as error:
            self._leave_empty(field, truth, error, start, report)
            return
        self.say(f"  cues: {cues.line()}")
        for warning in cues.warnings:
            self.say(f"  warning: {warning}")
        if cues.synthetic is not None:
            one = cues.synthetic
            self.say(
                f"  predicted markers: {one['missed']} of {one['n_real']} real ones missed, {one['invented']} invented"
            )
        cut = self.cut(cues)
        record: dict[str, Any] = {
            "n_cells": int(np.count_nonzero(np.unique(cut.labels))),
            "diameter": cues.diameter,
            "modalities": cues.modalities,
            "markers": cues.markers.method,
            "foreground": cues.foreground.method,
            "cues": cues.quality.to_dict(),
            "warnings": cues.warnings,
            **({} if cues.synthetic is None else {"synthetic_markers": cues.synthetic}),
            **cut.record,
        }
        if truth is not None:
            with self.console.status("scoring, and the classical methods from the same cues"):
                record |= judge(truth, cues, cut, self.settings.baselines)
            scores = record["scores"]
            self.say(f"  scores: mIoU {scores['cell_miou']:.3f}, mAP {scores['mAP']:.3f}")
        planes = dict(zip(cues.channels, cues.planes, strict=True))
        if cues.nuclei is not None:
            planes[self.settings.nuclear_name()] = cues.nuclei
        rows = measure_cells(cut.labels, planes, cues.pixel_size)
        record["seconds"] = round(time.monotonic() - start, 2)
        self.outputs.write_field(field.name, cut.labels, record, rows, cues.pixel_size)
        report.add(field_report(cues, cut.labels, truth, record, rows))
        if cut.curve is not None:
            report.training.append(cut.curve)
        self.say(f"  {record['n_cells']} cells in {record['seconds']:.0f} s")

    def _truth(self, field: Field) -> NDArray[Any] | None:
        """True labels; None where there are none, or nothing is annotated."""
        truth = None if self.settings.truth is None else field.labels(self.settings.truth)
        return truth if truth is not None and (truth >= 0).any() else None

    def _leave_empty(
        self, field: Field, truth: NDArray[Any] | None, why: NoMarkers, start: float, report: Report
    ) -> None:
        """Write that a field holds no cell: without a nucleus there is nothing to start one from."""
        text = str(why).removeprefix(f"field {field.name!r}: ")
        record: dict[str, Any] = {
            "n_cells": 0,
            "diameter": None,
            "modalities": (),
            "markers": None,
            "foreground": None,
            "cues": None,
            "warnings": (f"{text[:1].upper()}{text[1:]} The label map is empty.",),
        }
        self.say(f"  warning: {record['warnings'][0]}")
        labels = np.zeros(field.shape, np.uint32)
        if truth is not None:
            record["scores"] = score_labels(truth, labels, np.zeros((0, 2))).to_dict()
            if self.settings.baselines:  # they start from the same markers, so they find nothing either
                record["baselines"] = dict.fromkeys(BASELINES, record["scores"])
        record["seconds"] = round(time.monotonic() - start, 2)
        self.outputs.write_field(field.name, labels, record, (), field.pixel_size)
        report.add(self._in_short(field, labels, record, ()))

    def _show_earlier(self, field: Field, report: Report) -> None:
        """Show a field that an earlier run completed; its cues are found again only where a viewer shows them."""
        record = self.outputs.done[field.name]
        labels = np.asarray(read_image(self.outputs.labels_path(field.name)).pixels[0, 0]).astype(np.uint32)
        rows = record["measurements"]
        shown = None
        if len(report.fields) < FULL_FIELDS and record["cues"] is not None:
            try:
                shown = field_report(
                    find_cues(field, self.settings), labels, self._truth(field), record, rows
                )
            except Interrupted:
                raise
            except FrugalsegError as error:  # the field is done, whatever can be found in it now
                self.say(f"  its markers and foreground are not shown: {error}")
        report.add(shown or self._in_short(field, labels, record, rows))
        curve = self.earlier_curve(field.name)
        if curve is not None:
            report.training.append(curve)

    def _in_short(
        self, field: Field, labels: NDArray[np.uint32], record: dict[str, Any], rows: Sequence[Any]
    ) -> FieldReport:
        """A field without its cues; without its image too, where that can't be read any more."""
        try:
            image = preview(field.planes(self.settings.cells))
        except FrugalsegError:
            image = preview(labels > 0)
        return FieldReport(
            name=field.name, image=image, labels=labels, measurements=rows, **numbers_of(record)
        )
