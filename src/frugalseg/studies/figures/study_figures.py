"""Which figures a study has: those of the papers for each kind of task."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from frugalseg.errors import FrugalsegError
from frugalseg.studies.answers.findings import learning_rows, main_metric, task_rows
from frugalseg.studies.answers.phrases import amount_words, arm_words, metric_words, objects_of
from frugalseg.studies.design.study_design import LabelTask, StainTask, Task
from frugalseg.studies.figures.example_panels import draw_examples, find_examples
from frugalseg.studies.figures.losses import find_losses
from frugalseg.studies.figures.plot_style import Plot, starting
from frugalseg.studies.figures.plots import draw_bars, draw_fields, draw_label_curves, draw_step_curves
from frugalseg.studies.plan.study_data import StudyData
from frugalseg.studies.scores.curves import CurvePoint, find_curves, names_of, steps_of
from frugalseg.studies.scores.score_rows import ScoreRow


def draw_task(
    name: str, task: Task, rows: Sequence[ScoreRow], out: Path, data: StudyData | None = None
) -> Iterator[Plot]:
    """Yield the figures of one task; none without scores.

    Labels: score against labels for each number of steps, every test field at the least labels, and examples of these (paper A,
    figures 7 to 10). Stains: score against steps. Markers: a bar for each arm (paper B, table I), score and loss against steps
    of networks that are scored while they learn (figure S2), and examples.

    Parameters
    ----------
    name
        Of the task; names of files begin with it.
    rows
        Of the study.
    out
        Folder of the study, for the labels that its runs wrote.
    data
        Fields of the task; without them there are no examples.
    """
    every, rows = rows, task_rows(name, task, rows)
    metric = main_metric(name, task, rows)
    points = find_curves(rows, name, metric) if metric else ()
    if not points or metric is None:
        return
    words, own = arm_words(task), [row for row in rows if row.metric == metric]
    if isinstance(task, StainTask):
        if len(steps_of(points)) > 1:
            yield draw_step_curves(f"curves_{name}", points, words)
        else:
            yield draw_bars(f"bars_{name}", points, own, words)
        return
    if isinstance(task, LabelTask):
        yield from _label_curves(name, task, points)
        own = _least_labels(own, points)
    else:
        yield draw_bars(f"bars_{name}", points, own, words)
        if within := learning_rows(name, task, every):
            losses = find_losses(within, out)
            yield draw_step_curves(f"learning_{name}", find_curves(within, name, metric), words, losses)
    said = _said(task, points, own)
    fields = draw_fields(
        f"fields_{name}",
        own,
        words,
        f"{name}: {metric_words(metric)} of every test field",
        f"{starting(said)}. Each line is one test field, mean over seeds; each bar the mean of the fields.",
    )
    if fields is not None:
        yield fields
    if data is not None and (panel := _examples(name, task, own, out, data, said)) is not None:
        yield panel


def _label_curves(name: str, task: LabelTask, points: Sequence[CurvePoint]) -> Iterator[Plot]:
    every = steps_of(points)
    for steps in every:
        file = f"curves_{name}_{steps}_steps" if len(every) > 1 else f"curves_{name}"
        yield draw_label_curves(file, points, arm_words(task), steps, objects_of(task))


def _least_labels(rows: Sequence[ScoreRow], points: Sequence[CurvePoint]) -> list[ScoreRow]:
    """Return the rows of the smallest budget, at the longest training; with nothing outlined only where there is no other."""
    steps = steps_of(points)[-1]
    least = min(
        (one for one in points if one.steps == steps), key=lambda one: (one.outlined == 0, one.outlined)
    )
    return [row for row in rows if (row.budget, row.steps) == (least.budget, steps)]


def _said(task: Task, points: Sequence[CurvePoint], rows: Sequence[ScoreRow]) -> str:
    if not isinstance(task, LabelTask) or not rows:
        return "without labels"
    point = next(one for one in points if (one.budget, one.steps) == (rows[0].budget, rows[0].steps))
    steps = f" and {point.steps:,} training steps" if point.steps else ""
    return f"with {amount_words(point, objects_of(task))}{steps}"


def _examples(
    name: str, task: Task, rows: Sequence[ScoreRow], out: Path, data: StudyData, said: str
) -> Plot | None:
    arms = names_of(row.arm for row in rows)
    if isinstance(task, StainTask):
        return None
    inputs = {arm: task.inputs if isinstance(task, LabelTask) else task.arms[arm].inputs for arm in arms}
    try:
        examples = find_examples(rows, data, inputs, task.labels, out)
    except FrugalsegError:
        return None
    caption = (
        f"What each arm finds {said} (yellow), and the truth (cyan): the part of a test field with the most true objects, of the "
        "first seed."
    )
    return draw_examples(f"examples_{name}", examples, arm_words(task), f"{name}: examples", caption)
