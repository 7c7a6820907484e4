"""The table that a study prints before it begins: runs, done and missing ones, and the time that they will take."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pydantic import JsonValue
from rich.table import Table
from rich.text import Text

from frugalseg.images.write import plain
from frugalseg.studies.estimate import wall_seconds
from frugalseg.studies.plan.run_specs import LabelRun, RunSpec, StainRun, StudentRun
from frugalseg.studies.study_plan import StudyPlan


@dataclass(frozen=True)
class OverviewRow:
    """Runs of one arm with one budget; `seconds` of those that are missing, None where some are unknown, and of all known."""

    task: str
    arm: str
    budget: str
    runs: int
    done: int
    seconds: float | None
    known_seconds: float = 0.0

    @property
    def missing(self) -> int:
        """Number of runs that have to be made."""
        return self.runs - self.done


@dataclass(frozen=True)
class Overview:
    """What a study has to do.

    Attributes
    ----------
    rows
        Runs by task, arm and budget.
    workers
        Number of processes.
    seconds
        From now to its end; None where the time of some runs is unknown.
    known_seconds
        The same for runs whose time is known alone: the least that it takes.
    """

    rows: tuple[OverviewRow, ...]
    workers: int
    seconds: float | None
    known_seconds: float = 0.0

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain values for JSON."""
        content: dict[str, JsonValue] = plain(asdict(self))
        return content


def make_overview(plan: StudyPlan, seconds: Mapping[str, float | None], workers: int) -> Overview:
    """Return runs by task, arm and budget, in order.

    Parameters
    ----------
    plan
        Of the study.
    seconds
        Name of each missing run -> how long it takes, see `frugalseg.studies.estimate.estimate_seconds`.
    workers
        Number of processes.
    """
    groups: dict[tuple[str, str, str], list[RunSpec]] = {}
    for spec in plan.specs:
        groups.setdefault((spec.task, spec.arm, budget_of(spec)), []).append(spec)
    rows = []
    for (task, arm, budget), specs in groups.items():
        times = [seconds[spec.name] for spec in specs if spec.name not in plan.finished]
        known = [one for one in times if one is not None]
        total = sum(known) if len(known) == len(times) else None
        rows.append(OverviewRow(task, arm, budget, len(specs), len(specs) - len(times), total, sum(known)))
    least = wall_seconds(plan, {name: one or 0.0 for name, one in seconds.items()}, workers)
    return Overview(tuple(rows), workers, wall_seconds(plan, seconds, workers), least or 0.0)


def budget_of(spec: RunSpec) -> str:
    """Return what a run learns from, as the table names it."""
    if isinstance(spec, LabelRun):
        return f"{spec.budget}, {spec.steps} steps" if spec.steps else str(spec.budget)
    if isinstance(spec, StainRun):
        return f"{spec.at_steps[-1]} steps"
    return "start" if isinstance(spec, StudentRun) else spec.learn


def overview_table(overview: Overview) -> Table:
    """Return the table as rich prints it; times are those of one worker."""
    table = Table()
    for title in ("task", "arm", "learns from", "runs", "done", "missing", "time"):
        table.add_column(title, justify="left" if title in ("task", "arm", "learns from") else "right")
    for row in overview.rows:
        time = _time(row.seconds, row.known_seconds) if row.missing else ""
        numbers = str(row.runs), str(row.done), str(row.missing), time
        table.add_row(Text(row.task), Text(row.arm), Text(row.budget), *numbers)
    return table


def summary_line(overview: Overview) -> str:
    """Return one sentence on what is to be done.

    Examples
    --------
    >>> summary_line(Overview((OverviewRow("cells", "stain", "1 crop", 3, 1, 7000.0),), 2, 3500.0))
    '2 of 3 runs are missing, about 58 min with 2 workers'
    """
    runs, missing = (sum(getattr(row, name) for row in overview.rows) for name in ("runs", "missing"))
    if not missing:
        return f"all {runs} runs are done"
    start, plural = f"{missing} of {runs} runs are missing", "" if overview.workers == 1 else "s"
    workers = f"with {overview.workers} worker{plural}"
    if overview.seconds is not None:
        return f"{start}, about {duration(overview.seconds)} {workers}"
    if overview.known_seconds:
        return f"{start}, {_time(None, overview.known_seconds)} {workers}, as how long some take is not known"
    return f"{start}; how long they take is not known"


def _time(seconds: float | None, known: float) -> str:
    """Return a time, or the least that it is where only a part is known."""
    return f"at least {duration(known)}" if seconds is None and known else duration(seconds)


def duration(seconds: float | None) -> str:
    """Return a time as people say it.

    Examples
    --------
    >>> duration(12.4), duration(600), duration(7300), duration(None)
    ('12 s', '10 min', '2 h 2 min', 'unknown')
    """
    if seconds is None:
        return "unknown"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
