"""What `segment` and `predict` do alike: field after field from cues to labels, scores, measurements and report."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting
from rich.console import Console
from rich.text import Text

from frugalseg.errors import FrugalsegError, Interrupted, OutputFailed
from frugalseg.evaluation.baselines import BASELINES
from frugalseg.evaluation.intervals import SUMMARISED, mean_interval
from frugalseg.evaluation.measurements import measure_cells
from frugalseg.evaluation.report import FieldReport, Report, TrainingCurve, preview, write_report
from frugalseg.evaluation.report.model import FULL_FIELDS
from frugalseg.evaluation.scores import score_labels
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable
from frugalseg.images.read import read_image
from frugalseg.images.scale import resize_labels
from frugalseg.instances.tidy import tidy_labels
from frugalseg.learning.from_markers.data import MarkerSample
from frugalseg.workflows.cues import CueSettings, FieldCues, find_cues
from frugalseg.workflows.outputs import Outputs, RunResult
from frugalseg.workflows.versions import versions

#: Dim nuclei are lifted in the report's picture by this exponent.
NUCLEI_GAMMA = 0.6


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
class Cut:
    """Cells of one field.

    Attributes
    ----------
    labels
        (Y,X) uint32, the id is the marker's number counted from 1.
    sample
        What the network saw.
    record
        What else is to be kept, as plain values.
    curve
        Loss of a training run of this field alone.
    """

    labels: NDArray[np.uint32]
    sample: MarkerSample
    record: Mapping[str, Any]
    curve: TrainingCurve | None = None


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
            command=f"frugalseg {outputs.command}",
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
        cut = self.cut(cues)
        record: dict[str, Any] = {
            "n_cells": int(np.count_nonzero(np.unique(cut.labels))),
            "diameter": cues.diameter,
            "appearances": cues.appearances,
            "markers": cues.markers.method,
            "foreground": cues.foreground.method,
            "cues": cues.quality.to_dict(),
            "warnings": cues.warnings,
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
                    name=field.name, image=image, labels=labels, measurements=rows, **_numbers(record)
                )
            )
        curve = self.earlier_curve(field.name)
        if curve is not None:
            report.training.append(curve)


def judge(truth: NDArray[Any], cues: FieldCues, cut: Cut, baselines: bool) -> dict[str, Any]:
    """Scores of the cells and, from the same markers and foreground, of the classical methods.

    These see what the network sees, at the working scale, and their labels are tidied like ours.
    """
    points = cues.markers.points
    result: dict[str, Any] = {"scores": score_labels(truth, cut.labels, points).to_dict()}
    if baselines:
        sample = cut.sample
        result["baselines"] = {}
        for name, method in BASELINES.items():
            small = method(sample.planes[0], sample.points, sample.foreground)
            labels = tidy_labels(resize_labels(small, cues.shape), points)
            result["baselines"][name] = score_labels(truth, labels, points).to_dict()
    return result


def field_report(
    cues: FieldCues,
    labels: NDArray[np.uint32],
    truth: NDArray[Any] | None,
    record: Mapping[str, Any],
    rows: Any,
) -> FieldReport:
    """One field as the report shows it."""
    return FieldReport(
        name=cues.name,
        image=preview(cues.planes),
        labels=labels,
        markers=cues.markers.points,
        nuclei=None if cues.nuclei is None else preview(cues.nuclei, gamma=NUCLEI_GAMMA),
        foreground=cues.foreground.mask,
        truth=truth,
        measurements=rows,
        pixel_size=cues.pixel_size,
        **_numbers(record),
    )


def _numbers(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "cue_quality": record["cues"],
        "scores": record.get("scores"),
        "baselines": record.get("baselines"),
        "seconds": record["seconds"],
        "warnings": tuple(record["warnings"]),
    }


def summarise(outputs: Outputs, truth: str | None) -> dict[str, Any]:
    """Mean scores over the fields that have truth, with 95 % intervals, and every warning."""
    done = {name: outputs.done[name] for name in outputs.names if name in outputs.done}
    scored = [record for record in done.values() if "scores" in record]
    summary: dict[str, Any] = {"warnings": [f"{n}: {w}" for n, r in done.items() for w in r["warnings"]]}
    summary["warnings"] += [f"{name} failed: {reason}" for name, reason in outputs.failed.items()]
    if truth is not None and done and not scored:
        summary["warnings"].append(f"No field has true labels in {truth!r}, so nothing was scored.")
    if scored:
        summary["scores"] = _means([record["scores"] for record in scored])
        methods = dict.fromkeys(name for record in scored for name in record.get("baselines") or {})
        if methods:
            summary["baselines"] = {
                name: _means([record["baselines"][name] for record in scored]) for name in methods
            }
    return summary


def _means(scores: list[Mapping[str, Any]]) -> dict[str, Any]:
    intervals = {name: mean_interval([one[name] for one in scores]) for name in SUMMARISED}
    intervals["ap50"] = mean_interval([one["ap"]["0.50"] for one in scores])
    return {
        name: {"mean": one.mean, "low": one.low, "high": one.high, "n": one.n}
        for name, one in intervals.items()
    }
