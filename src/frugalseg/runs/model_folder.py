"""One run of a `learn` command: its model folder, and the checkpoint beside it until the model is complete.

While a model MODEL is trained, the folder ``MODEL.part`` holds the checkpoint and ``request.json``: the settings and
files that a resumed run must have too, and which model is replaced. It is removed when the model is saved.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import JsonValue

from frugalseg.errors import Interrupted, OutputExists, OutputFailed, SettingsError, UnreadableFile
from frugalseg.images.write import plain
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.models.model_files import read_training
from frugalseg.networks.store import CARD, check_free, restore_model
from frugalseg.report import Report, TrainingCurve, render_report
from frugalseg.runs.checkpoint_folder import (
    begin_checkpoint,
    check_own,
    checkpoint_folder,
    drop_checkpoint,
    has_checkpoint,
    read_request,
)
from frugalseg.runs.earlier_results import refuse_inside_inputs
from frugalseg.runs.manifest import ModelRecord, RunResult
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import REPORT
from frugalseg.runs.provenance import Sources, differences, first_few
from frugalseg.runs.records import TrainingSummary
from frugalseg.runs.run_log import RunLog, in_words
from frugalseg.runs.versions import command_line, versions

#: In a model folder: what was done with which settings, and the curves of the training.
RECORD, TRAINING = "record.json", "training.json"
#: In the request of a training: checksum of the card of the model that it replaces, if any.
REPLACES = "replaces"

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


def read_curve(path: Path, name: str) -> TrainingCurve | None:
    """Return the training curve of a model from its ``training.json``; None where there is none."""
    training = read_training(path.parent)
    return None if training is None else TrainingCurve.of(name, training)


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
    inside
        The folder is part of the results of a run, which has been compared with the earlier run already: a model of
        other settings there is of a run that this one replaces.

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
        inside: bool = False,
    ) -> None:
        self.command, self.folder, self.options = command, Path(folder), options
        self.sources, self._replace = sources, options.overwrite
        self.settings: dict[str, JsonValue] = plain(
            {**settings, **options.stated_axes(), "fields": list(sources)}
        )
        files = {name: [list(state) for state in one.read] for name, one in sources.items()}
        self.provenance: dict[str, JsonValue] = plain({"files": files, **(resolved or {})})
        self.log = RunLog(options.quiet)
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self._clock = time.monotonic()
        self.earlier: RunResult | None = None
        refuse_inside_inputs(self.folder, sources)
        restore_model(self.folder)
        if not (options.resume and self._resumed(inside)):
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
        Interrupted, OutputFailed
            Ctrl-C, or a full disk: the sentence says how to go on.
        """
        try:
            yield
        except BaseException as error:
            kept = f"what was learned is kept in {self.checkpoint}, so run the same command with `resume` to go on from there"
            if not has_checkpoint(self.checkpoint):
                # The request stays where `resume` would else find the model that is to be replaced.
                if not (self._replace and isinstance(error, KeyboardInterrupt)):
                    drop_checkpoint(self.folder)
            elif isinstance(error, KeyboardInterrupt):
                raise Interrupted(f"interrupted; {kept}") from error
            elif isinstance(error, OutputFailed):
                raise OutputFailed(f"{error}; {kept}") from error
            raise

    def record(
        self, training: TrainingRecord, warnings: Sequence[str], failed: Mapping[str, str], **known: object
    ) -> ModelRecord:
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
            warnings=tuple(map(in_words, warnings)),
            failed={name: in_words(reason) for name, reason in failed.items()},
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
        """Write the model folder with its record, training curves and report, and remove the checkpoint.

        Raises
        ------
        UnreadableFile
            A file was changed after the run began: the model is of no known images.
        OutputExists, OutputFailed
            The model can't be written.
        """
        assert model.training is not None
        try:
            for name, files in self.sources.items():
                files.check_unchanged(f"field {name!r}")
        except UnreadableFile:
            drop_checkpoint(self.folder)
            raise
        extras = {
            TRAINING: json.dumps(model.training.to_dict()) + "\n",
            RECORD: json.dumps(record.to_dict(), indent=2, allow_nan=False) + "\n",
            REPORT: render_report(report),
        }
        model.save(self.folder, self._replace, extras)
        drop_checkpoint(self.folder)
        return RunResult(folder=self.folder, record=record)

    def _resumed(self, inside: bool) -> bool:
        """Go on with an interrupted training, or take the result of a complete one; False where neither is there."""
        part, now = self.checkpoint, {**self.settings, **self.provenance}
        request = read_request(part)
        replaces = None if request is None else request.pop(REPLACES, None)
        changed = None if request is None else first_few(differences(request, now))
        if changed == "" and replaces == _checksum(self.folder):
            self._replace = True
            check_free(self.folder, overwrite=True)
            return True
        if not (self.folder / RECORD).exists():
            if changed:
                raise SettingsError(
                    f"{part} holds a run of other settings or images ({changed}); resume with the same ones, or start again "
                    "with `overwrite`"
                )
            return False
        earlier = ModelRecord.read(self.folder / RECORD)
        other = first_few(differences({**earlier.settings, **earlier.provenance}, now))
        if other and not inside:
            raise SettingsError(
                f"{self.folder} holds a model of other settings or images ({other}); replace it with `overwrite` instead"
            )
        if other:
            self._replace = True
            return False
        self.earlier = RunResult(folder=self.folder, record=earlier)
        if not changed:  # killed after its model was saved
            drop_checkpoint(self.folder)
        return True

    def _begin(self) -> None:
        """Make the folder of the checkpoint."""
        part = self.checkpoint
        check_free(self.folder, self._replace)
        check_own(part)
        if has_checkpoint(part) and not self._replace:
            raise OutputExists(
                f"an interrupted training is kept in {part}; give `resume` to go on with it, `overwrite` to start again, or "
                "another name"
            )
        request = {**self.settings, **self.provenance, REPLACES: _checksum(self.folder)}
        drop_checkpoint(self.folder)
        begin_checkpoint(self.folder, request)


def _checksum(model: Path) -> str | None:
    """Return the checksum of a model's card; None where there is no model."""
    card = model / CARD
    return hashlib.sha256(card.read_bytes()).hexdigest() if card.is_file() else None
