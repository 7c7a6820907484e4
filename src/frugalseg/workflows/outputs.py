"""The folder OUT of a run: what is in it, and when a field counts as done.

::

    <field>_labels.tif     the cells of one field; <field>_<channel>.tif for a predicted stain
    <field>_record.json    what is known about it (scores, measurements, time); written last, so it means "complete"
    measurements.csv       every cell of every field
    report.html            written by the workflow
    run.json               settings, versions, seed, times, scores; its "state" is running, interrupted or done

Every file is written whole or not at all. A run that was cut short is resumed with the same settings: fields with
both files are kept, all others are done again.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError, OutputExists, OutputFailed, SettingsError, UnreadableFile
from frugalseg.evaluation.measurements import measurements_csv
from frugalseg.images.write import plain, write_json, write_labels, write_text
from frugalseg.workflows.versions import versions

RUN, REPORT, MEASUREMENTS = "run.json", "report.html", "measurements.csv"
LABELS_SUFFIX, RECORD_SUFFIX = "_labels.tif", "_record.json"


@dataclass(frozen=True)
class RunResult:
    """What a run leaves behind.

    Attributes
    ----------
    folder
        OUT.
    fields
        Field name -> its record, in order.
    failed
        Field name -> one line that says why.
    summary
        What else went into ``run.json``.
    """

    folder: Path
    fields: Mapping[str, Mapping[str, Any]]
    failed: Mapping[str, str] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON; measurements stay in their table."""
        return {
            "folder": str(self.folder),
            **plain(dict(self.summary)),
            "fields": {name: plain(without_rows(record)) for name, record in self.fields.items()},
            "failed": dict(self.failed),
        }


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

    Raises
    ------
    OutputExists
        There are results already, and neither `overwrite` nor `resume` is set.
    OutputFailed
        The folder can't be made or written to.
    SettingsError
        `resume` with other settings than the earlier run's, or both `resume` and `overwrite`.
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
    ) -> None:
        self.folder = Path(folder)
        self.suffix = suffix
        self.names = tuple(fields)
        self.settings: dict[str, Any] = plain(dict(settings))
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
        there = self._there()
        if there and not (overwrite or resume):
            more = f" and {len(there) - 1} more results" if len(there) > 1 else ""
            raise OutputExists(
                f"{there[0]}{more} are there already; give --overwrite to replace them, --resume to go on, "
                "or another folder"
            )
        if resume:
            self._take_up()
        else:
            for name in self.names:  # else a later --resume would take the old results for this run's
                self._remove(self.record_path(name))
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
        kept = {**plain(dict(record)), "measurements": plain(list(rows))}
        write_text(self.record_path(name), json.dumps(kept, allow_nan=False) + "\n", overwrite=True)
        self.done[name] = kept
        self.failed.pop(name, None)

    def fail(self, name: str, error: FrugalsegError | str) -> None:
        """Note that a field can't be done; the others go on."""
        self.failed[name] = " ".join(str(error).split())

    def finish(self, summary: Mapping[str, Any] | None = None, state: str = "done") -> RunResult:
        """Write ``measurements.csv`` and ``run.json``; `summary` is added to the latter."""
        rows = {name: self.done[name]["measurements"] for name in self.names if name in self.done}
        write_text(self.folder / MEASUREMENTS, measurements_csv(rows), overwrite=True)
        written = self._write_run(state, dict(summary or {}))
        fields = {name: self.done[name] for name in self.names if name in self.done}
        summary_written = {key: value for key, value in written.items() if key not in ("fields", "failed")}
        return RunResult(self.folder, fields, dict(self.failed), summary_written)

    def _there(self) -> list[Path]:
        per_field = [path for name in self.names for path in (self.result_path(name), self.record_path(name))]
        whole = [self.folder / name for name in (RUN, REPORT, MEASUREMENTS)]
        return [path for path in (*per_field, *whole) if path.exists()]

    def _take_up(self) -> None:
        """Load what an earlier run of the same settings completed."""
        path = self.folder / RUN
        if not path.exists():
            return
        earlier = read_json(path)
        was = earlier.get("settings", {})
        changed = sorted(key for key in {*was, *self.settings} if was.get(key) != self.settings.get(key))
        if changed or earlier.get("command") != self.command:
            what = ", ".join(f"{key} {was.get(key)!r} -> {self.settings.get(key)!r}" for key in changed)
            raise SettingsError(
                f"{self.folder} holds a run of other settings ({what or earlier.get('command')}); resume with the same "
                "ones, or start again with --overwrite"
            )
        self._earlier_seconds = float(earlier.get("seconds") or 0.0)
        self.started = earlier.get("started") or self.started
        for name in self.names:
            if self.result_path(name).exists() and self.record_path(name).exists():
                self.done[name] = read_json(self.record_path(name))

    def _write_run(self, state: str, summary: dict[str, Any]) -> dict[str, Any]:
        content = {
            "command": self.command,
            "state": state,
            "settings": self.settings,
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


def without_rows(record: Mapping[str, Any]) -> dict[str, Any]:
    """A field's record without its cells, which stand in ``measurements.csv``."""
    return {key: value for key, value in record.items() if key != "measurements"}


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; `UnreadableFile` where it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFile(
            f"{path} can't be read ({error}); start again with --overwrite or another folder"
        ) from error
    if not isinstance(content, dict):
        raise UnreadableFile(f"{path} is no record of a run; start again with --overwrite or another folder")
    return content
