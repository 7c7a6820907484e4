"""``frugalseg learn labels``: nuclei or cells from a handful of labelled images (paper A)."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Setting
from rich.console import Console

from frugalseg.errors import SettingsError
from frugalseg.images.channels import InputChannel, parse_channels
from frugalseg.images.fields import FieldTable, open_fields
from frugalseg.images.write import plain
from frugalseg.learning.crops import CropSampler
from frugalseg.learning.device import Device, pick_device
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.from_labels.label_training import learn_from_labels
from frugalseg.networks.cards import ObjectCard, TrainingSummary
from frugalseg.networks.encoders import EncoderName
from frugalseg.networks.store import save_model
from frugalseg.report import render_report
from frugalseg.workflows.cues import check_channels
from frugalseg.workflows.label_lesson import (
    LabelLesson,
    describe,
    judge_objects,
    read_label_lesson,
    show_labels,
)
from frugalseg.workflows.model_runs import (
    ModelRun,
    begin_model,
    checkpoints_of,
    files_of,
    model_extras,
    model_result,
    report_of,
    resumable_or_gone,
)
from frugalseg.workflows.objects import Start, begin_network, find_start, scale_for
from frugalseg.workflows.outputs import RunResult
from frugalseg.workflows.sources import sources_of
from frugalseg.workflows.training_bar import training_bar


class LearnLabelsSettings(BaseModel):
    """Settings of `learn_labels_model`.

    Attributes
    ----------
    inputs
        Label-free channels and focal planes; those of `start` when None.
    labels
        Channel with label maps; fields without are left out. Negative labels are "not annotated".
    target
        What the labels are.
    start
        Folder of a stain model, or of another model of nuclei or cells.
    scale
        Network px per image px; None: the start's, else nuclei become 20 and cells 30 px wide.
    hold_out
        Let a part of the labels decide which weights are kept, instead of learning from it.
    preset
        "default", or "paper": the paper's numbers; `LabelSettings.preset` says what still differs.
    encoder, weights, crop, batch, slope, alpha, h, max_steps
        Of the preset when None, see `LabelSettings`.
    seed
        Of everything random.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: str | None = None
    labels: str
    target: Literal["nuclei", "cells"]
    start: Path | None = None
    scale: float | None = Setting(default=None, gt=0, le=4, allow_inf_nan=False)
    hold_out: bool = True
    preset: Literal["default", "paper"] = "default"
    encoder: EncoderName | None = None
    weights: str | None = None
    crop: int | None = Setting(default=None, ge=32, le=4096)
    batch: int | None = Setting(default=None, ge=1)
    slope: float | None = Setting(default=None, gt=0, allow_inf_nan=False)
    alpha: float | None = Setting(default=None, ge=0, allow_inf_nan=False)
    h: float | None = Setting(default=None, gt=0, lt=100)
    max_steps: int | None = Setting(default=None, ge=1)
    seed: int = Setting(default=0, ge=0)

    def teaching(self, start: Start | None) -> LabelSettings:
        """Give the teacher's settings; the encoder is the start's."""
        if start is not None and self.encoder not in (None, start.encoder):
            raise SettingsError(
                f"{start.folder} has the encoder {start.encoder}, so {self.encoder} can't start from it; leave --encoder out"
            )
        if start is not None and self.weights is not None:
            raise SettingsError("--weights and --start both say where to start from; give one of them")
        return LabelSettings.preset(
            self.preset,
            target=self.target,
            encoder=self.encoder if start is None else start.encoder,
            weights="none" if start is not None else self.weights,
            crop=self.crop,
            batch=self.batch,
            slope=self.slope,
            alpha=self.alpha,
            h=self.h,
            max_steps=self.max_steps,
        )

    def from_text(self, start: Start | None) -> str:
        """Give the inputs as text: those asked for, or the start's."""
        if self.inputs is None and start is None:
            raise SettingsError("the inputs are missing; give --from CH[,CH], or a model with --start")
        return self.inputs or ",".join(start.card.channels if start else ())


