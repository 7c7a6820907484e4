"""What a run prints while it works: lines, a spinner for what takes seconds, a bar for what takes minutes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from frugalseg.learning.training_record import TrainingProgress
from frugalseg.runs.clean_console import CleanConsole

#: Is called with the number of finished parts and of all.
CountProgress = Callable[[int, int], None]

#: Turns parameters in a line into what the caller types.
_worded: ContextVar[Callable[[str], str]] = ContextVar("worded", default=str)


@contextmanager
def worded(words: Callable[[str], str]) -> Iterator[None]:
    """Let lines of runs stand in other words, such as options of a command in place of parameters.

    >>> with worded(lambda text: text.replace("`crop`", "--crop")):
    ...     RunLog().line("set `crop` to fewer px")
    set --crop to fewer px
    """
    before = _worded.set(words)
    try:
        yield
    finally:
        _worded.reset(before)


def in_words(text: str) -> str:
    """Return a line as the caller types its parameters: what a run prints and what it writes say the same."""
    return _worded.get()(text)


class RunLog:
    """Lines and progress of one run on the terminal.

    Parameters
    ----------
    quiet
        Print doubts on what was given, and nothing else.

    Attributes
    ----------
    warned
        Whether a doubt was printed.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.console = CleanConsole(quiet=quiet)
        self._bars = CleanConsole(stderr=True, quiet=quiet)
        self._problems = CleanConsole(stderr=True)
        self.warned = False

    @property
    def quiet(self) -> bool:
        """Whether only problems are printed."""
        return self.console.quiet

    def line(self, text: str) -> None:
        """Print one line, whatever characters are in it."""
        self.console.print(Text(in_words(text)), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Print a doubt on what was given; a quiet run says it on stderr."""
        self.warned = True
        if self.quiet:
            self._problems.print(Text(f"warning: {in_words(text)}"), soft_wrap=True)
        else:
            self.line(f"  warning: {text}")

    def status(self, text: str) -> AbstractContextManager[object]:
        """Show a spinner while the block runs."""
        return self.console.status(Text(text))

    @contextmanager
    def bar(self, label: str) -> Iterator[CountProgress]:
        """Show a bar, moved by a function of the number of finished parts and of all."""
        with self._progress("") as bar:
            task = bar.add_task(label, total=None, loss="")
            yield lambda done, total: bar.update(task, completed=done, total=total)

    @contextmanager
    def training_bar(self, label: str) -> Iterator[Callable[[TrainingProgress], None]]:
        """Show a bar of training steps with the loss, moved by the trainer's progress callback."""
        bar = self._progress("loss {task.fields[loss]}")
        task = bar.add_task(label, total=None, loss="-")

        def update(step: TrainingProgress) -> None:
            bar.start()  # with the first step: before it, other lines may be shown
            bar.update(task, completed=step.step, total=step.max_steps, loss=f"{step.loss:.3f}")

        try:
            yield update
        finally:
            bar.stop()

    def _progress(self, last: str) -> Progress:
        columns = (
            TextColumn("  {task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            *((TextColumn(last),) if last else ()),
            TimeRemainingColumn(),
        )
        hidden = self._bars.quiet or not self._bars.is_terminal
        return Progress(*columns, console=self._bars, transient=True, disable=hidden)
