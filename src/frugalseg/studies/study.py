"""Run a study: what is missing, in several processes; then one table of all scores."""

import pickle
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue

from frugalseg.errors import FrugalsegError, Interrupted, OutputFailed, UnreadableFile
from frugalseg.images.write import plain, write_json, write_text
from frugalseg.learning.device import Device
from frugalseg.learning.interrupts import stopped_by_either
from frugalseg.runs.records import read_json
from frugalseg.runs.versions import command_line, versions
from frugalseg.studies.design.study_design import StudyDesign
from frugalseg.studies.report.result_files import SCORES, STUDY, remove_results
from frugalseg.studies.runs.run_folder import RunRecord
from frugalseg.studies.runs.run_queue import OnEvent, Outcome, check_workers, count_workers, make_runs
from frugalseg.studies.runs.run_worker import EXECUTION, Setup
from frugalseg.studies.scores.score_rows import ScoreRow, rows_to_csv
from frugalseg.studies.study_folder import (
    begin_folder,
    check_folder,
    only_study,
    remove_other_checkpoints,
    remove_runs,
)
from frugalseg.studies.study_plan import StudyPlan, TaskData, plan_study

State = Literal["running", "done", "interrupted", "some runs failed"]


@dataclass(frozen=True)
class StudyResult:
    """What a study found.

    Attributes
    ----------
    folder
        Of the study.
    rows
        Scores of all runs that are finished.
    answers
        What follows from them, in plain sentences.
    runs
        Name of each finished run -> its folder, with the model in ``model``.
    made
        Names of those that were made now.
    failed
        Name of each run that failed -> why.
    """

    folder: Path
    rows: tuple[ScoreRow, ...]
    answers: tuple[str, ...]
    runs: dict[str, Path]
    made: tuple[str, ...]
    failed: dict[str, str]

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain values for JSON."""
        content: dict[str, JsonValue] = plain({**asdict(self), "rows": [asdict(row) for row in self.rows]})
        return content


def run_study(
    design: StudyDesign | str | Path,
    data: TaskData,
    out: str | Path,
    *,
    data_root: str | Path | None = None,
    workers: int | None = None,
    device: Device = "auto",
    overwrite: bool = False,
    progress: OnEvent | None = None,
) -> StudyResult:
    """Make every run of a study that is missing, in several processes, and collect the scores.

    A study that was cut short goes on where it was, and a changed design or image makes anew what it concerns. The result
    does not depend on the number of processes, nor on where they were cut short.

    Parameters
    ----------
    design
        The design, or its YAML file.
    data
        Name of each task -> its fields, or the fields of all tasks (`frugalseg.ArrayData`); None: those that the design names.
    out
        Folder of the study.
    data_root
        Folder that files and models of the design are relative to; that of the design's file by default.
    workers
        Number of processes; by default one for each CPU as far as memory allows, that of GPUs too.
    device
        Where to compute.
    overwrite
        Make every run anew.
    progress
        Is called with what happens to runs.

    Raises
    ------
    SettingsError, UnreadableFile, InputError
        The design or its fields can't be used; the device is not there.
    OutputExists, OutputFailed
        `out` holds something else, or another study runs there; nothing can be written.
    Interrupted
        Ctrl-C; what is finished is kept.
    """
    plan = plan_study(design, data, out, data_root=data_root, device=device)
    return run_plan(plan, workers=workers, overwrite=overwrite, progress=progress)


def run_plan(
    plan: StudyPlan,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    progress: OnEvent | None = None,
    execution: str = EXECUTION,
    report: bool = True,
) -> StudyResult:
    """Make the missing runs of a plan; see `run_study`.

    Parameters
    ----------
    plan
        See `frugalseg.studies.study_plan.plan_study`.
    workers, overwrite, progress
        As of `run_study`.
    execution
        Module that makes runs.
    report
        Write what follows from the scores: curves, differences, answers, figures and the page.
    """
    check_workers(workers)
    check_folder(plan.out, plan.design)
    with only_study(plan.out), stopped_by_either():
        begin_folder(plan.out, plan.text)
        if overwrite:
            remove_runs(plan.out, [spec.name for spec in plan.specs])
        before = plan.read_finished()
        missing = [spec for spec in plan.specs if spec.name not in before]
        remove_other_checkpoints(plan.out, [plan.fingerprints[spec.name] for spec in missing])
        if missing:  # results of other runs would look like those of these
            remove_results(plan.out, plan.design.tasks)
        setup = pickle.dumps(Setup(plan.data, execution))
        number = count_workers(workers, plan.device, len(missing), len(setup))
        record = _StudyRecord(plan, number, set(before))
        record.write(before, "running")
        try:
            jobs = [plan.job_of(spec) for spec in missing]
            outcome = make_runs(jobs, setup, number, progress or (lambda event: None))
        except (Interrupted, OutputFailed) as error:
            with suppress(OutputFailed):
                record.write(plan.read_finished(), "interrupted")
            raise _with_count(error, plan) from error
        finished = plan.read_finished()
        record.write(finished, "some runs failed" if outcome.failed else "done", outcome)
        result = _result(plan, finished, outcome, report)
    if outcome.defects:
        raise RuntimeError(
            f"{len(outcome.defects)} runs failed by a defect; the first:\n{outcome.defects[0]}"
        )
    return result


def _with_count(error: FrugalsegError, plan: StudyPlan) -> FrugalsegError:
    """Return an interruption with how far the study came; any other error as it is."""
    if not isinstance(error, Interrupted):
        return error
    done = len(plan.read_finished())
    return Interrupted(
        f"the study was interrupted; {done} of {len(plan.specs)} runs are finished and kept in {plan.out}, so run the same "
        "command again to go on"
    )


def _result(plan: StudyPlan, finished: dict[str, RunRecord], outcome: Outcome, report: bool) -> StudyResult:
    rows = _rows(plan, finished)
    answers: tuple[str, ...] = ()
    if report and (rows or not outcome.failed):  # where every run failed, that is all there is to say
        from frugalseg.studies.answers.study_answers import told
        from frugalseg.studies.report.study_report import write_results

        answers = told(write_results(plan.design, rows, plan.out, plan.data))
    return StudyResult(
        folder=plan.out,
        rows=rows,
        answers=answers,
        runs={name: plan.folder_of(name) for name in finished},
        made=tuple(outcome.done),
        failed=dict(outcome.failed),
    )


def _rows(plan: StudyPlan, finished: dict[str, RunRecord]) -> tuple[ScoreRow, ...]:
    return tuple(row for spec in plan.specs if spec.name in finished for row in finished[spec.name].rows)


@dataclass
class _StudyRecord:
    """``study.json`` and ``scores.csv``: what was run, when, how long it took, what failed, and all scores."""

    plan: StudyPlan
    workers: int
    before: set[str]

    def __post_init__(self) -> None:
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self.clock = time.monotonic()

    def write(self, finished: dict[str, RunRecord], state: State, outcome: Outcome | None = None) -> None:
        failed = outcome.failed if outcome else {}
        write_text(self.plan.out / SCORES, rows_to_csv(_rows(self.plan, finished)), overwrite=True)
        if self._is_told(finished):
            return
        content = {
            "title": self.plan.design.title,
            "state": state,
            "command": command_line("study"),
            "started": self.started,
            "seconds": round(time.monotonic() - self.clock, 1),
            "workers": self.workers,
            "device": self.plan.device,
            "versions": versions(),
            "warnings": list(self.plan.warnings),
            "runs": [self._run(spec.name, finished, failed) for spec in self.plan.specs],
        }
        write_json(self.plan.out / STUDY, content, overwrite=True)

    def _is_told(self, finished: dict[str, RunRecord]) -> bool:
        """Return whether the record that is there tells of these very runs, all of which are done: nothing is made now."""
        try:
            earlier = read_json(self.plan.out / STUDY)
        except UnreadableFile:
            return False
        runs = earlier.get("runs")
        told = {
            (one.get("name"), one.get("fingerprint"), one.get("made_by"))
            for one in (runs if isinstance(runs, list) else [])
            if isinstance(one, dict) and one.get("state") == "done"
        }
        same = told == {(name, one.fingerprint, one.made_by) for name, one in finished.items()}
        same = same and earlier.get("warnings", []) == list(self.plan.warnings)
        return same and len(self.before) == len(self.plan.specs) and earlier.get("state") == "done"

    def _run(self, name: str, finished: dict[str, RunRecord], failed: dict[str, str]) -> dict[str, Any]:
        record = finished.get(name)
        state = "done" if record else "failed" if name in failed else "missing"
        about: dict[str, Any] = {"name": name, "state": state, "fingerprint": self.plan.fingerprints[name]}
        if record:
            made = "before" if name in self.before else "now"
            about |= {"seconds": record.seconds, "made": made, "made_by": record.made_by}
        if name in failed:
            about["reason"] = failed[name]
        return about
