"""What a study found, as sentences and the numbers behind them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from frugalseg.studies.answers.arm_answers import arm_answers
from frugalseg.studies.answers.findings import Answer, TaskScores, main_metric, task_rows
from frugalseg.studies.answers.label_answers import label_answers
from frugalseg.studies.design.study_design import LabelTask, StudyDesign, Task
from frugalseg.studies.scores.curves import find_curves
from frugalseg.studies.scores.score_rows import ScoreRow


def answer_study(design: StudyDesign, rows: Sequence[ScoreRow]) -> tuple[Answer, ...]:
    """Return the answers of every task that has scores."""
    return tuple(one for name, task in design.tasks.items() for one in answer_task(name, task, rows))


def answer_task(name: str, task: Task, rows: Sequence[ScoreRow]) -> tuple[Answer, ...]:
    """Return the answers of one task, from its main metric and its longest training; none without scores.

    Parameters
    ----------
    name
        Of the task.
    rows
        Of the study.
    """
    rows = task_rows(name, task, rows)
    metric = main_metric(name, task, rows)
    if metric is None:
        return ()
    points = find_curves(rows, name, metric)
    if not points:
        return ()
    about = TaskScores(name, task, metric, rows, points)
    if isinstance(task, LabelTask):
        return tuple(label_answers(about))
    return tuple(arm_answers(about))


def told(answers: Sequence[Answer]) -> tuple[str, ...]:
    """Return the sentences of answers, with the name of the task before each where there are several tasks."""
    several = len({one.task for one in answers}) > 1
    return tuple(f"{one.task}: {one.sentence}" if several else one.sentence for one in answers)


def answers_content(design: StudyDesign, answers: Sequence[Answer]) -> dict[str, Any]:
    """Return the content of ``answers.json``."""
    return {
        "title": design.title,
        "sentences": list(told(answers)),
        "answers": [asdict(one) for one in answers],
    }
