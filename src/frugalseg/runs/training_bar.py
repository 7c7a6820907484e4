"""The progress bar of a training run."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from frugalseg.learning.training_record import OnProgress, TrainingProgress
from frugalseg.runs.clean_console import CleanConsole


@contextmanager
def training_bar(label: str, quiet: bool = False) -> Iterator[OnProgress]:
    """Draw a bar on the standard error, where that is a terminal; yield the callback that moves it."""
    console = CleanConsole(stderr=True, quiet=quiet)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    ) as bar:
        task = bar.add_task(label, total=None, loss="")

        def update(now: TrainingProgress) -> None:
            bar.update(task, completed=now.step, total=now.max_steps, loss=f"loss {now.loss:.3f}")

        yield update
