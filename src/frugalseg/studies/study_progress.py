"""What a study shows while it goes on: how far it is, and what each worker does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from frugalseg.runs.clean_console import CleanConsole
from frugalseg.runs.run_log import RunLog
from frugalseg.studies.runs.run_queue import OnEvent, RunEvent

#: Characters of a run's name in its bar.
WIDTH = 60


@contextmanager
def study_progress(seconds: Mapping[str, float | None], log: RunLog) -> Iterator[OnEvent]:
    """Show bars on a terminal, or else a line for every run that ends; yields what has to be told of events.

    Parameters
    ----------
    seconds
        Name of each run that is to be made -> how long it takes, as far as known.
    log
        Of the command.
    """
    console = CleanConsole(stderr=True, quiet=log.console.quiet)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[state]}", markup=False),
        TimeRemainingColumn(),
    )
    shown = console.is_terminal and not console.quiet
    with Progress(*columns, console=console, transient=True, disable=not shown) as bars:
        yield StudyBars(seconds, bars, None if shown else log)


class StudyBars:
    """Bars of a study, moved by events."""

    def __init__(self, seconds: Mapping[str, float | None], bars: Progress, log: RunLog | None) -> None:
        known = [one for one in seconds.values() if one]
        typical = sum(known) / len(known) if known else 1.0
        self.seconds = {name: one or typical for name, one in seconds.items()}
        self.bars, self.log = bars, log
        self.ended: list[str] = []
        self.parts: dict[str, float] = {}
        self.workers: dict[int, TaskID] = {}
        self.all = bars.add_task("all runs", total=sum(self.seconds.values()), state="")

    def __call__(self, event: RunEvent) -> None:
        """Show one event."""
        if event.kind in ("started", "step"):
            self._show_worker(event)
        else:
            self.ended.append(event.name)
            self.parts[event.name] = self.seconds.get(event.name, 0.0)
            if self.log is not None:
                reason = f" ({event.reason})" if event.reason else ""
                self.log.line(f"{len(self.ended)}/{len(self.seconds)} {event.kind}: {event.name}{reason}")
        state = f"{len(self.ended)}/{len(self.seconds)} runs"
        self.bars.update(self.all, completed=sum(self.parts.values()), state=state)

    def _show_worker(self, event: RunEvent) -> None:
        if event.worker not in self.workers:
            self.workers[event.worker] = self.bars.add_task("", total=None, state="")
        name = event.name if len(event.name) <= WIDTH else f"...{event.name[-WIDTH + 3 :]}"
        bar = self.workers[event.worker]
        if event.kind == "started":
            self.bars.reset(bar, total=None, description=f"  {name}", state="")
            return
        self.parts[event.name] = self.seconds.get(event.name, 0.0) * min(event.step / event.max_steps, 1.0)
        state = f"step {event.step}/{event.max_steps}"
        self.bars.update(bar, total=event.max_steps, completed=event.step, state=state)
