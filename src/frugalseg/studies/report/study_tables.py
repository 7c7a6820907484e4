"""The tables of a study's report: curves, paired differences, methods, agreement."""

from collections.abc import Mapping, Sequence

from frugalseg.evaluation.intervals import Interval
from frugalseg.report.number_tables import NumberTable
from frugalseg.report.number_texts import Value, count_text, score_text
from frugalseg.studies.answers.findings import reference_of, seedless_arms
from frugalseg.studies.answers.phrases import metric_words, objects_of
from frugalseg.studies.design.study_design import LabelTask, Task
from frugalseg.studies.report.arm_agreement import ArmAgreement
from frugalseg.studies.scores.curves import NOTHING, CurvePoint, names_of, steps_of
from frugalseg.studies.scores.differences import Difference, compare_arms
from frugalseg.studies.scores.score_rows import ScoreRow

_ENDS = ("95 % over fields", "95 % over seeds")
_INTERVALS = (
    "Means over test fields of means over seeds. The interval over fields says how sure a score is for other fields like these, "
    "the one over seeds how sure it is on these fields with other random numbers; both are Student's, at 95 %, and have no "
    "ends for one field or one seed."
)
_PAIRED = (
    "Differences of the same test field, seed and fold, averaged over seeds; rows without a partner are left out. Read the interval "
    "over fields: where it includes zero, the study shows no difference, and with few fields it could hardly show one. Tests "
    "are two-sided, for fields that are independent, and not corrected for their number."
)


def curve_table(name: str, task: Task, metric: str, points: Sequence[CurvePoint]) -> NumberTable:
    """Return the scores of one metric, one row for each arm, budget and number of steps.

    Parameters
    ----------
    name
        Of the task.
    points
        Of this task and metric.
    """
    labels, several = isinstance(task, LabelTask), len({one.steps for one in points}) > 1
    columns = ["arm", *(["budget", f"outlined {objects_of(task)}"] if labels else [])]
    columns += [*(["steps"] if several else []), metric_words(metric), *_ENDS]
    rows: list[list[Value]] = []
    for one in points:
        row: list[Value] = [one.arm]
        row += [one.budget, round(one.outlined)] if labels else []
        row += [one.steps] if several else []
        rows.append([*row, one.mean, ends_text(one.fields), ends_text(one.seeds)])
    missing = sum(one.missing for one in points)
    note = _INTERVALS + (
        f" {count_text(missing, 'score')} of fields without a truth, or of a constant one, {'is' if missing == 1 else 'are'} left out."
        if missing
        else ""
    )
    return NumberTable(title=f"{name}: {metric_words(metric)}", columns=columns, rows=rows, note=note)


def metric_table(name: str, task: Task, points: Mapping[str, Sequence[CurvePoint]]) -> NumberTable:
    """Return all metrics side by side at the longest training, one row for each arm and budget.

    Parameters
    ----------
    name
        Of the task.
    points
        Metric -> its points. Those without a budget are of a start itself.
    """
    found: dict[tuple[str, str], dict[str, float]] = {}
    for metric, every in points.items():
        last = steps_of(every)[-1]
        for one in every:
            if one.steps == last or one.budget == NOTHING:
                found.setdefault((one.arm, one.budget), {})[metric] = one.mean
    labels = isinstance(task, LabelTask)
    rows: list[list[Value]] = []
    for (arm, budget), means in found.items():
        row: list[Value] = [arm]
        row += [budget or "the start itself"] if labels else []
        rows.append([*row, *map(means.get, points)])
    columns = ["arm", *(["budget"] if labels else []), *map(metric_words, points)]
    note = "Means over test fields, after the longest training."
    return NumberTable(title=f"{name}: all metrics", columns=columns, rows=rows, note=note)


def difference_table(name: str, task: Task, metric: str, rows: Sequence[ScoreRow]) -> NumberTable | None:
    """Return the paired differences of every arm to the arm that it is compared with; None where there are none.

    Parameters
    ----------
    rows
        Of the task and metric, as they are compared.
    """
    shown = _to_references(name, task, metric, rows)
    if not shown:
        return None
    several = len({one.steps for one in shown}) > 1
    labels = isinstance(task, LabelTask)
    columns = [
        "arm",
        "against",
        *(["budget"] if labels else []),
        *(["steps"] if several else []),
        "difference",
    ]
    columns += [*_ENDS, "paired t test p", "sign-flip p", "fields higher"]
    columns += ["relative gain", "rows left out"]
    lines: list[list[Value]] = []
    for one in shown:
        row: list[Value] = [one.arm, one.than]
        row += [one.budget] if labels else []
        row += [one.steps] if several else []
        relative = None if one.relative is None else f"{100 * one.relative:+.1f} %".replace("-", "−")
        row += [one.fields.mean, ends_text(one.fields), ends_text(one.seeds), p_text(one.t_p)]
        row += [p_text(one.permutation_p), f"{one.n_higher} of {one.fields.n}", relative, one.unpaired]
        lines.append(row)
    return NumberTable(
        title=f"{name}: paired differences in {metric_words(metric)}",
        columns=columns,
        rows=lines,
        note=_PAIRED,
    )


def _to_references(name: str, task: Task, metric: str, rows: Sequence[ScoreRow]) -> list[Difference]:
    """Return the difference of every arm to its reference, wherever the two stand in the design."""
    arms, free, found = names_of(row.arm for row in rows), seedless_arms(task), list[Difference]()
    for arm in arms:
        than = reference_of(task, arm)
        if than is not None and than in arms:
            found += compare_arms(rows, name, metric, arm, than, free)
    return found


def agreement_table(name: str, agreements: Sequence[ArmAgreement]) -> NumberTable | None:
    """Return how much every two arms agree; None where no labels were found."""
    if not agreements:
        return None
    rows: list[list[Value]] = [
        [one.arm, one.other, one.fields.mean, ends_text(one.fields), ends_text(one.seeds)]
        for one in agreements
    ]
    return NumberTable(
        title=f"{name}: agreement between arms",
        columns=["arm", "other arm", "mean IoU", *_ENDS],
        rows=rows,
        note="Mean IoU of each cell with the best one of the other arm, both ways averaged; no truth is involved.",
    )


def ends_text(interval: Interval) -> str:
    """Return the ends of an interval, and of how many values.

    >>> ends_text(Interval(0.5, 0.4, 0.6, 5)), ends_text(Interval(0.5, None, None, 1))
    ('0.400 to 0.600 (5)', 'none (1)')
    """
    if interval.low is None or interval.high is None:
        return f"none ({interval.n})"
    return f"{score_text(interval.low)} to {score_text(interval.high)} ({interval.n})"


def p_text(p: float | None) -> str:
    """Return the p of a test as a cell.

    >>> p_text(0.0312), p_text(1e-7), p_text(None)
    ('0.031', '< 0.001', '–')
    """
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.2g}"
