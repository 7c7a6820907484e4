"""What `segment` and `predict` do alike: field after field from cues to labels, scores, measurements and report."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field as Setting
from rich.console import Console
from rich.text import Text

from frugalseg.errors import FrugalsegError, Interrupted, OutputFailed
from frugalseg.evaluation.measurements import measure_cells
from frugalseg.evaluation.report import FieldReport, Report, TrainingCurve, preview, write_report
from frugalseg.evaluation.report.model import FULL_FIELDS
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable
from frugalseg.images.read import read_image
from frugalseg.workflows.cues import CueSettings, FieldCues, find_cues
from frugalseg.workflows.judging import Cut, field_report, judge, numbers_of, summarise
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
    cut: Callable[[FieldCues], Cut]
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
        truth = None if self.settings.truth is None else field.labels(self.settings.truth)
        with self.console.status("looking for nuclei and cells"):
            cues = find_cues(field, self.settings)
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
            "appearances": cues.appearances,
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
        if cues.nuclei is not None and self.settings.nuclei is not None:
            planes[self.settings.nuclei] = cues.nuclei
        rows = measure_cells(cut.labels, planes, cues.pixel_size)
        record["seconds"] = round(time.monotonic() - start, 2)
        self.outputs.write_field(field.name, cut.labels, record, rows, cues.pixel_size)
        report.add(field_report(cues, cut.labels, truth, record, rows))
        if cut.curve is not None:
            report.training.append(cut.curve)
        self.say(f"  {record['n_cells']} cells in {record['seconds']:.0f} s")

    def _show_earlier(self, field: Field, report: Report) -> None:
        """Show a field that an earlier run completed; its cues are found again only where a viewer shows them."""
        record = self.outputs.done[field.name]
        labels = np.asarray(read_image(self.outputs.labels_path(field.name)).pixels[0, 0]).astype(np.uint32)
        rows = record["measurements"]
        truth = None if self.settings.truth is None else field.labels(self.settings.truth)
        if len(report.fields) < FULL_FIELDS:
            report.add(field_report(find_cues(field, self.settings), labels, truth, record, rows))
        else:
            image = preview(field.planes(self.settings.cells))
            report.add(
                FieldReport(
                    name=field.name, image=image, labels=labels, measurements=rows, **numbers_of(record)
                )
            )
        curve = self.earlier_curve(field.name)
        if curve is not None:
            report.training.append(curve)
