"""One run of a `learn` command: its model folder, and the checkpoint beside it until the model is complete.

While a model MODEL is trained, the folder ``MODEL.part`` holds the checkpoint and ``request.json``: the settings and
files that a resumed run must have too. It is removed when the model is saved.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import JsonValue

from frugalseg.errors import Interrupted, OutputExists, OutputFailed, SettingsError
from frugalseg.images.write import plain, write_json
from frugalseg.learning.checkpoint import CHECKPOINT
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.networks.store import check_free
from frugalseg.report import Report, TrainingCurve, render_report
from frugalseg.runs.manifest import ModelRecord, RunResult
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import REPORT
from frugalseg.runs.provenance import Sources, differences, first_few
from frugalseg.runs.records import TrainingSummary, read_json
from frugalseg.runs.run_log import RunLog
from frugalseg.runs.versions import command_line, versions

#: In a model folder: what was done with which settings, and the curves of the training.
RECORD, TRAINING = "record.json", "training.json"
#: In the folder of the checkpoint.
REQUEST = "request.json"

ModelT = TypeVar("ModelT", bound="Savable")


class Savable(Protocol):
    """A model of `frugalseg.models`."""

    @property
    def training(self) -> TrainingRecord | None:
        """What happened in training."""
        ...

    def save(
        self, folder: str | Path, overwrite: bool = False, extras: Mapping[str, str] | None = None
    ) -> object:
        """Write the model's folder."""
        ...


def checkpoint_folder(model: Path) -> Path:
    """Return the folder beside a model that holds the checkpoint while it is trained."""
    return model.with_name(f"{model.name}.part")


def begin_checkpoint(model: Path, request: Mapping[str, JsonValue]) -> Path:
    """Return the folder for the checkpoint, without one that a run with other settings or files left.

    Raises
    ------
    OutputExists
        A folder is there that no training made.
    OutputFailed
        Nothing can be written.
    """
    part = checkpoint_folder(model)
    if (part / REQUEST).exists() and read_json(part / REQUEST) == plain(dict(request)):
        return part
    _check_own(part)
    shutil.rmtree(part, ignore_errors=True)
    write_json(part / REQUEST, request)
    return part


def read_curve(path: Path, name: str) -> TrainingCurve | None:
    """Return the training curve of a model from its ``training.json``; None where there is none."""
    if not path.exists():
        return None
    return TrainingCurve.of(name, TrainingRecord.from_dict(read_json(path)))


def drop_checkpoint(model: Path) -> None:
    """Remove the folder of the checkpoint."""
    shutil.rmtree(checkpoint_folder(model), ignore_errors=True)


