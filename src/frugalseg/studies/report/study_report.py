"""The results of a study as files: scores, curves, differences, answers, figures, and a page that shows them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from frugalseg.errors import InputError, UnreadableFile
from frugalseg.images.write import atomic_file, in_utf8, plain
from frugalseg.report.drawings import Drawing
from frugalseg.report.number_tables import NumberTable
from frugalseg.report.number_texts import count_text, duration
from frugalseg.report.page import render_report
from frugalseg.report.report_data import Report
from frugalseg.runs.provenance import first_few
from frugalseg.runs.records import read_json
from frugalseg.runs.versions import command_line, versions
from frugalseg.studies.answers.findings import Answer, learning_rows, main_metric, seedless_arms, task_rows
from frugalseg.studies.answers.phrases import arm_words, versions_words
from frugalseg.studies.answers.study_answers import answer_study, answers_content, told
from frugalseg.studies.design.study_design import MarkerTask, StudyDesign, Task
from frugalseg.studies.figures.nuclei_gain import draw_nuclei_gain, find_nuclei_gains
from frugalseg.studies.figures.plot_style import Plot
from frugalseg.studies.figures.study_figures import draw_task
from frugalseg.studies.plan.study_data import StudyData
from frugalseg.studies.report.arm_agreement import find_agreements
from frugalseg.studies.report.result_files import (
    ANSWERS,
    CURVES,
    DIFFERENCES,
    REPORT,
    SCORES,
    STUDY,
    remove_other_figures,
)
from frugalseg.studies.report.study_tables import agreement_table, curve_table, difference_table, metric_table
from frugalseg.studies.scores.curves import CurvePoint, curves_to_csv, find_curves, names_of
from frugalseg.studies.scores.differences import Difference, compare_all_arms, differences_to_csv
from frugalseg.studies.scores.score_rows import ScoreRow, rows_to_csv

_NOTES = (
    "Every test field was scored by models that never saw it, but for methods on markers that learn on the very images, and for "
    "starts from a model that was there before the study, which may have learned from any field.",
    "Budgets of one study share test fields and training fields, and arms of one seed the outlined fields: that is why arms are "
    "compared by paired differences, and why overlapping intervals of two curves are no test.",
    "Labels saved: straight lines between the budgets over log2(outlined objects + 1), and the smallest amount that has the score.",
    "Enough labels: the first budget from which each doubling adds less than the standard deviation of the seeds' means.",
)


@dataclass(frozen=True)
class TaskResults:
    """Curves and paired differences of one task, by metric; the first metric is the one that sentences are about.

    `learning` are curves of marker networks that are scored while they learn.
    """

    points: Mapping[str, tuple[CurvePoint, ...]]
    differences: Mapping[str, tuple[Difference, ...]]
    learning: Mapping[str, tuple[CurvePoint, ...]]


def evaluate_task(name: str, task: Task, rows: Sequence[ScoreRow]) -> TaskResults:
    """Return the curves and differences of all metrics of a task; empty without scores."""
    own = task_rows(name, task, rows)
    first = main_metric(name, task, own)
    metrics = names_of([*([first] if first else []), *(row.metric for row in own)])
    points = {metric: found for metric in metrics if (found := find_curves(own, name, metric))}
    free = seedless_arms(task)
    within = learning_rows(name, task, rows)
    learning = {
        one: find_curves(within, name, one) for one in points if any(row.metric == one for row in within)
    }
    return TaskResults(
        points, {metric: compare_all_arms(own, name, metric, free) for metric in points}, learning
    )


def write_results(
    design: StudyDesign,
    rows: Sequence[ScoreRow],
    out: str | Path,
    data: Mapping[str, StudyData] | None = None,
) -> tuple[Answer, ...]:
    """Write the results of a study into its folder: all files or none, in place of earlier ones.

    ``scores.csv``, ``curves.csv``, ``differences.csv``, ``answers.json``, figures as PNG and SVG, and ``report.html``. Figures
    that the study no longer has are removed.

    Parameters
    ----------
    design
        The study.
    rows
        Scores of the runs that are finished.
    out
        Folder of the study. Labels of runs are looked for in it, and ``study.json`` for when it ran and what failed.
    data
        Name of each task -> its fields, for pictures of examples; none without.

    Returns
    -------
    tuple of Answer
        What ``answers.json`` and the top of the page say.

    Raises
    ------
    InputError
        There is no score.
    OutputFailed
        A file can't be written; then all files stay as they were.
    """
    rows, out = list(rows), Path(out)
    results = {name: evaluate_task(name, task, rows) for name, task in design.tasks.items()}
    if not any(one.points for one in results.values()):
        raise _without_scores(design, rows)
    answers = answer_study(design, rows)
    fields = data or {}
    plots = [
        plot
        for name, task in design.tasks.items()
        for plot in draw_task(name, task, rows, out, fields.get(name))
    ]
    if nuclei := draw_nuclei_gain(find_nuclei_gains(design, rows)):
        plots.append(nuclei)
    tables = [
        table
        for name, task in design.tasks.items()
        for table in _tables(name, task, rows, results[name], out)
    ]
    report = _report(design, rows, answers, plots, tables, _how_it_ran(out))
    every = list(results.values())
    texts = {
        REPORT: render_report(report),  # first here is last to appear
        ANSWERS: json.dumps(plain(answers_content(design, answers)), indent=2, ensure_ascii=False) + "\n",
        DIFFERENCES: differences_to_csv(
            one for task in every for found in task.differences.values() for one in found
        ),
        CURVES: curves_to_csv(
            one
            for task in every
            for curves in (task.points, task.learning)
            for found in curves.values()
            for one in found
        ),
        SCORES: rows_to_csv(rows),
    }
    files = {name: in_utf8(text).encode("utf-8") for name, text in texts.items()}
    for plot in plots:
        files |= {f"{plot.name}.png": plot.png, f"{plot.name}.svg": plot.svg}
    _write_files(out, files)
    remove_other_figures(out, files, design.tasks)
    return answers


def _without_scores(design: StudyDesign, rows: Sequence[ScoreRow]) -> InputError:
    """Return why there are no results: nothing was run yet, or no score is a number."""
    tested = dict.fromkeys(row.field for row in rows if row.task in design.tasks)
    if tested:
        return InputError(
            f"no score of the study '{design.title}' is a number: in its test fields ({first_few(tested)}) nothing is annotated, or "
            "the stain is constant; name others"
        )
    return InputError(
        f"the study '{design.title}' has no score of any task yet, so there are no results; run it first"
    )


def _write_files(out: Path, files: Mapping[str, bytes]) -> None:
    """Write all files under hidden names before the first appears; an error leaves all as they were."""
    with ExitStack() as stack:
        for name, content in files.items():
            stack.enter_context(atomic_file(out / name, overwrite=True)).write(content)


def _tables(
    name: str, task: Task, rows: Sequence[ScoreRow], results: TaskResults, out: Path
) -> Iterator[NumberTable]:
    if not results.points:
        return
    metric = next(iter(results.points))
    yield curve_table(name, task, metric, results.points[metric])
    if metric in results.learning:
        table = curve_table(name, task, metric, results.learning[metric])
        yield replace(table, title=f"{table.title} against training steps")
    own = [row for row in task_rows(name, task, rows) if row.metric == metric]
    differences = difference_table(name, task, metric, own)
    if differences is not None:
        yield differences
    if len(results.points) > 1:
        yield metric_table(name, task, results.points)
    if isinstance(task, MarkerTask):
        agreement = agreement_table(name, find_agreements(own, out, seedless_arms(task)))
        if agreement is not None:
            yield agreement


def _report(
    design: StudyDesign,
    rows: Sequence[ScoreRow],
    answers: Sequence[Answer],
    plots: Sequence[Plot],
    tables: Sequence[NumberTable],
    ran: Mapping[str, JsonValue],
) -> Report:
    started, command = ran.get("started"), ran.get("command")
    times = [float(one) for run in _runs(ran) if isinstance(one := run.get("seconds"), int | float)]
    own = [
        row for row in rows if row.arm in arm_words(design.tasks[row.task])
    ]  # and not models that only serve them
    counts: tuple[tuple[str, set[Any]], ...] = (
        ("run", {row.run for row in rows}),
        ("test field", {(str(design.tasks[row.task].data), row.field) for row in own}),
        ("seed", {row.seed for row in own}),
    )
    tiles = [
        (number, noun, "")
        for number, _, noun in (count_text(len(values), noun).partition(" ") for noun, values in counts)
    ]
    if times:  # of the study's last call it would be next to nothing where the runs were there
        tiles.append((duration(sum(times)), "computed, all runs together", ""))
    return Report(
        title=design.title,
        command=command if isinstance(command, str) else command_line("study"),
        findings=list(told(answers)),
        drawings=[_drawing(plot) for plot in plots],
        tables=list(tables),
        headline=tiles,
        warnings=[*_doubts(ran), *_failures(ran), *_mixed(ran), *_uneven(design, rows)],
        notes=[*([design.description] if design.description else []), *_NOTES],
        seeds=sorted({row.seed for row in rows}),
        settings=design.model_dump(mode="json", exclude={"title", "description"}),
        versions=versions(),
        started=started if isinstance(started, str) else "",
    )


def _drawing(plot: Plot) -> Drawing:
    """Return a figure for the page: examples are photographs and wide, all else is lines."""
    photo = plot.name.startswith("examples_")
    content, kind = (plot.png, "png") if photo else (plot.svg, "svg")
    return Drawing(title=plot.title, content=content, kind=kind, caption=plot.caption, wide=photo)


def _how_it_ran(out: Path) -> Mapping[str, JsonValue]:
    """Return ``study.json``; nothing where there is none."""
    try:
        return read_json(out / STUDY)
    except UnreadableFile:
        return {}


def _runs(ran: Mapping[str, JsonValue]) -> list[dict[str, JsonValue]]:
    runs = ran.get("runs")
    return [one for one in runs if isinstance(one, dict)] if isinstance(runs, list) else []


def _doubts(ran: Mapping[str, JsonValue]) -> list[str]:
    """Return the warnings of the plan."""
    found = ran.get("warnings")
    return [str(one) for one in found] if isinstance(found, list) else []


def _mixed(ran: Mapping[str, JsonValue]) -> Iterator[str]:
    """Yield a sentence where several versions of frugalseg made the runs."""
    if said := versions_words(str(one["made_by"]) for one in _runs(ran) if "made_by" in one):
        yield said


def _failures(ran: Mapping[str, JsonValue]) -> Iterator[str]:
    every = _runs(ran)
    failed = [one for one in every if one.get("state") == "failed"]
    missing = sum(one.get("state") == "missing" for one in every)
    if failed:
        first = f"{failed[0].get('name')}: {failed[0].get('reason')}"
        yield f"{len(failed)} of {count_text(len(every), 'run')} failed, and these results lack them; the first is {first}"
    if missing:
        yield f"{missing} of {count_text(len(every), 'run')} are not done yet, and these results lack them."


def _uneven(design: StudyDesign, rows: Sequence[ScoreRow]) -> Iterator[str]:
    """Yield a sentence for each task whose arms were not scored on the same fields."""
    for name, task in design.tasks.items():
        own = task_rows(name, task, rows)
        metric = main_metric(name, task, own)
        tested: dict[tuple[str, int], dict[str, set[str]]] = {}
        for row in own:
            if row.metric == metric:
                arms = tested.setdefault((row.budget, row.steps), {})
                arms.setdefault(row.arm, set()).add(row.field)
        if any(len(set(map(frozenset, arms.values()))) > 1 for arms in tested.values()):
            yield (
                f"Task '{name}': its arms were not scored on the same fields. Curves show what each arm has; paired differences are "
                "of shared fields only."
            )
