"""How the result of each command is shown, and which exit code it means.

Every function gets the result and the command's own parameters as typed, and returns the exit code: 0 done, 1 nothing
could be used, 3 some fields failed and the others are done.
"""

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from frugalseg.cli.wording import say, say_error
from frugalseg.report.number_texts import count_text

if TYPE_CHECKING:  # they are imported by the command that made the result
    from rich.console import Console

    from frugalseg.commands.check_machine import Diagnosis
    from frugalseg.commands.run_study import WrittenDesign
    from frugalseg.runs.inspection import Inspection
    from frugalseg.runs.label_scores import ScoreTable
    from frugalseg.studies.overview import Overview
    from frugalseg.studies.study import StudyResult

NONE_DONE, SOME_FAILED = 1, 3
PIPED_WIDTH = 200


class RunOutcome(Protocol):
    """What a run over many fields returns."""

    @property
    def folder(self) -> Path:
        """Where the results are."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """Fields that are done."""

    @property
    def failed(self) -> Mapping[str, str]:
        """Field name -> why it failed."""

    @property
    def n_done(self) -> int:
        """How many fields are done."""

    def to_dict(self) -> Mapping[str, Any]:
        """Return plain values for JSON."""


def show_run(result: RunOutcome, typed: Mapping[str, Any]) -> int:
    """Print where the results are, and which fields failed."""
    for name, reason in result.failed.items():
        say_error(f"failed: {name}: {reason}")
    if typed["as_json"]:
        _print_json(result.to_dict())
    elif not typed["quiet"]:
        say(f"{count_text(result.n_done, 'field')} done, {len(result.failed)} failed: {result.folder}")
    if not result.failed:
        return 0
    return SOME_FAILED if result.fields else NONE_DONE


def show_demo(result: RunOutcome, typed: Mapping[str, Any]) -> int:
    """Print as `show_run`, and how to see the report."""
    code = show_run(result, typed)
    if code == 0 and not (typed["quiet"] or typed["as_json"]):
        say(f"open {result.folder / 'report.html'} in a browser")
    return code


def show_suggestions(result: RunOutcome, typed: Mapping[str, Any]) -> int:
    """Print as `show_run`, and how the crops are learned from."""
    code = show_run(result, typed)
    if not (typed["quiet"] or typed["as_json"]):
        crops, shown = result.folder / "crops", result.folder / "suggestions.png"
        say(f"look at {shown}, and correct the outlines in {crops}; then: {result.to_dict()['next_step']}")
    return code


def show_inspection(inspection: "Inspection", typed: Mapping[str, Any]) -> int:
    """Print channels and problems, and on stderr the first error."""
    from frugalseg.commands.inspect_inputs import print_inspection
    from frugalseg.runs.inspection import problem_lines

    if typed["as_json"]:
        _print_json(inspection.to_dict())
    else:
        print_inspection(inspection, _console())
    if not inspection.has_errors:
        return 0
    errors = [text for severity, text in problem_lines(inspection.problems) if severity == "error"]
    more = f" (and {len(errors) - 1} more errors)" if len(errors) > 1 else ""
    say_error(f"error: {errors[0]}{more}")
    damaged = {problem.field for problem in inspection.problems if problem.severity == "error"}
    return SOME_FAILED if set(inspection.fields) - damaged else NONE_DONE


def show_scores(table: "ScoreTable", typed: Mapping[str, Any]) -> int:
    """Print the scores, and on stderr what was left out."""
    from frugalseg.commands.score_files import print_scores, score_notes

    for note in score_notes(table):
        say_error(f"note: {note}")
    for reason in table.failed.values():
        say_error(f"failed: {reason}")
    if str(typed["json_file"]) == "-":
        _print_json(table.to_dict())
    elif table.scores:
        print_scores(table, _console())
    if not table.failed:
        return 0
    return SOME_FAILED if table.scores else NONE_DONE


def show_study(result: "StudyResult | Overview | WrittenDesign", typed: Mapping[str, Any]) -> int:
    """Print where the results are, and which runs failed; what is to be done was printed before."""
    failed: Mapping[str, str] = getattr(result, "failed", {})
    for name, reason in failed.items():
        say_error(f"failed: {name}: {reason}")
    if typed["as_json"]:
        _print_json(result.to_dict())
    elif not typed["quiet"] and typed["init"]:
        command = shlex.join(["frugalseg", "study", str(typed["out"]), "-o", "RESULTS"])
        say(f"look through {typed['out']}, then run: {command}")
    elif not typed["quiet"] and not typed["dry_run"]:
        done: Mapping[str, Path] = getattr(result, "runs", {})
        for sentence in getattr(result, "answers", ()):
            say(sentence)
        say(f"{count_text(len(done), 'run')} done, {len(failed)} failed: {typed['out']}")
    if not failed:
        return 0
    return SOME_FAILED if getattr(result, "runs", {}) else NONE_DONE


def show_machine(diagnosis: "Diagnosis", typed: Mapping[str, Any]) -> int:
    """Print what was found on this machine."""
    from dataclasses import asdict

    from frugalseg.commands.check_machine import print_diagnosis

    if typed["as_json"]:
        _print_json(asdict(diagnosis))
    else:
        print_diagnosis(diagnosis, _console())
    return 0


def _print_json(content: Mapping[str, Any]) -> None:
    click.echo(json.dumps(content, indent=2, allow_nan=False))


def _console() -> "Console":
    """Make a console for tables; in a file or a pipe they are as wide as they need to be."""
    from frugalseg.runs.clean_console import CleanConsole

    return CleanConsole(width=None if sys.stdout.isatty() else PIPED_WIDTH)