class ModelRun:
    """One run of a `learn` command.

    Parameters
    ----------
    command
        Such as "learn stains".
    folder
        Of the model.
    settings
        As requested, names of the fields included.
    sources
        Files of the fields.
    options
        Whether an earlier run is resumed, or an earlier model replaced.
    resolved
        What the settings come to in this version of frugalseg.

    Raises
    ------
    OutputExists, OutputFailed
        There is a model already; nothing can be written.
    SettingsError
        `resume` with other settings or files than the earlier run's.
    """

    def __init__(
        self,
        command: str,
        folder: str | Path,
        settings: Mapping[str, object],
        sources: Mapping[str, Sources],
        options: RunOptions,
        resolved: Mapping[str, object] | None = None,
    ) -> None:
        self.command, self.folder, self.options = command, Path(folder), options
        self.settings: dict[str, JsonValue] = plain(
            {**settings, **options.stated_axes(), "fields": list(sources)}
        )
        files = {name: [list(state) for state in one.read] for name, one in sources.items()}
        self.provenance: dict[str, JsonValue] = plain({"files": files, **(resolved or {})})
        self.log = RunLog(options.quiet)
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self._clock = time.monotonic()
        self.earlier: RunResult | None = None
        if options.resume and (self.folder / RECORD).exists():
            self.earlier = self._earlier_result()
        else:
            self._begin()

    @property
    def checkpoint(self) -> Path:
        """Folder of the checkpoint."""
        return checkpoint_folder(self.folder)

    @contextmanager
    def resumable(self) -> Iterator[None]:
        """Keep the checkpoint of a block that is cut short; remove the folder where there is no checkpoint yet.

        Raises
        ------
        Interrupted
            Ctrl-C: the sentence says how to go on.
        """
        try:
            yield
        except BaseException as error:
            if not _has_checkpoint(self.checkpoint):
                drop_checkpoint(self.folder)
            elif isinstance(error, KeyboardInterrupt):
                raise Interrupted(
                    f"interrupted; what was learned is kept in {self.checkpoint}, so run the same command with `resume` to "
                    "go on from there"
                ) from error
            raise

    def record(self, training: TrainingRecord, **known: object) -> ModelRecord:
        """Return the record of the model, with what this command knows besides."""
        seed = self.settings.get("seed")
        return ModelRecord(
            command=self.command,
            state="done",
            settings=self.settings,
            provenance=self.provenance,
            seed=seed if isinstance(seed, int) else None,
            versions=versions(),
            started=self.started,
            seconds=round(time.monotonic() - self._clock, 2),
            training=TrainingSummary.of(training),
            **known,  # type: ignore[arg-type]
        )

    def report(self, record: ModelRecord, curve: TrainingCurve) -> Report:
        """Return the report of the model, with everything but what was learned from."""
        failed = [f"{name} failed: {reason}" for name, reason in record.failed.items()]
        return Report(
            title=f"frugalseg {self.command}",
            command=command_line(self.command),
            settings=record.settings,
            versions=record.versions,
            seeds=() if record.seed is None else (record.seed,),
            started=record.started,
            seconds=record.seconds,
            warnings=[*record.warnings, *failed],
            training=[curve],
        )

    def save(self, model: Savable, record: ModelRecord, report: Report) -> RunResult:
        """Write the model folder with its record, training curves and report, and remove the checkpoint."""
        assert model.training is not None
        extras = {
            TRAINING: json.dumps(model.training.to_dict()) + "\n",
            RECORD: json.dumps(record.to_dict(), indent=2, allow_nan=False) + "\n",
            REPORT: render_report(report),
        }
        model.save(self.folder, self.options.overwrite, extras)
        drop_checkpoint(self.folder)
        return RunResult(folder=self.folder, record=record)

    def _begin(self) -> None:
        """Make the folder of the checkpoint."""
        overwrite, part = self.options.overwrite, self.checkpoint
        check_free(self.folder, overwrite)
        now = {**self.settings, **self.provenance}
        if self.options.resume and (part / REQUEST).exists():
            changed = first_few(differences(read_json(part / REQUEST), now))
            if changed:
                raise SettingsError(
                    f"{part} holds a run of other settings or images ({changed}); resume with the same ones, or start again "
                    "with `overwrite`"
                )
            return
        _check_own(part)
        if _has_checkpoint(part) and not overwrite:
            raise OutputExists(
                f"an interrupted training is kept in {part}; give `resume` to go on with it, `overwrite` to start again, or "
                "another name"
            )
        shutil.rmtree(part, ignore_errors=True)
        try:
            write_json(part / REQUEST, now)
        except OutputFailed:
            shutil.rmtree(part, ignore_errors=True)
            raise

    def _earlier_result(self) -> RunResult:
        """Return the result of the same run where it is complete already."""
        record = ModelRecord.read(self.folder / RECORD)
        now = {**self.settings, **self.provenance}
        changed = first_few(differences({**record.settings, **record.provenance}, now))
        if changed:
            raise SettingsError(
                f"{self.folder} holds a model of other settings or images ({changed}); replace it with `overwrite` instead"
            )
        return RunResult(folder=self.folder, record=record)


def _has_checkpoint(part: Path) -> bool:
    """Whether a training was interrupted there, in any of its rounds."""
    return next(part.rglob(CHECKPOINT), None) is not None


def _check_own(part: Path) -> None:
    """Refuse to remove a folder that training did not make: it holds files, and no checkpoint."""
    if not part.exists() or (part.is_dir() and not any(part.iterdir())):
        return
    if not any((part / name).exists() for name in (REQUEST, "asked.json")):
        raise OutputExists(
            f"{part} is needed while the model is trained, and is there without being of a training; move it, or choose "
            "another name for the model"
        )
