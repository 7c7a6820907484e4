"""Paired differences between the arms of a study, field by field, with tests."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import InputError
from frugalseg.evaluation.intervals import Interval
from frugalseg.studies.scores.curves import (
    choose_rows,
    find_spread,
    interval_cells,
    means_by_field,
    names_of,
    number_cell,
)
from frugalseg.studies.scores.score_rows import ScoreRow, table_to_csv

FEWEST_TO_PERMUTE = 6
"""Fields: with fewer, no permutation test can come below p = 0.05."""

_MOST_EXACT = 16
_EQUAL = 1e-9  # scores are written with six digits


@dataclass(frozen=True)
class Difference:
    """Scores of `arm` minus those of `than`, at equal budget and steps, of pairs of one fold, seed and test field.

    Attributes
    ----------
    task, metric, budget, steps
        As of `ScoreRow`.
    arm, than
        The two arms.
    mean, mean_than
        Means over test fields of means over seeds, of paired rows only.
    fields
        Interval over the test fields' mean differences: the one to read.
    seeds
        Interval over the seeds' mean differences, on these very fields.
    t_p
        p of the paired t test over fields, two-sided; None for one field, or where all differences are equal.
    permutation_p
        p of the sign-flip permutation test over fields, two-sided; None below 6 fields.
    n_higher
        Fields on which `arm` has the higher score.
    unpaired
        Rows of the two arms that are in no pair, and are left out.
    """

    task: str
    metric: str
    budget: str
    steps: int
    arm: str
    than: str
    mean: float
    mean_than: float
    fields: Interval
    seeds: Interval
    t_p: float | None
    permutation_p: float | None
    n_higher: int
    unpaired: int

    @property
    def relative(self) -> float | None:
        """Return the gain as the paper writes it, (mean - mean_than) / mean_than; None where that is 0 or less."""
        return (self.mean - self.mean_than) / self.mean_than if self.mean_than > 0 else None

    @property
    def clear(self) -> bool:
        """Return whether the 95 % interval over test fields excludes zero."""
        low, high = self.fields.low, self.fields.high
        return low is not None and high is not None and (low > 0 or high < 0)


class Pairs(NamedTuple):
    """Values of both sides by (fold, seed, field), and the number of rows that are in no pair."""

    values: dict[tuple[str, int, str], tuple[float, float]]
    unpaired: int

    @property
    def differences(self) -> dict[tuple[str, int, str], float]:
        """Return the first value minus the second of each pair."""
        return {key: one - other for key, (one, other) in self.values.items()}


def pair_rows(rows: Sequence[ScoreRow], others: Sequence[ScoreRow], seedless: Collection[str] = ()) -> Pairs:
    """Pair rows of the same fold, seed and field; rows without a finite value pair with nothing.

    Parameters
    ----------
    rows, others
        Each of one arm.
    seedless
        Arms in which nothing is random: their rows pair with every seed of an arm that learns.
    """
    sides = _by_key(rows), _by_key(others)
    free = [bool(side) and side[0].arm in seedless for side in (rows, others)]
    if free[0] != free[1]:
        seeds = {seed for _, seed, _ in sides[free[0]]}
        fixed = sides[not free[0]]
        fixed |= {(fold, seed, field): value for (fold, _, field), value in fixed.items() for seed in seeds}
    values = {key: (one, sides[1][key]) for key, one in sides[0].items() if key in sides[1]}
    there = {
        (fold, field, None if without else seed) for fold, seed, field in values for without in (True, False)
    }
    unpaired = sum(
        (row.fold, row.field, None if without and free[0] != free[1] else row.seed) not in there
        or not math.isfinite(row.value)
        for side, without in zip((rows, others), free, strict=True)
        for row in side
    )
    return Pairs(values, unpaired)


def compare_rows(
    rows: Sequence[ScoreRow], others: Sequence[ScoreRow], seedless: Collection[str] = ()
) -> Difference | None:
    """Return the paired difference between two groups of rows; None where no two rows pair.

    The t test, like the interval, takes the fields' differences for independent draws from about a normal distribution;
    the sign-flip test only takes their signs for arbitrary if the arms are equal. With few fields both overlook all but
    large differences: p above 0.05 never shows that two arms are equal. Nothing is corrected for comparing many pairs.

    Parameters
    ----------
    rows, others
        Each of one arm, budget and number of steps. Task, metric, budget and steps of the result are those of `rows`.
    seedless
        As of `pair_rows`.
    """
    pairs = pair_rows(rows, others, seedless)
    if not pairs.values:
        return None
    differences = pairs.differences
    spread = find_spread(differences)
    by_field = np.array(list(means_by_field(differences).values()))
    first = rows[0]
    return Difference(
        task=first.task,
        metric=first.metric,
        budget=first.budget,
        steps=first.steps,
        arm=first.arm,
        than=others[0].arm,
        mean=fmean(means_by_field({key: one for key, (one, _) in pairs.values.items()}).values()),
        mean_than=fmean(means_by_field({key: other for key, (_, other) in pairs.values.items()}).values()),
        fields=spread.fields,
        seeds=spread.seeds,
        t_p=paired_t_test(by_field),
        permutation_p=sign_flip_test(by_field),
        n_higher=int(np.count_nonzero(by_field > 0)),
        unpaired=pairs.unpaired,
    )


def compare_arms(
    rows: Iterable[ScoreRow], task: str, metric: str, arm: str, than: str, seedless: Collection[str] = ()
) -> tuple[Difference, ...]:
    """Return the paired differences of two arms at every budget and number of steps that both have; see `compare_rows`.

    Raises
    ------
    InputError
        No row is of this task and metric, or of one of the arms.

    Examples
    --------
    >>> rows = [
    ...     ScoreRow("cells", arm, arm, "1 crop", 46, 200, "f", 0, field, "mAP", value)
    ...     for arm, field, value in [("a", "x", 0.5), ("a", "y", 0.7), ("b", "x", 0.4), ("b", "y", 0.6)]
    ... ]
    >>> [found] = compare_arms(rows, "cells", "mAP", "a", "b")
    >>> round(found.fields.mean, 6), round(found.relative, 6), found.n_higher
    (0.1, 0.2, 2)
    """
    chosen = choose_rows(rows, task, metric)
    arms = names_of(row.arm for row in chosen)
    unknown = [one for one in (arm, than) if one not in arms]
    if unknown:
        raise InputError(f"task '{task}' has no {metric} of {unknown[0]!r}; there are {', '.join(arms)}")
    sides: tuple[dict[tuple[str, int], list[ScoreRow]], ...] = ({}, {})
    for row in chosen:
        for name, side in zip((arm, than), sides, strict=True):
            if row.arm == name:
                side.setdefault((row.budget, row.steps), []).append(row)
    shared = [key for key in sides[0] if key in sides[1]]
    found = (compare_rows(sides[0][key], sides[1][key], seedless) for key in shared)
    return tuple(one for one in found if one is not None)


def compare_all_arms(
    rows: Iterable[ScoreRow], task: str, metric: str, seedless: Collection[str] = ()
) -> tuple[Difference, ...]:
    """Return the paired differences of every two arms, each of them against those before it."""
    chosen = choose_rows(rows, task, metric)
    pairs = combinations(names_of(row.arm for row in chosen), 2)
    return tuple(
        one for than, arm in pairs for one in compare_arms(chosen, task, metric, arm, than, seedless)
    )


def paired_t_test(differences: NDArray[np.float64]) -> float | None:
    """Return the two-sided p of Student's paired t test; 1 where all are 0, None where it is not defined.

    >>> round(paired_t_test(np.array([0.1, 0.2, 0.3])), 4)
    0.0742
    """
    if len(differences) < 2:
        return None
    if np.abs(differences).max() <= _EQUAL:
        return 1.0
    if np.ptp(differences) <= _EQUAL:
        return None
    from scipy import stats

    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def sign_flip_test(differences: NDArray[np.float64]) -> float | None:
    """Return the two-sided p of the permutation test that flips the signs of (N,) differences; None below 6.

    Exact up to 16 differences; of 65 536 random flips above.

    >>> sign_flip_test(np.full(6, 0.1)), sign_flip_test(np.full(5, 0.1))
    (0.03125, None)
    """
    if len(differences) < FEWEST_TO_PERMUTE:
        return None
    from scipy import stats

    tested = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=2**_MOST_EXACT,
        batch=4096,
        rng=np.random.default_rng(0),
    )
    return float(tested.pvalue)


def differences_to_csv(differences: Iterable[Difference]) -> str:
    """Return the differences as CSV with a header; cells are empty where there is no interval or no test."""
    header = [
        "task",
        "metric",
        "budget",
        "steps",
        "arm",
        "than",
        "mean",
        "mean_than",
        "difference",
        "n_fields",
        "fields_low",
        "fields_high",
        "n_seeds",
        "seeds_low",
        "seeds_high",
        "paired_t_p",
        "permutation_p",
        "fields_higher",
        "relative_gain",
        "unpaired_rows",
    ]
    rows: list[list[object]] = []
    for one in differences:
        names = [one.task, one.metric, one.budget, one.steps, one.arm, one.than]
        means = [number_cell(one.mean), number_cell(one.mean_than)]
        intervals = [*interval_cells(one.fields), *interval_cells(one.seeds)[1:]]
        tests = [number_cell(one.t_p), number_cell(one.permutation_p), one.n_higher]
        rows.append([*names, *means, *intervals, *tests, number_cell(one.relative), one.unpaired])
    return table_to_csv(header, rows)


def _by_key(rows: Iterable[ScoreRow]) -> dict[tuple[str, int, str], float]:
    return {(row.fold, row.seed, row.field): row.value for row in rows if math.isfinite(row.value)}
