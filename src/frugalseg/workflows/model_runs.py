"""What the three `learn` commands do alike: resuming, and what is kept of a run in its model folder."""

import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from frugalseg.errors import Interrupted, OutputExists, OutputFailed, SettingsError
from frugalseg.images.write import plain, write_json
from frugalseg.learning.checkpoint import CHECKPOINT
from frugalseg.learning.from_markers.marker_settings import MarkerSettings, Preset
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.networks.cards import TrainingSummary
from frugalseg.networks.store import check_free
from frugalseg.report import Report
from frugalseg.workflows.cutters import brief, curve_of
from frugalseg.workflows.outputs import REPORT, RunResult, read_json
from frugalseg.workflows.sources import Sources, differences
from frugalseg.workflows.versions import command_line, versions

#: In a model folder: what was done with which settings, and the curves of the training.
RECORD, TRAINING = "record.json", "training.json"
#: In the folder of the checkpoint: the settings and files that a resumed run must have too.
ASKED = "asked.json"


def checkpoints_of(model: Path) -> Path:
    """Folder beside a model that holds the checkpoint while it is trained."""
    return model.with_name(f"{model.name}.part")


def resolved_marker_settings(preset: Preset, max_steps: int | None) -> dict[str, Any]:
    """What a preset comes to in this version of frugalseg, for both kinds of images."""
    return {
        f"cutter for {look} cells": MarkerSettings.preset(preset, max_steps, look == "label-free").model_dump(
            mode="json"
        )
        for look in ("label-free", "fluorescent")
    }


def files_of(sources: Mapping[str, Sources]) -> dict[str, Any]:
    """Files of all fields, as `begin_model` compares them."""
    return {"files": {name: one.to_list() for name, one in sources.items()}}


def keep_checkpoint_of(provenance: dict[str, Any], model: Path) -> None:
    """Drop what was trained so far from other settings or files, and say beside the checkpoint what this one is from."""
    part = checkpoints_of(model)
    if (part / ASKED).exists() and read_json(part / ASKED) == plain(provenance):
        return
    _check_own(part)
    shutil.rmtree(part, ignore_errors=True)
    write_json(part / ASKED, provenance)


def begin_model(
    out: Path, asked: dict[str, Any], provenance: dict[str, Any], resume: bool, overwrite: bool
) -> RunResult | None:
    """Make the folder of the checkpoint, or give the result of the same run where it is complete already.

    Parameters
    ----------
    asked
        Settings and names of the fields, as plain values.
    provenance
        What else decides the model: files of the fields, what a preset comes to.

    Raises
    ------
    OutputExists, OutputFailed
        There is a model already; nothing can be written.
    SettingsError
        `resume` with other settings or files than the earlier run's, or together with `overwrite`.
    """
    if overwrite and resume:
        raise SettingsError("resume keeps earlier results and overwrite replaces them; give one of them")
    now = {**asked, **provenance}
    if resume and (out / RECORD).exists():
        return _earlier(out, now)
    check_free(out, overwrite)
    part = checkpoints_of(out)
    if resume and (part / ASKED).exists():
        changed = _some(differences(read_json(part / ASKED), now))
        if changed:
            raise SettingsError(
                f"{part} holds a run of other settings or images ({changed}); resume with the same ones, or start again "
                "with --overwrite"
            )
        return None
    _check_own(part)
    if (part / CHECKPOINT).exists() and not overwrite:
        raise OutputExists(
            f"an interrupted training is kept in {part}; give --resume to go on with it, --overwrite to start again, or "
            "another name"
        )
    shutil.rmtree(part, ignore_errors=True)
    try:
        write_json(part / ASKED, now)
    except OutputFailed:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return None


def _check_own(part: Path) -> None:
    """Refuse to remove a folder that no training made."""
    if part.exists() and not (part / ASKED).exists() and not (part.is_dir() and not any(part.iterdir())):
        raise OutputExists(
            f"{part} is needed while the model is trained, and is there without being of a training; move it, or choose "
            "another name for the model"
        )


