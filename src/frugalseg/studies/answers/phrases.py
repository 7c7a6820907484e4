"""Words for what a study compares and finds: starts, budgets, scores, intervals, tests."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from frugalseg.evaluation.intervals import Interval
from frugalseg.report.number_texts import count_text, score_text
from frugalseg.studies.design.study_design import LabelTask, Model, Task
from frugalseg.studies.scores.curves import CurvePoint
from frugalseg.studies.scores.differences import Difference
from frugalseg.studies.scores.label_savings import Amount

METRIC_WORDS = {
    "mAP": "mAP",
    "cell_miou": "mean cell IoU",
    "matched_miou": "matched mean IoU",
    "two_class_miou": "two-class mean IoU",
    "mask_iou": "IoU of the mask",
    "pcc": "PCC",
    "pcc_learned": "PCC on the learned scale",
    "agreement": "agreement",
}
"""Metric -> how sentences, axes and tables call it; others keep their name."""

_START_WORDS = {
    "nothing": "random weights",
    "imagenet": "ImageNet",
    "stain": "the stain model",
    "student": "the self-trained student",
    "model": "the model",
}
#: Scores have three digits in sentences, and are compared with six.
_SHOWN, _EQUAL = 5e-4, 1e-9
_NUMBERS = "no one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905


def arm_words(task: Task) -> dict[str, str]:
    """Return what sentences call each arm: its start where only one arm has it, else its name too.

    Examples
    --------
    >>> task = LabelTask(
    ...     kind="labels", data=["a"], target="cells", inputs="phase", labels="cells", budgets=[1],
    ...     starts={"plain": {"kind": "nothing"}, "a": {"kind": "stain", "stain": "x"}, "b": {"kind": "stain", "stain": "y"}},
    ... )
    >>> arm_words(task)
    {'plain': 'random weights', 'a': "the stain model 'a'", 'b': "the stain model 'b'"}
    """
    if not isinstance(task, LabelTask):
        return {arm: f"'{arm}'" for arm in task.arms}
    kinds = [start.kind for start in task.starts.values()]
    return {
        arm: _START_WORDS[start.kind]
        + ("" if kinds.count(start.kind) == 1 and not isinstance(start, Model) else f" '{arm}'")
        for arm, start in task.starts.items()
    }


def metric_words(metric: str) -> str:
    """Return what sentences call a metric."""
    return METRIC_WORDS.get(metric, metric)


def number_words(number: int) -> str:
    """Return a small number as a word.

    >>> number_words(4), number_words(40)
    ('four', '40')
    """
    return _NUMBERS[number] if 0 <= number < len(_NUMBERS) else str(number)


def budget_words(budget: str) -> str:
    """Return a budget as sentences call it.

    >>> budget_words("1 crop"), budget_words("4 fields"), budget_words("nothing")
    ('one outlined crop', 'four outlined fields', 'nothing outlined')
    """
    number, _, what = budget.partition(" ")
    return f"{number_words(int(number))} outlined {what}" if number.isdigit() else f"{budget} outlined"


def reach_words(budget: str) -> str:
    """Return the verb behind a budget: one crop reaches, two crops reach."""
    return "reaches" if budget.startswith("1 ") else "reach"


def counted(number: float, objects: str, kind: str = "") -> str:
    """Return a number of objects in words.

    >>> counted(1.2, "nuclei"), counted(1520.0, "cells", "outlined")
    ('1 nucleus', '1,520 outlined cells')
    """
    one = {"nuclei": "nucleus", "cells": "cell", "objects": "object"}
    name = one.get(objects, objects) if round(number) == 1 else objects
    return " ".join(word for word in (f"{number:,.0f}", kind, name) if word)


def amount_words(point: CurvePoint, objects: str) -> str:
    """Return the budget of a point, and how many objects that are: ``one outlined crop (46 cells)``."""
    budget = budget_words(point.budget)
    return f"{budget} ({counted(point.outlined, objects)})" if point.outlined else budget


def fields_words(interval: Interval, over: str = "test field") -> str:
    """Return an interval over test fields; without `over`, it is not said over what.

    >>> fields_words(Interval(0.5, 0.4, 0.6, 5)), fields_words(Interval(0.5, None, None, 1))
    ('95 % interval over the 5 test fields 0.400 to 0.600', 'one test field, so no interval')
    """
    if interval.low is None or interval.high is None:
        return f"one {over}, so no interval"
    ends = f"{score_text(interval.low)} to {score_text(interval.high)}"
    return (
        f"95 % interval over the {count_text(interval.n, over)} {ends}" if over else f"95 % interval {ends}"
    )


def seeds_words(interval: Interval) -> str:
    """Return an interval over seeds.

    >>> seeds_words(Interval(0.5, 0.4, 0.6, 3)), seeds_words(Interval(0.5, None, None, 1))
    ('over the 3 seeds 0.400 to 0.600', 'one seed')
    """
    if interval.low is None or interval.high is None:
        return "one seed" if interval.n == 1 else f"no interval over the {interval.n} seeds"
    return f"over the {interval.n} seeds {score_text(interval.low)} to {score_text(interval.high)}"


def p_words(name: str, p: float | None) -> str:
    """Return the p of a test; "" where there is none.

    >>> p_words("paired t test", 0.0312), p_words("paired t test", 1e-6), p_words("paired t test", None)
    ('paired t test p = 0.031', 'paired t test p < 0.001', '')
    """
    if p is None:
        return ""
    return f"{name} p < 0.001" if p < 0.001 else f"{name} p = {p:.2g}"


def more_words(value: float, than: str) -> str:
    """Return by how much a score is above or below another.

    >>> more_words(0.16, "ImageNet"), more_words(-0.02, "ImageNet"), more_words(0.0001, "ImageNet")
    ('0.160 more than ImageNet', '0.020 less than ImageNet', 'as much as ImageNet')
    """
    if abs(value) < _SHOWN:
        return f"as much as {than}"
    return f"{abs(value):.3f} {'more' if value > 0 else 'less'} than {than}"


def difference_words(found: Difference, than: str) -> str:
    """Return a paired difference with its interval and test, and whether it may be nothing at all."""
    interval = fields_words(found.fields) + ("" if found.fields.n > 1 else " and no test")
    doubt = ""
    if found.fields.low is not None and not found.clear and abs(found.fields.mean) >= _SHOWN:
        doubt = f", but the difference over the {found.fields.n} test fields includes zero"
        interval = fields_words(found.fields, "")
    test = p_words("paired t test", found.t_p)
    relative = "" if found.relative is None else percent_words(found.relative)
    evidence = (", ".join(filter(None, (interval, test))), seeds_words(found.seeds), relative)
    return f"{more_words(found.fields.mean, than)}{doubt} ({'; '.join(filter(None, evidence))})"


def rank_words(points: Sequence[CurvePoint], words: Mapping[str, str], what: str) -> str:
    """Return which arm is the best, and which are level with it: ``'a' is level with 'b' as the best of three arms``.

    Parameters
    ----------
    points
        At least two, the best first.
    words
        What sentences call each arm.
    what
        Plural noun of all arms.
    """
    best = points[0]
    level = [words[one.arm] for one in points[1:] if best.mean - one.mean <= _EQUAL]
    among = f"the best of {number_words(len(points))} {what}"
    if not level:
        return f"{words[best.arm]} is {among}"
    listed = " and ".join(filter(None, (", ".join(level[:-1]), level[-1])))
    return f"{words[best.arm]} is level with {listed}" + (
        f" as {among}" if len(level) + 1 < len(points) else ""
    )


def gain_change_words(small: float, large: float) -> str:
    """Return what a gain does from a small to a large budget, where it surely changes.

    >>> gain_change_words(0.2, 0.1), gain_change_words(0.1, 0.2)
    ('falls', 'does not fall but grows')
    >>> gain_change_words(-0.1, -0.2), gain_change_words(-0.2, -0.1)
    ('is a loss, which grows', 'is a loss, which shrinks')
    """
    if small <= -_SHOWN and large < _SHOWN:
        return f"is a loss, which {'grows' if large < small else 'shrinks'}"
    return "falls" if large < small else "does not fall but grows"


def percent_words(part: float) -> str:
    """Return a relative gain, which is the paper's form.

    >>> percent_words(0.941), percent_words(-0.001)
    ('+94 %', '0 %')
    """
    return f"{100 * part:+.0f} %".replace("-", "−") if abs(part) >= 0.005 else "0 %"


def needed_words(amount: Amount, objects: str) -> str:
    """Return how many outlined objects a score takes.

    >>> needed_words(Amount(120.4), "cells"), needed_words(Amount(46, at_most=True), "cells")
    ('about 120 cells', '46 cells or fewer')
    >>> needed_words(Amount(None), "cells")
    'more cells than were measured'
    """
    if amount.outlined is None:
        return f"more {objects} than were measured"
    if amount.at_most:
        return f"{counted(amount.outlined, objects)} or fewer"
    return f"about {counted(amount.outlined, objects)}"


def range_words(amounts: tuple[Amount, ...]) -> str:
    """Return the least and the most of several amounts.

    >>> range_words((Amount(80.0), Amount(None), Amount(120.0))), range_words((Amount(46, at_most=True), Amount(60)))
    ('from 80 to more than measured', 'from at most 46 to 60')
    >>> range_words((Amount(80.1), Amount(79.9))), range_words((Amount(None),))
    ('80', 'more than measured')
    """
    known = [one for one in amounts if one.outlined is not None]
    if not known:
        return "more than measured"
    least = min(known, key=lambda one: (one.outlined or 0, not one.at_most))
    start = f"{'at most ' if least.at_most else ''}{least.outlined:,.0f}"
    most = f"{max(one.outlined or 0 for one in known):,.0f}"
    if len(known) < len(amounts):
        return f"from {start} to more than measured"
    return start if start.endswith(most) else f"from {start} to {most}"


def versions_words(made_by: Iterable[str]) -> str:
    """Return a sentence where runs of one study were made by several versions of frugalseg; "" otherwise.

    >>> versions_words(["0.4.0", "0.5.0", "0.5.0"])
    "1 run is by frugalseg 0.4.0 and 2 by 0.5.0, so scores may differ for that reason; delete the folder 'runs' of the study to make all again."
    >>> versions_words(["0.5.0", "0.5.0"])
    ''
    """
    counts = Counter(made_by)
    if len(counts) < 2:
        return ""
    (first, number), *others = sorted(counts.items())
    more = [f"{count} by {version}" for version, count in others]
    listed = " and ".join(filter(None, (", ".join(more[:-1]), more[-1])))
    return (
        f"{count_text(number, 'run')} {'is' if number == 1 else 'are'} by frugalseg {first}"
        f"{', ' if len(more) > 1 else ' and '}{listed}, so scores may differ for that reason; delete the folder 'runs' of the "
        "study to make all again."
    )


def objects_of(task: Task) -> str:
    """Return what is outlined in a task."""
    return task.target if isinstance(task, LabelTask) else "objects"


def spread_words(point: CurvePoint) -> str:
    """Return a score with both of its intervals."""
    return f"{point.mean:.3f} ({fields_words(point.fields)}; {seeds_words(point.seeds)})"


def signed_words(value: float) -> str:
    """Return a difference of scores with its sign.

    >>> signed_words(-0.0204)
    '−0.020'
    """
    return f"{value:+.3f}".replace("-", "−")
