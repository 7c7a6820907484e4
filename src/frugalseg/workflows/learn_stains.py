"""``frugalseg learn stains``: a network that predicts a stain from label-free images, with no label (paper A)."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Setting
from rich.console import Console

from frugalseg.images.channels import InputChannel, parse_channels
from frugalseg.images.fields import FieldTable, open_fields
from frugalseg.images.image import Projection
from frugalseg.images.write import plain
from frugalseg.learning.crops import CropSampler
from frugalseg.learning.device import Device, pick_device
from frugalseg.learning.from_stains.stain_settings import StainSettings
from frugalseg.learning.from_stains.stain_training import learn_from_stains
from frugalseg.networks.cards import StainCard, TrainingSummary
from frugalseg.networks.encoders import EncoderName
from frugalseg.networks.store import save_model
from frugalseg.report import render_report
from frugalseg.workflows.cues import check_channels
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
from frugalseg.workflows.outputs import RunResult
from frugalseg.workflows.sources import sources_of
from frugalseg.workflows.stain_lesson import StainLesson, judge_stain, mean_by_role, read_stain_lesson
from frugalseg.workflows.training_bar import training_bar


class LearnStainsSettings(BaseModel):
    """Settings of `learn_stains_model`.

    Attributes
    ----------
    inputs
        Label-free channels and focal planes, such as ``phase[1,3,5],brightfield``.
    to
        Channel of the stain.
    project
        How focal planes of the stain become one: maximum, mean, or the sharpest.
    scale
        Network px per image px; None: nuclei in the stain become 20 px wide, other stains keep their size.
    hold_out
        Let a part of the fields decide which weights are kept, instead of learning from it.
    preset
        "default", or "paper": the paper's numbers; `StainSettings.preset` says what still differs.
    encoder, weights, crop, batch, max_steps
        Of the preset when None, see `StainSettings`.
    seed
        Of everything random.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: str
    to: str
    project: Projection = "max"
    scale: float | None = Setting(default=None, gt=0, le=4, allow_inf_nan=False)
    hold_out: bool = True
    preset: Literal["default", "paper"] = "default"
    encoder: EncoderName | None = None
    weights: str | None = None
    crop: int | None = Setting(default=None, ge=32, le=4096)
    batch: int | None = Setting(default=None, ge=1)
    max_steps: int | None = Setting(default=None, ge=1)
    seed: int = Setting(default=0, ge=0)

    def teaching(self) -> StainSettings:
        """Give the teacher's settings."""
        return StainSettings.preset(
            self.preset,
            encoder=self.encoder,
            weights=self.weights,
            crop=self.crop,
            batch=self.batch,
            max_steps=self.max_steps,
        )


def learn_stains_model(
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: LearnStainsSettings,
    *,
    pattern: str | None = None,
    where: Sequence[str] = (),
    device: Device = "auto",
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> RunResult:
    """Train a network to predict a stain from label-free channels; no label is needed.

    Parameters
    ----------
    inputs, pattern, where
        See `frugalseg.open_fields`.
    out
        The model folder: ``card.yaml``, ``weights.safetensors``, ``training.json``, ``record.json``, ``report.html``.
    settings
        Channels, network, training.
    device, quiet
        As of `frugalseg.segment`.
    resume
        Go on from the checkpoint of a run that was cut short.
    overwrite
        Replace an earlier model.

    Returns
    -------
    RunResult
        Per field its PCC (paper A, eq. 3) and role; the summary has the mean over held-out fields.

    Raises
    ------
    InputError
        No field can be used.
    OutputExists, OutputFailed
        There is a model already; nothing can be written.
    SettingsError
        A channel list that can't be read; the device is not there; ``resume`` with other settings.
    Interrupted
        Ctrl-C; the checkpoint is kept.
    """
    out = Path(out)
    channels = parse_channels(settings.inputs)
    table = open_fields(inputs, pattern=pattern, where=where)
    check_channels(table, (*(one.channel for one in channels), settings.to), ())
    pick_device(device)
    asked = plain({**settings.model_dump(), "fields": [one.name for one in table]})
    provenance = files_of(sources_of(table, (*(one.channel for one in channels), settings.to)))
    earlier = begin_model(out, asked, provenance, resume, overwrite)
    if earlier is not None:
        return earlier
    run = ModelRun("learn stains", asked, provenance, Console(quiet=quiet))
    with resumable_or_gone(out):
        return _learn(table, channels, out, settings, run, device, resume, overwrite)


def _learn(
    table: FieldTable,
    channels: tuple[InputChannel, ...],
    out: Path,
    settings: LearnStainsSettings,
    run: ModelRun,
    device: Device,
    resume: bool,
    overwrite: bool,
) -> RunResult:
    """Read, train, judge and save."""
    teaching, picked, quiet = settings.teaching(), pick_device(device), run.console.quiet
    with run.console.status("reading the fields"):
        lesson = read_stain_lesson(
            table, channels, settings.to, settings.project, settings.scale, teaching.percentiles
        )
        lesson.split(settings.seed, settings.hold_out)
        samples, validating = lesson.samples()
        draw = CropSampler((one.targets[0] for one in samples), teaching.crop, settings.seed)
    run.say(f"{lesson.line()}; crops skipped, as they show no signal: {draw.skipped:.0%}")
    with training_bar("training", quiet) as progress:
        network, training, started_from = learn_from_stains(
            samples,
            validating,
            draw,
            teaching,
            seed=settings.seed,
            device=device,
            checkpoint=checkpoints_of(out),
            resume=resume,
            progress=progress,
        )
    with run.console.status("predicting every field"):
        records, comparisons = judge_stain(network.to(picked), lesson)
    record = run.record(training) | {
        "scale": lesson.scale,
        "inputs": lesson.names,
        "target_scale": lesson.target_scale.model_dump(),
        "started_from": started_from,
        "crops_skipped": draw.skipped,
        "pcc": mean_by_role(records),
        "fields": records,
        "failed": lesson.failed,
    }
    for role, one in record["pcc"].items():
        run.say(f"PCC of what was {role}: {one['mean']:.3f} (n = {one['n']})")
    report = report_of(record, f"{settings.to} from {', '.join(lesson.names)}", training, "held-out PCC")
    for shown in comparisons:
        report.add(shown)
    card = _card(lesson, teaching, run.training_summary(training, *lesson.part_names()))
    extras = model_extras(training, record, render_report(report))
    save_model(out, card, network.to("cpu"), overwrite, extras)
    shutil.rmtree(checkpoints_of(out), ignore_errors=True)
    return model_result(out, record)


def _card(lesson: StainLesson, teaching: StainSettings, training: TrainingSummary) -> StainCard:
    return StainCard(
        channels=lesson.names,
        pixel_size=lesson.fields[0].pixel_size,
        settings=teaching.model_dump(mode="json"),
        training=training,
        scale=lesson.scale,
        target=lesson.to,
        project=lesson.project,
        target_scale=lesson.target_scale,
    )
