"""``frugalseg learn markers``: one cutter from many fields, with no label (paper B)."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field as Setting
from rich.console import Console

from frugalseg.errors import FrugalsegError
from frugalseg.evaluation.measurements import measure_cells
from frugalseg.images.fields import FieldTable, open_fields
from frugalseg.images.write import plain
from frugalseg.learning.device import Device, pick_device
from frugalseg.learning.from_markers.marker_batches import MarkerSample
from frugalseg.learning.from_markers.marker_settings import MarkerSettings, Preset
from frugalseg.learning.from_markers.marker_training import learn_from_markers
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.networks.marker_net import MarkerNetwork
from frugalseg.networks.store import save_model
from frugalseg.report import render_report
from frugalseg.report.report_data import FULL_FIELDS
from frugalseg.workflows.cues import CueSettings, FieldCues, check_channels, find_cues, marker_sample
from frugalseg.workflows.cutters import make_card, segment_cells
from frugalseg.workflows.judging import field_report
from frugalseg.workflows.model_runs import (
    ModelRun,
    begin_model,
    checkpoints_of,
    files_of,
    model_extras,
    model_result,
    report_of,
    resolved_marker_settings,
    resumable_or_gone,
)
from frugalseg.workflows.outputs import RunResult
from frugalseg.workflows.sources import sources_of
from frugalseg.workflows.training_bar import training_bar


class LearnMarkersSettings(CueSettings):
    """Settings of `learn_markers_model`.

    Attributes
    ----------
    preset
        "default", or "paper": the paper's numbers; `MarkerSettings.preset` says what still differs.
    max_steps
        Upper bound of training steps; the preset's own when None.
    seed
        Of everything random.
    """

    preset: Preset = "default"
    max_steps: int | None = Setting(default=None, ge=1)
    seed: int = Setting(default=0, ge=0)


@dataclass
class _Lesson:
    """What all fields together give to learn from."""

    samples: list[MarkerSample] = field(default_factory=list)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    shown: list[FieldCues] = field(default_factory=list)


def learn_markers_model(
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: LearnMarkersSettings,
    *,
    pattern: str | None = None,
    where: Sequence[str] = (),
    device: Device = "auto",
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> RunResult:
    """Train one cutter on all fields together, from their nuclei alone.

    Parameters
    ----------
    inputs, pattern, where
        See `frugalseg.open_fields`.
    out
        The model folder: ``card.yaml``, ``weights.safetensors``, ``training.json``, ``record.json``, ``report.html``.
    settings
        Channels, cues, training. How grey values are normalised (fluorescent or label-free) is taken from the first
        field that can be used.
    device, quiet
        As of `frugalseg.segment`.
    resume
        Go on from the checkpoint of a run that was cut short.
    overwrite
        Replace an earlier model.

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
        The device is not there; ``resume`` with other settings.
    Interrupted
        Ctrl-C; the checkpoint is kept.
    """
    out = Path(out)
    table = open_fields(inputs, pattern=pattern, where=where)
    check_channels(table, settings.images(), settings.label_images())
    pick_device(device)
    asked = plain({**settings.as_request(), "fields": [one.name for one in table]})
    provenance = files_of(sources_of(table, settings.channels_read())) | resolved_marker_settings(
        settings.preset, settings.max_steps
    )
    earlier = begin_model(out, asked, provenance, resume, overwrite)
    if earlier is not None:
        return earlier
    run = ModelRun("learn markers", asked, provenance, Console(quiet=quiet))
    with resumable_or_gone(out):
        return _learn(table, out, settings, run, device, resume, overwrite)


def _learn(
    table: FieldTable,
    out: Path,
    settings: LearnMarkersSettings,
    run: ModelRun,
    device: Device,
    resume: bool,
    overwrite: bool,
) -> RunResult:
    """Find the cues, train, judge and save."""
    lesson = _collect(table, settings, run)
    cutting = MarkerSettings.preset(settings.preset, settings.max_steps, lesson.samples[0].label_free)
    with training_bar(f"training on {len(lesson.samples)} fields", run.console.quiet) as progress:
        cutter, training = learn_from_markers(
            lesson.samples,
            cutting,
            seed=settings.seed,
            device=device,
            checkpoint=checkpoints_of(out),
            resume=resume,
            progress=progress,
        )
    record = run.record(training) | {
        "warnings": lesson.warnings,
        "fields": lesson.records,
        "failed": lesson.failed,
    }
    with run.console.status("writing the model and its report"):
        report = _report(lesson, record, cutter, cutting, training, device)
        _save(out, lesson, record, cutter, cutting, training, settings, overwrite, report)
    return model_result(out, record)


def _collect(table: FieldTable, settings: CueSettings, run: ModelRun) -> _Lesson:
    """Find every field's cues and keep what is learned from; raises the first error where no field is left."""
    lesson = _Lesson()
    errors: list[FrugalsegError] = []
    for number, one in enumerate(table, start=1):
        start = time.monotonic()
        try:
            with run.console.status(f"[{number}/{len(table)}] looking for nuclei and cells"):
                cues = find_cues(one, settings)
        except FrugalsegError as error:
            errors.append(error)
            lesson.failed[one.name] = " ".join(str(error).split())
            continue
        run.say(f"[{number}/{len(table)}] {one.name}: {cues.line()}")
        first = lesson.shown[0] if lesson.shown else cues
        doubts = list(cues.warnings)
        if cues.modalities != first.modalities:
            doubts.append(
                f"Its channels look {', '.join(cues.modalities)}, and are normalised as those of {first.name} "
                f"({', '.join(first.modalities)})."
            )
        lesson.warnings += [f"{one.name}: {doubt}" for doubt in doubts]
        lesson.samples.append(marker_sample(cues, first.modalities))
        lesson.records[one.name] = {
            "n_markers": len(cues.markers),
            "diameter": cues.diameter,
            "modalities": cues.modalities,
            "foreground": cues.foreground.method,
            "cues": cues.quality.to_dict(),
            "warnings": doubts,
            "seconds": round(time.monotonic() - start, 2),
        }
        if len(lesson.shown) < FULL_FIELDS:  # the others' pixels are not kept
            lesson.shown.append(cues)
    if errors and not lesson.samples:
        raise errors[0]
    return lesson


