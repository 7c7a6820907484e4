"""The folder OUT of a run: what is in it, and when a field counts as complete.

::

    <field>_labels.tif     the cells of one field; <field>_<channel>.tif for a predicted stain
    <field>_record.json    what is known about it (scores, measurements, time); written last, so it means "complete"
    measurements.csv       every cell of every field
    report.html            pictures, scores, settings
    run.json               settings, versions, seed, times, scores; its "state" is running, interrupted or done

Every file is written whole or not at all. A run that was cut short is resumed with the same settings and images: fields
with both files are kept, all others are computed again. A record says of which run it is and from which files it was
made, because a folder may hold results of several runs. Nothing is written for files that changed meanwhile, nor into a
folder that was removed.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from frugalseg.errors import OutputFailed, SettingsError, UnreadableFile
from frugalseg.evaluation.measurements import measurements_csv
from frugalseg.images.unfinished import remove_unfinished
from frugalseg.images.write import folder_taken, plain, write_json, write_text
from frugalseg.runs import earlier_results
from frugalseg.runs.manifest import RunRecord, RunResult, RunSummary
from frugalseg.runs.options import RunOptions
from frugalseg.runs.provenance import Sources, content_checksum, differences, file_state, first_few
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.versions import versions

RUN, REPORT, MEASUREMENTS = "run.json", "report.html", "measurements.csv"
LABELS_SUFFIX, RECORD_SUFFIX = "_labels.tif", "_record.json"


class OutputFolder:
    """Writes the results of one run into its folder, one field at a time.

    Parameters
    ----------
    folder
        OUT; made where needed.
    sources
        Files of every field, by the field's name: saved, compared when resuming, and never replaced.
    settings
        Everything that decides the result, as plain values; saved, and compared when resuming.
    command
        What made the run, such as "segment".
    options
        Whether results of an earlier run are kept (`resume`) or replaced (`overwrite`).
    suffix
        What the name of a field's result ends with.
    resolved
        What the settings come to in this version of frugalseg; saved and compared like them.

    Raises
    ------
    OutputExists
        There are results already, and neither `overwrite` nor `resume` is set; or no run that could be resumed has made
        them; or a result would take the place of an image that was given.
    OutputFailed
        The folder can't be made or written to.
    SettingsError
        `resume` with other settings or files than the earlier run's.
    """

    def __init__(
        self,
        folder: str | Path,
        sources: Mapping[str, Sources],
        settings: Mapping[str, object],
        *,
        command: str,
        options: RunOptions,
        suffix: str = LABELS_SUFFIX,
        resolved: Mapping[str, object] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.suffix = suffix
        self.sources = dict(sources)
        self.names = tuple(self.sources)
        self.settings: dict[str, JsonValue] = plain({**settings, **options.stated_axes()})
        self.resolved: dict[str, JsonValue] = plain(dict(resolved or {}))
        self.command = command
        self.done: dict[str, FieldRecord] = {}
        self.failed: dict[str, str] = {}
        self.not_shown: dict[str, str] = {}
        self.stages: dict[str, float] = {}
        self._clock = time.monotonic()
        self._earlier_seconds = 0.0
        self._earlier_stages: Mapping[str, float] = {}
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        folder_taken(self.folder)
        results = [self.result_path(name) for name in self.names]
        records = [self.record_path(name) for name in self.names]
        whole = [self.folder / name for name in (RUN, REPORT, MEASUREMENTS)]
        places = dict(zip(self.names, zip(results, records, strict=True), strict=True))
        earlier_results.spare_inputs(self.folder, self.sources, places)
        earlier_results.refuse_earlier_results(whole[0], [*results, *records, *whole], options)
        if options.resume:
            self._keep_complete_fields()
        earlier_results.spare_own_work(place for name, place in places.items() if name not in self.done)
        remove_unfinished(*whole, *records, *results)
        self._write_run("running", RunSummary())  # first, so that it fails now, and not after an hour
        # What is left of an earlier run would pass for this one's.
        if not options.resume:
            earlier_results.remove_field_results(places.values())
        for path in whole[1:] if len(self.done) < len(self.names) else ():
            earlier_results.remove(path)

    def result_path(self, name: str) -> Path:
        """Return where a field's result goes: its label map, or the predicted stain."""
        return self.folder / f"{name}{self.suffix}"

    def record_path(self, name: str) -> Path:
        """Return where a field's record goes."""
        return self.folder / f"{name}{RECORD_SUFFIX}"

    @property
    def report_path(self) -> Path:
        """Where the report goes."""
        return self.folder / REPORT

    def is_complete(self, name: str) -> bool:
        """Whether the result of a field is written."""
        return name in self.done

    def write_field(
        self, name: str, record: FieldRecord, write: Callable[[Path], None] | None
    ) -> FieldRecord:
        """Write a field's result, then its record: from now on the field counts as complete.

        Parameters
        ----------
        name
            The field's.
        record
            What is known about it.
        write
            Writes the result to a path, whole or not at all; None where it is written already.

        Returns
        -------
        FieldRecord
            With what it was made from.

        Raises
        ------
        UnreadableFile
            A file of the field was changed since the run began; there is no result then.
        OutputFailed
            The folder was removed, or can't be written to.
        """
        path = self.result_path(name)
        self.check_there()
        try:
            self.sources[name].check_unchanged(f"field {name!r}")
        except UnreadableFile:
            for written in (path, self.record_path(name)) if write is None else ():
                earlier_results.remove(written)
            raise
        made = earlier_results.made_by(self.request_checksum, self.record_path(name), path)
        if write is not None:
            earlier_results.write_result(path, self.record_path(name), write, made)
        made["result_checksum"] = content_checksum(path)
        sources = self.sources[name]
        known = {} if sources.pixel_size is None else {"pixel_size": sources.pixel_size}
        kept = record.with_values(files=sources.read, **known, **made)
        content = {**kept.to_dict(), "measurements": plain(list(kept.measurements))}
        write_text(self.record_path(name), json.dumps(content, allow_nan=False) + "\n", overwrite=True)
        self.done[name] = kept
        self.failed.pop(name, None)
        return kept

    def fail(self, name: str, reason: str) -> None:
        """Note why a field failed; the others go on. A complete field stays complete, though it can't be shown again."""
        noted = self.not_shown if name in self.done else self.failed
        noted[name] = " ".join(reason.split())

    def begin_again(self) -> None:
        """Let no field count as complete: those that are were made with another model."""
        for name in self.done:
            earlier_results.remove(self.result_path(name))
            earlier_results.remove(self.record_path(name))
        self.done.clear()

    def add_stages(self, **seconds: float) -> None:
        """Note what stages of this run took, s, on top of what they took before the run was resumed."""
        for stage, taken in seconds.items():
            self.stages[stage] = round(self._earlier_stages.get(stage, 0.0) + taken, 2)

    def finish(self, summary: RunSummary | None = None, state: str = "done") -> RunResult:
        """Write ``measurements.csv`` and ``run.json``.

        Raises
        ------
        OutputFailed
            The folder or a result was removed while the run went on, or can't be written to.
        """
        self.check_there(*self.done)
        rows = {name: self.done[name].measurements for name in self.names if name in self.done}
        write_text(self.folder / MEASUREMENTS, measurements_csv(rows), overwrite=True)
        return RunResult(folder=self.folder, record=self._write_run(state, summary or RunSummary()))

    def check_there(self, *names: str) -> None:
        """Raise `OutputFailed` where the folder, or a result of these fields, was removed: all would seem well at the end."""
        needed = [path for name in names for path in (self.result_path(name), self.record_path(name))]
        missing = next((path for path in needed if not path.exists()), None)
        if file_state(self.folder / RUN) != self._run_state:
            missing = self.folder / RUN
        if missing is not None:
            raise OutputFailed(
                f"{missing} was removed or replaced while the run went on, so results are missing; run again"
            )

    @property
    def seconds(self) -> float:
        """Time that the run has taken so far, s, with what it took before it was resumed."""
        return round(self._earlier_seconds + time.monotonic() - self._clock, 2)

    @property
    def request_checksum(self) -> str:
        """Short checksum of all that decides a result but the images."""
        decided = [self.command, self.suffix, self.settings, self.resolved]
        return hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()[:16]

    def provenance(self, name: str) -> dict[str, JsonValue]:
        """Return what decides a field's result, as plain values: the run's settings in short, and the files."""
        return {"run": self.request_checksum, "files": [list(state) for state in self.sources[name].read]}

    def _keep_complete_fields(self) -> None:
        """Load what an earlier run of the same settings completed."""
        path = self.folder / RUN
        if not path.exists():
            return
        earlier = RunRecord.read(path)
        changed = differences({**earlier.settings, **earlier.resolved}, {**self.settings, **self.resolved})
        if changed or earlier.command != self.command:
            what = first_few(f"{name} {before!r} -> {now!r}" for name, (before, now) in changed.items())
            raise SettingsError(
                f"{self.folder} holds a run of other settings ({what or earlier.command}); resume with the same ones, or "
                "start again with `overwrite`"
            )
        self._earlier_seconds = earlier.seconds
        self._earlier_stages = {
            name: taken for name, taken in (earlier.stages or {}).items() if name not in ("fields", "report")
        }
        self.stages = dict(self._earlier_stages)  # a run that is killed soon keeps them
        self.started = earlier.started or self.started
        others = [
            name for name in earlier.fields if name not in self.names and self.result_path(name).exists()
        ]
        earlier_results.refuse_to_lose(self.folder, others)
        for name in self.names:
            if self.result_path(name).exists() and self.record_path(name).exists():
                self._keep_field(name, FieldRecord.read(self.record_path(name)))

    def _keep_field(self, name: str, record: FieldRecord) -> None:
        if record.unfinished or record.run != self.request_checksum:
            return  # left over from a run of other settings
        other = self.sources[name].other_than(record.files, record.pixel_size)
        if other is not None:
            raise SettingsError(
                f"field {name!r} in {self.folder} was not made from {other} as it is now; resume with the same images, or "
                "give another folder or `overwrite`"
            )
        path = self.result_path(name)
        if record.result_checksum not in (None, content_checksum(path)):
            raise SettingsError(
                f"{path} was changed after it was written, and its numbers here are those of before; move it away and resume, or "
                "score it where it is"
            )
        self.done[name] = record

    def _write_run(self, state: str, summary: RunSummary) -> RunRecord:
        seed = self.settings.get("seed")
        record = RunRecord(
            command=self.command,
            state=state,
            settings=self.settings,
            seed=seed if isinstance(seed, int) else None,
            versions=versions(),
            started=self.started,
            seconds=self.seconds,
            fields={name: self.done[name] for name in self.names if name in self.done},
            failed=self.failed,
        )
        known: dict[str, object] = {name: getattr(summary, name) for name in summary.model_fields_set}
        known |= {"resolved": self.resolved} if self.resolved else {}
        known |= {"stages": self.stages} if self.stages else {}
        record = record.model_copy(update=known)
        write_json(self.folder / RUN, record.to_dict(), overwrite=True)
        self._run_state = file_state(self.folder / RUN)
        return record
