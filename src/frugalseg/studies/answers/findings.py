"""The scores of one task of a study, as sentences need them, and what a sentence says."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from frugalseg.images.channels import parse_channels
from frugalseg.studies.answers.phrases import arm_words, metric_words, objects_of
from frugalseg.studies.design.study_design import LabelTask, MarkerTask, Task
from frugalseg.studies.scores.curves import (
    NOTHING,
    CurvePoint,
    find_curves,
    names_of,
    one_curve,
    shared_rows,
    steps_of,
)
from frugalseg.studies.scores.differences import Difference, compare_arms
from frugalseg.studies.scores.score_rows import ScoreRow

_METRICS = {
    "nuclei": ("mask_iou", "mAP"),
    "cells": ("mAP", "cell_miou"),
    "stains": ("pcc",),
    "markers": ("cell_miou", "mAP"),
}


@dataclass(frozen=True)
class Answer:
    """One sentence, the question that it answers, and its numbers.

    Attributes
    ----------
    task
        Name of the task.
    question
        best, start, labels saved, gain with more labels, enough labels, or more steps.
    sentence
        Plain English.
    values
        The numbers behind it, by name.
    """

    task: str
    question: str
    sentence: str
    values: Mapping[str, Any] = field(default_factory=dict)


def main_metric(name: str, task: Task, rows: Sequence[ScoreRow]) -> str | None:
    """Return the metric that sentences and figures of a task are about, as in the papers; None without rows.

    Scores of a start itself, such as the PCC of a stain model, are none of a task that learns from labels; nor are those of a model that
    predicts the nuclei of a task on markers.
    """
    labels, arms = isinstance(task, LabelTask), task.arms if isinstance(task, MarkerTask) else None
    there = names_of(
        row.metric
        for row in rows
        if row.task == name and (row.budget or not labels) and (arms is None or row.arm in arms)
    )
    wanted = _METRICS[task.target if isinstance(task, LabelTask) else task.kind]
    return next((one for one in wanted if one in there), there[0] if there else None)


def reference_of(task: Task, arm: str) -> str | None:
    """Return the arm that another one is compared with; None for an arm that is the reference itself.

    Labels: ImageNet, else random weights, else the first start. Markers: propagation in the same foreground, which is
    found in the first of the inputs, else the first propagation, else the first arm. Stains: the first arm.
    """
    if isinstance(task, MarkerTask):
        cuts = [one for one, method in task.arms.items() if method.method == "propagation"]
        if arm in cuts or arm not in task.arms:  # such as a model that predicts the nuclei
            return None
        seen = {one: parse_channels(method.inputs)[0] for one, method in task.arms.items()}
        same = [one for one in cuts if seen[one] == seen[arm]]
        found = next(iter([*same, *cuts, *task.arms]))
    elif isinstance(task, LabelTask):
        kinds = {kind: one for one, start in reversed(task.starts.items()) for kind in (start.kind,)}
        found = kinds.get("imagenet") or kinds.get("nothing") or next(iter(task.starts))
    else:
        found = next(iter(task.arms))
    return None if found == arm else found


def task_rows(name: str, task: Task, rows: Iterable[ScoreRow]) -> list[ScoreRow]:
    """Return the rows of a task as they are compared.

    Methods on markers learn for as long as each needs, and are compared as they come: their rows count as of 0 steps. Those
    of a network that is scored while it learns are of its end only; see `learning_rows`.
    """
    own = [row for row in rows if row.task == name]
    if not isinstance(task, MarkerTask):
        return own
    last: dict[
        tuple[str, str, int, str], int
    ] = {}  # networks of other seeds and fields stop after other steps
    for row in own:
        key = row.arm, row.fold, row.seed, row.field
        last[key] = max(row.steps, last.get(key, 0))
    return [replace(row, steps=0) for row in own if row.steps == last[row.arm, row.fold, row.seed, row.field]]


def learning_rows(name: str, task: Task, rows: Iterable[ScoreRow]) -> list[ScoreRow]:
    """Return the rows of marker networks that are scored several times while they learn (paper B, figure S2)."""
    if not isinstance(task, MarkerTask):
        return []
    arms = {arm for arm in task.arms if len(task.steps_of(arm) or ()) > 1}
    return [row for row in rows if row.task == name and row.arm in arms]


def seedless_arms(task: Task) -> frozenset[str]:
    """Return the arms in which nothing is random: methods that do not learn, on markers that are not predicted."""
    if not isinstance(task, MarkerTask):
        return frozenset()
    return frozenset(name for name, arm in task.arms.items() if arm.seedless)


class TaskScores:
    """Scores of one task and metric, and what sentences call its arms.

    Parameters
    ----------
    name, task
        The task.
    metric
        Which scores.
    rows
        Of `task_rows`.
    points
        Curves of this task and metric; at least one point.
    """

    def __init__(
        self, name: str, task: Task, metric: str, rows: Sequence[ScoreRow], points: Sequence[CurvePoint]
    ) -> None:
        self.name, self.task, self.metric, self.rows, self.points = name, task, metric, rows, points
        self.words = {**{one.arm: f"'{one.arm}'" for one in points}, **arm_words(task)}
        self.score = metric_words(metric)
        self.objects = objects_of(task)
        every = steps_of(points)
        self.steps = every[-1]
        self._several = len(every) > 1

    def lead(self, start: str) -> str:
        """Return the start of a sentence, which says after how many steps where the study has several numbers of them."""
        return f"After {self.steps:,} steps, {start}" if self._several else start[0].upper() + start[1:]

    def curve(self, arm: str) -> tuple[CurvePoint, ...]:
        """Return the curve of an arm at the longest training."""
        return one_curve(self.points, arm, self.steps)

    def ranked(self, points: Iterable[CurvePoint]) -> list[CurvePoint]:
        """Return points, the best first, as they are on the test fields that all of them have; none where there are no such."""
        wanted = {(one.arm, one.budget, one.steps) for one in points}
        rows = [row for row in self._own if (row.arm, row.budget, row.steps) in wanted]
        shared = shared_rows(rows, seeds=False)
        found = find_curves(shared, self.name, self.metric) if shared else ()
        return sorted(found, key=lambda one: one.mean, reverse=True)

    def even_curve(self, arm: str) -> tuple[CurvePoint, ...]:
        """Return the curve of an arm with labels, of the test fields and seeds that every budget has."""
        rows = [row for row in self._own if row.arm == arm and row.steps == self.steps and row.outlined > 0]
        shared = shared_rows(rows, seeds=True)
        found = find_curves(shared, self.name, self.metric) if shared else ()
        return one_curve(found, arm, self.steps)

    @property
    def _own(self) -> list[ScoreRow]:
        return [row for row in self.rows if (row.task, row.metric) == (self.name, self.metric)]

    def answer(self, question: str, sentence: str, **values: Any) -> Answer:
        """Return an answer about this task and metric."""
        return Answer(self.name, question, sentence, {"metric": self.metric, **values})

    def differences(self, arm: str, than: str) -> dict[str, Difference]:
        """Return the paired differences of two arms at the longest training by budget."""
        arms = {one.arm for one in self.points}
        if not {arm, than} <= arms:
            return {}
        found = compare_arms(self.rows, self.name, self.metric, arm, than, seedless_arms(self.task))
        return {one.budget: one for one in found if one.steps == self.steps or one.budget == NOTHING}


def difference_values(found: Difference) -> dict[str, Any]:
    """Return the numbers of a paired difference by name."""
    return {
        **{name: getattr(found, name) for name in ("arm", "than", "budget", "steps", "mean", "mean_than")},
        "difference": asdict(found.fields),
        "difference_over_seeds": asdict(found.seeds),
        "paired_t_p": found.t_p,
        "permutation_p": found.permutation_p,
        "fields_higher": found.n_higher,
        "relative_gain": found.relative,
    }