def _report(
    lesson: _Lesson,
    record: dict[str, Any],
    cutter: MarkerNetwork,
    cutting: MarkerSettings,
    training: TrainingRecord,
    device: Device,
) -> str:
    """HTML that shows what the model makes of the first fields it was trained on."""
    report = report_of(record, "all fields", training)
    report.warnings = [*lesson.warnings, *report.warnings]
    for cues, sample in zip(lesson.shown, lesson.samples, strict=False):
        labels = segment_cells(cutter, cues, sample, cutting, device)
        rows = measure_cells(labels, pixel_size=cues.pixel_size)
        report.add(field_report(cues, labels, None, lesson.records[cues.name], rows))
    if len(lesson.samples) > len(lesson.shown):
        report.notes.append(f"The first {len(lesson.shown)} of {len(lesson.samples)} fields are shown.")
    return render_report(report)


def _save(
    out: Path,
    lesson: _Lesson,
    record: dict[str, Any],
    cutter: MarkerNetwork,
    cutting: MarkerSettings,
    training: TrainingRecord,
    settings: LearnMarkersSettings,
    overwrite: bool,
    report: str,
) -> None:
    names = [sample.name for sample in lesson.samples]
    diameters = sorted(record["diameter"] for record in lesson.records.values())
    card = make_card(
        lesson.shown[0],
        names,
        diameters[len(diameters) // 2],
        settings.markers_from(),
        cutting,
        training,
        settings.seed,
    )
    save_model(out, card, cutter, overwrite, model_extras(training, record, report))
    shutil.rmtree(checkpoints_of(out), ignore_errors=True)
