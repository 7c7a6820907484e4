"""Scores of a study against the number of outlined objects, or against training steps, with their intervals."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple, TypeVar

import numpy as np

from frugalseg.errors import InputError
from frugalseg.evaluation.intervals import SUMMARIZED, Interval, mean_interval, mean_score
from frugalseg.studies.scores.score_rows import ScoreRow, table_to_csv

T = TypeVar("T")

NOTHING = "nothing"
"""The budget of a start that is scored as it is."""


BETWEEN_0_AND_1 = frozenset((*SUMMARIZED, "mask_iou", "agreement", "nuclei_inside"))
"""Metrics that are never below 0 or above 1, unlike a PCC."""


class Spread(NamedTuple):
    """Mean over test fields of means over seeds, and how it varies.

    Attributes
    ----------
    fields
        Interval over the means of the test fields: how sure the score is for other fields like these.
    seeds
        Interval over the means of the seeds: how sure it is for other starts of the random numbers, on these very fields.
    seeds_sd
        Standard deviation of the seeds' means; None for one seed.
    """

    fields: Interval
    seeds: Interval
    seeds_sd: float | None


@dataclass(frozen=True)
class CurvePoint:
    """Score of one arm at one budget and one number of steps.

    Attributes
    ----------
    task, metric, arm, budget, steps
        As of `ScoreRow`.
    outlined
        Outlined objects, mean over the runs.
    fields, seeds, seeds_sd
        As of `Spread`. An interval has no ends (None) for one test field, or one seed.
    missing
        Rows without a score, which are left out.
    """

    task: str
    metric: str
    arm: str
    budget: str
    steps: int
    outlined: float
    fields: Interval
    seeds: Interval
    seeds_sd: float | None
    missing: int

    @property
    def mean(self) -> float:
        """Return the mean over test fields of the means over seeds."""
        return self.fields.mean


def choose_rows(rows: Iterable[ScoreRow], task: str, metric: str) -> list[ScoreRow]:
    """Return the rows of a task and metric, with and without a value.

    Raises
    ------
    InputError
        There is none, or two are of one arm, budget, number of steps, fold, seed and field.
    """
    given = list(rows)
    found = [row for row in given if (row.task, row.metric) == (task, metric)]
    if not found:
        known = sorted({(row.task, row.metric) for row in given})
        there = "; ".join(f"{one} of '{name}'" for name, one in known) or "no score at all"
        raise InputError(f"there is no {metric} of task '{task}', only {there}; run the study first")
    seen: set[tuple[str, str, int, str, int, str]] = set()
    for row in found:
        key = (row.arm, row.budget, row.steps, row.fold, row.seed, row.field)
        if key in seen:
            raise InputError(
                f"arm '{row.arm}' has two values of {metric} for field {row.field!r} with seed {row.seed}, fold {row.fold!r}, "
                f"budget {row.budget!r} and {row.steps} steps; keep one"
            )
        seen.add(key)
    return found


def names_of(values: Iterable[T]) -> tuple[T, ...]:
    """Return each name once, in the order in which they come.

    >>> names_of(["b", "a", "b"])
    ('b', 'a')
    """
    return tuple(dict.fromkeys(values))


def find_spread(values: Mapping[tuple[str, int, str], float], of_scores: bool = False) -> Spread:
    """Return mean and intervals of values by (fold, seed, field).

    Student's intervals take fields, and seeds, for independent draws. Fields of one study are less than that: their
    models share training fields. The interval over seeds is of the fields that every seed has, so that it shows
    nothing but the seeds.

    Parameters
    ----------
    values
        At least one; all finite.
    of_scores
        They lie between 0 and 1, and so do the ends of their intervals.

    Examples
    --------
    >>> found = find_spread({("f", 0, "x"): 0.2, ("f", 1, "x"): 0.4, ("f", 0, "y"): 0.6, ("f", 1, "y"): 0.8})
    >>> round(found.fields.mean, 6), round(found.seeds.mean, 6), found.fields.n, found.seeds.n
    (0.5, 0.5, 2, 2)
    """
    cells = _without_folds(values)
    by_field = means_by_field(values)
    seeds = sorted({seed for _, seed in cells})
    interval = mean_score if of_scores else mean_interval
    over_fields = interval(list(by_field.values()))
    shared = [field for field in by_field if all((field, seed) in cells for seed in seeds)]
    if not shared:
        return Spread(over_fields, Interval(over_fields.mean, None, None, len(seeds)), None)
    means = [fmean(cells[field, seed] for field in shared) for seed in seeds]
    return Spread(over_fields, interval(means), float(np.std(means, ddof=1)) if len(means) > 1 else None)


def means_by_field(values: Mapping[tuple[str, int, str], float]) -> dict[str, float]:
    """Return the mean over seeds of each field; a seed counts once, however many folds test the field.

    >>> means_by_field({("f", 0, "x"): 0.25, ("g", 0, "x"): 0.75, ("f", 1, "x"): 1.0})
    {'x': 0.75}
    """
    found: dict[str, list[float]] = {}
    for (field, _), value in _without_folds(values).items():
        found.setdefault(field, []).append(value)
    return {field: fmean(means) for field, means in found.items()}


def find_curves(rows: Iterable[ScoreRow], task: str, metric: str) -> tuple[CurvePoint, ...]:
    """Return every point of a task's curves: arms in the order of the rows, fewest steps and labels first.

    A point without any finite score is left out.

    Raises
    ------
    InputError
        No row is of this task and metric.

    Examples
    --------
    >>> row = ScoreRow("cells", "stain", "a", "1 crop", 46, 200, "f", 0, "x", "mAP", 0.5)
    >>> [point] = find_curves([row], "cells", "mAP")
    >>> point.outlined, str(point.fields), point.fields.n
    (46.0, '0.500', 1)
    """
    found = choose_rows(rows, task, metric)
    grouped: dict[tuple[str, str, int], list[ScoreRow]] = {}
    for row in found:
        grouped.setdefault((row.arm, row.budget, row.steps), []).append(row)
    arms = names_of(row.arm for row in found)
    points = [_point(group) for group in grouped.values() if any(math.isfinite(row.value) for row in group)]
    return tuple(sorted(points, key=lambda one: (arms.index(one.arm), one.steps, one.outlined, one.budget)))


def shared_rows(rows: Iterable[ScoreRow], seeds: bool) -> list[ScoreRow]:
    """Return the rows with a value of those test fields that all points of the rows have, so that means are of the same fields.

    Parameters
    ----------
    rows
        Of one task and metric.
    seeds
        Whether all must have them with the same seed, or with any.

    Examples
    --------
    >>> of = lambda arm, field: ScoreRow("cells", arm, arm, "1 crop", 46, 200, "f", 0, field, "mAP", 0.5)
    >>> [row.field for row in shared_rows([of("a", "x"), of("a", "y"), of("b", "x")], seeds=True)]
    ['x', 'x']
    """
    finite = [row for row in rows if math.isfinite(row.value)]
    points: dict[tuple[str, str, int], set[tuple[str, str, int]]] = {}

    def place(row: ScoreRow) -> tuple[str, str, int]:
        return row.fold, row.field, row.seed if seeds else 0

    for row in finite:
        points.setdefault((row.arm, row.budget, row.steps), set()).add(place(row))
    shared = set.intersection(*points.values()) if points else set()
    return [row for row in finite if place(row) in shared]


def one_curve(points: Sequence[CurvePoint], arm: str, steps: int) -> tuple[CurvePoint, ...]:
    """Return the points of one arm, fewest labels first; a start as it is belongs to every number of steps."""
    own = [one for one in points if one.arm == arm and (one.steps == steps or one.budget == NOTHING)]
    return tuple(sorted(own, key=lambda one: one.outlined))


def steps_of(points: Sequence[CurvePoint]) -> tuple[int, ...]:
    """Return the numbers of training steps after which something was scored, fewest first; 0 where nothing was trained."""
    steps = sorted({one.steps for one in points})
    return tuple(one for one in steps if one) or tuple(steps)


def curves_to_csv(points: Iterable[CurvePoint]) -> str:
    """Return the points as CSV with a header; cells are empty where there is no interval."""
    header = [
        "task",
        "metric",
        "arm",
        "budget",
        "steps",
        "outlined",
        "mean",
        "n_fields",
        "fields_low",
        "fields_high",
        "n_seeds",
        "seeds_low",
        "seeds_high",
        "seeds_sd",
        "missing",
    ]
    rows: list[list[object]] = []
    for one in points:
        names = [one.task, one.metric, one.arm, one.budget, one.steps, f"{one.outlined:.1f}"]
        numbers = [*interval_cells(one.fields), *interval_cells(one.seeds)[1:]]
        rows.append([*names, *numbers, number_cell(one.seeds_sd), one.missing])
    return table_to_csv(header, rows)


def interval_cells(interval: Interval) -> list[str]:
    """Return mean, number of values, low and high as cells of a table."""
    return [
        number_cell(interval.mean),
        str(interval.n),
        number_cell(interval.low),
        number_cell(interval.high),
    ]


def number_cell(value: float | None) -> str:
    """Return a number with six digits, "" for none.

    >>> number_cell(0.5), number_cell(None)
    ('0.500000', '')
    """
    return "" if value is None else f"{value:.6f}"


def _without_folds(values: Mapping[tuple[str, int, str], float]) -> dict[tuple[str, int], float]:
    found: dict[tuple[str, int], list[float]] = {}
    for (_, seed, field), value in values.items():
        found.setdefault((field, seed), []).append(value)
    return {key: fmean(group) for key, group in found.items()}


def _point(group: Sequence[ScoreRow]) -> CurvePoint:
    first = group[0]
    spread = find_spread(
        {(row.fold, row.seed, row.field): row.value for row in group if math.isfinite(row.value)},
        of_scores=first.metric in BETWEEN_0_AND_1,
    )
    by_run = {row.run: row.outlined for row in group}
    return CurvePoint(
        first.task,
        first.metric,
        first.arm,
        first.budget,
        first.steps,
        fmean(by_run.values()),
        *spread,
        missing=sum(not math.isfinite(row.value) for row in group),
    )
