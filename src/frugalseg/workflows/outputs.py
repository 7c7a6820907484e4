"""The folder OUT of a run: what is in it, and when a field counts as done.

::

    <field>_labels.tif     the cells of one field; <field>_<channel>.tif for a predicted stain
    <field>_record.json    what is known about it (scores, measurements, time); written last, so it means "complete"
    measurements.csv       every cell of every field
    report.html            written by the workflow
    run.json               settings, versions, seed, times, scores; its "state" is running, interrupted or done

Every file is written whole or not at all. A run that was cut short is resumed with the same settings and images: fields
with both files are kept, all others are done again. A record says of which run it is and from which files it was made,
because a folder may hold results of several runs.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError, OutputExists, OutputFailed, SettingsError, UnreadableFile
from frugalseg.evaluation.measurements import measurements_csv
from frugalseg.images.write import plain, write_json, write_labels, write_text
from frugalseg.workflows.records import RunResult as RunResult
from frugalseg.workflows.records import read_json as read_json
from frugalseg.workflows.records import without_rows
from frugalseg.workflows.sources import Sources, differences, identity
from frugalseg.workflows.versions import versions

RUN, REPORT, MEASUREMENTS = "run.json", "report.html", "measurements.csv"
LABELS_SUFFIX, RECORD_SUFFIX = "_labels.tif", "_record.json"


class Outputs:
    """Writes the results of one run into its folder, one field at a time.

    Parameters
    ----------
    folder
        OUT; made where needed.
    fields
        Names of all fields of the run.
    settings
        Everything that decides the result, as plain values; saved, and compared when resuming.
    command
        What made the run, e.g. "segment".
    overwrite
        Replace the results of an earlier run.
    resume
        Keep the fields that an earlier run with the same settings completed.
    suffix
        What the name of a field's result ends with; ``_labels.tif`` by default.
    sources
        Files of the fields, by name: saved, compared when resuming, and never replaced.
    resolved
        What the settings come to in this version of frugalseg, as plain values; saved and compared like them.

    Raises
    ------
    OutputExists
        There are results already, and neither `overwrite` nor `resume` is set; or no run that could be resumed has made
        them; or a result would take the place of an image that was given.
    OutputFailed
        The folder can't be made or written to.
    SettingsError
        `resume` with other settings or files than the earlier run's, or both `resume` and `overwrite`.
    """

    def __init__(
        self,
        folder: str | Path,
        fields: Sequence[str],
        settings: Mapping[str, Any],
        *,
        command: str,
        overwrite: bool = False,
        resume: bool = False,
        suffix: str = LABELS_SUFFIX,
        sources: Mapping[str, Sources] | None = None,
        resolved: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.suffix = suffix
        self.names = tuple(fields)
        self.settings: dict[str, Any] = plain(dict(settings))
        self.resolved: dict[str, Any] = plain(dict(resolved or {}))
        self.sources = dict(sources or {})
        self.command = command
        self.done: dict[str, dict[str, Any]] = {}
        self.failed: dict[str, str] = {}
        self._clock = time.monotonic()
        self._earlier_seconds = 0.0
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        if overwrite and resume:
            raise SettingsError("resume keeps earlier results and overwrite replaces them; give one of them")
        if self.folder.exists() and not self.folder.is_dir():
            raise OutputFailed(f"{self.folder} is a file; results need a folder, so choose another name")
        self._refuse_what_is_there(overwrite, resume)
        if resume:
            self._take_up()
        else:  # else a later --resume would take the old results for this run's, and a reader the old report
            whole = (self.folder / name for name in (REPORT, MEASUREMENTS))
            for path in (*map(self.record_path, self.names), *whole):
                self._remove(path)
        self._write_run("running", {})  # fails now, and not after an hour, where nothing can be written

    def result_path(self, name: str) -> Path:
        """Where a field's result goes: its label map, or the predicted stain."""
        return self.folder / f"{name}{self.suffix}"

    def labels_path(self, name: str) -> Path:
        """Where a field's label map goes."""
        return self.result_path(name)

    def record_path(self, name: str) -> Path:
        """Where a field's record goes."""
        return self.folder / f"{name}{RECORD_SUFFIX}"

    @property
    def report_path(self) -> Path:
        """Where the workflow writes its report."""
        return self.folder / REPORT

    def is_complete(self, name: str) -> bool:
        """Whether an earlier run left a result of this field that is kept."""
        return name in self.done

    def write_field(
        self,
        name: str,
        labels: NDArray[Any],
        record: Mapping[str, Any],
        rows: Sequence[Mapping[str, Any]] = (),
        pixel_size: tuple[float, float] | None = None,
    ) -> None:
        """Write one field's labels (Y, X), then its record.

        Parameters
        ----------
        record
            Plain values: seconds, n_cells, scores, cue quality, warnings.
        rows
            Of `frugalseg.evaluation.measurements.measure_cells`; kept in the record for ``measurements.csv``.
        """
        write_labels(self.labels_path(name), labels, pixel_size, overwrite=True)
        self.write_record(name, record, rows)

    def write_record(
        self, name: str, record: Mapping[str, Any], rows: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Write what is known about a field whose result is written: from now on it counts as complete."""
        kept = {
            **plain(dict(record)),
            **self.provenance(name),
            "result": self.result_path(name).name,
            "measurements": plain(list(rows)),
        }
        write_text(self.record_path(name), json.dumps(kept, allow_nan=False) + "\n", overwrite=True)
        self.done[name] = kept
        self.failed.pop(name, None)

    def fail(self, name: str, error: FrugalsegError | str) -> None:
        """Note that a field can't be done; the others go on. One that is done stays so, though it can't be shown again."""
        if name not in self.done:
            self.failed[name] = " ".join(str(error).split())

    def finish(self, summary: Mapping[str, Any] | None = None, state: str = "done") -> RunResult:
        """Write ``measurements.csv`` and ``run.json``; `summary` is added to the latter."""
        rows = {name: self.done[name]["measurements"] for name in self.names if name in self.done}
        write_text(self.folder / MEASUREMENTS, measurements_csv(rows), overwrite=True)
        written = self._write_run(state, dict(summary or {}))
        fields = {name: self.done[name] for name in self.names if name in self.done}
        summary_written = {key: value for key, value in written.items() if key not in ("fields", "failed")}
        return RunResult(self.folder, fields, dict(self.failed), summary_written)

    def provenance(self, name: str) -> dict[str, Any]:
        """What decides a field's result, as plain values: the run's settings in short, and the files."""
        decided = [self.command, self.suffix, self.settings, self.resolved]
        run = hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()
        return {"run": run[:16], "files": self.sources.get(name, Sources()).to_list()}

    def _refuse_what_is_there(self, overwrite: bool, resume: bool) -> None:
        self._spare_inputs()
        per_field = [path for name in self.names for path in (self.result_path(name), self.record_path(name))]
        whole = [self.folder / name for name in (RUN, REPORT, MEASUREMENTS)]
        there = [path for path in (*per_field, *whole) if path.exists()]
        if not there or overwrite or (resume and whole[0].exists()):
            return
        more = f" and {len(there) - 1} more results" if len(there) > 1 else ""
        if resume:
            raise OutputExists(
                f"{there[0]}{more} are there, but no {RUN} that says how they were made, so there is no run to go on "
                "with; give another folder, or --overwrite to replace them"
            )
        raise OutputExists(
            f"{there[0]}{more} are there already; give --overwrite to replace them, --resume to go on, "
            "or another folder"
        )

    def _spare_inputs(self) -> None:
        """Refuse to replace an image that was given, whatever was asked; a result of an earlier run is none."""
        read = {identity(Path(state[0])) for one in self.sources.values() for state in one.read}
        listed = {identity(path) for one in self.sources.values() for path in one.listed}
        for name in self.names:
            path = self.result_path(name)
            found = identity(path)
            if found is not None and (found in read or (found in listed and not self._ours(name))):
                raise OutputExists(
                    f"{path} is one of the images that were given, and those are never replaced; give another folder"
                )

    def _ours(self, name: str) -> bool:
        """Whether an earlier run made what lies at the place of a field's result."""
        try:
            return read_json(self.record_path(name)).get("result") == self.result_path(name).name
        except UnreadableFile:
            return False

    def _take_up(self) -> None:
        """Load what an earlier run of the same settings completed."""
        path = self.folder / RUN
        if not path.exists():
            return
        earlier = read_json(path)
        was = {**earlier.get("settings", {}), **earlier.get("resolved", {})}
        changed = differences(was, {**self.settings, **self.resolved})
        if changed or earlier.get("command") != self.command:
            what = [f"{name} {before!r} -> {now!r}" for name, (before, now) in changed.items()]
            what = [*what[:4], "..."] if len(what) > 4 else what
            raise SettingsError(
                f"{self.folder} holds a run of other settings ({', '.join(what) or earlier.get('command')}); resume with "
                "the same ones, or start again with --overwrite"
            )
        self._earlier_seconds = float(earlier.get("seconds") or 0.0)
        self.started = earlier.get("started") or self.started
        for name in self.names:
            if self.result_path(name).exists() and self.record_path(name).exists():
                self._take_up_field(name, read_json(self.record_path(name)))

    def _take_up_field(self, name: str, record: dict[str, Any]) -> None:
        if record.get("run") != self.provenance(name)["run"]:
            return  # left over from a run of other settings
        other = self.sources.get(name, Sources()).other_than(record.get("files", ()))
        if other is not None:
            raise SettingsError(
                f"field {name!r} in {self.folder} was not made from {other} as it is now; resume with the same images, or "
                "give another folder or --overwrite"
            )
        self.done[name] = record

    def _write_run(self, state: str, summary: dict[str, Any]) -> dict[str, Any]:
        content = {
            "command": self.command,
            "state": state,
            "settings": self.settings,
            **({"resolved": self.resolved} if self.resolved else {}),
            "seed": self.settings.get("seed"),
            "versions": versions(),
            "started": self.started,
            "seconds": round(self._earlier_seconds + time.monotonic() - self._clock, 2),
            **summary,
            "fields": {name: without_rows(self.done[name]) for name in self.names if name in self.done},
            "failed": self.failed,
        }
        write_json(self.folder / RUN, content, overwrite=True)
        return content

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputFailed(
                f"{path} can't be replaced: {error.strerror}; choose another folder"
            ) from error
