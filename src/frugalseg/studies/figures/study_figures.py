"""Which figures a study has: those of the papers for each kind of task."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from frugalseg.errors import FrugalsegError
from frugalseg.studies.answers.findings import learning_rows, main_metric, task_rows
from frugalseg.studies.answers.phrases import amount_words, arm_words, metric_words, objects_of
from frugalseg.studies.design.study_design import LabelTask, MarkerTask, Stain, StainTask, Task
from frugalseg.studies.figures.example_panels import (
    Stains,
    draw_examples,
    find_examples,
    find_stain_examples,
)
from frugalseg.studies.figures.losses import find_losses
from frugalseg.studies.figures.plot_style import Plot, starting
from frugalseg.studies.figures.plots import draw_bars, draw_fields, draw_label_curves, draw_step_curves
from frugalseg.studies.figures.stain_pictures import find_stain_files, stain_pictures
from frugalseg.studies.plan.study_data import StudyData
from frugalseg.studies.scores.curves import CurvePoint, find_curves, names_of, steps_of
from frugalseg.studies.scores.score_rows import ScoreRow

_STAINS_SAID = "Stains are shown as imaged and as predicted, each stretched to its own grey values."


def draw_task(
    name: str, task: Task, rows: Sequence[ScoreRow], out: Path, data: StudyData | None = None
) -> Iterator[Plot]:
    """Yield the figures of one task; none without scores.

    Labels: score against labels for each number of steps, every test field at the least labels, and examples of these (paper A,
    figures 7 to 10). Stains: score against steps, and examples. Markers: a bar for each arm (paper B, table I), score and loss
    against steps of networks that are scored while they learn (figure S2), and examples.

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
        if data is not None and (panel := _stain_examples(name, task, own, out, data)) is not None:
            yield panel
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
    if data is not None:
        stains = _stains(task, rows, out, data)
        panel = _examples(name, task, own, out, data, said, stains)
        if panel is not None:
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
    name: str,
    task: LabelTask | MarkerTask,
    rows: Sequence[ScoreRow],
    out: Path,
    data: StudyData,
    said: str,
    stains: Stains | None,
) -> Plot | None:
    arms = names_of(row.arm for row in rows)
    inputs = {arm: task.inputs if isinstance(task, LabelTask) else task.arms[arm].inputs for arm in arms}
    try:
        examples = find_examples(rows, data, inputs, task.labels, out, stains)
    except FrugalsegError:
        return None
    caption = (
        f"What each arm finds {said} (yellow), and the truth (cyan): the part of a test field with the most true objects, of the "
        "first seed."
    )
    if any(one.stains for one in examples):
        caption += f" {_STAINS_SAID}"
    return draw_examples(f"examples_{name}", examples, arm_words(task), f"{name}: examples", caption)


def _stain_examples(
    name: str, task: StainTask, rows: Sequence[ScoreRow], out: Path, data: StudyData
) -> Plot | None:
    stains = _stains(task, rows, out, data)
    if stains is None:
        return None
    try:
        examples = find_stain_examples(names_of(row.field for row in rows), data, task.inputs, stains)
    except FrugalsegError:
        return None
    caption = f"What each arm predicts, after the longest training, in the middle of a test field, of the first seed. {_STAINS_SAID}"
    return draw_examples(f"examples_{name}", examples, arm_words(task), f"{name}: examples", caption)


def _stains(task: Task, rows: Sequence[ScoreRow], out: Path, data: StudyData) -> Stains | None:
    """Return a function that makes the pictures of a test field's stains; None where no stain was predicted."""
    channels, words = stain_channels(task), arm_words(task)
    files = find_stain_files(rows, channels, out)
    if not files:
        return None
    return lambda field: stain_pictures(field, files.get(field, {}), channels, words, data)


def stain_channels(task: Task) -> dict[str, str]:
    """Return which channel the stain models of a task learn, by the arm that stands in their scores."""
    if isinstance(task, LabelTask):
        return {arm: one.stain for arm, one in task.starts.items() if isinstance(one, Stain)}
    if isinstance(task, StainTask):
        return dict.fromkeys(task.arms, task.stain)
    predicted = {f"{arm}_nuclei": one.predicted_nuclei for arm, one in task.arms.items()}
    return {arm: one.stain for arm, one in predicted.items() if one is not None}