def learn_labels_model(
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: LearnLabelsSettings,
    *,
    pattern: str | None = None,
    where: Sequence[str] = (),
    device: Device = "auto",
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> RunResult:
    """Train a network to find nuclei or cells from a few labelled fields.

    Parameters
    ----------
    inputs, pattern, where
        See `frugalseg.open_fields`.
    out
        The model folder: ``card.yaml``, ``weights.safetensors``, ``training.json``, ``record.json``, ``report.html``.
    settings
        Channels, labels, start, training.
    device, quiet
        As of `frugalseg.segment`.
    resume
        Go on from the checkpoint of a run that was cut short.
    overwrite
        Replace an earlier model.

    Returns
    -------
    RunResult
        Scores of every field or part, held out or learned from, of the model and of its start.

    Raises
    ------
    InputError
        No field can be used, or there is no label.
    BadModel
        The start model is missing, damaged or of the wrong kind.
    OutputExists, OutputFailed
        There is a model already; nothing can be written.
    SettingsError
        Settings that do not fit together; the device is not there; ``resume`` with other settings.
    Interrupted
        Ctrl-C; the checkpoint is kept.
    """
    out = Path(out)
    start = None if settings.start is None else find_start(settings.start)
    settings.teaching(start)  # refuses what does not fit together
    channels = parse_channels(settings.from_text(start))
    table = open_fields(inputs, pattern=pattern, where=where)
    check_channels(table, tuple(one.channel for one in channels), (settings.labels,))
    pick_device(device)
    asked = plain({**settings.model_dump(), "fields": [one.name for one in table]})
    if start is not None:  # another model in the same folder is another start
        asked["start_sha256"] = start.card.sha256
    provenance = files_of(sources_of(table, (*(one.channel for one in channels), settings.labels)))
    earlier = begin_model(out, asked, provenance, resume, overwrite)
    if earlier is not None:
        return earlier
    run = ModelRun("learn labels", asked, provenance, Console(quiet=quiet))
    with resumable_or_gone(out):
        return _learn(table, channels, out, settings, run, start, device, resume, overwrite)


def _learn(
    table: FieldTable,
    channels: tuple[InputChannel, ...],
    out: Path,
    settings: LearnLabelsSettings,
    run: ModelRun,
    start: Start | None,
    device: Device,
    resume: bool,
    overwrite: bool,
) -> RunResult:
    """Read, train, judge and save."""
    teaching, picked, quiet = settings.teaching(start), pick_device(device), run.console.quiet
    with run.console.status("reading the fields"):
        lesson = read_label_lesson(table, channels, settings.labels, settings.target)
    if start is not None:
        find_start(start.folder, len(lesson.names))
    lesson.scale = settings.scale or scale_for(settings.target, lesson.diameter, start)
    lesson.split(settings.seed, settings.hold_out)
    network, started_from = begin_network(teaching, lesson.names, start, settings.seed)
    run.say(f"{lesson.line()}; started from {started_from}")
    samples, held_out = lesson.samples()
    # Judged before training too, so that the report can say whether training was worth it.
    before = None if start is None else judge_objects(network.to(picked), lesson, teaching.h)
    masks, advice = (one.targets[-1] for one in samples), "label more objects, or take larger crops"
    draw = CropSampler(masks, teaching.crop, settings.seed, threshold=0.5, advice=advice)
    with training_bar("training", quiet) as progress:
        training = learn_from_labels(
            network.to("cpu"),
            samples,
            held_out,
            draw,
            teaching,
            seed=settings.seed,
            device=device,
            checkpoint=checkpoints_of(out),
            resume=resume,
            progress=progress,
        )
    with run.console.status("finding objects in every field"):
        after = judge_objects(network.to(picked), lesson, teaching.h)
    record = run.record(training) | {"started_from": started_from} | describe(lesson, before, after)
    report = report_of(record, "all labelled fields", training, "held-out score")
    show_labels(report, lesson, before, after)
    summary = run.training_summary(training, *lesson.part_names())
    card = _card(lesson, teaching, summary, started_from)
    extras = model_extras(training, record, render_report(report))
    save_model(out, card, network.to("cpu"), overwrite, extras)
    shutil.rmtree(checkpoints_of(out), ignore_errors=True)
    return model_result(out, record)


def _card(
    lesson: LabelLesson, teaching: LabelSettings, training: TrainingSummary, started_from: str
) -> ObjectCard:
    return ObjectCard(
        kind=lesson.target,
        channels=lesson.names,
        pixel_size=lesson.fields[0].pixel_size,
        settings=teaching.model_dump(mode="json"),
        training=training,
        scale=lesson.scale,
        diameter=lesson.diameter,
        started_from=started_from,
    )