@contextmanager
def resumable_or_gone(out: Path) -> Iterator[None]:
    """Remove the folder of the checkpoint when a run ends with an error before there is a checkpoint in it.

    Where there is one, Ctrl-C becomes a sentence that says how to go on: what was learned is kept until it is saved.
    """
    part = checkpoints_of(out)
    try:
        yield
    except BaseException as error:
        if not (part / CHECKPOINT).exists():
            shutil.rmtree(part, ignore_errors=True)
        elif isinstance(error, KeyboardInterrupt):
            raise Interrupted(
                f"interrupted; what was learned is kept in {part}, so run the same command with --resume to go on from there"
            ) from error
        raise


def _earlier(out: Path, now: dict[str, Any]) -> RunResult:
    content = read_json(out / RECORD)
    changed = _some(differences({**content.get("settings", {}), **content.get("provenance", {})}, now))
    if changed:
        raise SettingsError(
            f"{out} holds a model of other settings or images ({changed}); replace it with --overwrite instead"
        )
    return model_result(out, content)


def _some(names: Iterable[str]) -> str:
    """Name the first few."""
    listed = list(names)
    return ", ".join([*listed[:4], "..."] if len(listed) > 4 else listed)


def model_result(out: Path, content: dict[str, Any]) -> RunResult:
    """Give a record as the result of a run."""
    summary = {key: value for key, value in content.items() if key not in ("fields", "failed")}
    return RunResult(out, content["fields"], content["failed"], summary)


def model_extras(training: TrainingRecord, content: dict[str, Any], report: str) -> dict[str, str]:
    """Files that stand in the model folder beside the weights."""
    return {
        TRAINING: json.dumps(training.to_dict()) + "\n",
        RECORD: json.dumps(plain(content), indent=2, allow_nan=False) + "\n",
        REPORT: report,
    }


@dataclass(frozen=True)
class ModelRun:
    """One run of a `learn` command: its settings, its clock, and where progress is said.

    Attributes
    ----------
    command
        Such as "learn stains".
    asked
        Settings and fields, as plain values.
    provenance
        What else decides the model, see `begin_model`.
    console
        Where progress is said.
    """

    command: str
    asked: dict[str, Any]
    provenance: dict[str, Any]
    console: Console
    clock: float = field(default_factory=time.monotonic)
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def say(self, text: str) -> None:
        """Print one line, whatever characters are in it."""
        self.console.print(Text(text), soft_wrap=True)

    def record(self, training: TrainingRecord) -> dict[str, Any]:
        """What the record of every model says."""
        return {
            "command": self.command,
            "settings": self.asked,
            "provenance": self.provenance,
            "seed": self.asked["seed"],
            "versions": versions(),
            "started": self.started,
            "seconds": round(time.monotonic() - self.clock, 2),
            "training": brief(training),
        }

    def training_summary(
        self, training: TrainingRecord, fields: tuple[str, ...], held_out: tuple[str, ...]
    ) -> TrainingSummary:
        """What the card says of the training."""
        return TrainingSummary(
            steps=training.steps,
            stopped_because=training.stopped_because,
            seconds=round(training.seconds, 2),
            seed=self.asked["seed"],
            fields=fields,
            held_out=held_out,
        )


def report_of(
    record: dict[str, Any], curve: str, training: TrainingRecord, history_name: str = "Validation score"
) -> Report:
    """Report of a model, with everything but what was learned from."""
    return Report(
        title=f"frugalseg {record['command']}",
        command=command_line(record["command"]),
        settings=record["settings"],
        versions=record["versions"],
        seeds=(record["seed"],),
        started=record["started"],
        seconds=record["seconds"],
        warnings=[f"{name} failed: {why}" for name, why in record["failed"].items()],
        training=[curve_of(curve, training, history_name)],
    )
