"""Bars on a terminal: how far the study is by time, and the step of each worker."""

import io

from rich.console import Console
from rich.progress import Progress

from frugalseg.runs.run_log import RunLog
from frugalseg.studies.runs.run_queue import RunEvent
from frugalseg.studies.study_progress import StudyBars, study_progress


def test_bars_move_by_the_time_that_runs_take() -> None:
    progress = Progress(console=Console(file=io.StringIO(), force_terminal=True))
    bars = StudyBars({"long": 90.0, "short": 10.0, "unknown": None}, progress, None)
    whole = progress.tasks[0]
    assert (whole.total, whole.completed) == (150.0, 0.0)
    bars(RunEvent("started", "long", 0))
    bars(RunEvent("step", "long", 0, 50, 100))
    bars(RunEvent("started", "short", 1))
    assert whole.completed == 45.0
    bars(RunEvent("done", "short", 1))
    bars(RunEvent("failed", "unknown", reason="no"))
    assert (whole.completed, whole.fields["state"]) == (45.0 + 10.0 + 50.0, "2/3 runs")
    worker = progress.tasks[1]
    assert (worker.description, worker.completed, worker.total) == ("  long", 50, 100)
    assert worker.fields["state"] == "step 50/100"
    assert len(progress.tasks) == 3
    bars(RunEvent("started", "x" * 100, 0))
    assert worker.description == "  ..." + "x" * 57
    assert worker.fields["state"] == ""


def test_without_a_terminal_every_run_that_ends_is_a_line(capsys) -> None:
    with study_progress({"a": 1.0, "b": 1.0}, RunLog()) as progress:
        progress(RunEvent("started", "a", 0))
        progress(RunEvent("step", "a", 0, 1, 2))
        progress(RunEvent("done", "a", 0))
        progress(RunEvent("failed", "b", 0, reason="field 'c' is empty"))
    assert capsys.readouterr().out == "1/2 done: a\n2/2 failed: b (field 'c' is empty)\n"
