"""``frugalseg study``: how many labels are enough, which start helps, what no labels reach; on one's own images."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from frugalseg.errors import OutputExists, SettingsError, UnreadableFile
from frugalseg.images.plain_files import read_text
from frugalseg.images.write import path_taken, write_text
from frugalseg.runs.options import RunOptions
from frugalseg.runs.run_log import RunLog
from frugalseg.studies.answers.phrases import versions_words
from frugalseg.studies.design.new_design import new_design
from frugalseg.studies.design.shipped_designs import find_design, is_shipped
from frugalseg.studies.design.study_design import StudyDesign
from frugalseg.studies.estimate import estimate_seconds
from frugalseg.studies.overview import Overview, make_overview, overview_table, summary_line
from frugalseg.studies.runs.run_queue import check_workers, count_workers
from frugalseg.studies.study import StudyResult, run_plan
from frugalseg.studies.study_folder import check_folder
from frugalseg.studies.study_plan import StudyPlan, plan_study
from frugalseg.studies.study_progress import study_progress

#: Names of runs that one line lists.
LISTED = 3


@dataclass(frozen=True)
class WrittenDesign:
    """A design that was written for the user's own images."""

    path: Path

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain values for JSON."""
        return {"design": str(self.path)}


def study_command(
    given: Sequence[Path],
    out: Path,
    init: bool = False,
    data: Path | None = None,
    workers: int | None = None,
    dry_run: bool = False,
    options: RunOptions | None = None,
) -> StudyResult | Overview | WrittenDesign:
    """Run a study, list its runs, or write a design to begin with.

    Parameters
    ----------
    given
        The design: a YAML file, or the name of one that comes with frugalseg. With `init`, images.
    out
        Folder of the study; with `init`, the design's file.
    init
        Write a design for these images, and stop.
    data
        Folder that files and models of the design are relative to; that of the design's file by default, and the current
        one for a design that comes with frugalseg.
    workers
        Number of processes; by default one for each CPU; several share a GPU.
    dry_run
        List the runs and the time they will take, and stop.
    options
        Where to compute, whether runs are made anew; with `init`, which images.

    Raises
    ------
    FrugalsegError
        See `frugalseg.run_study`.
    """
    options = options or RunOptions()
    if init:
        useless = [
            name for name, value in (("data", data), ("workers", workers), ("dry_run", dry_run)) if value
        ]
        if useless:
            raise SettingsError(
                f"`{useless[0]}` is of a study that runs, and `init` only writes a design; leave one of them out"
            )
        return _write_design(given, out, options)
    for name in ("pattern", "where", "axes"):
        if getattr(options, name):
            raise SettingsError(
                f"`{name}` says which images `init` looks at; write it into the design instead"
            )
    if len(given) != 1:
        raise SettingsError(f"{len(given)} designs were given; give one")
    check_workers(workers)
    design = find_design(given[0])
    root = data if data is not None else Path() if is_shipped(design) else None
    check_folder(out, StudyDesign.read(design))
    log = RunLog(options.quiet)
    plan = plan_study(design, None, out, data_root=root, device=options.device)
    if options.overwrite:
        plan = replace(plan, finished={})
    number = count_workers(workers, plan.device, len(plan.missing))
    overview, seconds = _overview(
        plan, number, log, measure=dry_run or not options.quiet, anew=options.overwrite
    )
    if dry_run:
        return overview
    with study_progress(seconds, log) as progress:
        return run_plan(plan, workers=workers, overwrite=options.overwrite, progress=progress)


def _overview(
    plan: StudyPlan, workers: int, log: RunLog, measure: bool, anew: bool
) -> tuple[Overview, dict[str, float | None]]:
    """Print what there is to do; return it, and the time of each run."""
    failures: list[str] = []
    with log.status("measuring how long runs take on this machine"):
        seconds = estimate_seconds(plan, workers, measure, tell=failures.append)
    overview = make_overview(plan, seconds, workers)
    log.console.print(overview_table(overview))
    log.line(summary_line(overview))
    if plan.outdated and not anew:
        names = ", ".join(plan.outdated[:LISTED]) + (", ..." if len(plan.outdated) > LISTED else "")
        log.line(
            f"{len(plan.outdated)} of them are of another design or other images, or damaged, and are made anew: {names}"
        )
    for warning in filter(None, (versions_words(plan.made_by), *plan.warnings, *failures)):
        log.line(warning)
    return overview, seconds


def _write_design(inputs: Sequence[Path], out: Path, options: RunOptions) -> WrittenDesign:
    if path_taken(out) and not options.overwrite:
        raise OutputExists(f"{out} exists already; give `overwrite` to replace it, or another name")
    if path_taken(out) and not _holds_design(out):
        raise OutputExists(f"{out} is no design of a study, so it is not replaced; give another name")
    table = options.open(inputs)
    text = new_design(inputs, table, options, out.parent)
    write_text(out, text, options.overwrite)
    return WrittenDesign(out)


def _holds_design(path: Path) -> bool:
    """Return whether a file is a design, if one with faults, so that it may be replaced."""
    try:
        return bool(re.search(r"^tasks:", read_text(path), re.MULTILINE))
    except UnreadableFile:
        return False
